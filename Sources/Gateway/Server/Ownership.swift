import Chat
import Cluster
import EventLoop
import Postgres
import Store
import Strings

/// Which users' sessions this shard has, and who waits to hear whether it has theirs. Confined to the shard's loop.
///
/// The rules are `OwnershipMachine`'s, one for each user who is here or was a moment ago. What a session keeps in memory
/// beyond that is the session's own matter.
final class Ownership {
    enum Verdict {
        /// For as long as the hold is kept, and as long as somebody is there or something is under way.
        case granted(OwnerHold)
        /// Another gateway has the session, and what is said here can be passed on to it.
        case elsewhere(ClusterAddress)
        /// Another gateway has the session, or nobody can say. Seconds after which it is worth another try.
        case refused(retryAfter: Int)
    }

    struct Figures {
        var owned = 0
        var others = 0
        var granted = 0
        var refused = 0
        var passed = 0
        var unanswered = 0
        var released = 0
        var lost = 0
    }

    /// How long somebody waits for the database's answer, and how long another gateway is given to hear that a session is
    /// wanted: it does with its next sign of life. Both together are less than a client is kept waiting at most.
    private static let answerLimit: UInt64 = 1_000_000_000
    private static let handoverPause: UInt64 = 700_000_000
    /// Between two looks at whether somebody has come back, and how many of them a session is kept for.
    private static let lookInterval: UInt64 = 500_000_000
    private static let looks = 2
    /// The same while the gateway stops: whoever comes back goes elsewhere.
    private static let hurriedInterval: UInt64 = 50_000_000
    /// Of one user.
    private static let waiterLimit = 256

    private struct Entry {
        var machine: OwnershipMachine
        /// As whom the user is made known; nil: only who is known is claimed.
        var record: UserRecord?
        var waiters: [(Verdict) -> Void] = []
        var holds = 0
        var askedAt: UInt64 = 0
        /// How many times it had been looked at what others left when the database was asked; -1: it was being.
        var looks = 0
        var timer: TimerToken?
        /// Where what is said can be passed on to; as long as that is being told.
        var reached: ClusterAddress?
    }

    private unowned let shard: Shard
    private let staleAfter: Int
    private var entries: [ExactString: Entry] = [:]
    /// Users whom nobody holds, and for how many looks that has been so.
    private var watched: [ExactString: Int] = [:]
    private var watch: TimerToken?
    private var isDraining = false
    private(set) var figures = Figures()
    /// A session was taken from a gateway that is gone, and may have left runs: hears on this loop whether they are this
    /// one's.
    var takeOver: (_ done: @escaping @Sendable (Bool) -> Void) -> Void = { $0(true) }
    /// How many times it was looked at what others left, and whether it is being.
    var looksAtOthers: () -> (count: Int, isUnderWay: Bool) = { (0, false) }
    /// A gateway that may be gone has a session that is wanted here.
    var onRefused: () -> Void = {}
    /// Between two times that that is said.
    private static let refusalInterval: UInt64 = 250_000_000
    private var nextRefusal: UInt64 = 0

    init(shard: Shard, staleAfter: Int) {
        self.shard = shard
        self.staleAfter = staleAfter
    }

    // MARK: claims

    /// Whether the user's session may be used here.
    func admits(_ userID: String) -> Bool {
        switch entries[ExactString(userID)]?.machine.state {
        case .owned, .provisional: true
        default: false
        }
    }

    /// Claims the session of somebody who is here; `completion` is called once, at once where it is this gateway's
    /// already, and within four seconds.
    func claim(_ user: UserRecord, _ completion: @escaping (Verdict) -> Void) {
        claim(user.id, as: user, completion)
    }

    /// The same for a user who may not exist, and is not made by it.
    func claim(known userID: String, _ completion: @escaping (Verdict) -> Void) {
        claim(userID, as: nil, completion)
    }

