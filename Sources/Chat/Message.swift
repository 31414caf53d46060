/// Who speaks in a message, as stored (Data-model.md, messages).
package enum Role: String, Sendable {
    case user, assistant, tool
}

/// How a stored message ended.
package enum MessageStatus: String, Sendable {
    case complete, cancelled, interrupted, failed
}

/// One call of a tool as the assistant made it.
package struct ToolCall: Sendable, Equatable {
    /// The call's id on the wire, made by the assistant or its model.
    package var id: String
    package var name: String
    /// The arguments as the assistant wrote them: JSON text, normally an object.
    package var arguments: String

    package init(id: String, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}

/// What has become of the run that answers a user's message.
package struct MessageRun: Sendable, Equatable {
    package var id: Identifier
    package var status: RunStatus
    /// Why it ended badly; `nil` where it did not, or was cancelled.
    package var code: RunErrorCode?

    package init(id: Identifier, status: RunStatus, code: RunErrorCode? = nil) {
        self.id = id
        self.status = status
        self.code = code
    }

    /// The message has no answer, or half of one, and none is to come.
    package var hasEndedBadly: Bool { status.isTerminal && status != .completed && status != .suspended }
}

/// Where a message stands in a conversation that may branch (Protocol.md section 9).
package struct MessagePlace: Sendable, Equatable {
    /// Of a user's message: the last one of what it follows; `nil`: it is at the beginning.
    package var parent: Identifier?
    /// Those in its place, itself included, oldest first; empty where it is alone there.
    package var siblings: [Identifier]

    package init(parent: Identifier? = nil, siblings: [Identifier] = []) {
        self.parent = parent
        self.siblings = siblings
    }
}

/// A message of a conversation. Committed ones have a `position` of 1 or more.
package struct Message: Sendable, Equatable {
    package var id: Identifier
    package var role: Role
    package var content: String
    /// What the assistant called with this message; empty for the other roles.
    package var toolCalls: [ToolCall]
    /// The call that a `tool` message answers.
    package var toolCallID: String?
    package var status: MessageStatus
    package var position: Int
    /// The run that it belongs to, where that is stored with it.
    package var runID: Identifier?
    /// Of a stored message of a user's the newest run that answers it; `nil` for the others.
    package var run: MessageRun?
    /// Microseconds since 1970, UTC; 0 where it was not read from the database.
    package var createdAt: Int64
    /// Where it stands in the tree of its conversation, where that was read.
    package var place: MessagePlace?

    package init(
        id: Identifier, role: Role, content: String, toolCalls: [ToolCall] = [], toolCallID: String? = nil,
        status: MessageStatus = .complete, position: Int = 0, run: MessageRun? = nil, runID: Identifier? = nil,
        createdAt: Int64 = 0
    ) {
        self.id = id
        self.role = role
        self.content = content
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
        self.status = status
        self.position = position
        self.run = run
        self.runID = runID
        self.createdAt = createdAt
    }
}
