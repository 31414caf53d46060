import Dispatch
import EventLoop
import HTTP
import HTTPTypes
import Synchronization

/// What was heard on a loop, for a test on another thread to wait for.
final class Heard<Element: Sendable>: Sendable {
    private let state = Mutex<[Element]>([])
    private let added = DispatchSemaphore(value: 0)

    func append(_ element: Element) {
        state.withLock { $0.append(element) }
        added.signal()
    }

    var values: [Element] { state.withLock { $0 } }

    /// Waits until it holds; the limit is for a test that fails, not for one that passes.
    @discardableResult
    func wait(until condition: ([Element]) -> Bool) -> [Element] {
        let limit = DispatchTime.now() + 20
        while !condition(values) {
            if added.wait(timeout: limit) == .timedOut { break }
        }
        return values
    }
}

enum ExchangeHeard: Sendable, Equatable {
    case head(Int), body(String), end, failed(HTTPClientFailure)

    var isLast: Bool {
        switch self {
        case .end, .failed: true
        default: false
        }
    }
}

/// Notes what it hears, with body parts joined.
final class ExchangeNotes: HTTPClientReceiver {
    let heard: Heard<ExchangeHeard>
    private let onBody: (HTTPExchange) -> Void
    private var body = ""

    init(_ heard: Heard<ExchangeHeard>, onBody: @escaping (HTTPExchange) -> Void) {
        self.heard = heard
        self.onBody = onBody
    }

    func exchange(_ exchange: HTTPExchange, head: HTTPClientHead) { heard.append(.head(head.status)) }

    func exchange(_ exchange: HTTPExchange, body: UnsafeRawBufferPointer) {
        self.body += String(decoding: body, as: UTF8.self)
        onBody(exchange)
    }

    func exchangeEnded(_ exchange: HTTPExchange) {
        heard.append(.body(body))
        heard.append(.end)
    }

    func exchange(_ exchange: HTTPExchange, failed failure: HTTPClientFailure) {
        if !body.isEmpty { heard.append(.body(body)) }
        heard.append(.failed(failure))
    }
}

enum CallHeard: Sendable, Equatable {
    case event(String), restart, end, failed(UpstreamFailure.Code, Int?)

    var isLast: Bool {
        switch self {
        case .end, .failed: true
        default: false
        }
    }
}

/// Notes what it hears of a call; "[DONE]" finishes it, and the first event whose data is "token" commits it.
final class CallNotes: UpstreamReceiver {
    let heard: Heard<CallHeard>
    var onEvent: (UpstreamCall, String) -> Void = { _, _ in }
    /// What is not whole is cut off.
    var isWhole: ([CallHeard]) -> Bool = {
        $0.contains(.event("whole")) || $0.contains { "\($0)".contains("document") }
    }

    init(_ heard: Heard<CallHeard>) { self.heard = heard }

    func upstream(_ call: UpstreamCall, event: ServerSentEvent) {
        let text = String(decoding: event.data, as: UTF8.self)
        heard.append(.event(text))
        if text == "token" { call.commit() }
        onEvent(call, text)
        if text == "[DONE]" {
            call.finish()
            heard.append(.end)
        }
    }

    func upstreamRestarts(_ call: UpstreamCall) { heard.append(.restart) }

    func upstream(_ call: UpstreamCall, document: UnsafeRawBufferPointer) {
        heard.append(.event("document " + String(decoding: document, as: UTF8.self)))
    }

    func upstreamEnded(_ call: UpstreamCall) -> Bool {
        guard isWhole(heard.values) else { return false }
        heard.append(.end)
        return true
    }

    func upstream(_ call: UpstreamCall, failed failure: UpstreamFailure) {
        heard.append(.failed(failure.code, failure.status))
    }
}

/// A client, and an upstream over it, on a loop of their own, in the hands of a test.
final class TestClient: Sendable {
    let loop: EventLoop
    private let bound: LoopBound<(client: HTTPClient, upstream: Upstream)>

    init(
        _ change: (inout HTTPClientSettings) -> Void = { _ in },
        upstream changeUpstream: (inout UpstreamSettings) -> Void = { _ in },
        lookUp: (@Sendable (String, UInt16) -> [SocketAddress])? = nil
    ) throws {
        var settings = HTTPClientSettings()
        change(&settings)
        var upstreamSettings = UpstreamSettings()
        upstreamSettings.backoff = 1_000_000
        changeUpstream(&upstreamSettings)
        let loop = try EventLoop(label: "test")
        self.loop = loop
        let resolver = lookUp.map { NameResolver(on: loop, lookUp: $0) }
        let client = HTTPClient(on: loop, settings, resolver: resolver ?? NameResolver(on: loop))
        bound = LoopBound((client, Upstream(client, upstreamSettings)), on: loop)
        loop.start()
    }

    // What lives on the loop ends on it, the last reference included.
    deinit {
        loop.execute { [loop, bound] in
            bound.value.client.close()
            loop.stop()
        }
    }

    /// Does something on the loop and waits for it.
    @discardableResult
    func run<Value: Sendable>(_ body: @escaping @Sendable (HTTPClient, Upstream) -> Value) -> Value? {
        let result = Heard<Value>()
        let bound = bound
        loop.execute { result.append(body(bound.value.client, bound.value.upstream)) }
        return result.wait { !$0.isEmpty }.first
    }

    /// Begins an exchange.
    func start(
        _ request: HTTPClientRequest, onBody: @escaping @Sendable (HTTPExchange) -> Void = { _ in }
    ) -> Heard<ExchangeHeard> {
        let heard = Heard<ExchangeHeard>()
        run { client, _ in _ = client.start(request, ExchangeNotes(heard, onBody: onBody)) }
        return heard
    }

    /// The whole of an exchange.
    func get(_ url: String) throws -> [ExchangeHeard] {
        start(HTTPClientRequest(.get, try HTTPURL(url))).wait { $0.last?.isLast == true }
    }

    /// Begins a call.
    func stream(
        _ url: String, user: String = "u", onEvent: @escaping @Sendable (UpstreamCall, String) -> Void = { _, _ in }
    ) throws -> Heard<CallHeard> {
        let heard = Heard<CallHeard>()
        let request = HTTPClientRequest(.post, try HTTPURL(url), body: Array("{}".utf8))
        run { _, upstream in
            let notes = CallNotes(heard)
            notes.onEvent = onEvent
            _ = upstream.stream(request, user: user, notes)
        }
        return heard
    }

    func call(_ url: String) throws -> [CallHeard] {
        try stream(url).wait { $0.last?.isLast == true }
    }

    var figures: HTTPClientFigures? { run { client, _ in client.figures } }
    var upstreamFigures: UpstreamFigures? { run { _, upstream in upstream.figures } }
}
