import JSON
package import Chat
package import Tracing

/// Where an assistant of another program is reached: opens one stream for one request body. On the shard's loop.
///
/// A seam: the assistants know neither URLs nor sockets, and a test can be the upstream.
package protocol AgentTransport: AnyObject {
    /// Begins a request. Nothing is called on the receiver before this returns.
    ///
    /// - Parameters:
    ///   - user: whose turn it is, for the fair queue of those that wait for a place.
    ///   - conversation: what it is for: what one of them meets again and again says little of the upstream.
    ///   - trace: what the request is part of, for the upstream.
    func open(
        _ body: [UInt8], user: String, conversation: Identifier, trace: TraceContext?,
        _ receiver: any AgentStreamReceiver
    ) -> any AgentStream
}

/// A stream of events under way.
package protocol AgentStream: AnyObject {
    /// Something was shown to the user: from here the request must not be sent again.
    func commit()
    /// The reply has ended, and its figures and the stream's own end may follow: `ended` comes after a while at the latest.
    func conclude()
    /// The last event was of no use: its bytes do not count towards the bound of the reply.
    func discount(_ bytes: Int)
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
    /// An answer that is JSON and no stream, valid during the call only; `ended` follows.
    func document(_ data: UnsafeRawBufferPointer)
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
    /// What the upstream said, which may hold anything.
    package var refusal: UpstreamRefusal?

    package init(
        _ code: RunErrorCode, _ message: String, isRetryable: Bool = false, status: Int? = nil, detail: String? = nil,
        refusal: UpstreamRefusal? = nil
    ) {
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
        self.status = status
        self.detail = detail
        self.refusal = refusal
    }
}

extension AgentFailure {
    static let malformed = AgentFailure(
        .upstreamError, "The assistant's answer could not be read.", detail: "malformed")
    static func tooManySteps(_ done: String?) -> AgentFailure {
        AgentFailure(
            .upstreamError, "The assistant came to no answer in the steps it has.\(done.map { " \($0)" } ?? "")",
            detail: "too many steps")
    }
    static let contextTooLong = AgentFailure(
        .contextTooLong, "This message is too long for the assistant's model. Please send a shorter one.",
        detail: "too long")
    static let contentFiltered = AgentFailure(
        .contentFiltered, "The assistant's provider refused this message for its content.", detail: "content filter")

    /// - Parameter hasThought: it thought, and came to nothing.
    static func empty(hasThought: Bool, reason: String?) -> AgentFailure {
        AgentFailure(
            .upstreamEmpty,
            hasThought
                ? "The assistant thought about it and gave no answer. Please ask again."
                : "The assistant gave no answer. Please ask again.",
            detail: "empty reply, \(reason.map { "finish_reason \($0.prefix(32))" } ?? "no finish_reason")")
    }

    /// What an upstream reported inside its stream, or in a body that should have been one.
    static func reported(_ refusal: UpstreamRefusal) -> AgentFailure {
        var failure: AgentFailure
        switch refusal.kind(status: refusal.status) {
        case .tooLong: failure = .contextTooLong
        case .filtered: failure = .contentFiltered
        case .unsupported, .other: failure = .reported(status: refusal.status, detail: nil)
        }
        failure.status = refusal.status
        failure.refusal = refusal
        return failure
    }
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

    /// One line for the operator. - Parameter words: of the prompt, which are not repeated.
    func report(of run: Identifier, without words: PromptWords) -> String {
        var line = "run \(run): \(code.rawValue)"
        if let status { line += ", status \(status)" }
        if let detail { line += ", \(detail)" }
        if let refusal { line += ", the upstream says: \(words.masked(refusal))" }
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
