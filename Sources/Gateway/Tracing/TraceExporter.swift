import EventLoop
import Foundation
import HTTP
import HTTPTypes
import Logging
import Synchronization
import Tracing

/// Sends ended spans to a collector, on a loop of its own: whatever that does, or does not, no shard waits for it.
///
/// `@unchecked Sendable`: everything but the loop and the queue is touched on the loop only.
final class TraceExporter: @unchecked Sendable {
    /// Nanoseconds before a batch that was not taken is sent again, the first time; twice as long each further time.
    private static let retryDelay: UInt64 = 1_000_000_000
    /// Times that one batch is sent; then it is dropped.
    private static let attempts = 4
    /// The longest `Retry-After` that is waited for, milliseconds.
    private static let longestRetryAfter: Int64 = 30_000
    /// Bytes of an answer that are read.
    private static let answerBytes = 64 << 10

    static let connections = 2

    let tracer: Tracer
    private let configuration: TraceConfiguration
    private let endpoint: HTTPURL
    private let logger: Logger
    private let loop: EventLoop
    private let queue: SpanQueue
    private var client: HTTPClient?
    private var timer: TimerToken?
    private var state = State.idle
    private var batch: [Span.Record] = []
    private var attempt = 0
    private var isTold = false
    private var isClosed = false

    private enum State {
        /// Until it is time, or a batch is full.
        case idle
        case sending
        /// To send the same batch again.
        case waiting
    }

    /// Called when there is nothing left; set at the end.
    private var flushed: (@Sendable () -> Void)?

    /// - Returns: `nil` where nobody wants traces.
    static func start(
        _ configuration: TraceConfiguration, _ metrics: MetricsRegistry, logger: Logger
    ) throws -> TraceExporter? {
        let queue = SpanQueue(capacity: configuration.queue, batch: configuration.batch)
        metrics.makeReading(label: "parley_spans_total", dimensions: [("outcome", "exported")]) {
            Double(queue.exported)
        }
        metrics.makeReading(label: "parley_spans_total", dimensions: [("outcome", "dropped")]) {
            Double(queue.dropped)
        }
        guard let endpoint = configuration.endpoint else { return nil }
        var configuration = configuration
        configuration.resource.append(("service.instance.id", "\(ProcessInfo.processInfo.hostName)/\(getpid())"))
        let exporter = TraceExporter(
            configuration, endpoint, queue, try EventLoop(label: "parley.traces"), logger: logger)
        exporter.loop.start()
        exporter.loop.execute { exporter.begin() }
        return exporter
    }

    private init(
        _ configuration: TraceConfiguration, _ endpoint: HTTPURL, _ queue: SpanQueue, _ loop: EventLoop,
        logger: Logger
    ) {
        self.configuration = configuration
        self.endpoint = endpoint
        self.queue = queue
        self.loop = loop
        self.logger = logger
        tracer = Tracer(configuration.sampler, queue)
    }

    private func begin() {
        var settings = HTTPClientSettings()
        let limit = UInt64(configuration.timeoutMilliseconds) * 1_000_000
        settings.connectTimeout = min(settings.connectTimeout, limit)
        settings.firstByteTimeout = limit
        settings.idleTimeout = limit
        settings.totalTimeout = limit
        settings.limits.bodyBytes = Self.answerBytes
        settings.connections = Self.connections
        settings.tls = configuration.trust
        client = HTTPClient(on: loop, settings)
        queue.onBatch { [weak self] in self?.loop.execute { [weak self] in self?.export() } }
        rest()
    }

    /// Sends what there is, for so long at most, and ends.
    func stop(within limit: Duration) async {
        let gate = Gate()
        loop.execute { [self] in
            flushed = { gate.open() }
            switch state {
            case .idle: export()
            case .sending: break
            case .waiting: send()
            }
        }
        let deadline = ContinuousClock.now + limit
        while !gate.isOpen, ContinuousClock.now < deadline {
            await Task.detached { try? await Task.sleep(for: .milliseconds(10)) }.value
        }
        await withCheckedContinuation { continuation in
            loop.execute { [self] in
                isClosed = true
                cancelTimer()
                client?.close()
                client = nil
                continuation.resume()
            }
        }
        loop.stop()
    }

    private final class Gate: Sendable {
        private let flag = Atomic<Bool>(false)
        var isOpen: Bool { flag.load(ordering: .acquiring) }
        func open() { flag.store(true, ordering: .releasing) }
    }

    private func cancelTimer() {
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    private func rest() {
        state = .idle
        cancelTimer()
        timer = loop.schedule(after: UInt64(configuration.delayMilliseconds) * 1_000_000) { [weak self] in
            self?.timer = nil
            self?.export()
        }
    }

    /// One batch at a time.
    private func export() {
        guard state == .idle, !isClosed else { return }
        batch = queue.take()
        guard !batch.isEmpty else {
            flushed?()
            return rest()
        }
        attempt = 0
        send()
    }

    private func send() {
        cancelTimer()
        state = .sending
        attempt += 1
        let headers = [("Content-Type", "application/json"), ("User-Agent", "parley")] + configuration.headers
        let request = HTTPClientRequest(
            .post, endpoint, headers: headers, body: OTLP.request(batch, resource: configuration.resource))
        client?.start(request, StatusReply { [weak self] in self?.answered($0) })
    }

    private func answered(_ answer: StatusReply.Answer) {
        guard !isClosed else { return }
        switch answer {
        case .status(200..<300, _):
            queue.sent(batch.count)
            isTold = false
            settled()
        case .status(let status, let retryAfter) where [429, 502, 503, 504].contains(status):
            again("answered \(status)", retryAfter)
        case .status(let status, _): lose("answered \(status)")
        case .failure(let failure): again("\(failure)", nil)
        }
    }

    private func again(_ why: String, _ retryAfter: Int64?) {
        guard attempt < Self.attempts, flushed == nil else { return lose(why) }
        state = .waiting
        let delay = Self.retryDelay << UInt64(attempt - 1)
        let asked = UInt64(min(retryAfter ?? 0, Self.longestRetryAfter)) * 1_000_000
        timer = loop.schedule(after: max(delay, asked)) { [weak self] in
            self?.timer = nil
            self?.send()
        }
    }

    private func lose(_ why: String) {
        queue.lose(batch.count)
        if !isTold { logger.warning("traces are not taken, and dropped", metadata: ["cause": "\(why)"]) }
        isTold = true
        settled()
    }

    private func settled() {
        batch = []
        rest()
        if flushed != nil || queue.count >= configuration.batch { export() }
    }
}
