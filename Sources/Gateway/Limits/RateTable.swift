/// How often something may happen: a token bucket, told by its two numbers.
package struct Rate: Sendable, Equatable {
    /// Nanoseconds in which one token comes back.
    package let interval: UInt64
    /// Tokens of a full bucket.
    package let burst: UInt64

    /// - Parameters:
    ///   - perMinute: from 1.
    ///   - burst: from 1.
    package init(perMinute: Int, burst: Int) {
        interval = 60_000_000_000 / UInt64(max(perMinute, 1))
        self.burst = UInt64(max(burst, 1))
    }

    /// One, and the next one so many seconds later.
    package init(everySeconds seconds: UInt64) {
        interval = seconds * 1_000_000_000
        burst = 1
    }

    fileprivate var tolerance: UInt64 { interval * (burst - 1) }
}

/// The token buckets of many keys in memory of fixed size; pure, with monotonic nanoseconds as an input.
///
/// A bucket is one number, the time at which it will be full again (the generic cell rate algorithm), and one that is
/// full need not be kept. The table is 8-way associative: where all 8 places of a key are taken, the one that is full
/// soonest goes. So whoever floods the table with fresh keys pushes out those that owe least, and no memory is added.
package struct RateTable: Sendable {
    private static let ways = 8

    private let mask: UInt64
    private var keys: [UInt64]
    private var fullAt: [UInt64]

    /// - Parameter capacity: buckets, rounded up to a power of two; 16 bytes each.
    package init(capacity: Int) {
        var count = Self.ways
        while count < capacity { count *= 2 }
        mask = UInt64(count / Self.ways - 1)
        keys = Array(repeating: 0, count: count)
        fullAt = Array(repeating: 0, count: count)
    }

    package var capacity: Int { keys.count }

    /// Takes a token.
    ///
    /// - Parameter key: a hash that outsiders can't predict, all 64 bits of it.
    /// - Returns: `nil` when there was one; else the nanoseconds until there is.
    package mutating func take(_ key: UInt64, _ rate: Rate, at now: UInt64) -> UInt64? {
        let place = place(of: key, at: now)
        let full = keys[place] == key ? max(fullAt[place], now) : now
        let debt = full - now
        guard debt <= rate.tolerance else { return debt - rate.tolerance }
        keys[place] = key
        fullAt[place] = full &+ rate.interval
        return nil
    }

    /// Whether a token would be there, without taking it.
    ///
    /// - Returns: `nil` when there is one; else the nanoseconds until there is.
    package func wait(_ key: UInt64, _ rate: Rate, at now: UInt64) -> UInt64? {
        let start = start(of: key)
        for place in start..<start + Self.ways where keys[place] == key && fullAt[place] > now {
            let debt = fullAt[place] - now
            return debt <= rate.tolerance ? nil : debt - rate.tolerance
        }
        return nil
    }

    private func start(of key: UInt64) -> Int {
        Int((key ^ key >> 32) & mask) * Self.ways
    }

    private func place(of key: UInt64, at now: UInt64) -> Int {
        let start = start(of: key)
        var best = start
        for place in start..<start + Self.ways {
            if keys[place] == key { return place }
            if fullAt[place] < fullAt[best] { best = place }
        }
        return best
    }
}

extension UInt64 {
    /// Nanoseconds as the whole seconds that a client is asked to wait: never too few.
    package var wholeSeconds: Int { Int(clamping: (self &+ 999_999_999) / 1_000_000_000) }
}
