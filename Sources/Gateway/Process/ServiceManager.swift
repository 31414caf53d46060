import EventLoop
import Foundation
import Glibc

/// What started this process, where that is a service manager that wants to hear of it: systemd, or one that speaks its
/// protocol. It may hand over the socket to accept connections on, which then outlives the process.
///
/// Source: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3).
package struct ServiceManager: Sendable {
    /// How its words reach it; nil where nobody listens.
    private let address: [UInt8]?
    /// Sockets handed over, the first at `firstDescriptor`.
    package let socketCount: Int
    /// A sign of life is wanted at least this often; nil: none is.
    package let watchdogInterval: Duration?

    package static let firstDescriptor: Int32 = 3
    /// Bytes of a word at most; what is longer is not sent.
    private static let longestWord = 4_096

    package static let none = ServiceManager(environment: [:], process: 0)

    /// - Parameters:
    ///   - environment: that of the process. What is meant for another process, or can't be read, is as if it were not there.
    ///   - process: whose environment that is.
    package init(
        environment: [String: String] = ProcessInfo.processInfo.environment, process: Int32 = getpid()
    ) {
        let path = environment["NOTIFY_SOCKET"].map { Array($0.utf8) } ?? []
        // A path, or a name without a file, written with an @ for its leading zero.
        let isAddress = (path.first == UInt8(ascii: "/") || path.first == UInt8(ascii: "@")) && path.count < 108
        address = isAddress ? path : nil
        func isMeant(_ name: String) -> Bool { environment[name].flatMap { Int32($0) } == process }
        let sockets = environment["LISTEN_FDS"].flatMap { Int($0) } ?? 0
        socketCount = isMeant("LISTEN_PID") && (1...1_024).contains(sockets) ? sockets : 0
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        let isWatched = environment["WATCHDOG_PID"] == nil || isMeant("WATCHDOG_PID")
        watchdogInterval = isWatched && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    package enum Word: Sendable, Equatable {
        /// The start goes on, and waits for something; it may take half a minute more until the next word.
        case waiting(for: String)
        case ready(url: String)
        case stopping
        /// Another process has taken over: it is the service from here on.
        case replaced(by: Int32)
        case alive

        var lines: String {
            switch self {
            case .waiting(let what): "STATUS=waiting for \(what)\nEXTEND_TIMEOUT_USEC=30000000"
            case .ready(let url): "READY=1\nSTATUS=listening on \(url)"
            case .stopping: "STOPPING=1\nSTATUS=ending what runs"
            case .replaced(let process): "MAINPID=\(process)"
            case .alive: "WATCHDOG=1"
            }
        }
    }

    /// Says it, and waits for nobody: a word that finds no room is not said.
    package func say(_ word: Word) {
        let text = Array(word.lines.utf8)
        guard let address, text.count <= Self.longestWord else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { place in
            place.copyBytes(from: address)
            if address[0] == UInt8(ascii: "@") { place[0] = 0 }
        }
        // A file's name ends with a zero, one without a file where its length says so.
        let length = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + address.count } ?? 0
        _ = withUnsafePointer(to: name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { destination in
                sendto(
                    descriptor, text, text.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), destination,
                    socklen_t(length + (address[0] == UInt8(ascii: "@") ? 0 : 1)))
            }
        }
    }

    /// The socket that was handed over, if one was.
    ///
    /// - Throws: `StartError` where there are several, or it is none that listens.
    func listeningSocket() throws(StartError) -> ListeningSocket? {
        guard socketCount > 0 else { return nil }
        guard socketCount == 1 else {
            throw .network("LISTEN_FDS hands over \(socketCount) sockets, and one can be served")
        }
        do {
            return try ListeningSocket(adopting: Self.firstDescriptor)
        } catch {
            throw .network("the socket of LISTEN_FDS can't be served: \(error)")
        }
    }
}
