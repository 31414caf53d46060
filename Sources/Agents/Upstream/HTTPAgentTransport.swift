package import Chat
package import HTTP
import HTTPTypes
package import Tracing

/// Upstreams over HTTP: each request a POST whose answer is a stream of server-sent events.
package final class HTTPAgentTransport: AgentTransport {
    private let upstream: Upstream
    private let url: HTTPURL
    private let headers: [(String, String)]

    /// - Parameter key: sent as a bearer token; a secret.
    package init(_ upstream: Upstream, _ url: HTTPURL, key: String?) {
        self.upstream = upstream
        self.url = url
        var headers = [("Content-Type", "application/json"), ("Accept", "text/event-stream")]
        if let key { headers.append(("Authorization", "Bearer \(key)")) }
        self.headers = headers
    }

    package func open(
        _ body: [UInt8], user: String, conversation: Identifier, trace: TraceContext?,
        _ receiver: any AgentStreamReceiver
    ) -> any AgentStream {
        let bridge = UpstreamBridge(receiver)
        var request = HTTPClientRequest(.post, url, headers: headers, body: body)
        if let trace {
            request.headers.append(("traceparent", trace.traceparent))
            if let state = trace.state { request.headers.append(("tracestate", state)) }
        }
        bridge.call = upstream.stream(
            request, user: user, conversation: conversation.high ^ conversation.low, bridge)
        return bridge
    }
}

/// Stands between a call and the turn that reads it, so that the one knows nothing of the other.
private final class UpstreamBridge: AgentStream, UpstreamReceiver {
    /// Both `nil` once it is over: they hold each other until then.
    var call: UpstreamCall?
    private var receiver: (any AgentStreamReceiver)?
    /// What was rejected in this attempt.
    private var rejection: AgentFailure?

    init(_ receiver: any AgentStreamReceiver) {
        self.receiver = receiver
    }

    func commit() { call?.commit() }

    func conclude() { call?.conclude() }

    func discount(_ bytes: Int) { call?.discount(bytes) }

    func finish() { letGo()?.finish() }

    func cancel() { letGo()?.cancel() }

    func reject(_ failure: AgentFailure) {
        rejection = failure
        call?.reject(
            UpstreamFailure(
                .init(failure.code), failure.message, status: failure.status, isRetryable: failure.isRetryable,
                countsAgainstUpstream: failure.countsAgainstUpstream))
    }

    func upstream(_ call: UpstreamCall, event: ServerSentEvent) {
        receiver?.event(event.data, isError: !event.event.isEmpty && event.event.elementsEqual("error".utf8))
    }

    func upstream(_ call: UpstreamCall, document: UnsafeRawBufferPointer) {
        receiver?.document(document)
    }

    func upstreamRestarts(_ call: UpstreamCall) {
        rejection = nil
        receiver?.restarts()
    }

    func upstreamEnded(_ call: UpstreamCall) -> Bool {
        guard let receiver, receiver.ended() else { return false }
        _ = letGo()
        return true
    }

    func upstream(_ call: UpstreamCall, failed failure: UpstreamFailure) {
        let receiver = receiver
        _ = letGo()
        receiver?.failed(rejection ?? AgentFailure(failure, refusal: UpstreamRefusal(body: failure.detail)))
    }

    private func letGo() -> UpstreamCall? {
        let call = call
        self.call = nil
        receiver = nil
        return call
    }
}

extension AgentFailure {
    /// Whether it says that the upstream is ill, and not that this request or its answer was wrong.
    fileprivate var countsAgainstUpstream: Bool { status == 429 || status == 502 || status == 503 }

    fileprivate init(_ failure: UpstreamFailure, refusal: UpstreamRefusal?) {
        let code: RunErrorCode =
            switch failure.code {
            case .unavailable: .upstreamUnavailable
            case .error: .upstreamError
            case .truncated: .upstreamTruncated
            case .timeout: .upstreamTimeout
            }
        self.init(
            code, failure.message, isRetryable: failure.isRetryable, status: failure.status, refusal: refusal)
    }
}

extension UpstreamFailure.Code {
    fileprivate init(_ code: RunErrorCode) {
        switch code {
        case .upstreamUnavailable: self = .unavailable
        case .upstreamTruncated: self = .truncated
        case .upstreamTimeout: self = .timeout
        case .upstreamError, .upstreamEmpty, .contextTooLong, .contentFiltered, .conversationFull, .toolFailed,
            .interrupted, .internal:
            self = .error
        }
    }
}
