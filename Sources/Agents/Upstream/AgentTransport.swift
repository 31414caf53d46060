import JSON
package import Chat

/// Where an assistant of another program is reached: opens one stream for one request body. On the shard's loop.
///
/// A seam: the assistants know neither URLs nor sockets, and a test can be the upstream.
package protocol AgentTransport: AnyObject {
    /// Begins a request. Nothing is called on the receiver before this returns.
    ///
    /// - Parameter user: whose turn it is, for the fair queue of those that wait for a place.
    func open(_ body: [UInt8], user: String, _ receiver: any AgentStreamReceiver) -> any AgentStream
}

/// A stream of events under way.
package protocol AgentStream: AnyObject {
    /// Something was shown to the user: from here the request must not be sent again.
    func commit()
    /// The reply is whole; nothing more is called on the receiver, and what is still on its way is of no interest.
    func finish()
    /// The stream holds an error: it is tried again where that is allowed, or `failed` follows, later.
    func reject(_ failure: AgentFailure)
    /// The connection is closed at once; nothing more is called on the receiver.
    func cancel()
}

/// Who reads a stream.
package protocol AgentStreamReceiver: AnyObject {
    /// One server-sent event: its data, valid during the call only, and whether its name is `error`.
    func event(_ data: UnsafeRawBufferPointer, isError: Bool)
    /// The request is sent again: what came of it so far is void. Only before `commit`.
    func restarts()
    /// The connection ended in order. - Returns: whether the reply is whole.
    func ended() -> Bool
    /// It failed for good.
    func failed(_ failure: AgentFailure)
}

/// Why an upstream gave no reply, in words for the user: nothing that the upstream said is in them.
package struct AgentFailure: Error, Sendable, Equatable {
    package var code: RunErrorCode
    package var message: String
    /// Whether the same request may succeed when it is sent again.
    package var isRetryable: Bool
    /// The HTTP status, where there was one.
    package var status: Int?
    /// What the operator may read of it: a word or two that hold no contents and no secrets.
    package var detail: String?

    package init(
        _ code: RunErrorCode, _ message: String, isRetryable: Bool = false, status: Int? = nil, detail: String? = nil
    ) {
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
        self.status = status
        self.detail = detail
    }
}

extension AgentFailure {
    static let malformed = AgentFailure(
        .upstreamError, "The assistant's answer could not be read.", detail: "malformed")
    static let tooManySteps = AgentFailure(
        .upstreamError, "The assistant came to no answer in the steps it has.", detail: "too many steps")
    static let tooManyCalls = AgentFailure(
        .upstreamTruncated, "The assistant called too many tools at once.", detail: "too many calls")

    /// An error that the upstream reported inside its stream, by the HTTP status it would have had.
    static func reported(status: Int?, detail: String?) -> AgentFailure {
        switch status {
        case 429, 502, 503, 529:
            AgentFailure(
                .upstreamUnavailable, "The assistant is not available at the moment.", isRetryable: true,
                status: status, detail: detail)
        case 408, 504:
            AgentFailure(
                .upstreamTimeout, "The assistant took too long.", isRetryable: true, status: status, detail: detail)
        default:
            AgentFailure(
                .upstreamError, "The assistant reported an error.", isRetryable: (500...599).contains(status ?? 0),
                status: status, detail: detail)
        }
    }

    /// One line for the operator.
    func report(of run: Identifier) -> String {
        var line = "run \(run): \(code.rawValue)"
        if let status { line += ", status \(status)" }
        if let detail { line += ", \(detail)" }
        return line
    }
}

/// Codes of an upstream's errors as they may stand in a log: identifiers such as `invalid_api_key`, never a sentence,
/// which may quote the prompt or the key.
enum ReportedCode {
    static let lengthLimit = 48

    static func word(_ value: JSON?) -> String? {
        guard let text = value?.string, !text.isEmpty, text.utf8.count <= lengthLimit,
            text.utf8.allSatisfy({ ($0 >= 97 && $0 <= 122) || $0 == UInt8(ascii: "_") })
        else { return nil }
        return text
    }

    static func status(_ value: JSON?) -> Int? {
        let number = value?.integer ?? value?.string.flatMap { Int64($0) }
        return number.flatMap { (100...599).contains($0) ? Int($0) : nil }
    }
}
