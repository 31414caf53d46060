package import JSON
package import Tracing

/// An assistant. One instance serves a whole shard; all calls come and go on the shard's loop.
package protocol Agent: AnyObject {
    /// How many stored messages of the conversation it wants to see beside the new one; 0: none are read.
    var historyWanted: Int { get }

    /// Begins the assistant's part of a turn. Everything it does goes through `run`, now or later, on the loop;
    /// it ends with exactly one `finish` or `fail`, or by `cancel` of the returned work.
    func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork
}

/// What an assistant is given for a turn.
package struct AgentInput: Sendable {
    package var userID: String
    package var threadID: Identifier
    package var runID: Identifier
    /// The newest messages before this one, oldest first, never half of a tool exchange.
    package var history: [Message]
    /// The user's message, already committed.
    package var message: Message
    /// What this turn has said and done before a person was asked, with the results of what was; empty: it begins.
    package var exchange: [Message] = []
    /// What was answered to the questions of an upstream.
    package var answers: [Approval] = []
    /// What it wanted back with them.
    package var state: JSON?
    /// The IANA name of the zone that the client gave with the message, as it gave it.
    package var timeZone: String?

    package init(
        userID: String, threadID: Identifier, runID: Identifier, history: [Message], message: Message,
        timeZone: String? = nil
    ) {
        self.userID = userID
        self.threadID = threadID
        self.runID = runID
        self.history = history
        self.message = message
        self.timeZone = timeZone
    }
}

/// A running turn as its assistant sees it. After `finish`, `fail` or a cancel, calls are ignored.
///
/// Text and tool calls appear on the wire and in the history in the order in which they are made. A text message is
/// opened by the first `text` and closed by `endText`, a tool call, `finish` or `fail`.
package protocol AgentRun: AnyObject {
    /// The turn, where it is traced.
    var trace: Span? { get }
    /// Streams a piece of the answer. Empty pieces are ignored. At most 200 000 code points a run.
    func text(_ delta: String)
    /// The same, for a piece that lies in a buffer: valid UTF-8, a whole number of characters, read during the call.
    func text(utf8 delta: UnsafeBufferPointer<UInt8>)
    /// Closes the open text message: the next `text` opens another.
    func endText()
    /// The text that was shown since the last call or `endText` was no part of the answer: it is closed and not stored.
    func dropText()
    /// Streams what the model thinks, which is shown where the operator wants it, and never stored.
    func reasoning(_ delta: String)
    /// Announces a tool call whose arguments follow, for assistants that stream them.
    func toolCallStart(id: String, name: String)
    func toolCallArguments(id: String, delta: String)
    /// The arguments are complete; `perform` follows at once or later, in any order of calls.
    func toolCallEnd(id: String)
    /// Carries an announced call out. `completion` comes after the effect is committed and the result was sent to the
    /// user's sockets; it does not come when the run is cancelled meanwhile. Wrong arguments, an unknown tool or
    /// somebody else's task are a `failed` outcome, not an end of the run.
    func perform(id: String, name: String, arguments: JSON, completion: @escaping (ToolOutcome) -> Void)
    /// Puts an announced call to a person, where that is to be done before it is carried out: then it is not performed, and
    /// when all else of the step is done `suspend` follows.
    ///
    /// - Parameters:
    ///   - message: what the person is told; `nil`: what the tool and its arguments say.
    ///   - always: also where the operator asks for no approval of this tool.
    /// - Returns: `false`: it may be carried out.
    func ask(id: String, name: String, arguments: JSON, message: String?, always: Bool) -> Bool
    /// The same for a question of the upstream's.
    func ask(_ question: UpstreamQuestion)
    /// The turn waits for a person; what is answered begins another run (`AgentInput.exchange`).
    ///
    /// - Parameter state: what the assistant wants back with the answers.
    func suspend(_ usage: Usage?, state: JSON?)
    /// Records what came of an announced call that the assistant's own program has carried out: it is shown and stored
    /// like any result, and no operation of ours.
    func toolResult(id: String, content: String)
    /// What was counted so far, summed over the run, so that a run which is stopped or fails has it too.
    func count(_ usage: Usage)
    /// The run is complete; `usage`, where given, replaces what was counted.
    func finish(_ usage: Usage?)
    func fail(_ code: RunErrorCode, _ message: String)
}

/// An interrupt of an upstream's (AG-UI 1.0).
package struct UpstreamQuestion: Sendable, Equatable {
    package var id: String
    package var reason: String
    package var message: String?
    package var callID: String?
    package var responseSchema: JSON?

    package init(
        id: String, reason: String, message: String? = nil, callID: String? = nil, responseSchema: JSON? = nil
    ) {
        self.id = id
        self.reason = reason
        self.message = message
        self.callID = callID
        self.responseSchema = responseSchema
    }
}

extension AgentRun {
    package var trace: Span? { nil }

    package func dropText() { endText() }

    package func ask(id: String, name: String, arguments: JSON, message: String?, always: Bool) -> Bool { false }

    package func ask(_ question: UpstreamQuestion) {}

    package func suspend(_ usage: Usage?, state: JSON?) { finish(usage) }

    package func reasoning(_ delta: String) {}

    package func text(utf8 delta: UnsafeBufferPointer<UInt8>) {
        text(String(decoding: delta, as: UTF8.self))
    }

    /// The whole of a call by an assistant that has its arguments ready.
    package func call(id: String, name: String, arguments: JSONObject, completion: @escaping (ToolOutcome) -> Void) {
        toolCallStart(id: id, name: name)
        toolCallArguments(id: id, delta: JSON.object(arguments).description)
        toolCallEnd(id: id)
        perform(id: id, name: name, arguments: .object(arguments), completion: completion)
    }
}

/// The assistant's side of a running turn, for the session.
package protocol AgentWork: AnyObject {
    /// Stops at once: timers, upstream requests. Nothing is called on the run after this returns. Idempotent.
    func cancel()
}

/// What a model counted, summed over a run.
package struct Usage: Sendable, Equatable {
    package var inputTokens: Int
    package var outputTokens: Int

    package init(inputTokens: Int, outputTokens: Int) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
    }
}

/// Why a run ended badly (Protocol.md, section 3).
package enum RunErrorCode: String, Sendable, CaseIterable {
    case upstreamUnavailable = "upstream_unavailable"
    case upstreamError = "upstream_error"
    case upstreamTruncated = "upstream_truncated"
    case upstreamTimeout = "upstream_timeout"
    /// Neither text nor a call.
    case upstreamEmpty = "upstream_empty"
    /// The message has more in it than the model takes.
    case contextTooLong = "context_too_long"
    /// The provider refused the message, or its answer, for what is in it.
    case contentFiltered = "content_filtered"
    case conversationFull = "conversation_full"
    case toolFailed = "tool_failed"
    case interrupted
    case `internal`
}