    private func claim(_ userID: String, as record: UserRecord?, _ completion: @escaping (Verdict) -> Void) {
        let key = ExactString(userID)
        guard !shard.isFenced else { return completion(.refused(retryAfter: 1)) }
        var entry = entries[key] ?? Entry(machine: OwnershipMachine(staleAfter: staleAfter))
        guard entry.waiters.count < Self.waiterLimit else { return completion(.refused(retryAfter: 1)) }
        if let record, entry.machine.isOwned { shard.chatStore.touch(record) }
        entry.waiters.append(completion)
        entry.record = record ?? entry.record
        entries[key] = entry
        change(key) { $0.claim() }
    }

    /// - Parameter fill: gives the session what it is to have, when what is overtaken is gone.
    private func change(
        _ key: ExactString, filling fill: () -> Void = {}, _ body: (inout OwnershipMachine) -> [OwnershipMachine.Action]
    ) {
        guard var entry = entries[key] else { return }
        let wasOwned = entry.machine.isOwned
        let actions = body(&entry.machine)
        figures.owned += (entry.machine.isOwned ? 1 : 0) - (wasOwned ? 1 : 0)
        entries[key] = entry
        let overtaken = actions.prefix { $0 == .dropSession }
        for action in overtaken { carryOut(action, key) }
        fill()
        for action in actions.dropFirst(overtaken.count) { carryOut(action, key) }
        settle(key)
    }

    private func carryOut(_ action: OwnershipMachine.Action, _ key: ExactString) {
        switch action {
        case .ask: ask(key)
        case .askAgain:
            set(key, after: Self.handoverPause) { [weak self] in self?.change(key) { $0.askAgain() } }
        case .admit: admit(key)
        case .takeOver:
            set(key, after: Self.answerLimit) { [weak self] in self?.unanswered(key) }
            let back = LoopBound(self, on: shard.loop)
            takeOver { isDone in back.loop.execute { back.value.tookOver(key, isDone) } }
        case .pass:
            guard let reached = entries[key]?.reached else { return tell(key, .refused(retryAfter: 1)) }
            figures.passed += 1
            tell(key, .elsewhere(reached))
        case .refuse(let seconds):
            figures.refused += 1
            tell(key, .refused(retryAfter: seconds))
        case .dropSession: shard.dropSession(of: key.string)
        case .evict:
            figures.lost += 1
            shard.evict(key.string)
        case .release(let epoch):
            figures.released += 1
            shard.chatStore.release(key.string, epoch: epoch)
        }
    }

    private func ask(_ key: ExactString) {
        guard var entry = entries[key] else { return }
        entry.askedAt = shard.loop.now
        let looks = looksAtOthers()
        entry.looks = looks.isUnderWay ? -1 : looks.count
        entries[key] = entry
        let isMaking = entry.record != nil
        let answered = { [weak self] (result: Result<Claim, StoreError>) -> Void in
            self?.answered(key, result, isMaking: isMaking)
        }
        if let record = entry.record {
            shard.chatStore.claim(record, completion: answered)
        } else {
            shard.chatStore.claim(known: key.string, completion: answered)
        }
        guard shard.pool.isAvailable else { return unanswered(key) }
        set(key, after: Self.answerLimit) { [weak self] in self?.unanswered(key) }
    }

    private func tookOver(_ key: ExactString, _ isDone: Bool) {
        guard isDone else { return unanswered(key) }
        change(key) { $0.settled() }
        leave(key)
    }

    private func unanswered(_ key: ExactString) {
        guard let entry = entries[key] else { return }
        if case .asking = entry.machine.state { figures.unanswered += 1 }
        // Only the claim of somebody who is here goes on until it is answered.
        let isAlone = figures.others == 0 && entry.record != nil
        change(key) { $0.unanswered(isAlone: isAlone) }
    }

