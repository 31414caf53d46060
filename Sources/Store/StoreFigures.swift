package import Postgres

/// Counts of a measured quantity by size, as a histogram of Prometheus wants them.
package struct Buckets: Sendable, Equatable {
    /// Upper bounds, rising; what lies above the last counts in one more bucket.
    package let bounds: [Double]
    package private(set) var counts: [UInt64]
    package private(set) var sum = 0.0

    package init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    package mutating func add(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }
}

/// What can be counted of a shard's store. Counters since the start, unless they say otherwise.
package struct StoreFigures: Sendable, Equatable {
    package var pool = PoolFigures()
    /// Of the connections to the replica, where there is one.
    package var replica: PoolFigures?
    /// That wait for a batch now.
    package var waitingRows = 0
    package var waitingBytes = 0
    /// Batches committed, and rows in them.
    package var batches: UInt64 = 0
    package var rows: UInt64 = 0
    /// Batches that were tried again after a loss or a refusal.
    package var retried: UInt64 = 0
    /// Rows that the database refused.
    package var rejected: UInt64 = 0
    /// Rows that were answered `unavailable`, or gave up in doubt.
    package var unavailable: UInt64 = 0
    /// Reads that the replica answered, and those that might have gone there but went to the primary.
    package var replicaReads: UInt64 = 0
    package var primaryReads: UInt64 = 0
    /// Rows a batch.
    package var batchRows = Buckets([1, 2, 5, 10, 20, 50, 100, 200])
    /// Seconds from sending a batch to its commit.
    package var commitSeconds = Buckets([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5])

    package init() {}
}
