/// How an upstream is treated. Times are nanoseconds.
package struct UpstreamSettings: Sendable, Equatable {
    /// Repetitions of a request after its first failure.
    package var retries = 2
    /// The pause before the first repetition; doubled each time, half of it left to chance.
    package var backoff: UInt64 = 250_000_000
    package var backoffLimit: UInt64 = 4_000_000_000
    /// The longest `Retry-After` that is waited for; a longer one is passed on to the user.
    package var retryAfterLimit: UInt64 = 10_000_000_000
    /// Failures in a row that open the breaker; 0: never.
    package var breakerFailures = 5
    /// How long it stays open before a probe.
    package var breakerPause: UInt64 = 10_000_000_000
    /// Requests under way at a time.
    package var streams = 1_000
    /// Requests that may wait for their turn, and how long.
    package var waiting = 1_000
    package var waitLimit: UInt64 = 10_000_000_000
    /// The most bytes of one event, or of an answer that is no stream.
    package var eventBytes = 1 << 20
    /// The most bytes of all events of an answer that are used.
    package var replyBytes = 16 << 20
    /// Values of an event's member `type` for which it is skipped, whatever its size.
    package var skippedTypes: Set<String> = []
    /// How long the stream may go on after its reply has ended, for what closes it.
    package var grace: UInt64 = 2_000_000_000

    package init() {}

    /// One shard's share of bounds that hold for the process.
    package func share(of shards: Int) -> UpstreamSettings {
        let shards = max(shards, 1)
        var share = self
        share.streams = max(1, (streams + shards - 1) / shards)
        share.waiting = max(1, (waiting + shards - 1) / shards)
        return share
    }
}

/// What can be counted of an upstream.
package struct UpstreamFigures: Sendable, Equatable {
    package var inUse = 0
    package var waiting = 0
    package var breaker = CircuitBreaker.Phase.closed
    /// Since the start, calls by their end:
    package var completed = 0
    package var cancelled = 0
    package var unavailable = 0
    package var errors = 0
    package var truncated = 0
    package var timedOut = 0
    /// Attempts beyond the first of a call.
    package var retries = 0
    /// Calls that the open breaker answered, and that found the queue full or waited too long; they are among
    /// `unavailable` too.
    package var rejected = 0
    package var crowdedOut = 0
    /// Times the breaker opened.
    package var opened = 0

    package init() {}

    mutating func count(_ code: UpstreamFailure.Code) {
        switch code {
        case .unavailable: unavailable += 1
        case .error: errors += 1
        case .truncated: truncated += 1
        case .timeout: timedOut += 1
        }
    }
}
