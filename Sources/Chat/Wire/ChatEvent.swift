import JSON

/// The AG-UI 1.0 events that a run produces, without their cursors. Text deltas are not here: the run log keeps the
/// text itself (see `RunLog`).
package enum ChatEvent: Sendable, Equatable {
    /// The run begins; `message` is the user's message that it answers, none where nobody asked.
    /// Boxed, since it is by far the largest and each run has one among many small ones.
    /// - Parameter replaced: the run whose answer stands where this one's will.
    indirect case runStarted(runID: Identifier, message: Message?, replaced: Identifier? = nil)
    /// The run goes on with what a person has answered.
    indirect case runResumed(runID: Identifier, Resumption)
    case textStart(Identifier)
    case textEnd(Identifier)
    case reasoningStart(Identifier)
    case reasoningMessageStart(Identifier)
    case reasoningMessageEnd(Identifier)
    case reasoningEnd(Identifier)
    case toolCallStart(id: String, name: String, parent: Identifier)
    case toolCallArguments(id: String, delta: String)
    case toolCallEnd(id: String)
    case toolCallResult(message: Identifier, id: String, content: String)
    case runFinished(runID: Identifier, outcome: Outcome, usage: Usage?)
    /// The run waits for a person.
    indirect case runSuspended(runID: Identifier, approvals: [Approval], usage: Usage?)
    case runError(code: RunErrorCode, message: String)

    package enum Outcome: String, Sendable {
        case success, cancelled
    }
}

/// Where an event stands, written into its `metadata.parley`.
package struct EventPlace: Sendable {
    package var threadID: Identifier
    package var epoch: String
    /// Everything up to this position of the thread is said with the event.
    package var position: UInt64
    /// The event repeats what was streamed before the client subscribed.
    package var isReplay: Bool

    package init(threadID: Identifier, epoch: String, position: UInt64, isReplay: Bool) {
        self.threadID = threadID
        self.epoch = epoch
        self.position = position
        self.isReplay = isReplay
    }
}

/// An event and where it stands, for a client that looks into it.
package struct PlacedEvent: Sendable {
    package var event: ChatEvent
    package var place: EventPlace

    package init(event: ChatEvent, place: EventPlace) {
        self.event = event
        self.place = place
    }
}

