package import HTTPTypes
package import Tracing

/// The right to answer one request, once. Confined to the connection's loop.
///
/// It may be kept as long as the answer takes. The first of `respond`, `beginStream` and `upgrade` uses it up; further
/// calls do nothing and say so, as do calls after the client has gone. One that is let go unused answers 500, so that
/// a forgotten request can't hold its connection for ever.
package final class HTTPResponder {
    private var connection: HTTPServerConnection?
    private let exchange: UInt64
    /// Of the request, where it is traced: ends with the answer's head.
    package var trace: Span?
    /// When somebody else was asked for the answer first, on the loop's clock.
    package var passedOnAt: UInt64?

    init(_ connection: HTTPServerConnection, exchange: UInt64) {
        self.connection = connection
        self.exchange = exchange
    }

    deinit {
        trace?.end(failure: "unanswered")
        connection?.responderDropped(exchange)
    }

    /// Whether an answer would still reach somebody.
    package var isOpen: Bool {
        connection?.isAwaitingAnswer(exchange) ?? false
    }

    /// Who runs the process that has sent the request, where that is on this machine; see `Socket.peerOwner`.
    package var peerOwner: UInt32? { connection?.transport.peerOwner }

    /// The client has gone before the answer; on the loop, at most once. Set it while a long answer is worked on.
    package func onClosed(_ action: @escaping () -> Void) {
        connection?.setClosedAction(exchange, action)
    }

    /// Answers with a body of known length. For HEAD the body is measured and left out.
    ///
    /// - Returns: false when there was nobody to answer.
    @discardableResult
    package func respond(_ response: HTTPResponse, body: [UInt8] = []) -> Bool {
        use(response.status.code)?.answer(exchange, response, body) ?? false
    }

    /// Answers with the JSON error body, and the code's own status unless another is given.
    @discardableResult
    package func respond(
        error code: APIErrorCode, _ message: String, status: HTTPResponse.Status? = nil, retryAfter: Int? = nil
    ) -> Bool {
        var response = HTTPResponse(
            status: status ?? code.status,
            headerFields: [.contentType: "application/json", .cacheControl: "no-store"])
        if let retryAfter { response.headerFields[.retryAfter] = String(retryAfter) }
        return respond(response, body: APIErrorBody.json(code, message))
    }

    /// Begins a body of unknown length (chunked; for HTTP/1.0, up to the connection's end).
    ///
    /// - Returns: nil when there was nobody to answer.
    package func beginStream(_ response: HTTPResponse) -> HTTPResponseStream? {
        use(response.status.code)?.beginStream(exchange, response)
    }

    /// Writes `response` (101, or nil to let the new owner write it) and gives the connection up.
    ///
    /// - Returns: nil when there was nobody to answer.
    package func upgrade(_ response: HTTPResponse?) -> HTTPUpgrade? {
        use(response?.status.code ?? 101)?.upgrade(exchange, response)
    }

    /// Writes the head of a body that ends with the connection, and gives that up: for a stream that outlives the request,
    /// on a loop of its owner's choice.
    ///
    /// - Returns: nil when there was nobody to answer.
    package func surrenderStream(_ response: HTTPResponse) -> HTTPUpgrade? {
        use(response.status.code)?.upgrade(exchange, response, isStream: true)
    }

    private func use(_ status: Int) -> HTTPServerConnection? {
        defer { connection = nil }
        if let trace, connection != nil {
            trace.set("http.response.status_code", .number(Int64(status)))
            trace.end(failure: status >= 500 ? "\(status)" : nil)
        }
        return connection
    }
}
