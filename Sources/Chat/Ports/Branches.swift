/// A turn that goes elsewhere than behind what is shown (Protocol.md section 9).
package struct NewBranch: Sendable {
    package enum Kind: Sendable, Equatable {
        /// A new message, behind another one; `nil`: at the beginning.
        case message(id: Identifier, content: String, parent: Identifier?)
        /// Another answer to a user's message, which is named by itself or by any message of an answer to it.
        case answer(to: Identifier)
    }

    package var userID: String
    package var threadID: Identifier
    package var kind: Kind
    package var clientID: String?
    package var runID: Identifier
    /// The run begins at once, or waits in the queue of its conversation.
    package var startsNow: Bool
    /// Otherwise it begins at once, or is refused as `busy` where a run is active or waits for a person.
    package var waits = true

    package init(
        userID: String, threadID: Identifier, kind: Kind, clientID: String?, runID: Identifier, startsNow: Bool
    ) {
        self.userID = userID
        self.threadID = threadID
        self.kind = kind
        self.clientID = clientID
        self.runID = runID
        self.startsNow = startsNow
    }
}

package enum BranchAcceptance: Sendable, Equatable {
    /// As with a turn that goes behind the others. The message is the question, also where it was there before.
    ///
    /// - Parameter replaced: the run whose answer stood where the new one will.
    case accepted(Conversation, question: Message, isRunning: Bool, replaced: Identifier?)
    case duplicate(threadID: Identifier, messageID: Identifier, runID: Identifier, runEnded: Bool)
    case threadNotFound
    case conversationFull
    /// A run is active or waits for a person, and this was not to wait.
    case busy
    /// The message that was named is none of the conversation's, or not the last of a turn.
    case noSuchPlace
}

package enum SelectionOutcome: Sendable, Equatable {
    case selected
    case threadNotFound
    /// A run of the conversation is under way or waits.
    case busy
    /// The run is none of its.
    case noSuchPlace
}
