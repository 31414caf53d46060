/// What a feed asks of the conversation that it tells of.
protocol FeedOwner: AnyObject {
    /// Whether a run is in memory here: at work, waiting, or its log.
    func holds(_ runID: Identifier) -> Bool
    /// It is this user's: the database has said so.
    func isFound()
    /// What is open there, as was read.
    func asks(_ approvals: [Approval])
    /// The feed may need the conversation no longer.
    func release()
    var isDraining: Bool { get }
}

/// What every listener of a conversation is owed, whoever it is: the run that is at work, those that have just ended, and
/// how far each has got.
///
/// The position of a subscription is the one truth about it: it moves before its client is given the bytes, and an event
/// is given to who is exactly before it. So a client may come back in from within a frame that it is given, or leave, and
/// nothing is doubled; whoever is behind at the end of a round is caught up.
final class Feed {
    let threadID: Identifier
    let userID: String
    let environment: any SessionEnvironment
    let buffer: EncodingBuffer
    /// The session takes it away when it lets go of the conversation, which ends the cycle: a weak reference would cost
    /// every retain of the conversation the way through a side table.
    var owner: (any FeedOwner)?

    // What each token looks at: nothing is called while one of them is in use.
    @exclusivity(unchecked) var subscriptions: [Subscription] = []
    /// Up to here everything was handed to the sockets that keep up.
    @exclusivity(unchecked) var published: UInt64
    /// For the deltas of the message that is being streamed.
    @exclusivity(unchecked) private var envelope: TextDeltaEnvelope?
    @exclusivity(unchecked) private var coalescingTimer: UInt64?
    /// Milliseconds, of the limits; looked at for each token.
    private let coalescingWindow: UInt64
    private let base: UInt64
    /// The run at work.
    private(set) var run: Run?
    /// Of the runs that have ended.
    private(set) var logs: [(log: RunLog, expires: UInt64)] = []
    private var logTimer: UInt64?

    /// Up to where what was said is of a path that is not shown any more, or not alone.
    private(set) var pathEnd: UInt64 = 0
    /// Counts the turns accepted and the ends of runs, so that a history read in the meantime is known to be stale.
    private(set) var changes = 0
    /// Subscribers whose history is being read.
    var readers: [Reader] = []
    /// Runs of other gateways whose end is waited for, and what the last look at them said.
    var watched: [Identifier: Look] = [:]

    enum Look {
        case underWay, unanswered
    }

    init(threadID: Identifier, userID: String, environment: any SessionEnvironment, buffer: EncodingBuffer) {
        self.threadID = threadID
        self.userID = userID
        self.environment = environment
        self.buffer = buffer
        coalescingWindow = environment.limits.coalescingWindow
        base = environment.freshPosition()
        published = base
    }

    /// The position up to which everything has been said.
    var newest: UInt64 { run?.machine.log.end ?? logs.last?.log.end ?? max(published, base) }
    /// Where the active run begins, or the newest position if there is none.
    var beginning: UInt64 { run?.machine.log.start ?? newest }
    var isUsed: Bool { !subscriptions.isEmpty || !readers.isEmpty || !logs.isEmpty || !watched.isEmpty }
    func holdsLog(of runID: Identifier) -> Bool { logs.contains { $0.log.runID == runID } }

    // MARK: Its runs

    /// A run is at work: what it says is said from here on.
    func follow(_ run: Run) { self.run = run }

    /// The run's end was said.
    func keepLog() {
        guard let run else { return }
        keep(run.machine.log)
        leaveRun()
    }

    /// The run says no more here.
    func leaveRun() {
        envelope = nil
        run = nil
    }

    /// A history that is being read may lack what has just been stored.
    func historyChanged() { changes += 1 }

    /// Another path is shown: what was said of the one before is not gone on with.
    func pathChanged() {
        if published != newest { publish() }
        forgetLogs()
        pathEnd = newest
        // A cursor from here on is one of the new path.
        if run == nil { published = max(environment.freshPosition(), newest + 1) }
        showAnew(holdingBack: true)
    }

    /// What was said is no longer what is stored.
    func forgetLogs() {
        // What was held back of them is not said any more: what comes next does not stand in its place.
        if run == nil { published = max(published, newest) }
        logs.removeAll()
    }

    /// Its conversation is gone: nobody hears of it any longer.
    func letGo() {
        subscriptions.removeAll()
        forgetLogs()
    }

    /// All of it is another gateway's: nothing is said here any more.
    func abandon() {
        leaveRun()
        subscriptions.removeAll()
        readers.removeAll()
        watched.removeAll()
        logs.removeAll()
        for timer in [coalescingTimer, logTimer].compactMap({ $0 }) { environment.cancel(timer: timer) }
        coalescingTimer = nil
        logTimer = nil
    }

    /// A run that is over already: it is said as a whole.
    func say(_ log: RunLog) {
        keep(log)
        publish()
    }

