/// How a listener joins, catches up, is told that it has, and leaves.
extension Feed {
    func subscription(of client: any SessionClient) -> Int? {
        subscriptions.firstIndex { $0.client === client }
    }

    /// Whether a client is subscribed, or will be when its history has been read.
    func isWanted(by client: any SessionClient) -> Bool {
        subscription(of: client) != nil || readers.contains { $0.answer.client === client }
    }

    /// Subscribes a client that has sent to the conversation: it gets the active run from its beginning, if there is one;
    /// one that has repeated a send gets that run, as far as it is still held.
    func join(_ client: any SessionClient, from runID: Identifier? = nil) {
        let start = logs.first { $0.log.runID == runID }?.log.start ?? beginning
        guard subscription(of: client) == nil else { return }
        if let reader = readers.first(where: { $0.answer.client === client }) {
            // Its history goes before the events.
            reader.start = min(reader.start ?? start, start)
            return
        }
        subscriptions.append(
            Subscription(client: client, position: start, replayEnd: newest, drops: drops(at: start)))
        catchUp(client)
    }

    /// Gives a client that left off at a cursor exactly the rest, and then tells it so. A client that is subscribed on
    /// this socket has it, or is about to; unless it left off before that subscription began: it has sent to the thread
    /// meanwhile, and lacks what came between.
    ///
    /// - Parameter isAsked: otherwise it is not told when it has the rest.
    /// - Returns: `false` when the cursor is not of this epoch or no longer held: a snapshot is due.
    func resume(
        _ client: any SessionClient, after cursor: String, id: String?, isAsked: Bool = true
    ) throws(ClientError) -> Bool {
        // A history that is on its way begins the thread anew: nothing goes before it.
        if readers.contains(where: { $0.answer.client === client }) { return false }
        guard let dot = cursor.lastIndex(of: "."), cursor[..<dot] == environment.epoch,
            let position = UInt64(cursor[cursor.index(after: dot)...])
        else { return false }
        if let index = subscription(of: client) {
            guard position >= subscriptions[index].start else { return false }
            guard subscriptions[index].catchUps.count < environment.limits.waitingAnswers else {
                throw .tooManyRequests
            }
            if published != newest { publish() }
            if isAsked { owe(client, id: id, isResumed: true) }
            catchUp(client)
            return true
        }
        if published != newest { publish() }
        guard position > pathEnd, canResume(after: position) else { return false }
        subscriptions.append(Subscription(client: client, position: position))
        if isAsked { owe(client, id: id, isResumed: true) }
        catchUp(client)
        return true
    }

    /// `subscribed` is due when the client has everything that there is now.
    private func owe(_ client: any SessionClient, id: String?, isResumed: Bool) {
        guard let index = subscription(of: client) else { return }
        subscriptions[index].catchUps.append(.init(id: id, answer: .subscribed(isResumed: isResumed), target: newest))
    }

    /// Answers the cancel of a run whose end is stored: behind the event that says so.
    func answer(_ answer: Answer, endOf run: Identifier, _ status: ServerFrame.AckStatus) {
        if let client = answer.client, let index = subscription(of: client), subscriptions[index].position < newest {
            subscriptions[index].catchUps.append(.init(id: answer.id, answer: .ended(run, status), target: newest))
        } else {
            answer.send(.done(threadID: threadID, runID: run, status))
        }
    }

    /// Tells a client of the catch-ups that it is at the end of.
    func tellCaughtUp(_ client: any SessionClient) {
        while let index = subscription(of: client), let first = subscriptions[index].catchUps.first,
            first.target <= subscriptions[index].position
        {
            subscriptions[index].catchUps.removeFirst()
            switch first.answer {
            case .subscribed(let isResumed):
                client.send(
                    ServerFrame.subscribed(
                        id: first.id, threadID: threadID, isResumed: isResumed, cursor: subscriptions[index].position,
                        epoch: environment.epoch))
            case .ended(let run, let status):
                client.answer(.done(threadID: threadID, runID: run, status), id: first.id)
            }
        }
    }

