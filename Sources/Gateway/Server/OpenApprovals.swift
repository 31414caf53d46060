import Chat
import EventLoop
import Logging
import Store
import Strings
import Synchronization

/// Whether anything may be open that a person is asked, in the whole database, as far as this process knows: where nothing
/// is, nobody pays for it. What another gateway has asked is known with the next look.
final class OpenApprovals: Sendable {
    /// Counts what was asked; and how many of that are known to be over.
    private let asked = Atomic<UInt64>(1)
    private let settled = Atomic<UInt64>(0)

    var count: UInt64 { asked.load(ordering: .acquiring) }
    var isPossible: Bool { settled.load(ordering: .acquiring) != count }

    func somethingIsOpen() { asked.add(1, ordering: .acquiringAndReleasing) }

    /// - Parameter count: as it was before the database was asked.
    func nothingIsOpen(since count: UInt64) { settled.store(count, ordering: .releasing) }
}

/// Lets expire what nobody has answered (`APPROVAL_EXPIRES`): one look of a gateway at a time, by its first shard, for all
/// users. What has expired is shown by the sessions of its users; other gateways show it when their own clocks say so.
final class ExpiryService: Sendable {
    /// Milliseconds between two looks, and the shortest.
    static let interval: Int64 = 2_000
    private static let shortest: Int64 = 50
    /// Looks behind the last that found something open: as long as it may take until a session finds by its own clock
    /// that what it shows has expired.
    private static let looksBehind = 5

    private let shard: LoopBound<Shard>
    private let directory: ShardDirectory
    private let open: OpenApprovals
    private let state: LoopBound<State>

    private final class State {
        var timer: TimerToken?
        var isStopped = false
        var looksLeft = 0
    }

    init(_ shard: LoopBound<Shard>, _ directory: ShardDirectory, _ open: OpenApprovals) {
        self.shard = shard
        self.directory = directory
        self.open = open
        state = LoopBound(State(), on: shard.loop)
        shard.loop.execute { [self] in look() }
    }

    func stop() {
        shard.loop.execute { [self] in
            state.value.isStopped = true
            if let timer = state.value.timer { shard.loop.cancel(timer) }
            state.value.timer = nil
        }
    }

    private func wait(_ milliseconds: Int64) {
        guard !state.value.isStopped else { return }
        let wait = UInt64(min(max(milliseconds, Self.shortest), Self.interval))
        state.value.timer = shard.loop.schedule(after: wait * 1_000_000) { [self] in look() }
    }

    private func look() {
        state.value.timer = nil
        guard shard.value.holdsLease, !shard.value.isDraining, !shard.value.isFenced else {
            return wait(Self.interval)
        }
        let before = open.count
        let wasPossible = open.isPossible
        shard.value.chatStore.expireApprovals { [self] result in
            guard case .success(let expiry) = result else { return wait(Self.interval) }
            if expiry.waits == nil, expiry.runs.isEmpty {
                open.nothingIsOpen(since: before)
            } else if !open.isPossible {
                open.somethingIsOpen()
            }
            // What was asked here may be over before it was ever seen to be open.
            if wasPossible || expiry.waits != nil { state.value.looksLeft = Self.looksBehind + 1 }
            if state.value.looksLeft > 0 {
                state.value.looksLeft -= 1
                expireElsewhere()
            }
            for run in expiry.runs { tell(run) }
            if !expiry.runs.isEmpty { shard.value.chatMetrics.decided(.expired, count: expiry.runs.count) }
            wait(expiry.runs.count >= PostgresChatStore.expiredRuns ? Self.shortest : expiry.waits ?? Self.interval)
        }
    }

    /// What another gateway has let expire is still shown here.
    private func expireElsewhere() {
        for shard in directory.all {
            shard.loop.execute { for session in Array(shard.value.sessions.values) { session.expireDue() } }
        }
    }

    private func tell(_ run: (userID: String, threadID: Identifier, runID: Identifier)) {
        guard let home = directory.home(of: run.userID) else { return }
        home.loop.execute {
            home.value.sessions[ExactString(run.userID)]?.expired(threadID: run.threadID, runID: run.runID)
        }
    }
}
