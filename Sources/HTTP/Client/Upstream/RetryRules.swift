/// Whether and when a failed request is sent again. Pure: chance is an input.
package struct RetryRules: Sendable {
    private let settings: UpstreamSettings
    private var attempts = 0

    package init(_ settings: UpstreamSettings) {
        self.settings = settings
    }

    /// The pause before the next attempt; nil: the failure is final.
    ///
    /// - Parameters:
    ///   - isCommitted: something of the answer was shown: it can't be taken back.
    ///   - random: 0 ..< 1.
    package mutating func pause(after failure: UpstreamFailure, isCommitted: Bool, random: Double) -> UInt64? {
        guard !isCommitted, failure.isRetryable, attempts < settings.retries else { return nil }
        if let seconds = failure.retryAfter {
            let (wanted, overflow) = UInt64(max(seconds, 0)).multipliedReportingOverflow(by: 1_000_000_000)
            guard !overflow, wanted <= settings.retryAfterLimit else { return nil }
            attempts += 1
            // Not all who were told the same time come back at the same moment; and none of them sooner.
            return wanted &+ Self.part(of: settings.backoff, random)
        }
        let exponent = UInt64(min(attempts, 16))
        attempts += 1
        let pause = min(settings.backoff << exponent, settings.backoffLimit)
        return pause / 2 &+ Self.part(of: pause / 2, random)
    }

    private static func part(of time: UInt64, _ random: Double) -> UInt64 {
        UInt64(Double(time) * min(max(random, 0), 1))
    }
}
