/// A client that wants a thread's events, and how far it has got.
struct Subscription {
    let client: any SessionClient
    /// Everything up to here was given to the client.
    var position: UInt64
    /// Everything from here on was given to it on this socket.
    let start: UInt64
    /// Events up to here were streamed before it subscribed, and are marked as a replay.
    var replayEnd: UInt64 = 0
    /// How often the log had let go of tool calls when the replay began: it may not happen in the middle of one.
    var drops = 0
    /// What it asked for and is not told the end of yet, in order.
    var catchUps: [CatchUp] = []

    init(client: any SessionClient, position: UInt64, replayEnd: UInt64 = 0, drops: Int = 0) {
        self.client = client
        self.position = position
        start = position
        self.replayEnd = replayEnd
        self.drops = drops
    }

    /// An answer that is due when everything up to a position was given to the client, however slow it is.
    struct CatchUp {
        enum Answer {
            case subscribed(isResumed: Bool)
            /// To a cancel: the run's own end goes before it.
            case ended(Identifier, ServerFrame.AckStatus)
        }

        /// Of the request; `nil`: nobody asked, the history has changed, or it has none.
        let id: String?
        let answer: Answer
        let target: UInt64

        /// The same behind a snapshot, which has all that came before it.
        func behindSnapshot(at newest: UInt64) -> CatchUp {
            if case .subscribed = answer {
                return CatchUp(id: id, answer: .subscribed(isResumed: false), target: newest)
            }
            return CatchUp(id: id, answer: answer, target: newest)
        }
    }
}

extension ChatThread {
    func subscription(of client: any SessionClient) -> Int? {
        subscriptions.firstIndex { $0.client === client }
    }

    /// Whether a client is subscribed, or will be when its history has been read.
    func isWanted(by client: any SessionClient) -> Bool {
        subscription(of: client) != nil || readers.contains { $0.answer.client === client }
    }

    /// Subscribes a client that has sent to the thread: it gets the active run from its beginning, if there is one.
    func join(_ client: any SessionClient) {
        join(client, at: active?.machine.log.start ?? newest)
    }

    /// Subscribes a client that has repeated a send: it gets that run from its beginning as far as it is still held.
    func join(_ client: any SessionClient, from runID: Identifier) {
        join(client, at: logs.first { $0.log.runID == runID }?.log.start ?? active?.machine.log.start ?? newest)
    }

    private func join(_ client: any SessionClient, at start: UInt64) {
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
    /// - Returns: `false` when the cursor is not of this epoch or no longer held: a snapshot is due.
    func resume(_ client: any SessionClient, after cursor: String, id: String?) throws(ClientError) -> Bool {
        // A history that is on its way begins the thread anew: nothing goes before it.
        if readers.contains(where: { $0.answer.client === client }) { return false }
        guard let dot = cursor.lastIndex(of: "."), cursor[..<dot] == environment.epoch,
            let position = UInt64(cursor[cursor.index(after: dot)...])
        else { return false }
        if let index = subscription(of: client) {
            guard position >= subscriptions[index].start else { return false }
            guard subscriptions[index].catchUps.count < environment.limits.waitingAnswers else {
                throw Self.tooManyRequests
            }
            if published != newest { publish() }
            owe(client, id: id, isResumed: true)
            catchUp(client)
            return true
        }
        if published != newest { publish() }
        guard canResume(after: position) else { return false }
        subscriptions.append(Subscription(client: client, position: position))
        owe(client, id: id, isResumed: true)
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
            answer.send(ServerFrame.ack(id: answer.id, threadID: id, runID: run, status: status))
        }
    }

    /// Tells a client of the catch-ups that it is at the end of.
    private func tellCaughtUp(_ client: any SessionClient) {
        while let index = subscription(of: client), let first = subscriptions[index].catchUps.first,
            first.target <= subscriptions[index].position
        {
            subscriptions[index].catchUps.removeFirst()
            switch first.answer {
            case .subscribed(let isResumed):
                client.send(
                    ServerFrame.subscribed(
                        id: first.id, threadID: id, isResumed: isResumed, cursor: subscriptions[index].position,
                        epoch: environment.epoch))
            case .ended(let run, let status):
                client.send(ServerFrame.ack(id: first.id, threadID: id, runID: run, status: status))
            }
        }
    }

