import EventLoop
import Foundation
import HTTP
import Logging
import ServiceLifecycle
import Synchronization

/// Whether this process is being replaced, for all who look.
final class UpgradeState: Sendable {
    private let value = Atomic<Bool>(false)

    /// Its listening socket is given to whoever asks.
    var isUnderWay: Bool {
        get { value.load(ordering: .relaxed) }
        set { value.store(newValue, ordering: .relaxed) }
    }
}

/// An upgrade on one machine. The newest program is started beside this one and takes the listening socket over when it is
/// ready; then this one ends as if it was stopped, and what still runs streams to its end here. Where the new one does not
/// come up nothing has happened.
extension Gateway {
    /// What a successor is given for its start, longer than the database may keep it waiting.
    private static let patience = Duration.seconds(120)
    private static let look = Duration.milliseconds(50)
    /// How long requests are answered as ever on the connections that are open when another has taken over; each ends with
    /// that. Then those that are idle are closed, and the stop begins.
    private static let lastRequests = Duration.seconds(1)

    /// Returns when this process is to end.
    ///
    /// - Parameter replaced: hears at once which process has taken over.
    /// - Returns: that process; `nil`: it was asked to stop.
    func untilStopped(
        _ signal: UpgradeSignal, _ state: UpgradeState, _ address: AddressHolder, _ servers: [LoopBound<ShardServer>],
        replaced: (pid_t) -> Void
    ) async -> pid_t? {
        guard let successor = await next(signal, state, address) else { return nil }
        replaced(successor)
        for server in servers { server.loop.execute { server.value.http.endAfterAnswers() } }
        try? await Task.sleep(for: Self.lastRequests)
        for server in servers { server.loop.execute { server.value.http.drain {} } }
        return successor
    }

    private func next(_ signal: UpgradeSignal, _ state: UpgradeState, _ address: AddressHolder) async -> pid_t? {
        await withTaskGroup(of: pid_t?.self) { group in
            group.addTask {
                try? await gracefulShutdown()
                return nil
            }
            group.addTask { await replacement(signal, state, address) }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    /// Starts a successor at each wish, until one has taken over; never otherwise.
    private func replacement(_ signal: UpgradeSignal, _ state: UpgradeState, _ address: AddressHolder) async -> pid_t? {
        for await _ in signal.wishes {
            guard let place = address.place, let successor = Successor(of: place) else {
                logger.error(
                    "the upgrade could not begin: the program can't be started",
                    metadata: ["cause": "\(SystemError("spawn"))"])
                continue
            }
            logger.info("an upgrade begins", metadata: ["process": "\(successor.process)"])
            state.isUnderWay = true
            if await takesOver(successor, address) { return successor.process }
            state.isUnderWay = false
        }
        return nil
    }

    private func takesOver(_ successor: Successor, _ address: AddressHolder) async -> Bool {
        let deadline = ContinuousClock.now + Self.patience
        while !address.isReplaced {
            if successor.hasEnded() {
                logger.error("the upgrade failed: the new process has ended, as its last line says; this one goes on")
                return false
            }
            if Task.isCancelled || ContinuousClock.now >= deadline {
                logger.error("the upgrade failed: the new process was not ready in time; this one goes on")
                successor.stop()
                return false
            }
            try? await Task.sleep(for: Self.look)
        }
        return true
    }
}
