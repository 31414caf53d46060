extension Session {
    /// Says something in a conversation without having been asked, on all sockets that are subscribed to it, once it is
    /// stored.
    ///
    /// - Parameter store: stores it; called when nothing is under way in the conversation, or never: then it is to be
    ///   offered again.
    package func tell(_ message: UnaskedMessage, store: @escaping (@escaping (UnaskedOutcome) -> Void) -> Void) {
        if !isDraining, environment.holdsLease, !closing.contains(message.threadID),
            let conversation = try? open(message.threadID)
        {
            conversation.tell(message, store: store)
        }
        // A session that was made for this alone goes again.
        if isIdle { becameIdle?() }
    }

    func announce(_ conversation: Conversation, to isWanted: (any SessionClient) -> Bool) {
        let frame = ServerFrame.thread(conversation)
        for client in clients where isWanted(client) { client.send(frame) }
    }
}