    /// - Parameter isMaking: it was asked for a user who is made known; else somebody may have joined who would be.
    private func answered(_ key: ExactString, _ result: Result<Claim, StoreError>, isMaking: Bool) {
        if let entry = entries[key], case .asking = entry.machine.state {
            shard.metrics.claimAnswered(after: shard.loop.now &- entry.askedAt)
        }
        switch result {
        case .success(.owned(let epoch, let isTaken)):
            if entries[key] == nil {
                // Nobody waits for it any more: it is given back when that has been so for a while.
                entries[key] = Entry(machine: OwnershipMachine(staleAfter: staleAfter))
            }
            // It may have come with runs of a gateway that is gone, which are on their way here by now.
            let looks = looksAtOthers()
            let isWithRuns = looks.isUnderWay || entries[key].map { $0.looks != looks.count } ?? false
            change(key) { $0.owned(epoch: epoch, isTaken: isTaken || isWithRuns) }
            leave(key)
        case .success(.another(let node, let silence)):
            let reached = shard.relay?.reach(node, key.string)
            if reached == nil, shard.loop.now >= nextRefusal {
                nextRefusal = shard.loop.now + Self.refusalInterval
                onRefused()
            }
            entries[key]?.reached = reached
            change(key) { $0.refused(silence: silence, isReached: reached != nil) }
        case .success(.nobody):
            guard let entry = entries[key], case .asking = entry.machine.state else { return }
            if entry.record != nil { return ask(key) }
            // Whose user does not exist has no session anywhere.
            admit(key)
            forget(key)
        case .failure(.fenced): break
        case .failure(.rejected):
            change(key) { $0.refused(silence: .max) }
        case .failure:
            if !isMaking, entries[key]?.record != nil { ask(key) } else { unanswered(key) }
        }
    }

    private func admit(_ key: ExactString) {
        guard let count = entries[key]?.waiters.count else { return }
        entries[key]?.holds += count
        figures.granted += count
        let holds = (0..<count).map { _ in OwnerHold(key.string, LoopBound(self, on: shard.loop)) }
        tell(key, holds.map { .granted($0) })
    }

    private func tell(_ key: ExactString, _ verdict: Verdict) {
        tell(key, Array(repeating: verdict, count: entries[key]?.waiters.count ?? 0))
    }

    private func tell(_ key: ExactString, _ verdicts: [Verdict]) {
        let waiters = entries[key]?.waiters ?? []
        entries[key]?.waiters = []
        for (waiter, verdict) in zip(waiters, verdicts) { waiter(verdict) }
    }

    private func set(_ key: ExactString, after delay: UInt64, _ body: @escaping () -> Void) {
        if let timer = entries[key]?.timer { shard.loop.cancel(timer) }
        entries[key]?.timer = shard.loop.schedule(after: delay, body)
    }

    /// Lets go of what is no longer needed.
    private func settle(_ key: ExactString) {
        guard let entry = entries[key] else { return }
        switch entry.machine.state {
        case .asking, .waiting, .settling: return
        case .absent: forget(key)
        case .owned, .provisional, .released:
            if let timer = entry.timer { shard.loop.cancel(timer) }
            entries[key]?.timer = nil
            entries[key]?.record = nil
        }
    }

