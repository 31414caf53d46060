/// Whether the servers of a pool's connections are there: what is asked of them, and when one is left. Pure: time and
/// what is known of the connections are inputs.
///
/// A statement may take its time, so silence on one connection says little. A *probe*, which takes none, says it: when
/// nothing was committed for half a second one is sent on a free connection, or, where none is free, an attempt to
/// connect is made (a *dial*). A server that owes the answer to one and was not heard on any connection for three
/// seconds has vanished, as a host does that loses its power: it sends no FIN.
package struct PoolWatch {
    package struct Connection: Sendable, Equatable {
        package var number: Int
        package var server: String
        /// Since when an answer is waited for without a byte; `nil`: none is due.
        package var waitsSince: UInt64?
        /// When something last came from the server.
        package var lastReceived: UInt64

        package init(number: Int, server: String, waitsSince: UInt64?, lastReceived: UInt64) {
            self.number = number
            self.server = server
            self.waitsSince = waitsSince
            self.lastReceived = lastReceived
        }
    }

    package enum Action: Sendable, Equatable {
        /// Ask on a free connection; `probeBegan`, `probeEnded`.
        case probe
        /// Connect without keeping it; `dialEnded`.
        case dial
        /// The server answers no more: its connections go, idle or not.
        case leave(server: String)
        /// This one connection waits for an answer that does not come.
        case drop(connection: Int)
    }

    /// Between two looks, and how long all may be quiet before the server is asked.
    package static let interval: UInt64 = 500_000_000
    /// How long a connection for a probe is waited for before there is a dial.
    private static let leaseLimit: UInt64 = 500_000_000
    /// What a probe or a dial takes at most where the server is there.
    private static let answerLimit: UInt64 = 1_500_000_000

    private enum Probe: Equatable {
        case none
        case waiting(since: UInt64)
        case sent(on: Int)
    }

    private let vanishedLimit: UInt64
    private let silenceLimit: UInt64
    private var probe = Probe.none
    private var isDialing = false
    /// The begin of a dial that nobody has answered yet, failed or not.
    private var dialSince: UInt64?
    private var lastAnswered: (server: String, at: UInt64)?
    private var lastLook: UInt64?

    /// When a server last took a connection of a dial; 0: never.
    package var lastDialled: UInt64 { lastAnswered?.at ?? 0 }

    /// - Parameters: as in `PostgresSettings`.
    package init(vanishedLimit: UInt64, silenceLimit: UInt64) {
        self.vanishedLimit = vanishedLimit
        self.silenceLimit = silenceLimit
    }

    /// - Parameters:
    ///   - connections: all that are open.
    ///   - committed: when a transaction was last committed on any of them.
    ///   - newest: the server that was connected to last.
    ///   - isAnyFree: a connection can be had at once. Where none is and none waits, nothing depends on the server.
    package mutating func look(
        at now: UInt64, _ connections: [Connection], committed: UInt64, newest: String, isAnyFree: Bool
    ) -> [Action] {
        defer { lastLook = now }
        if case .sent(let number) = probe, !connections.contains(where: { $0.number == number }) { probe = .none }
        if let since = dialSince, connections.contains(where: { $0.lastReceived > since }) { dialSince = nil }
        // Who was held up itself finds the answers unread.
        if let lastLook, now > lastLook &+ 3 * Self.interval { return [] }
        var actions: [Action] = []
        var left: Set<String> = []
        for server in Set(connections.lazy.filter { $0.waitsSince != nil }.map(\.server)).sorted()
        where hasVanished(server, connections, newest, now) {
            left.insert(server)
            actions.append(.leave(server: server))
        }
        for connection in connections where !left.contains(connection.server) {
            guard let since = connection.waitsSince, now >= since &+ silenceLimit else { continue }
            actions.append(.drop(connection: connection.number))
        }
        if !left.isEmpty {
            probe = .none
            dialSince = nil
        } else if isAnyFree || connections.contains(where: { $0.waitsSince != nil }),
            now >= committed &+ Self.interval
        {
            actions += ask(connections, isAnyFree, now)
        }
        return actions
    }

    private func hasVanished(
        _ server: String, _ connections: [Connection], _ newest: String, _ now: UInt64
    ) -> Bool {
        let own = connections.filter { $0.server == server }
        if own.contains(where: { now < $0.lastReceived &+ vanishedLimit }) { return false }
        if let lastAnswered, lastAnswered.server == server, now < lastAnswered.at &+ vanishedLimit { return false }
        let waiting = own.filter { connection in connection.waitsSince.map { now >= $0 &+ Self.answerLimit } ?? false }
        // Another server was found since.
        if server != newest { return !waiting.isEmpty }
        if case .sent(let number) = probe, waiting.contains(where: { $0.number == number }) { return true }
        return dialSince.map { now >= $0 &+ Self.answerLimit } ?? false
    }

    private mutating func ask(_ connections: [Connection], _ isAnyFree: Bool, _ now: UInt64) -> [Action] {
        switch probe {
        case .sent: return []
        case .none, .waiting:
            if isAnyFree { return [.probe] }
            guard case .waiting(let since) = probe else {
                probe = .waiting(since: now)
                return []
            }
            // Whoever speaks need not be dialled.
            let heard = connections.map(\.lastReceived).max() ?? 0
            guard !isDialing, now >= since &+ Self.leaseLimit, now >= heard &+ 2 * Self.interval else { return [] }
            if let lastAnswered, now < lastAnswered.at &+ 2 * Self.interval { return [] }
            isDialing = true
            if dialSince == nil { dialSince = now }
            return [.dial]
        }
    }

    package mutating func probeBegan(on connection: Int) {
        probe = .sent(on: connection)
    }

    /// Whatever its outcome: what was heard is known of the connection.
    package mutating func probeEnded() {
        probe = .none
    }

    /// - Parameter server: which has answered; `nil`: none.
    package mutating func dialEnded(at now: UInt64, server: String?) {
        isDialing = false
        guard let server else { return }
        lastAnswered = (server, now)
        dialSince = nil
    }
}
