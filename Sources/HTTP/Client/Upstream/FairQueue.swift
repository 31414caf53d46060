import Strings

/// Who goes next when more want to than may: a limit on what is under way, and behind it a queue that takes one of each
/// user in turn, so that one who asks for much does not keep the others waiting. Bounded in length and in time. Pure.
package struct FairQueue: Sendable {
    package enum Admission: Sendable, Equatable {
        case go
        case wait
        case full
    }

    private struct Waiter {
        var number: Int
        var deadline: UInt64
    }

    private let limit: Int
    private let waitingLimit: Int
    private let waitLimit: UInt64
    package private(set) var inUse = 0
    package private(set) var waiting = 0
    private var lines: [ExactString: [Waiter]] = [:]
    /// Users with a line, the one whose turn is next first.
    private var turns: [ExactString] = []

    /// - Parameters:
    ///   - limit: under way at a time.
    ///   - waiting: that may wait, of all users together.
    ///   - waitLimit: nanoseconds.
    package init(limit: Int, waiting: Int, waitLimit: UInt64) {
        self.limit = max(limit, 1)
        waitingLimit = waiting
        self.waitLimit = waitLimit
    }

    /// When `expire` has something to do; nil when nobody waits. Within a line the first has waited longest.
    package var deadline: UInt64? {
        lines.values.lazy.compactMap { $0.first?.deadline }.min()
    }

    package mutating func enter(_ number: Int, user: String, at now: UInt64) -> Admission {
        if inUse < limit {
            inUse += 1
            return .go
        }
        guard waiting < waitingLimit else { return .full }
        let user = ExactString(user)
        waiting += 1
        if lines[user] == nil { turns.append(user) }
        lines[user, default: []].append(Waiter(number: number, deadline: now &+ waitLimit))
        return .wait
    }

    /// One that was under way is done. The result goes in its place.
    package mutating func leave() -> Int? {
        guard let user = turns.first, var line = lines[user], let next = line.first else {
            inUse -= 1
            return nil
        }
        turns.removeFirst()
        line.removeFirst()
        waiting -= 1
        if line.isEmpty {
            lines[user] = nil
        } else {
            lines[user] = line
            turns.append(user)
        }
        return next.number
    }

    /// One that waits gives up. False: it does not wait.
    package mutating func withdraw(_ number: Int, user: String) -> Bool {
        let user = ExactString(user)
        guard var line = lines[user], let index = line.firstIndex(where: { $0.number == number }) else { return false }
        line.remove(at: index)
        waiting -= 1
        keep(line, of: user)
        return true
    }

    /// Takes those out that have waited too long.
    package mutating func expire(at now: UInt64) -> [Int] {
        var expired: [Int] = []
        for user in turns {
            guard let line = lines[user], let first = line.first, first.deadline <= now else { continue }
            let count = line.firstIndex { $0.deadline > now } ?? line.count
            expired += line[..<count].map(\.number)
            waiting -= count
            keep(Array(line[count...]), of: user)
        }
        return expired
    }

    private mutating func keep(_ line: [Waiter], of user: ExactString) {
        if line.isEmpty {
            lines[user] = nil
            turns.removeAll { $0 == user }
        } else {
            lines[user] = line
        }
    }
}
