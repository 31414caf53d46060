package import JSON
package import Chat
import HTTP
import Strings

/// An event of an AG-UI upstream, with what is used of it. Null counts as absent, since producers before 1.0 wrote it, names
/// may be in small letters and fields with underscores, as libraries write them that forget the aliases; what is needed
/// must be there.
package enum AGUIEvent: Sendable, Equatable {
    case runStarted
    case runFinished(Outcome, Usage?)
    case runError(code: String?, message: String, Usage?)
    case textStart(id: String, isAssistant: Bool)
    case textContent(id: String, delta: String)
    case textEnd(id: String)
    case textChunk(id: String?, isAssistant: Bool, delta: String?)
    case callStart(id: String, name: String, parent: String?)
    case callArguments(id: String, delta: String)
    case callEnd(id: String)
    case callChunk(id: String?, name: String?, parent: String?, delta: String?)
    case callResult(messageID: String, callID: String, content: String)
    case stateSnapshot(JSON)
    case stateDelta([JSON])
    case messages([AGUIMessage])
    /// Of what the agent thinks; read only where it is shown.
    case thought(String)
    /// Known and of no use here, or of a type that a later version may have added. `isContent`: it ends what a chunk
    /// has begun.
    case other(isContent: Bool)

    package enum Outcome: Sendable, Equatable {
        /// `pending`: the calls that are left to us; `nil` where the upstream does not say.
        case success(pending: [String]?)
        case interrupt([Interrupt])
        case cancelled
        case failed
    }

    /// Something that the upstream wants decided.
    package struct Interrupt: Sendable, Equatable {
        package var id: String
        package var callID: String?
        package var reason = "upstream"
        package var message: String?
        package var responseSchema: JSON?

        package init(
            id: String, callID: String? = nil, reason: String = "upstream", message: String? = nil,
            responseSchema: JSON? = nil
        ) {
            self.id = id
            self.callID = callID
            self.reason = reason
            self.message = message
            self.responseSchema = responseSchema
        }

        /// As a person is asked it.
        package var question: UpstreamQuestion {
            UpstreamQuestion(
                id: id, reason: reason, message: message, callID: callID, responseSchema: responseSchema)
        }
    }

    /// The data of one server-sent event.
    ///
    /// - Parameter readsThoughts: what the agent thinks is of use.
    package init(_ data: UnsafeRawBufferPointer, readsThoughts: Bool = false) throws(AgentFailure) {
        // What is not used is not read, whatever its size, depth and characters.
        var scanner = EventTypeScanner()
        if case .found(let name) = scanner.feed(data), !Self.usedTypes.contains(name),
            case let type = name.uppercased(), !Self.usedTypes.contains(type)
        {
            if readsThoughts, Self.thoughtTypes.contains(type) {
                self = Self.thought(data)
                return
            }
            self = .other(isContent: !Self.skippedTypes.contains(type))
            return
        }
        guard let json = (try? JSON(parsing: data)) ?? (try? JSON(withHalves: data)) else { throw .malformed }
        guard let object = json.object, let type = object["type"]?.string else { throw .malformed }
        let fields = AGUIFields(object)
        switch ExactString(type.uppercased()) {
        case "RUN_STARTED": self = .runStarted
        case "RUN_FINISHED": self = .runFinished(try Self.outcome(fields), Self.usage(fields.object["usage"]?.array))
        case "RUN_ERROR":
            let code = fields.object["code"]
            self = .runError(
                code: ReportedCode.word(.string((code?.string ?? code?.integer.map(String.init) ?? "").lowercased())),
                message: fields.object["message"]?.string ?? "", Self.usage(fields.object["usage"]?.array))
        case "TEXT_MESSAGE_START":
            self = .textStart(id: try fields.text("messageId"), isAssistant: try Self.isAssistant(fields))
        case "TEXT_MESSAGE_CONTENT":
            self = .textContent(id: try fields.text("messageId"), delta: try fields.optional("delta") ?? "")
        case "TEXT_MESSAGE_END": self = .textEnd(id: try fields.text("messageId"))
        case "TEXT_MESSAGE_CHUNK":
            self = .textChunk(
                id: try fields.optional("messageId"), isAssistant: try Self.isAssistant(fields),
                delta: try fields.optional("delta"))
        case "TOOL_CALL_START":
            self = .callStart(
                id: try fields.text("toolCallId"), name: try fields.text("toolCallName"),
                parent: try fields.optional("parentMessageId"))
        case "TOOL_CALL_ARGS":
            self = .callArguments(id: try fields.text("toolCallId"), delta: try fields.optional("delta") ?? "")
        case "TOOL_CALL_END": self = .callEnd(id: try fields.text("toolCallId"))
        case "TOOL_CALL_CHUNK":
            self = .callChunk(
                id: try fields.optional("toolCallId"), name: try fields.optional("toolCallName"),
                parent: try fields.optional("parentMessageId"), delta: try fields.optional("delta"))
        case "TOOL_CALL_RESULT":
            let callID = try fields.text("toolCallId")
            self = .callResult(
                messageID: try fields.optional("messageId") ?? "result-of-\(callID)", callID: callID,
                content: try AGUIMessage.content(object["content"]))
        case "STATE_SNAPSHOT": self = .stateSnapshot(object["snapshot"] ?? .null)
        case "STATE_DELTA":
            guard let delta = try fields.list("delta") else { throw .malformed }
            self = .stateDelta(delta)
        case "MESSAGES_SNAPSHOT":
            guard let messages = try fields.list("messages") else { throw .malformed }
            var read: [AGUIMessage] = []
            for message in messages { if let message = try AGUIMessage(message) { read.append(message) } }
            self = .messages(read)
        default: self = .other(isContent: true)
        }
    }

    /// Known, of no use here, and nothing that ends a chunk.
    package static let skippedTypes: Set<String> = [
        "RAW", "CUSTOM", "ACTIVITY_SNAPSHOT", "ACTIVITY_DELTA", "REASONING_ENCRYPTED_VALUE",
    ]

    /// What a run does without when it is over the bound of an event: the state is not kept beyond a quarter of that.
    package static let dispensableTypes = skippedTypes.union([
        "STATE_SNAPSHOT", "STATE_DELTA", "MESSAGES_SNAPSHOT", "STEP_STARTED", "STEP_FINISHED", "REASONING_START",
        "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_CHUNK", "REASONING_MESSAGE_END",
        "REASONING_END",
    ])

    /// Those that hold a piece of a thought; the second form is that of versions before 1.0.
    private static let thoughtTypes: Set<String> = [
        "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_CHUNK", "THINKING_TEXT_MESSAGE_CONTENT",
    ]

    /// What can't be read of a thought is left out of it: the answer does not depend on it.
    private static func thought(_ data: UnsafeRawBufferPointer) -> AGUIEvent {
        let json = (try? JSON(parsing: data)) ?? (try? JSON(withHalves: data))
        guard let delta = json?["delta"]?.string, !delta.isEmpty else { return .other(isContent: true) }
        return .thought(delta)
    }

    private static let usedTypes: Set<String> = [
        "RUN_STARTED", "RUN_FINISHED", "RUN_ERROR", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END",
        "TEXT_MESSAGE_CHUNK", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_CHUNK",
        "TOOL_CALL_RESULT", "STATE_SNAPSHOT", "STATE_DELTA", "MESSAGES_SNAPSHOT",
    ]

    private static func isAssistant(_ fields: AGUIFields) throws(AgentFailure) -> Bool {
        let role = try fields.optional("role") ?? "assistant"
        guard ["assistant", "user", "system", "developer"].contains(role) else { throw .malformed }
        return role == "assistant"
    }

    private static func outcome(_ fields: AGUIFields) throws(AgentFailure) -> Outcome {
        guard let outcome = fields.object["outcome"], !outcome.isNull else { return .success(pending: nil) }
        switch outcome["type"]?.string ?? outcome.string {
        case "interrupt":
            let interrupts = (outcome["interrupts"]?.array ?? []).compactMap { entry in
                entry["id"]?.string.map { id in
                    Interrupt(
                        id: id, callID: (entry["toolCallId"] ?? entry["tool_call_id"])?.string,
                        reason: entry["reason"]?.string ?? "upstream", message: entry["message"]?.string,
                        responseSchema: (entry["responseSchema"] ?? entry["response_schema"])?.object.map {
                            JSON.object($0)
                        })
                }
            }
            guard !interrupts.isEmpty else { throw .malformed }
            return .interrupt(interrupts)
        case "cancelled", "canceled": return .cancelled
        case "error", "failed", "failure": return .failed
        default:
            guard let pending = outcome["pendingToolCallIds"], !pending.isNull else { return .success(pending: nil) }
            guard let ids = pending.array else { throw .malformed }
            return .success(pending: ids.compactMap(\.string))
        }
    }

    /// One entry for each model that was used.
    private static func usage(_ entries: [JSON]?) -> Usage? {
        (entries ?? []).reduce(nil) { sum, entry in
            let (input, output) = (TokenCount.read(entry["inputTokens"]), TokenCount.read(entry["outputTokens"]))
            guard input != nil || output != nil else { return sum }
            return TokenCount.sum(sum, Usage(inputTokens: input ?? 0, outputTokens: output ?? 0))
        }
    }
}

/// The members of an event, read strictly.
struct AGUIFields {
    let object: JSONObject

    init(_ object: JSONObject) {
        self.object = object
    }

    /// By its name, or by that of Python's models.
    private func member(_ name: String) -> JSON? {
        if let value = object[name] { return value }
        var underscored = ""
        for scalar in name.unicodeScalars {
            if ("A"..."Z").contains(scalar) { underscored += "_" }
            underscored += String(scalar).lowercased()
        }
        return object[underscored]
    }

    func text(_ name: String) throws(AgentFailure) -> String {
        guard let value = member(name)?.string else { throw .malformed }
        return value
    }

    func optional(_ name: String) throws(AgentFailure) -> String? {
        guard let value = member(name), !value.isNull else { return nil }
        guard let text = value.string else { throw .malformed }
        return text
    }

    func list(_ name: String) throws(AgentFailure) -> [JSON]? {
        guard let value = object[name], !value.isNull else { return nil }
        guard let list = value.array else { throw .malformed }
        return list
    }
}
