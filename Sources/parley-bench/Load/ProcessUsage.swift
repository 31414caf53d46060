import Foundation

/// What processes have used so far, from /proc.
struct ProcessUsage: Sendable {
    /// User and system time in microseconds, with that of the process's children which are alive.
    var cpu: Double = 0
    /// Resident memory in bytes, of the process alone.
    var resident = 0

    /// Nil when there is no such process.
    static func of(_ pid: Int32) -> ProcessUsage? {
        guard let own = fields(of: pid) else { return nil }
        var usage = ProcessUsage(cpu: cpu(own), resident: 0)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let other = Int32(name), other != pid, let fields = fields(of: other), Int32(fields[1]) == pid else {
                continue
            }
            usage.cpu += cpu(fields)
        }
        // The 24th field; the list begins with the third.
        usage.resident = (Int(own[21]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
        return usage
    }

    /// Of this process, in microseconds.
    static func ownCPU() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func microseconds(_ time: timeval) -> Double { Double(time.tv_sec) * 1_000_000 + Double(time.tv_usec) }
        return microseconds(usage.ru_utime) + microseconds(usage.ru_stime)
    }

    /// The fields of /proc/PID/stat behind the name (proc(5)), which can hold anything.
    private static func fields(of pid: Int32) -> [Substring]? {
        guard let file = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: file, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 22 ? fields : nil
    }

    /// utime and stime, in ticks of the clock.
    private static func cpu(_ fields: [Substring]) -> Double {
        let ticks = (Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK))) * 1_000_000
    }
}