    /// Keeps a finished run's log for those that come back.
    private func keep(_ log: RunLog) {
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
                owner?.release()
            }
        }
    }

    // MARK: Handing out

    /// Hands what was added to the log to all sockets that keep up; each event is encoded once. Without the lease
    /// nothing: `Session.goOn` makes up for it.
    func publish() {
        guard environment.holdsLease else { return }
        if let timer = coalescingTimer {
            environment.cancel(timer: timer)
            coalescingTimer = nil
        }
        while published != newest { publishRound() }
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
        buffer.withBytes { bytes in
            forEachItem(after: from) { item, position in
                if case .text = item { environment.chatMetrics.textEvents &+= 1 }
                return encode(item, endingAt: position, replayEnd: 0, into: &bytes) { json, event, reached in
                    hand(json, event, from: previous, to: reached)
                    previous = reached
                    return true
                }
            }
        }
    }

    /// Gives an event to all that have everything before it and have room.
    private func hand(_ json: UnsafeRawBufferPointer, _ event: PlacedEvent?, from: UInt64, to reached: UInt64) {
        var index = 0
        // Not over the indices: the list may change under the call.
        while index < subscriptions.count {
            let client = subscriptions[index].client
            if subscriptions[index].position == from, client.isWritable {
                subscriptions[index].position = reached
                if let event { client.send(event, json) } else { client.send(delta: json) }
            }
            index += 1
        }
    }

    /// The same as `publish` for text, which may wait for the end of the coalescing window. The first piece of a message
    /// leaves at once, with the event that opens it.
    ///
    /// A token takes this way and no other: it passes no machine but its run's, makes no effect and no event, and
    /// allocates nothing.
    func publishText(of run: Run) {
        guard coalescingWindow > 0 else {
            if self.run === run, publishDelta(of: run) { return }
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

    /// Bytes of stack in which a delta is encoded; one that may need more goes the general way.
    private static let deltaRoom = 1_024

    /// Hands out a text delta when that is all that is new: the same as a round of `publish`, by the shortest way, since
    /// each token takes it.
    ///
    /// - Returns: `false` when there is more to hand out than one short delta.
    private func publishDelta(of run: Run) -> Bool {
        guard coalescingTimer == nil, environment.holdsLease else { return false }
        let from = published
        let reached = run.machine.log.end
        guard !subscriptions.isEmpty else {
            published = reached
            return true
        }
        let isDelta = withUnsafeTemporaryAllocation(byteCount: Self.deltaRoom, alignment: 1) { space in
            let count = write(run.machine.log.tail(after: from), endingAt: reached, to: space)
            guard count > 0 else { return false }
            published = reached
            run.metrics.textEvents &+= 1
            // The log is not in use any more when the sockets get the bytes: they may come back in.
            hand(UnsafeRawBufferPointer(rebasing: space[..<count]), nil, from: from, to: reached)
            return true
        }
        guard isDelta else { return false }
        // Somebody came back in, or cannot keep up.
        if published != newest || subscriptions.contains(where: { $0.position != published }) { publish() }
        return true
    }

    /// - Returns: the bytes written; 0 when there is no such piece, or no room for it.
    @inline(__always)
    private func write(
        _ tail: (message: Identifier, text: [UInt8], offset: Int)?, endingAt reached: UInt64,
        to space: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard let tail else { return 0 }
        if envelope?.message != tail.message {
            envelope = TextDeltaEnvelope(message: tail.message, threadID: threadID, epoch: environment.epoch)
        }
        guard let envelope, envelope.room(for: tail.text.count - tail.offset) <= space.count else { return 0 }
        return tail.text.withUnsafeBufferPointer { text in
            envelope.write(UnsafeBufferPointer(rebasing: text[tail.offset...]), endingAt: reached, to: space)
        }
    }

    /// Lets the running log keep its bound, once all that is in it was handed out to those that have room.
    func trimLog() {
        guard let run, published == newest,
            !subscriptions.contains(where: { $0.position != published && $0.client.isWritable })
        else { return }
        run.machine.trimLog()
    }

    // MARK: What is held

    func forEachItem(after position: UInt64, _ body: (RunLog.Item, UInt64) -> Bool) {
        var goesOn = true
        for (log, _) in logs where log.end > position && goesOn {
            log.forEach(after: max(position, log.start)) { item, reached in
                goesOn = body(item, reached)
                return goesOn
            }
        }
        guard goesOn, let log = run?.machine.log, log.end > position else { return }
        log.forEach(after: max(position, log.start), body)
    }

    /// Encodes an item, in pieces where a text is very long.
    func encode(
        _ item: RunLog.Item, endingAt end: UInt64, replayEnd: UInt64, into buffer: inout [UInt8],
        _ body: (UnsafeRawBufferPointer, PlacedEvent?, UInt64) -> Bool
    ) -> Bool {
        var place = EventPlace(
            threadID: threadID, epoch: environment.epoch, position: end, isReplay: end <= replayEnd)
        switch item {
        case .event(let event):
            buffer.removeAll(keepingCapacity: true)
            buffer.append(event: event, at: place)
            return buffer.withUnsafeBytes { body($0, PlacedEvent(event: event, place: place), end) }
        case .text(let message, let bytes), .thought(let message, let bytes):
            var isThought = false
            if case .thought = item { isThought = true }
            var offset = 0
            while offset < bytes.count {
                var stop = min(offset + environment.limits.mergedDelta, bytes.count)
                while stop < bytes.count, stop > offset + 1, bytes[stop] & 0xC0 == 0x80 { stop -= 1 }
                place.position = end - UInt64(bytes.count - stop)
                place.isReplay = place.position <= replayEnd
                buffer.removeAll(keepingCapacity: true)
                buffer.append(
                    textDelta: UnsafeBufferPointer(rebasing: bytes[offset..<stop]), isThought: isThought, of: message,
                    at: place)
                guard buffer.withUnsafeBytes({ body($0, nil, place.position) }) else { return false }
                offset = stop
            }
            return true
        }
    }
}
