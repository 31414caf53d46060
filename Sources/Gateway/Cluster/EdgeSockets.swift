import Chat
import Cluster
import EventLoop
import Store
import Strings

/// The sockets of a shard whose users' sessions other gateways have: where each user is, and what is done when that
/// changes. PostgreSQL decides who has a session; that nobody listens, or that somebody says to have it no more, only
/// leads to the question.
///
/// ```
///             joined              refused, or nobody there
///  (absent) ─────────▶ attached ────────────────────────────▶ looked for ──┐ refused: again, for 10 s
///                         ▲                                    │  │  ▲     │ then closed with 1012
///                         └────────────── another's ───────────┘  │  └─────┘
///                                                   this one's    ▼ the sockets come home
/// ```
final class EdgeSockets {
    /// Nanoseconds between two claims of a session that nobody is known to have, and in all.
    private static let claimPause: UInt64 = 150_000_000
    private static let patience: UInt64 = 10_000_000_000

    private final class User {
        let record: UserRecord
        var owner: ClusterAddress?
        var sockets: [EdgeSocket] = []
        /// When it began to be looked for, until an owner has said something.
        var soughtSince: UInt64?
        var timer: TimerToken?
        var isAsking = false

        init(_ record: UserRecord) {
            self.record = record
        }
    }

    private unowned let relay: Relay
    private var users: [ExactString: User] = [:]
    private var numbers: [UInt32: EdgeSocket] = [:]
    private var lastNumber: UInt32 = 0
    private(set) var count = 0
    private(set) var changes = 0

    init(_ relay: Relay) {
        self.relay = relay
    }

    private var shard: Shard { relay.shard }

    /// Whether anybody is attached there.
    func uses(_ owner: ClusterAddress) -> Bool { users.values.contains { $0.owner == owner } }

    // MARK: Sockets

    /// - Parameter owner: as the database said a moment ago.
    func join(_ socket: EdgeSocket, at owner: ClusterAddress) {
        let key = ExactString(socket.user.id)
        let user = users[key] ?? User(socket.user)
        users[key] = user
        user.sockets.append(socket)
        count += 1
        guard user.owner != owner else { return attach(socket, user) }
        go(to: owner, user)
    }

    func leave(_ socket: EdgeSocket) {
        let key = ExactString(socket.user.id)
        numbers = numbers.filter { $0.value !== socket }
        guard let user = users[key] else { return }
        let before = user.sockets.count
        user.sockets.removeAll { $0 === socket }
        count -= before - user.sockets.count
        if user.sockets.isEmpty { forget(key) }
    }

    private func forget(_ key: ExactString) {
        guard let user = users.removeValue(forKey: key) else { return }
        if let timer = user.timer { shard.loop.cancel(timer) }
    }

    /// All sockets of a user go on at a gateway.
    private func go(to owner: ClusterAddress, _ user: User) {
        if let timer = user.timer { shard.loop.cancel(timer) }
        user.timer = nil
        user.owner = owner
        for socket in user.sockets { attach(socket, user) }
    }

    private func attach(_ socket: EdgeSocket, _ user: User) {
        guard let owner = user.owner else { return }
        if relay.isLinked(to: owner) { return number(socket, at: owner) }
        // All that are to be there are attached when the link has begun, and this one with them.
        guard relay.link(to: owner) else {
            return socket.close(1012, "too many gateways are linked")
        }
    }

    private func number(_ socket: EdgeSocket, at owner: ClusterAddress) {
        if let old = socket.number { numbers[old] = nil }
        let number = freshNumber()
        numbers[number] = socket
        relay.figures.attaches += 1
        socket.attach(as: number, at: owner)
    }

    /// Which no socket or request has.
    func freshNumber() -> UInt32 {
        repeat { lastNumber &+= 1 } while numbers[lastNumber] != nil || relay.requests.has(lastNumber)
        return lastNumber
    }

    // MARK: What owners say

    /// A link has begun, or begun anew.
    func begin(at owner: ClusterAddress) {
        for user in users.values where user.owner == owner {
            for socket in user.sockets { number(socket, at: owner) }
        }
    }

    func output(_ number: UInt32, _ part: [UInt8], isLast: Bool) {
        guard let socket = numbers[number] else { return }
        users[ExactString(socket.user.id)]?.soughtSince = nil
        socket.received(part, isLast: isLast)
    }

    func close(_ number: UInt32, _ code: UInt16, _ reason: String) { numbers[number]?.close(code, reason) }

    /// - Parameter pause: milliseconds.
    func refuse(_ number: UInt32, from owner: ClusterAddress, after pause: UInt32) {
        guard let socket = numbers[number] else { return }
        let key = ExactString(socket.user.id)
        guard let user = users[key], user.owner == owner else { return }
        lose(user)
        seek(key, after: UInt64(min(pause, 1_000)) * 1_000_000)
    }

    /// A link is no more.
    func end(at owner: ClusterAddress, isNobody: Bool) {
        for (key, user) in users where user.owner == owner {
            guard isNobody else {
                close(user)
                continue
            }
            lose(user)
            seek(key, after: 0)
        }
    }

    // MARK: Whose it is

    private func lose(_ user: User) {
        changes += 1
        user.owner = nil
        for socket in user.sockets {
            if let old = socket.number { numbers[old] = nil }
            socket.detach()
        }
        if user.soughtSince == nil { user.soughtSince = shard.loop.now }
    }

    private func seek(_ key: ExactString, after pause: UInt64) {
        guard let user = users[key], user.timer == nil, !user.isAsking else { return }
        guard pause == 0 else {
            user.timer = shard.loop.schedule(after: pause) { [weak self, weak user] in
                user?.timer = nil
                self?.seek(key, after: 0)
            }
            return
        }
        guard user.owner == nil else { return }
        if shard.loop.now &- (user.soughtSince ?? shard.loop.now) >= Self.patience { return close(user) }
        user.isAsking = true
        shard.ownership.claim(user.record) { [weak self, weak user] verdict in
            guard let self, let user else { return }
            user.isAsking = false
            guard users[key] === user, user.owner == nil else { return }
            switch verdict {
            case .granted(let hold): comeHome(key, user, hold)
            case .elsewhere(let owner): go(to: owner, user)
            case .refused: seek(key, after: Self.claimPause)
            }
        }
    }

    private func comeHome(_ key: ExactString, _ user: User, _ hold: OwnerHold) {
        let go = { [self] (suspended: [SuspendedRun]) -> Void in
            guard users[key] === user else { return }
            let sockets = user.sockets
            count -= sockets.count
            user.sockets = []
            forget(key)
            withExtendedLifetime(hold) { for socket in sockets { socket.comeHome(suspended: suspended) } }
        }
        guard user.sockets.allSatisfy(\.knowsSession) else { return shard.withSuspended(user.record.id, go) }
        go([])
    }

    private func close(_ user: User) {
        for socket in user.sockets { socket.close(1012, "the session can't be reached") }
    }
}
