package import JSON

/// The tools that a conversation's assistant has. On the shard's loop; a completion comes exactly once, never before the
/// call has returned.
package protocol ToolHost: AnyObject {
    /// Carries a call out exactly once by its key: effect, log row and result are one transaction, and the same key again
    /// gives the stored result and no second effect. Wrong arguments are a `failed` outcome, as is a tool that there is
    /// not.
    func call(_ operation: ToolOperation, completion: @escaping (StoreWrite<ToolOutcome>) -> Void)
    /// Whether there is such a tool, which can use these arguments.
    func accepts(_ name: String, _ arguments: JSON) -> Bool
}

/// Which call of which run it is, whatever id a model gives it. `ordinal` counts the calls of a run from 1.
package struct ToolCallKey: Sendable, Hashable {
    package var runID: Identifier
    package var ordinal: Int

    package init(runID: Identifier, ordinal: Int) {
        self.runID = runID
        self.ordinal = ordinal
    }
}

/// A tool call to carry out.
package struct ToolOperation: Sendable {
    package var userID: String
    package var threadID: Identifier
    package var messageID: Identifier
    package var key: ToolCallKey
    /// The name as the assistant gave it: may be no tool at all.
    package var name: String
    /// The arguments as the assistant gave them: may be anything.
    package var arguments: JSON

    package init(
        userID: String, threadID: Identifier, messageID: Identifier, key: ToolCallKey, name: String, arguments: JSON
    ) {
        self.userID = userID
        self.threadID = threadID
        self.messageID = messageID
        self.key = key
        self.name = name
        self.arguments = arguments
    }
}
