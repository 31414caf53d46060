import Glibc

/// A piece of work with a beginning and an end. Confined to where it began; what it becomes may go anywhere.
package final class Span {
    package enum Kind: Int, Sendable {
        case `internal` = 1
        case server, client
    }

    package enum Value: Sendable, Equatable {
        case text(String)
        case number(Int64)
    }

    /// A span that has ended.
    package struct Record: Sendable, Equatable {
        package var context: TraceContext
        package var parent: UInt64?
        package var name: String
        package var kind: Kind
        /// Nanoseconds since 1970.
        package var start: UInt64
        package var end: UInt64
        package var attributes: [(key: String, value: Value)]
        package var hasFailed: Bool

        package static func == (left: Record, right: Record) -> Bool {
            left.context == right.context && left.parent == right.parent && left.name == right.name
                && left.kind == right.kind && left.start == right.start && left.end == right.end
                && left.hasFailed == right.hasFailed
                && left.attributes.elementsEqual(right.attributes) { $0.key == $1.key && $0.value == $1.value }
        }
    }

    /// Attributes of one span; further ones are left out.
    private static let mostAttributes = 32

    package var context: TraceContext { record.context }
    private let tracer: Tracer
    private var record: Record
    private var hasEnded = false

    fileprivate init(_ tracer: Tracer, _ record: Record) {
        self.tracer = tracer
        self.record = record
    }

    package func set(_ key: String, _ value: Value) {
        guard context.isSampled, record.attributes.count < Self.mostAttributes else { return }
        record.attributes.append((key, value))
    }

    /// A part of it.
    package func start(_ name: String, _ kind: Kind = .internal) -> Span {
        tracer.start(name, kind, parent: context)
    }

    /// The work is over; how it went may still be said, until `end`.
    package func stop() {
        if record.end == 0 { record.end = max(Tracer.now(), record.start) }
    }

    /// Ends it, the first time.
    ///
    /// - Parameter failure: what went wrong, as a code.
    package func end(failure: String? = nil) {
        guard !hasEnded else { return }
        hasEnded = true
        guard context.isSampled else { return }
        if let failure {
            set("error.type", .text(failure))
            record.hasFailed = true
        }
        stop()
        tracer.queue.add(record)
    }
}

/// Begins spans.
package final class Tracer: Sendable {
    package let queue: SpanQueue
    private let sampler: Sampler

    package init(_ sampler: Sampler, _ queue: SpanQueue) {
        self.sampler = sampler
        self.queue = queue
    }

    /// - Parameter parent: of another program, or of this one; `nil`: a trace begins.
    package func start(_ name: String, _ kind: Span.Kind = .internal, parent: TraceContext? = nil) -> Span {
        var random = SystemRandomNumberGenerator()
        let high = parent?.traceHigh ?? random.next()
        let low = parent?.traceLow ?? max(random.next(), 1)
        let context = TraceContext(
            traceHigh: high, traceLow: low, span: max(random.next(), 1),
            isSampled: sampler.samples(traceLow: low, parent: parent), state: parent?.state)
        return Span(
            self,
            Span.Record(
                context: context, parent: parent?.span, name: name, kind: kind, start: Self.now(), end: 0,
                attributes: [], hasFailed: false))
    }

    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
