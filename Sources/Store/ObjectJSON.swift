package import Chat
import JSON

/// The objects of the HTTP API and of an export: one spelling each (documentation, page HTTP API).
extension [UInt8] {
    package mutating func append(optional text: String?) {
        if let text { append(jsonString: text) } else { append("null") }
    }

    /// - Parameter microseconds: since 1970, UTC.
    package mutating func append(time microseconds: Int64) {
        append(jsonString: Timestamp.rfc3339(microseconds: microseconds))
    }

    private mutating func append(optionalTime microseconds: Int64?) {
        if let microseconds { append(time: microseconds) } else { append("null") }
    }

    private mutating func append(optionalID id: Identifier?) {
        guard let id else { return append("null") }
        append(#"""#)
        id.append(to: &self)
        append(#"""#)
    }

    private mutating func append(flag: Bool) { flag ? append("true") : append("false") }

    // MARK: Conversations

    /// The members of a conversation, without the braces.
    package mutating func append(fieldsOf conversation: Conversation, userID: String) {
        append(#""id":""#)
        conversation.id.append(to: &self)
        append(#"","user_id":"#)
        append(jsonString: userID)
        append(#","title":"#)
        append(optional: conversation.title)
        append(#","status":""#)
        append(contentsOf: conversation.status.rawValue.utf8)
        append(#"","metadata":"#)
        append(contentsOf: (conversation.metadata ?? "null").utf8)
        append(#","message_count":"#)
        append(decimal: conversation.messageCount)
        append(#","created_at":"#)
        append(time: conversation.createdAt)
        append(#","updated_at":"#)
        append(time: conversation.updatedAt)
    }

    // MARK: Messages

    /// - Parameter hasContents: false: what was said is `null`, for those who are not to have it.
    package mutating func append(
        fieldsOf message: Message, of conversation: Identifier, userID: String, hasContents: Bool = true
    ) {
        append(#""id":""#)
        message.id.append(to: &self)
        append(#"","conversation_id":""#)
        conversation.append(to: &self)
        append(#"","user_id":"#)
        append(jsonString: userID)
        append(#","run_id":"#)
        append(optionalID: message.runID ?? message.run?.id)
        append(#","position":"#)
        append(decimal: message.position)
        append(#","role":""#)
        append(contentsOf: message.role.rawValue.utf8)
        append(#"","sender":""#)
        append(contentsOf: (message.role == .user ? Role.user : .assistant).rawValue.utf8)
        append(#"","status":""#)
        append(contentsOf: message.status.rawValue.utf8)
        append(#"","content":"#)
        append(optional: hasContents ? message.content : nil)
        append(#","tool_calls":"#)
        if message.toolCalls.isEmpty || !hasContents {
            append("null")
        } else {
            // As it is stored.
            append(contentsOf: StoredJSON.toolCalls(message.toolCalls).utf8)
        }
        append(#","tool_call_id":"#)
        append(optional: message.toolCallID)
        append(#","run":"#)
        if let run = message.run { append(run: run) } else { append("null") }
        append(#","created_at":"#)
        append(time: message.createdAt)
    }

    /// Where a message stands in the tree, which is known where a path was read.
    package mutating func append(placeOf message: Message) {
        append(#","parent_id":"#)
        append(optionalID: message.place?.parent)
        append(#","siblings":["#)
        for (index, sibling) in (message.place?.siblings ?? []).enumerated() {
            if index > 0 { append(",") }
            append(optionalID: sibling)
        }
        append("]")
    }

    private mutating func append(run: MessageRun) {
        append(#"{"id":""#)
        run.id.append(to: &self)
        append(#"","status":""#)
        append(contentsOf: run.status.rawValue.utf8)
        append(#"","code":"#)
        append(optional: run.code?.rawValue)
        append("}")
    }

    // MARK: Runs

    package mutating func append(fieldsOf run: StoredRun, userID: String) {
        append(#""id":""#)
        run.id.append(to: &self)
        append(#"","conversation_id":""#)
        run.threadID.append(to: &self)
        append(#"","user_id":"#)
        append(jsonString: userID)
        append(#","user_message_id":"#)
        append(optionalID: run.userMessageID)
        append(#","status":"#)
        append(jsonString: run.status)
        append(#","code":"#)
        append(optional: run.code)
        append(#","usage":"#)
        append(contentsOf: (run.usage ?? "null").utf8)
        append(#","created_at":"#)
        append(time: run.createdAt)
        append(#","started_at":"#)
        append(optionalTime: run.startedAt)
        append(#","finished_at":"#)
        append(optionalTime: run.finishedAt)
    }

    // MARK: Tasks

    package mutating func append(fieldsOf task: StoredTask) {
        append(#""id":"#)
        append(decimal: task.id)
        append(#","number":"#)
        append(decimal: Int64(task.number))
        append(#","user_id":"#)
        append(jsonString: task.userID)
        append(#","title":"#)
        append(jsonString: task.title)
        append(#","description":"#)
        append(optional: task.description)
        append(#","is_completed":"#)
        append(flag: task.isCompleted)
        append(#","ai_generated":"#)
        append(flag: task.isGenerated)
        append(#","last_interaction_id":"#)
        append(optionalID: task.lastInteractionID)
        append(#","due_at":"#)
        if let due = task.dueAt { append(time: due) } else { append("null") }
        append(#","recurrence":"#)
        append(optional: task.recurrence)
        append(#","created_at":"#)
        append(time: task.createdAt)
        append(#","updated_at":"#)
        append(time: task.updatedAt)
    }

    // MARK: Operations

    package mutating func append(fieldsOf operation: StoredOperation, of conversation: Identifier) {
        append(#""operation_id":""#)
        operation.id.append(to: &self)
        append(#"","conversation_id":""#)
        conversation.append(to: &self)
        append(#"","user_message_id":"#)
        append(optionalID: operation.messageID)
        append(#","run_id":""#)
        operation.runID.append(to: &self)
        append(#"","ordinal":"#)
        append(decimal: operation.ordinal)
        append(#","operation_type":"#)
        append(jsonString: operation.type)
        append(#","input_params":"#)
        append(contentsOf: operation.parameters.utf8)
        append(#","result":"#)
        append(contentsOf: (operation.result ?? "null").utf8)
        append(#","status":"#)
        append(jsonString: operation.status)
        append(#","created_at":"#)
        append(time: operation.createdAt)
        append(#","finished_at":"#)
        if let finished = operation.finishedAt { append(time: finished) } else { append("null") }
    }
}
