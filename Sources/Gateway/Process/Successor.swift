import Dispatch
import Foundation
import Glibc

/// SIGUSR2, the wish that another process of the program, as it is installed now, takes over from this one.
///
/// `@unchecked Sendable`: the source is made once and only cancelled afterwards, which Dispatch allows from any thread.
final class UpgradeSignal: @unchecked Sendable {
    /// One at a time; what comes while one is looked after is one more.
    let wishes: AsyncStream<Void>
    private let source: any DispatchSourceSignal

    init() {
        // A dispatch source sees the signal only where its default, the end of the process, is off.
        signal(SIGUSR2, SIG_IGN)
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        wishes = stream
        source = DispatchSource.makeSignalSource(signal: SIGUSR2, queue: .global())
        source.setEventHandler { continuation.yield() }
        source.activate()
    }

    func cancel() { source.cancel() }
}

/// The process that takes over from this one: the same program with the same arguments, in its newest form, as a child that
/// outlives its parent.
struct Successor: Sendable {
    /// Tells the child from whom it takes its listening socket: the address that its parent serves.
    static let variable = "PARLEY_PREDECESSOR"
    /// Of a service manager, for this process alone.
    private static let own: Set<String> = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"]

    let process: pid_t

    /// The program is looked for where it was found when this process began: behind a link that leads elsewhere by now, or
    /// under a name that was given to a newer file, is the newer one.
    ///
    /// - Parameter place: `127.0.0.1:8080`, `[::1]:8080`.
    /// - Returns: `nil` where it can't be started; `errno` says why.
    init?(
        of place: String, arguments: [String] = CommandLine.arguments,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        var environment = environment.filter { !Self.own.contains($0.key) }
        environment[Self.variable] = place
        var attributes = posix_spawnattr_t()
        guard let program = arguments.first, posix_spawnattr_init(&attributes) == 0 else { return nil }
        defer { posix_spawnattr_destroy(&attributes) }
        // What this process has taken the default of is the child's to decide, and nothing is blocked there.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGHUP, SIGINT, SIGTERM, SIGUSR2] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var child: pid_t = 0
        let result = posix_spawnp(&child, program, nil, &attributes, &argv, &envp)
        guard result == 0 else {
            errno = result
            return nil
        }
        process = child
    }

    /// Whether it has ended; then it is gone for good.
    func hasEnded() -> Bool {
        var status: Int32 = 0
        return waitpid(process, &status, WNOHANG) == process
    }

    func stop() { kill(process, SIGTERM) }
}