    private func forget(_ key: ExactString) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        if let timer = entry.timer { shard.loop.cancel(timer) }
        if entry.machine.isOwned { figures.owned -= 1 }
        watched[key] = nil
    }

    // MARK: the end of a session

    fileprivate func letGo(_ userID: String) {
        let key = ExactString(userID)
        guard let holds = entries[key]?.holds, holds > 0 else { return }
        entries[key]?.holds = holds - 1
        if holds == 1 { leave(key) }
    }

    /// Somebody has left, or something that was under way may have ended without anybody there.
    func left(_ userID: String) {
        leave(ExactString(userID))
    }

    private func leave(_ key: ExactString) {
        guard let entry = entries[key], entry.holds == 0 else { return }
        switch entry.machine.state {
        case .owned, .provisional: break
        case .released:
            if shard.sessions[key] == nil { forget(key) }
            return
        default: return
        }
        if watched[key] == nil { watched[key] = 0 }
        scheduleLook()
    }

    private func scheduleLook() {
        guard watch == nil, !watched.isEmpty else { return }
        watch = shard.loop.schedule(after: isDraining ? Self.hurriedInterval : Self.lookInterval) { [weak self] in
            self?.watch = nil
            self?.look()
        }
    }

    private func look() {
        for (key, looks) in watched {
            guard entries[key]?.holds == 0, !isOccupied(key) else {
                // Who is there now is watched again when he leaves.
                watched[key] = nil
                continue
            }
            guard isQuiet(key) else {
                watched[key] = 0
                continue
            }
            guard isDraining || looks + 1 >= Self.looks else {
                watched[key] = looks + 1
                continue
            }
            end(key, isWanted: isDraining || figures.others > 0)
        }
        scheduleLook()
    }

    private func isOccupied(_ key: ExactString) -> Bool {
        shard.sessions[key]?.clients.isEmpty == false || shard.turnClients.has(key)
    }

    /// Where all can be reached from everywhere, the session stays for as long as it has something for those who come
    /// back.
    private func isQuiet(_ key: ExactString) -> Bool {
        guard !isOccupied(key) else { return false }
        if !isDraining, shard.relay?.isUp == true { return shard.sessions[key] == nil }
        return shard.sessions[key]?.isQuiet ?? true
    }

    private func end(_ key: ExactString, isWanted: Bool) {
        watched[key] = nil
        change(key) { $0.quiet(isWanted: isWanted) }
        guard shard.sessions[key] == nil else { return }
        // What is not given back is still this gateway's in the database, and is given back when somebody wishes so.
        change(key) { machine in
            machine.ended()
            return []
        }
    }

    /// Another gateway wants the session.
    func wished(_ userID: String, epoch: Int64) {
        let key = ExactString(userID)
        guard let entry = entries[key] else { return shard.chatStore.release(userID, epoch: epoch) }
        switch entry.machine.state {
        case .owned: if entry.holds == 0, isQuiet(key) { end(key, isWanted: true) }
        // The first time may have got lost.
        case .released(let released): shard.chatStore.release(userID, epoch: released)
        default: break
        }
    }

    // MARK: the process

    /// Runs of this user were taken over, and with them the session.
    /// - Parameter takeUp: Gives them to the session, before anybody is let in.
    func adopted(_ userID: String, epoch: Int64, _ takeUp: () -> Void) {
        let key = ExactString(userID)
        if entries[key] == nil { entries[key] = Entry(machine: OwnershipMachine(staleAfter: staleAfter)) }
        change(key, filling: takeUp) { $0.owned(epoch: epoch) }
        leave(key)
    }

    /// The database has refused a turn, since another gateway has the session.
    func lost(_ userID: String) {
        change(ExactString(userID)) { $0.lost() }
    }

    /// There is no such user any more, whose session anybody could have.
    func deleted(_ userID: String) {
        let key = ExactString(userID)
        guard let entry = entries[key], entry.waiters.isEmpty else { return }
        forget(key)
    }

    func heard(others: Int) {
        figures.others = others
    }

    /// Gateways are known to be gone: what was theirs may be had now.
    func othersAreGone() {
        for key in Array(entries.keys) { change(key) { $0.askAgain() } }
    }

    /// The gateway stops: what is not used is given back at once.
    func drain() {
        isDraining = true
        if let watch { shard.loop.cancel(watch) }
        watch = nil
        for key in Array(entries.keys) { leave(key) }
        scheduleLook()
    }

    /// The process was taken for dead: nothing is its own any more.
    func reset() {
        let waiting = entries.values.flatMap(\.waiters)
        for key in Array(entries.keys) { forget(key) }
        for waiter in waiting { waiter(.refused(retryAfter: 1)) }
    }
}

/// Keeps a user's session with this gateway while somebody is on the way to it. Let go of from anywhere.
final class OwnerHold: Sendable {
    private let userID: String
    private let ownership: LoopBound<Ownership>

    fileprivate init(_ userID: String, _ ownership: LoopBound<Ownership>) {
        self.userID = userID
        self.ownership = ownership
    }

    deinit {
        let (userID, ownership) = (userID, ownership)
        ownership.loop.execute { ownership.value.letGo(userID) }
    }
}
