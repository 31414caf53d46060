/// What ends conversations from outside: their deletion, and that of messages and users.
extension Session {
    /// Milliseconds after which a deletion no longer waits for the turns that it cancels: the database ends what is
    /// left of them.
    private static var stopLimit: UInt64 { 5_000 }

    /// Cancels the turn that runs in a conversation and those that wait, and takes no new ones there, until `allow` or
    /// `deleted`.
    ///
    /// - Parameter completion: called once, when all of that is stored, or after 5 s.
    package func stopTurns(in threadID: Identifier, _ completion: @escaping () -> Void) {
        guard closing.insert(threadID).inserted, let conversation = conversation(threadID) else {
            // Nothing to wait for, or somebody else's deletion waits already: the database decides between them.
            _ = environment.schedule(after: 0, completion)
            return
        }
        var completion: (() -> Void)? = completion
        var timer: UInt64?
        let environment = environment
        let done = {
            if let timer { environment.cancel(timer: timer) }
            timer = nil
            let told = completion
            completion = nil
            told?()
        }
        timer = environment.schedule(after: Self.stopLimit, done)
        conversation.stop { _ = environment.schedule(after: 0, done) }
    }

    /// The deletion has failed: the conversation goes on.
    package func allow(_ threadID: Identifier) {
        guard closing.remove(threadID) != nil else { return }
        // Where the deletion did not wait for the end of a turn, the next ones are not stopped for it.
        conversation(threadID)?.handle(.allow)
    }

    /// The conversation is deleted in the database: nobody is subscribed to it any longer, and every socket hears so.
    package func deleted(_ conversation: Conversation) {
        closing.remove(conversation.id)
        if let held = self.conversation(conversation.id) {
            held.letGo()
            release(held)
        }
        announce(conversation)
    }

    /// The same in all of the user's conversations, before the user is deleted.
    ///
    /// They take no new ones until `allowAll`.
    package func stopAllTurns(_ completion: @escaping () -> Void) {
        let busy = busyConversations
        guard !busy.isEmpty else {
            _ = environment.schedule(after: 0, completion)
            return
        }
        // The deletion of a conversation that is under way gives it back by itself.
        closingWithUser.formUnion(busy.filter { !closing.contains($0) })
        var left = busy.count
        for id in busy {
            stopTurns(in: id) {
                left -= 1
                if left == 0 { completion() }
            }
        }
    }

    /// The deletion of the user has failed: what is not deleted goes on.
    package func allowAll() {
        let stopped = closingWithUser
        closingWithUser = []
        for id in stopped { allow(id) }
    }

    /// A message was deleted in the database: the assistant no longer sees it, nothing of it is replayed, and whoever
    /// is subscribed is shown the history anew.
    package func messageDeleted(threadID: Identifier) {
        guard let conversation = conversation(threadID) else { return }
        conversation.historyChanged()
        release(conversation)
    }
}