extension [UInt8] {
    /// Appends an event as JSON text, in the form of the AG-UI 1.0 models: camelCase, no null, no field that AG-UI
    /// does not define.
    package mutating func append(event: ChatEvent, at place: EventPlace) {
        switch event {
        case .runStarted(let runID, let message, let replaced):
            append(#"{"type":"RUN_STARTED","threadId":""#)
            place.threadID.append(to: &self)
            append(#"","runId":""#)
            runID.append(to: &self)
            append(#"","protocolVersion":"1.0","input":{"threadId":""#)
            place.threadID.append(to: &self)
            append(#"","runId":""#)
            runID.append(to: &self)
            append(#"","messages":["#)
            if let message { append(message: message) }
            append(#"],"tools":[],"context":[]}"#)
            if let replaced {
                append(#","parentRunId":""#)
                replaced.append(to: &self)
                append(#"""#)
            }
        case .runResumed(let runID, let resumption):
            append(#"{"type":"RUN_STARTED","threadId":""#)
            place.threadID.append(to: &self)
            append(#"","runId":""#)
            runID.append(to: &self)
            append(#"","protocolVersion":"1.0","parentRunId":""#)
            resumption.suspendedRunID.append(to: &self)
            append(#"","input":{"threadId":""#)
            place.threadID.append(to: &self)
            append(#"","runId":""#)
            runID.append(to: &self)
            append(#"","messages":[],"tools":[],"context":[],"resume":"#)
            append(answers: resumption.approvals)
            append("}")
        case .textStart(let message):
            append(#"{"type":"TEXT_MESSAGE_START","messageId":""#)
            message.append(to: &self)
            append(#"","role":"assistant""#)
        case .textEnd(let message):
            append(#"{"type":"TEXT_MESSAGE_END","messageId":""#)
            message.append(to: &self)
            append(#"""#)
        case .reasoningStart(let thought): append(#"{"type":"REASONING_START""#, thought)
        case .reasoningMessageStart(let thought):
            append(#"{"type":"REASONING_MESSAGE_START""#, thought)
            append(#","role":"reasoning""#)
        case .reasoningMessageEnd(let thought): append(#"{"type":"REASONING_MESSAGE_END""#, thought)
        case .reasoningEnd(let thought): append(#"{"type":"REASONING_END""#, thought)
        case .toolCallStart(let id, let name, let parent):
            append(#"{"type":"TOOL_CALL_START","toolCallId":"#)
            append(jsonString: id)
            append(#","toolCallName":"#)
            append(jsonString: name)
            append(#","parentMessageId":""#)
            parent.append(to: &self)
            append(#"""#)
        case .toolCallArguments(let id, let delta):
            append(#"{"type":"TOOL_CALL_ARGS","toolCallId":"#)
            append(jsonString: id)
            append(#","delta":"#)
            append(jsonString: delta)
        case .toolCallEnd(let id):
            append(#"{"type":"TOOL_CALL_END","toolCallId":"#)
            append(jsonString: id)
        case .toolCallResult(let message, let id, let content):
            append(#"{"type":"TOOL_CALL_RESULT","messageId":""#)
            message.append(to: &self)
            append(#"","toolCallId":"#)
            append(jsonString: id)
            append(#","content":"#)
            append(jsonString: content)
            append(#","role":"tool""#)
        case .runFinished(let runID, let outcome, let usage):
            append(#"{"type":"RUN_FINISHED","threadId":""#)
            place.threadID.append(to: &self)
            append(#"","runId":""#)
            runID.append(to: &self)
            append(#"","outcome":{"type":""#)
            append(contentsOf: outcome.rawValue.utf8)
            append(#""}"#)
            if let usage { append(usage: usage) }
        case .runSuspended(let runID, let approvals, let usage):
            append(#"{"type":"RUN_FINISHED","threadId":""#)
            place.threadID.append(to: &self)
            append(#"","runId":""#)
            runID.append(to: &self)
            append(#"","outcome":{"type":"interrupt","interrupts":"#)
            append(interrupts: approvals)
            append("}")
            if let usage { append(usage: usage) }
        case .runError(let code, let message):
            append(#"{"type":"RUN_ERROR","message":"#)
            append(jsonString: message)
            append(#","code":""#)
            append(contentsOf: code.rawValue.utf8)
            append(#"""#)
        }
        append(place: place)
    }

    /// Appends a text delta; `utf8` is a whole number of characters.
    ///
    /// - Parameter isThought: it is of what the model thinks.
    package mutating func append(
        textDelta utf8: UnsafeBufferPointer<UInt8>, isThought: Bool = false, of message: Identifier,
        at place: EventPlace
    ) {
        append(
            isThought
                ? #"{"type":"REASONING_MESSAGE_CONTENT","messageId":""#
                : #"{"type":"TEXT_MESSAGE_CONTENT","messageId":""#)
        message.append(to: &self)
        append(#"","delta":""#)
        append(jsonEscaped: utf8)
        append(#"""#)
        append(place: place)
    }

    /// The beginning of an event, and whose it is.
    private mutating func append(_ beginning: StaticString, _ message: Identifier) {
        append(beginning)
        append(#","messageId":""#)
        message.append(to: &self)
        append(#"""#)
    }

    /// Appends an AG-UI Message object.
    package mutating func append(message: Message) {
        append(#"{"id":""#)
        message.id.append(to: &self)
        append(#"""#)
        append(
            messageFields: message.role, content: message.content, toolCalls: message.toolCalls,
            toolCallID: message.toolCallID)
        let badRun = message.run.flatMap { $0.hasEndedBadly ? $0 : nil }
        if message.createdAt > 0 || message.status != .complete || badRun != nil || message.place != nil {
            append(metadataOf: message, badRun)
        }
        append("}")
    }

    /// Stored ones tell when and where; the message that opens a run is not read back for that.
    private mutating func append(metadataOf message: Message, _ run: MessageRun?) {
        append(#","metadata":{"parley":{"status":""#)
        append(contentsOf: message.status.rawValue.utf8)
        append(#"""#)
        if message.createdAt > 0 {
            append(#","createdAt":"#)
            append(jsonString: Timestamp.rfc3339(microseconds: message.createdAt))
            append(#","position":"#)
            append(decimal: message.position)
            append(#","runId":"#)
            if let id = message.runID ?? message.run?.id {
                append(jsonString: id.description)
            } else {
                append("null")
            }
        }
        if let run {
            append(#","run":{"status":""#)
            append(contentsOf: run.status.rawValue.utf8)
            append(#"""#)
            if let code = run.code {
                append(#","code":""#)
                append(contentsOf: code.rawValue.utf8)
                append(#"""#)
            }
            append("}")
        }
        if let place = message.place {
            if message.role == .user {
                append(#","parentId":"#)
                if let parent = place.parent { append(jsonString: parent.description) } else { append("null") }
            }
            if place.siblings.count > 1 {
                append(#","siblings":["#)
                for (index, sibling) in place.siblings.enumerated() {
                    if index > 0 { append(",") }
                    append(jsonString: sibling.description)
                }
                append("]")
            }
        }
        append("}}")
    }

    /// Appends what an AG-UI Message object holds behind its id, with the comma before it.
    package mutating func append(
        messageFields role: Role, content: String, toolCalls: [ToolCall], toolCallID: String?
    ) {
        append(#","role":""#)
        append(contentsOf: role.rawValue.utf8)
        append(#"","content":"#)
        append(jsonString: content)
        if !toolCalls.isEmpty {
            append(#","toolCalls":["#)
            for (index, call) in toolCalls.enumerated() {
                if index > 0 { append(",") }
                append(#"{"id":"#)
                append(jsonString: call.id)
                append(#","type":"function","function":{"name":"#)
                append(jsonString: call.name)
                append(#","arguments":"#)
                append(jsonString: call.arguments)
                append("}}")
            }
            append("]")
        }
        if let toolCallID {
            append(#","toolCallId":"#)
            append(jsonString: toolCallID)
        }
    }

    package mutating func append(usage: Usage) {
        append(#","usage":[{"inputTokens":"#)
        append(decimal: usage.inputTokens)
        append(#","outputTokens":"#)
        append(decimal: usage.outputTokens)
        append(#","totalTokens":"#)
        // The counts are the upstream's word, which may be anything.
        let (total, overflow) = usage.inputTokens.addingReportingOverflow(usage.outputTokens)
        append(decimal: overflow ? .max : total)
        append("}]")
    }

    /// Appends the last member of an event, and its end.
    package mutating func append(place: EventPlace) {
        append(#","metadata":{"parley":{"threadId":""#)
        place.threadID.append(to: &self)
        append(#"","cursor":""#)
        append(cursor: place.position, epoch: place.epoch)
        place.isReplay ? append(#"","replay":true}}}"#) : append(#""}}}"#)
    }

    package mutating func append(cursor position: UInt64, epoch: String) {
        append(contentsOf: epoch.utf8)
        append(".")
        append(decimal: position)
    }
}
