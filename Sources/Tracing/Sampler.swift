/// Which traces are recorded, as `OTEL_TRACES_SAMPLER` names it (OpenTelemetry SDK environment variables, 1.x).
package struct Sampler: Sendable, Equatable {
    /// Of traces that begin here, 0 to 1.
    package var ratio: Double
    /// Whether whoever began a trace elsewhere decides.
    package var heedsParent: Bool

    package static let names = [
        "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
        "parentbased_traceidratio",
    ]

    /// - Parameters:
    ///   - name: one of `names`; the default is `parentbased_always_on`.
    ///   - argument: the ratio, where it has one; 1 where none is given.
    package init?(name: String = "parentbased_always_on", argument: String? = nil) {
        guard Self.names.contains(name) else { return nil }
        heedsParent = name.hasPrefix("parentbased_")
        switch name.split(separator: "_", maxSplits: heedsParent ? 1 : 0).last {
        case "always_on": ratio = 1
        case "always_off": ratio = 0
        default:
            guard let ratio = argument.map({ Double($0) }) ?? 1, (0...1).contains(ratio) else { return nil }
            self.ratio = ratio
        }
    }

    /// - Parameter ratio: 0 to 1.
    package init(ratio: Double, heedsParent: Bool) {
        self.ratio = ratio
        self.heedsParent = heedsParent
    }

    /// The same for all parts of a trace, whoever decides by the same ratio: the lower half of its id counts.
    package func samples(traceLow: UInt64, parent: TraceContext?) -> Bool {
        if heedsParent, let parent { return parent.isSampled }
        if ratio >= 1 { return true }
        return Double(traceLow >> 11) < ratio * 0x1p53
    }
}