    /// Sends a client the history and then the active run from its beginning, and keeps it subscribed. What it got
    /// before is replaced by this, so it is also given what it has had of the run.
    ///
    /// - Parameter wanted: where its events begin at the latest, as far as that is still held.
    func deliver(
        _ page: MessagePage, to client: any SessionClient, id: String?, from wanted: UInt64?,
        owed: [Subscription.CatchUp] = [],
        interrupts: [Approval] = []
    ) {
        if published != newest { publish() }
        var start = beginning
        if let wanted, wanted < start, canResume(after: wanted) { start = wanted }
        // What the runs have left so far comes with their events.
        var ofRuns = Set(run?.machine.messageIDs ?? [])
        for (log, _) in logs where log.start >= start { ofRuns.formUnion(log.messageIDs) }
        var messages = page.messages.filter { !ofRuns.contains($0.id) }[...]
        var hasMore = page.hasMore
        var bytes = 0
        for (index, message) in messages.enumerated().reversed() {
            bytes += message.content.utf8.count + message.toolCalls.reduce(0) { $0 + $1.arguments.utf8.count }
            if bytes > environment.limits.snapshotBytes, index + 1 < messages.count {
                messages = messages[(index + 1)...]
                hasMore = true
                break
            }
        }
        client.send(
            ServerFrame.snapshot(
                threadID: threadID, messages: messages, hasMore: hasMore, cursor: start, epoch: environment.epoch,
                interrupts: interrupts))
        let begun = Subscription(client: client, position: start, replayEnd: newest, drops: drops(at: start))
        if let index = subscription(of: client) {
            // What it waits to hear the end of is behind the snapshot now.
            let waiting = subscriptions[index].catchUps
            subscriptions[index] = begun
            subscriptions[index].catchUps = waiting.map { $0.behindSnapshot(at: newest) }
        } else {
            subscriptions.append(begun)
            subscriptions[subscriptions.count - 1].catchUps = owed.map { $0.behindSnapshot(at: newest) }
        }
        owe(client, id: id, isResumed: false)
        catchUp(client)
    }

    func leave(_ client: any SessionClient) {
        subscriptions.removeAll { $0.client === client }
        readers.removeAll { $0.answer.isDue(to: client) }
    }

    /// The client does not want the thread any more: what it asked for before that is answered by this.
    func unsubscribe(_ client: any SessionClient) {
        var waiting = readers.filter { $0.answer.client === client }.compactMap(\.answer.id)
        if let index = subscription(of: client) {
            for due in subscriptions[index].catchUps.reversed() {
                switch due.answer {
                case .subscribed: if let request = due.id { waiting.insert(request, at: 0) }
                // It wants to hear no more of the thread: its cancel is answered all the same.
                case .ended(let run, let status):
                    client.answer(.done(threadID: threadID, runID: run, status), id: due.id)
                }
            }
        }
        leave(client)
        for request in waiting { client.answer(.done(threadID: threadID, runID: nil, .unsubscribed), id: request) }
    }

    /// Gives one client the merged rest of what it has not got, as far as it has room.
    func catchUp(_ client: any SessionClient) {
        // What the coalescing window still holds back leaves first, so that all positions are those of whole items.
        if published != newest { publish() }
        giveRest(to: client)
        tellCaughtUp(client)
    }

    private func giveRest(to client: any SessionClient) {
        guard environment.holdsLease, let index = subscription(of: client) else { return }
        let from = subscriptions[index].position
        let replayEnd = subscriptions[index].replayEnd
        guard from != newest else { return }
        environment.chatMetrics.catchUps &+= 1
        guard canResume(after: from) || canGoOn(subscriptions[index]) else {
            // A history that is on its way has what is not held any more.
            if readers.contains(where: { $0.answer.client === client }) { return }
            subscriptions.remove(at: index)
            client.fellBehind()
            return
        }
        var previous = from
        buffer.withBytes { bytes in
            forEachItem(after: from) { item, position in
                encode(item, endingAt: position, replayEnd: replayEnd, into: &bytes) { json, event, reached in
                    // Where it has come back in from a frame and was caught up there, this is over.
                    guard client.isWritable, let index = subscription(of: client),
                        subscriptions[index].position == previous
                    else { return false }
                    subscriptions[index].position = reached
                    previous = reached
                    if let event { client.send(event, json) } else { client.send(delta: json) }
                    return true
                }
            }
        }
    }

    // MARK: What is still held

    /// Whether the log still holds what comes after `position`.
    private func canResume(after position: UInt64) -> Bool {
        if position == newest { return true }
        if let run, run.machine.log.canResume(after: position) { return true }
        return logs.contains { $0.log.canResume(after: position) }
    }

    /// Whether a replay that had to wait can go on although the log has let go of some of what it began with.
    private func canGoOn(_ subscription: Subscription) -> Bool {
        guard subscription.position <= subscription.replayEnd, subscription.drops == drops(at: subscription.position)
        else { return false }
        if let run, run.machine.log.canReplay(after: subscription.position) { return true }
        return logs.contains { $0.log.canReplay(after: subscription.position) }
    }

    private func drops(at position: UInt64) -> Int {
        if let log = run?.machine.log, position >= log.start { return log.drops }
        return logs.first { position >= $0.log.start && position < $0.log.end }?.log.drops ?? 0
    }
}
