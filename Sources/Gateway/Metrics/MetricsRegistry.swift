package import CoreMetrics
import Foundation
import Synchronization

/// The metrics of the process in Prometheus' text form (version 0.0.4), behind swift-metrics' interface.
///
/// A handle is a few atomic numbers, so whoever counts takes no lock and waits for nobody, and whoever reads needs no
/// shard to stop. Times are kept in nanoseconds and shown in seconds. The registry's own lock is for making handles, at
/// the start, and for the list of them while it is read.
package final class MetricsRegistry: MetricsFactory {
    /// Series at most, so that a label with too many values can't fill the memory: what is asked for beyond counts
    /// nothing.
    package static let maximumSeries = 20_000

    private struct State {
        var families: [String: Family] = [:]
        var count = 0
    }

    private struct Family {
        var kind: Kind
        var series: [(labels: String, source: any MetricSource)] = []
    }

    enum Kind: String {
        case counter, gauge, histogram
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        add(label, dimensions, .counter, CounterSource()) ?? NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        add(label, dimensions, .gauge, GaugeSource()) ?? NOOPMetricsHandler.instance
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if !aggregate { return add(label, dimensions, .gauge, GaugeSource()) ?? NOOPMetricsHandler.instance }
        return add(label, dimensions, .histogram, HistogramSource(bounds: HistogramSource.sizes, scale: 1))
            ?? NOOPMetricsHandler.instance
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        add(label, dimensions, .histogram, HistogramSource(bounds: HistogramSource.durations, scale: 1e-9))
            ?? NOOPMetricsHandler.instance
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// A histogram that is counted elsewhere and shown here as it was last handed over.
    func makeCopy(label: String, dimensions: [(String, String)]) -> HistogramCopy {
        add(label, dimensions, .histogram, HistogramCopy()) ?? HistogramCopy()
    }

    /// A figure that is kept elsewhere and read when all are; nil where it can't be had now, which leaves it out.
    func makeReading(
        label: String, _ kind: Kind = .counter, dimensions: [(String, String)] = [],
        _ read: @escaping @Sendable () -> Double?
    ) {
        _ = add(label, dimensions, kind, Reading(read: read))
    }

    private func add<Source: MetricSource>(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind, _ source: Source
    ) -> Source? {
        let labels = dimensions.map { "\(Self.name($0.0))=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        return state.withLock { state in
            let name = Self.name(label)
            var family = state.families[name] ?? Family(kind: kind)
            if let known = family.series.first(where: { $0.labels == labels }) { return known.source as? Source }
            guard family.kind == kind, state.count < Self.maximumSeries else { return nil }
            state.count += 1
            family.series.append((labels, source))
            state.families[name] = family
            return source
        }
    }

    // MARK: The text

    /// Everything, one family after the other in the order of their names.
    package func text() -> [UInt8] {
        let families = state.withLock { $0.families }
        var text: [UInt8] = []
        text.reserveCapacity(32 * 1024)
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            if let help = MetricHelp.texts[name] { text.append(contentsOf: "# HELP \(name) \(help)\n".utf8) }
            text.append(contentsOf: "# TYPE \(name) \(family.kind.rawValue)\n".utf8)
            for (labels, source) in family.series { source.append(to: &text, name, labels) }
        }
        return text
    }

    private static func name(_ text: String) -> String {
        String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" })
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}

protocol MetricSource: AnyObject, Sendable {
    func append(to text: inout [UInt8], _ name: String, _ labels: String)
}

extension MetricSource {
    func line(_ text: inout [UInt8], _ name: String, _ labels: String, _ value: String) {
        text.append(contentsOf: name.utf8)
        if !labels.isEmpty {
            text.append(UInt8(ascii: "{"))
            text.append(contentsOf: labels.utf8)
            text.append(UInt8(ascii: "}"))
        }
        text.append(UInt8(ascii: " "))
        text.append(contentsOf: value.utf8)
        text.append(UInt8(ascii: "\n"))
    }
}

final class CounterSource: CounterHandler, MetricSource {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        value.add(amount, ordering: .relaxed)
    }

    func reset() {
        value.store(0, ordering: .relaxed)
    }

    func append(to text: inout [UInt8], _ name: String, _ labels: String) {
        line(&text, name, labels, "\(value.load(ordering: .relaxed))")
    }
}

