import Glibc

/// Which process of a machine a gateway is, as others on that machine can check it (proc(5), pid_namespaces(7)).
///
/// A process id comes again, but not with the same start before the machine starts anew, which the boot id tells; and
/// those of another container are numbered by a namespace of their own.
package struct ProcessIdentity: Sendable, Equatable {
    /// `/proc/sys/kernel/random/boot_id`.
    package let bootID: String
    /// The inode of `/proc/self/ns/pid`: no two that exist have the same.
    package let namespace: Int64
    package let pid: Int32
    /// Clock ticks after the boot of the machine.
    package let started: Int64

    package init(bootID: String, namespace: Int64, pid: Int32, started: Int64) {
        self.bootID = bootID
        self.namespace = namespace
        self.pid = pid
        self.started = started
    }

    /// This process; nil where it can't be told, as without a `/proc` of its own namespace.
    package static var current: ProcessIdentity? {
        let pid = getpid()
        // A /proc of another namespace has another number for this process.
        guard let own = text(of: "/proc/self/stat"), Int32(own.prefix { $0 != " " }) == pid,
            let bootID = text(of: "/proc/sys/kernel/random/boot_id")?.prefix(while: { $0 != "\n" }), !bootID.isEmpty,
            bootID.utf8.count <= 64, let status = Status(of: pid)
        else { return nil }
        var namespace = stat()
        guard stat("/proc/self/ns/pid", &namespace) == 0 else { return nil }
        return ProcessIdentity(
            bootID: String(bootID), namespace: Int64(clamping: namespace.st_ino), pid: pid, started: status.started)
    }

    /// Whether another process of this one's boot and namespace has ended. One of which nothing can be told has not.
    package static func isGone(pid: Int32, started: Int64) -> Bool {
        guard pid > 0 else { return false }
        // Not by /proc alone, which may hide the processes of other users (`hidepid`).
        if kill(pid, 0) != 0, errno == ESRCH { return true }
        guard let status = Status(of: pid) else { return false }
        return status.hasEnded || status.started != started
    }

    /// What `/proc/PID/stat` says.
    package struct Status: Sendable, Equatable {
        /// It is only there until its parent has asked what became of it.
        package let hasEnded: Bool
        package let started: Int64

        package init?(_ line: String) {
            // The name, in parentheses, may hold any of them itself.
            guard let name = line.lastIndex(of: ")") else { return nil }
            let fields = line[name...].dropFirst().split(separator: " ")
            // From the third on.
            guard fields.count > 19, let started = Int64(fields[19]) else { return nil }
            hasEnded = ["Z", "X", "x"].contains(fields[0])
            self.started = started
        }

        fileprivate init?(of pid: Int32) {
            guard let line = text(of: "/proc/\(pid)/stat") else { return nil }
            self.init(line)
        }
    }

    private static func text(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1_024)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