    /// Sends a client the history and then the active run from its beginning, and keeps it subscribed. What it got
    /// before is replaced by this, so it is also given what it has had of the run.
    ///
    /// - Parameter wanted: where its events begin at the latest, as far as that is still held.
    func deliver(_ page: MessagePage, to client: any SessionClient, id: String?, from wanted: UInt64?) {
        if published != newest { publish() }
        var start = active?.machine.log.start ?? newest
        if let wanted, wanted < start, canResume(after: wanted) { start = wanted }
        // What the runs have left so far comes with their events.
        var ofRuns = Set(active?.machine.messageIDs ?? [])
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
                threadID: self.id, messages: messages, hasMore: hasMore, cursor: start, epoch: environment.epoch))
        let begun = Subscription(client: client, position: start, replayEnd: newest, drops: drops(at: start))
        if let index = subscription(of: client) {
            // What it waits to hear the end of is behind the snapshot now.
            let waiting = subscriptions[index].catchUps
            subscriptions[index] = begun
            subscriptions[index].catchUps = waiting.map { $0.behindSnapshot(at: newest) }
        } else {
            subscriptions.append(begun)
        }
        owe(client, id: id, isResumed: false)
        catchUp(client)
    }

    func leave(_ client: any SessionClient) {
        subscriptions.removeAll { $0.client === client }
        readers.removeAll { $0.answer.isDue(to: client) }
    }

    /// The client does not want the thread any more: what it asked for before that is answered by this, and what it has
    /// sent does not subscribe it again.
    func unsubscribe(_ client: any SessionClient) {
        var waiting = readers.filter { $0.answer.client === client }.compactMap(\.answer.id)
        if let index = subscription(of: client) {
            for due in subscriptions[index].catchUps.reversed() {
                switch due.answer {
                case .subscribed: if let request = due.id { waiting.insert(request, at: 0) }
                // It wants to hear no more of the thread: its cancel is answered all the same.
                case .ended(let run, let status):
                    client.send(ServerFrame.ack(id: due.id, threadID: id, runID: run, status: status))
                }
            }
        }
        leave(client)
        for request in waiting {
            client.send(ServerFrame.ack(id: request, threadID: id, runID: nil, status: .unsubscribed))
        }
        for turn in turns {
            for index in turn.answers.indices where turn.answers[index].client === client {
                turn.answers[index].subscribes = false
            }
        }
    }

    /// Whether the log still holds what comes after `position`.
    func canResume(after position: UInt64) -> Bool {
        if position == newest { return true }
        if let active, active.machine.log.canResume(after: position) { return true }
        return logs.contains { $0.log.canResume(after: position) }
    }

    /// Whether a replay that had to wait can go on although the log has let go of some of what it began with.
    private func canGoOn(_ subscription: Subscription) -> Bool {
        guard subscription.position <= subscription.replayEnd, subscription.drops == drops(at: subscription.position)
        else { return false }
        if let active, active.machine.log.canReplay(after: subscription.position) { return true }
        return logs.contains { $0.log.canReplay(after: subscription.position) }
    }

    private func drops(at position: UInt64) -> Int {
        if let log = active?.machine.log, position >= log.start { return log.drops }
        return logs.first { position >= $0.log.start && position < $0.log.end }?.log.drops ?? 0
    }

    /// Hands what was added to the log to all sockets that keep up; each event is encoded once. Without the lease
    /// nothing: `Session.goOn` makes up for it.
    ///
    /// A client may come back into the session, or leave it, from within a frame that it is given. What that adds is
    /// handed out by the round that is under way, and whoever got out of step with the rounds is caught up.
    func publish() {
        guard environment.holdsLease else { return }
        if let timer = coalescingTimer {
            environment.cancel(timer: timer)
            coalescingTimer = nil
        }
        guard !isPublishing else { return }
        isPublishing = true
        while published != newest { publishRound() }
        isPublishing = false
        for subscription in subscriptions where subscription.position != published || !subscription.catchUps.isEmpty {
            if subscription.position != published, subscription.client.isWritable {
                catchUp(subscription.client)
            } else {
                // A round may have brought it to the end of a catch-up that began in it.
                tellCaughtUp(subscription.client)
            }
        }
    }

    private func publishRound() {
        let from = published
        published = newest
        guard !subscriptions.isEmpty else { return }
        var previous = from
        session.withScratch { scratch in
            forEachItem(after: from) { item, position in
                if case .text = item { environment.chatMetrics.textEvents &+= 1 }
                return encode(item, endingAt: position, replayEnd: 0, scratch: &scratch) { bytes, reached in
                    hand(bytes, from: previous, to: reached)
                    previous = reached
                    return true
                }
            }
        }
    }

    /// Bytes of stack in which a delta is encoded; one that may need more goes the general way.
    private static let deltaRoom = 1_024

    /// Hands out a text delta when that is all that is new: the same as a round of `publish`, by the shortest way, since
    /// each token takes it.
    ///
    /// - Returns: `false` when there is more to hand out than one short delta, or a round is under way.
    private func publishDelta(of run: Run) -> Bool {
        guard !isPublishing, coalescingTimer == nil, environment.holdsLease else { return false }
        let from = published
        let reached = run.machine.log.end
        guard !subscriptions.isEmpty else {
            published = reached
            return true
        }
        let isDelta = withUnsafeTemporaryAllocation(byteCount: Self.deltaRoom, alignment: 1) { space in
            let count = run.machine.log.withTail(after: from) { message, bytes in
                if envelope?.message != message {
                    envelope = TextDeltaEnvelope(message: message, threadID: id, epoch: environment.epoch)
                }
                guard let envelope, envelope.room(for: bytes.count) <= space.count else { return 0 }
                return envelope.write(bytes, endingAt: reached, to: space)
            }
            guard let count, count > 0 else { return false }
            published = reached
            run.metrics.textEvents &+= 1
            // The log is not in use any more when the sockets get the bytes: they may come back in.
            isPublishing = true
            hand(UnsafeRawBufferPointer(rebasing: space[..<count]), from: from, to: reached)
            isPublishing = false
            return true
        }
        guard isDelta else { return false }
        // Somebody came back in, or cannot keep up.
        if published != newest || subscriptions.contains(where: { $0.position != published }) { publish() }
        return true
    }

    /// Gives an event to all that have everything before it and have room.
    private func hand(_ event: UnsafeRawBufferPointer, from: UInt64, to reached: UInt64) {
        var index = 0
        // Not over the indices: the list may change under the call.
        while index < subscriptions.count {
            let client = subscriptions[index].client
            if subscriptions[index].position == from, client.isWritable {
                subscriptions[index].position = reached
                client.send(event)
            }
            index += 1
        }
    }

    /// The same as `publish` for text, which may wait for the end of the coalescing window. The first piece of a message
    /// leaves at once, with the event that opens it.
    func publishText(of run: Run) {
        guard coalescingWindow > 0 else {
            if active === run, publishDelta(of: run) { return }
            publish()
            return
        }
        guard coalescingTimer == nil else { return }
        publish()
        coalescingTimer = environment.schedule(after: coalescingWindow) { [self] in
            coalescingTimer = nil
            publish()
        }
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
        session.withScratch { scratch in
            forEachItem(after: from) { item, position in
                encode(item, endingAt: position, replayEnd: replayEnd, scratch: &scratch) { bytes, reached in
                    // Where it has come back in from a frame and was caught up there, this is over.
                    guard client.isWritable, let index = subscription(of: client),
                        subscriptions[index].position == previous
                    else { return false }
                    subscriptions[index].position = reached
                    previous = reached
                    client.send(bytes)
                    return true
                }
            }
        }
    }

    /// Lets the running log keep its bound, once all that is in it was handed out.
    func trimLog() {
        if !isPublishing, published == newest { active?.machine.trimLog() }
    }

    /// Keeps a finished run's log for those that come back.
    func keep(_ log: RunLog) {
        let retention = environment.limits.logRetention
        logs.append((log, environment.nowMilliseconds + retention))
        if logs.count > Self.keptLogs { logs.removeFirst(logs.count - Self.keptLogs) }
        if logTimer == nil { scheduleExpiry(after: retention) }
    }

    /// Logs of finished runs that a thread keeps at most, whatever their age.
    private static let keptLogs = 16

    private func scheduleExpiry(after milliseconds: UInt64) {
        logTimer = environment.schedule(after: max(milliseconds, 1)) { [self] in
            logTimer = nil
            let now = environment.nowMilliseconds
            logs.removeAll { $0.expires <= now }
            if let first = logs.first {
                scheduleExpiry(after: first.expires - now)
            } else {
                session.release(self)
            }
        }
    }

    private func forEachItem(after position: UInt64, _ body: (RunLog.Item, UInt64) -> Bool) {
        var goesOn = true
        for (log, _) in logs where log.end > position && goesOn {
            log.forEach(after: max(position, log.start)) { item, reached in
                goesOn = body(item, reached)
                return goesOn
            }
        }
        guard goesOn, let log = active?.machine.log, log.end > position else { return }
        log.forEach(after: max(position, log.start), body)
    }

    /// Encodes an item, in pieces where a text is very long.
    private func encode(
        _ item: RunLog.Item, endingAt end: UInt64, replayEnd: UInt64, scratch: inout [UInt8],
        _ body: (UnsafeRawBufferPointer, UInt64) -> Bool
    ) -> Bool {
        var place = EventPlace(
            threadID: id, epoch: environment.epoch, position: end, isReplay: end <= replayEnd)
        switch item {
        case .event(let event):
            scratch.removeAll(keepingCapacity: true)
            scratch.append(event: event, at: place)
            return scratch.withUnsafeBytes { body($0, end) }
        case .text(let message, let bytes), .thought(let message, let bytes):
            var isThought = false
            if case .thought = item { isThought = true }
            var offset = 0
            while offset < bytes.count {
                var stop = min(offset + environment.limits.mergedDelta, bytes.count)
                while stop < bytes.count, stop > offset + 1, bytes[stop] & 0xC0 == 0x80 { stop -= 1 }
                place.position = end - UInt64(bytes.count - stop)
                place.isReplay = place.position <= replayEnd
                scratch.removeAll(keepingCapacity: true)
                scratch.append(
                    textDelta: UnsafeBufferPointer(rebasing: bytes[offset..<stop]), isThought: isThought, of: message,
                    at: place)
                guard scratch.withUnsafeBytes({ body($0, place.position) }) else { return false }
                offset = stop
            }
            return true
        }
    }
}