/// A figure that is kept elsewhere.
final class Reading: MetricSource {
    private let read: @Sendable () -> Double?

    init(read: @escaping @Sendable () -> Double?) {
        self.read = read
    }

    func append(to text: inout [UInt8], _ name: String, _ labels: String) {
        guard let value = read() else { return }
        line(&text, name, labels, "\(value)")
    }
}

final class GaugeSource: MeterHandler, RecorderHandler, MetricSource {
    private let bits = Atomic<UInt64>(Double(0).bitPattern)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    func increment(by amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let result = bits.compareExchange(
                expected: old, desired: (Double(bitPattern: old) + amount).bitPattern, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }

    func decrement(by amount: Double) { increment(by: -amount) }

    func append(to text: inout [UInt8], _ name: String, _ labels: String) {
        line(&text, name, labels, "\(Double(bitPattern: bits.load(ordering: .relaxed)))")
    }
}

/// Buckets with fixed bounds. What is recorded is a whole number (nanoseconds, rows); `scale` makes of it what is shown.
final class HistogramSource: TimerHandler, RecorderHandler, MetricSource {
    /// Seconds, from a quarter of a millisecond to five minutes.
    static let durations: [Double] = [
        0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
    ]
    static let sizes: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000, 1_000_000]

    private let bounds: [Double]
    private let limits: [Int64]
    private let scale: Double
    private let counts: [Cell]
    private let sum = Atomic<Int64>(0)

    private final class Cell: Sendable {
        let value = Atomic<Int64>(0)
    }

    init(bounds: [Double], scale: Double) {
        self.bounds = bounds
        self.scale = scale
        limits = bounds.map { Int64(($0 / scale).rounded()) }
        counts = (0...bounds.count).map { _ in Cell() }
    }

    func record(_ value: Int64) {
        counts[limits.firstIndex { value <= $0 } ?? limits.count].value.add(1, ordering: .relaxed)
        sum.add(value, ordering: .relaxed)
    }

    func record(_ value: Double) { record(Int64(value.isFinite ? min(max(value, 0), 1e15) : 0)) }
    func recordNanoseconds(_ duration: Int64) { record(duration) }

    func append(to text: inout [UInt8], _ name: String, _ labels: String) {
        appendHistogram(
            to: &text, name, labels, bounds: bounds,
            counts: counts.map { UInt64(clamping: $0.value.load(ordering: .relaxed)) },
            sum: Double(sum.load(ordering: .relaxed)) * scale)
    }
}

/// A histogram as its owner last handed it over, with a count more than it has bounds.
final class HistogramCopy: MetricSource {
    private let figures = Mutex<(bounds: [Double], counts: [UInt64], sum: Double)>(([], [0], 0))

    func set(bounds: [Double], counts: [UInt64], sum: Double) {
        figures.withLock { $0 = (bounds, counts, sum) }
    }

    func append(to text: inout [UInt8], _ name: String, _ labels: String) {
        let figures = figures.withLock { $0 }
        appendHistogram(
            to: &text, name, labels, bounds: figures.bounds, counts: figures.counts, sum: figures.sum)
    }
}

extension MetricSource {
    func appendHistogram(
        to text: inout [UInt8], _ name: String, _ labels: String, bounds: [Double], counts: [UInt64], sum: Double
    ) {
        let rest = labels.isEmpty ? "" : labels + ","
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total &+= count
            let bound = index < bounds.count ? "\(bounds[index])" : "+Inf"
            line(&text, name + "_bucket", rest + "le=\"\(bound)\"", "\(total)")
        }
        line(&text, name + "_sum", labels, "\(sum)")
        line(&text, name + "_count", labels, "\(total)")
    }
}
