package import JSON

/// What a client may ask for over a socket (Protocol.md section 2), checked field by field.
package enum ClientCommand: Sendable, Equatable {
    /// - Parameter timeZone: of `metadata`, as the client gave it.
    case send(
        id: String?, threadID: ThreadReference?, content: String, policy: QueuePolicy, timeZone: String? = nil)
    /// A `send` that says what it goes behind; `parentID` `nil`: at the beginning.
    case edit(
        id: String?, threadID: ThreadReference, content: String, parentID: ThreadReference?, policy: QueuePolicy,
        timeZone: String? = nil)
    case regenerate(id: String?, threadID: ThreadReference, messageID: ThreadReference, policy: QueuePolicy)
    case select(id: String?, threadID: ThreadReference, messageID: ThreadReference)
    case cancel(id: String?, threadID: ThreadReference, runID: ThreadReference?)
    case resume(id: String?, threadID: ThreadReference, answers: [InterruptAnswer])
    case subscribe(id: String?, threadID: ThreadReference, after: String?)
    case unsubscribe(id: String?, threadID: ThreadReference)
    case auth(id: String?, token: String)
    case ping(id: String?)

    package enum QueuePolicy: String, Sendable {
        case enqueue, reject, interrupt
    }
}

extension ClientCommand {
    /// How the client has named it.
    package var id: String? {
        switch self {
        case .send(let id, _, _, _, _), .edit(let id, _, _, _, _, _), .regenerate(let id, _, _, _),
            .select(let id, _, _), .cancel(let id, _, _), .resume(let id, _, _), .subscribe(let id, _, _),
            .unsubscribe(let id, _), .auth(let id, _), .ping(let id):
            id
        }
    }
}

/// An id as a client wrote it. Ids are opaque to clients, so one that can't be ours is simply one that does not exist.
package enum ThreadReference: Sendable, Equatable {
    case known(Identifier)
    /// One that is to be made with this id, if there is none.
    case fresh(Identifier)
    case impossible
}

/// Why a frame was refused, with the id that the answer is to carry.
package struct CommandError: Error, Sendable, Equatable {
    package var id: String?
    package var error: ClientError

    package init(id: String?, _ code: ErrorCode, _ message: String) {
        self.id = id
        error = ClientError(code, message)
    }
}

extension ClientCommand {
    /// Reads one frame.
    package init(frame: UnsafeRawBufferPointer, limits: ChatLimits) throws(CommandError) {
        let value: JSON
        do {
            value = try JSON(parsing: frame)
        } catch {
            throw CommandError(id: nil, .invalidJSON, "The frame is not valid JSON: \(error).")
        }
        try self.init(value: value, limits: limits)
    }

    package init(frame: [UInt8], limits: ChatLimits) throws(CommandError) {
        let value: JSON
        do {
            value = try JSON(parsing: frame)
        } catch {
            throw CommandError(id: nil, .invalidJSON, "The frame is not valid JSON: \(error).")
        }
        try self.init(value: value, limits: limits)
    }

    /// Reads a frame that was parsed already.
    package init(value: JSON, limits: ChatLimits) throws(CommandError) {
        guard case .object(let object) = value else {
            throw CommandError(id: nil, .invalidJSON, "A frame is one JSON object.")
        }
        let fields = FieldReader(object: object, limits: limits)
        guard let operation = object["op"]?.string else {
            throw CommandError(id: fields.usableID, .invalidOperation, "\"op\" must name an operation.")
        }
        switch operation {
        case "send":
            let id = try fields.id()
            let thread = try fields.reference("threadId")
            let content = try fields.content()
            let policy = try fields.policy()
            let parent = try fields.reference("parentId")
            if object["parentId"] == nil || (thread == nil && parent == nil) {
                self = .send(
                    id: id, threadID: thread, content: content, policy: policy, timeZone: fields.timeZone)
            } else if let thread {
                self = .edit(
                    id: id, threadID: thread, content: content, parentID: parent, policy: policy,
                    timeZone: fields.timeZone)
            } else {
                throw fields.invalid("\"parentId\" is a message of a conversation: \"threadId\" is required.")
            }
        case "regenerate":
            self = .regenerate(
                id: try fields.id(), threadID: try fields.required("threadId"),
                messageID: try fields.required("messageId"), policy: try fields.policy())
        case "select":
            self = .select(
                id: try fields.id(), threadID: try fields.required("threadId"),
                messageID: try fields.required("messageId"))
        case "cancel":
            self = .cancel(
                id: try fields.id(), threadID: try fields.required("threadId"), runID: try fields.reference("runId"))
        case "resume":
            self = .resume(
                id: try fields.id(), threadID: try fields.required("threadId"), answers: try fields.answers())
        case "subscribe":
            self = .subscribe(
                id: try fields.id(), threadID: try fields.required("threadId"), after: try fields.text("after"))
        case "unsubscribe":
            self = .unsubscribe(id: try fields.id(), threadID: try fields.required("threadId"))
        case "auth":
            let id = try fields.id()
            guard let token = try fields.text("token", limit: 16_384), !token.isEmpty else {
                throw fields.invalid("\"token\" must be a string.")
            }
            self = .auth(id: id, token: token)
        case "ping":
            self = .ping(id: try fields.id())
        default:
            throw CommandError(id: fields.usableID, .invalidOperation, "There is no such operation.")
        }
    }

    /// A line of a person's in the plain text mode of Protocol.md section 1.
    ///
    /// A terminal's client sends the line with its end, which is no part of what was said.
    package init(plainText line: String, threadID: Identifier?, limits: ChatLimits) throws(CommandError) {
        let text = line.last?.isNewline == true ? String(line.dropLast()) : line
        do {
            try ContentRules.check(text, limits: limits)
        } catch {
            throw CommandError(id: nil, error.code, error.message)
        }
        self = .send(id: nil, threadID: threadID.map(ThreadReference.known), content: text, policy: .enqueue)
    }
}

/// What a user's message must be like (Data-model.md, rules), for sockets and HTTP alike.
package enum ContentRules {
    package static func check(_ content: String, limits: ChatLimits) throws(ClientError) {
        var count = 0
        var isBlank = true
        for scalar in content.unicodeScalars {
            count += 1
            if scalar.value == 0 {
                throw ClientError(.invalidField, "\"content\" holds a NUL character, which can't be stored.")
            }
            if isBlank, !scalar.properties.isWhitespace { isBlank = false }
        }
        if count > limits.contentLength {
            throw ClientError(
                .contentTooLong, "A message has at most \(limits.contentLength) characters; this one has \(count).")
        }
        if isBlank { throw ClientError(.emptyContent, "The message is empty.") }
    }
}

private struct FieldReader {
    let object: JSONObject
    let limits: ChatLimits

    /// The frame's id where it is one, for the answer to a frame that is wrong otherwise.
    var usableID: String? {
        guard let id = object["id"]?.string, isID(id) else { return nil }
        return id
    }

    func invalid(_ message: String) -> CommandError {
        CommandError(id: usableID, .invalidField, message)
    }

    func id() throws(CommandError) -> String? {
        guard let value = object["id"], !value.isNull else { return nil }
        guard let id = value.string, isID(id) else {
            throw CommandError(
                id: nil, .invalidField, "\"id\" must be a string of 1 to \(limits.clientIDLength) characters.")
        }
        return id
    }

    func text(_ name: String, limit: Int = 1_024) throws(CommandError) -> String? {
        guard let value = object[name], !value.isNull else { return nil }
        guard let text = value.string else { throw invalid("\"\(name)\" must be a string.") }
        guard text.utf8.count <= limit else { throw invalid("\"\(name)\" is too long.") }
        return text
    }

    /// What can't be used is none, never an error.
    var timeZone: String? {
        guard let zone = object["metadata"]?["timeZone"]?.string, (1...64).contains(zone.utf8.count) else { return nil }
        return zone
    }

    func reference(_ name: String) throws(CommandError) -> ThreadReference? {
        guard let text = try text(name) else { return nil }
        return Identifier(text).map(ThreadReference.known) ?? .impossible
    }

    func answers() throws(CommandError) -> [InterruptAnswer] {
        do {
            return try InterruptAnswer.read(object["resume"], idName: "interruptId")
        } catch {
            throw CommandError(id: usableID, error.code, error.message)
        }
    }

    func required(_ name: String) throws(CommandError) -> ThreadReference {
        guard let reference = try reference(name) else { throw invalid("\"\(name)\" is required.") }
        return reference
    }

    func policy() throws(CommandError) -> ClientCommand.QueuePolicy {
        guard let policy = ClientCommand.QueuePolicy(rawValue: try text("policy") ?? "enqueue") else {
            throw invalid("\"policy\" is enqueue, reject or interrupt.")
        }
        return policy
    }

    func content() throws(CommandError) -> String {
        guard let content = object["content"]?.string else {
            throw invalid("\"content\" is required and must be a string.")
        }
        do {
            try ContentRules.check(content, limits: limits)
        } catch {
            throw CommandError(id: usableID, error.code, error.message)
        }
        return content
    }

    private func isID(_ id: String) -> Bool {
        let count = id.unicodeScalars.count
        return count >= 1 && count <= limits.clientIDLength && !id.unicodeScalars.contains("\0")
    }
}
