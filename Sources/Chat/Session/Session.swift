import Strings

/// All that a user has under way: one for every authenticated user, whatever number of sockets.
///
/// It lives on the user's shard and is entered there only. It has no socket, clock or database of its own: clients,
/// time and store come from outside (`SessionClient`, `SessionEnvironment`), so that it can be driven by a test.
package final class Session {
    package let id: Identifier
    package let userID: String
    let environment: any SessionEnvironment
    package private(set) var clients: [any SessionClient] = []
    private var threads: [Identifier: ChatThread] = [:]
    /// Conversations that are being deleted: nothing more is sent to them.
    var closing: Set<Identifier> = []
    /// Those of them that are because their user is being deleted.
    var closingWithUser: Set<Identifier> = []
    /// `SINGLE_CONVERSATION`: sends that wait to hear where they go, and where the last one went.
    var unaddressed: [UnaddressedSend] = []
    var opened: Identifier?
    /// Sends whose message is on its way to the database, by the client's id.
    private var pending: [ExactString: Turn] = [:]
    private(set) var isDraining = false
    private var isAbandoned = false
    private var scratch: [UInt8] = []
    /// Called when nothing is left that needs the session.
    package var becameIdle: (() -> Void)?

    package init(userID: String, environment: any SessionEnvironment) {
        id = environment.makeIdentifier()
        self.userID = userID
        self.environment = environment
    }

    /// Whether a conversation is in memory: in use, or on its way to the database.
    package func holds(thread id: Identifier) -> Bool { threads[id] != nil }

    package var isIdle: Bool { clients.isEmpty && threads.isEmpty && pending.isEmpty && unaddressed.isEmpty }

    /// Turns that run or wait in memory.
    package var unfinishedRuns: [ServerFrame.UnfinishedRun] { threads.values.flatMap(\.unfinishedRuns) }
    /// The place in a conversation behind which its active run begins, or the newest if there is none, as the events'
    /// cursors have it; 0: it is not in memory.
    package func beginning(in threadID: Identifier) -> UInt64 {
        threads[threadID].map { $0.active?.machine.log.start ?? $0.newest } ?? 0
    }
    package var hasWork: Bool { threads.values.contains { $0.hasWork } }

    // MARK: Clients

    /// - Parameters:
    ///   - expiresAt: when the client's token ends, microseconds since 1970.
    ///   - stream: where the client is an event stream.
    package func attach(_ client: any SessionClient, expiresAt: Int64, stream: ServerFrame.Stream? = nil) {
        clients.append(client)
        client.send(ready(expiresAt: expiresAt, stream: stream))
    }

    /// The first frame of every socket; a stream that goes on begins with it again.
    package func ready(expiresAt: Int64, stream: ServerFrame.Stream?) -> [UInt8] {
        ServerFrame.ready(
            sessionID: id, userID: userID, epoch: environment.epoch, expiresAt: expiresAt,
            limits: environment.limits, runs: unfinishedRuns, stream: stream)
    }

    package func detach(_ client: any SessionClient) {
        clients.removeAll { $0 === client }
        for thread in Array(threads.values) {
            thread.forget(client)
            drop(thread)
        }
        if isIdle { becameIdle?() }
    }

    /// A client has room again.
    package func drained(_ client: any SessionClient) {
        for thread in threads.values { thread.catchUp(client) }
    }

    package func handle(_ command: ClientCommand, from client: any SessionClient) {
        switch command {
        case .send(let id, let reference, let content, let policy):
            send(content, to: reference, policy: policy, id: id, from: client)
        case .cancel(let id, let reference, let run):
            cancel(reference, run: run, answer: Answer(client: client, id: id))
        case .subscribe(let id, let reference, let after):
            subscribe(client, to: reference, after: after, id: id)
        case .unsubscribe(let id, let reference):
            guard case .known(let threadID) = reference else {
                client.send(ServerFrame.error(id: id, Self.noThread))
                return
            }
            if let thread = threads[threadID] {
                thread.unsubscribe(client)
                release(thread)
            }
            client.send(ServerFrame.ack(id: id, threadID: threadID, runID: nil, status: .unsubscribed))
        case .ping(let id):
            client.send(ServerFrame.pong(id: id))
        case .auth:
            break
        }
    }

    // MARK: Sending

    /// - Returns: the conversation that the message goes to, known before it is stored; `nil`: refused already.
    @discardableResult
    package func send(
        _ content: String, to reference: ThreadReference?, policy: ClientCommand.QueuePolicy, id: String?,
        from client: any SessionClient
    ) -> Identifier? {
        let answer = Answer(client: client, id: id)
        do throws(ClientError) {
            if reference == nil, environment.limits.keepsSingleConversation {
                try sendToActive(UnaddressedSend(content: content, policy: policy, answer: answer))
                return nil
            }
            return try accept(content, to: reference, policy: policy, answer: answer)
        } catch {
            answer.send(ServerFrame.error(id: id, error))
            return nil
        }
    }

    func accept(
        _ content: String, to reference: ThreadReference?, policy: ClientCommand.QueuePolicy, answer: Answer
    ) throws(ClientError) -> Identifier {
        guard environment.holdsLease else { throw ChatThread.notStored(retryAfter: 1) }
        if isDraining {
            throw ClientError(.unavailable, "The server is about to restart. Please send again.", retryAfter: 2)
        }
        if let key = answer.id, let turn = pending[ExactString(key)] {
            // The same message again while it is being stored: one message, and everyone hears of it.
            guard turn.answers.count < environment.limits.waitingAnswers else { throw ChatThread.tooManyRequests }
            guard !turn.isInDoubt else { throw ChatThread.notStored(retryAfter: 2) }
            turn.answers.append(answer)
            return turn.threadID
        }
        if let seconds = environment.admitMessage(of: userID) {
            environment.limitReached("messages")
            throw ClientError(.rateLimited, "Too many messages. Please wait a moment.", retryAfter: seconds)
        }
        let thread: ChatThread
        switch reference {
        case nil: thread = try open(environment.makeIdentifier(), isNew: true)
        case .known(let id):
            guard !closing.contains(id) else { throw Self.noThread }
            thread = try open(id)
        case .fresh(let id):
            guard !closing.contains(id) else { throw Self.noThread }
            thread = try open(id, isNew: true)
        case .impossible: throw Self.noThread
        }
        let turn = Turn(
            threadID: thread.id,
            message: Message(id: environment.makeIdentifier(), role: .user, content: content),
            runID: environment.makeIdentifier(), clientID: answer.id, answer: answer)
        if let key = answer.id, let known = thread.runID(ofClientID: key) {
            // A repetition does nothing, also where a new message would be refused or interrupt.
            duplicate(turn, threadID: thread.id, messageID: known.message, runID: known.run, runEnded: false)
            return thread.id
        }
        turn.receivedAt = environment.nowNanoseconds
        if let key = answer.id { pending[ExactString(key)] = turn }
        do throws(ClientError) {
            try checkRuns(beside: thread)
            try thread.send(turn, policy: policy)
        } catch {
            guard let key = answer.id else {
                release(thread)
                throw error
            }
            // The id may be one that was used before: then the answer is the old one, whatever is under way here.
            ask(for: turn, key, refusal: error, isSecond: false)
        }
        return thread.id
    }

    /// A conversation in which something is under way queues the message; another one more is a matter of the limit.
    private func checkRuns(beside thread: ChatThread) throws(ClientError) {
        guard threads.count > environment.limits.runsPerUser, !thread.hasWork else { return }
        guard threads.values.count(where: { $0.hasWork }) >= environment.limits.runsPerUser else { return }
        environment.limitReached("runs")
        throw ClientError(
            .rateLimited, "\(environment.limits.runsPerUser) of your conversations are being answered already.",
            retryAfter: 1)
    }

    /// A new message would be refused: is this one stored already?
    ///
    /// An answer that says of a run which is not in memory that it has not ended may have been overtaken by the end of
    /// that run. Asked again, with the run certainly not in memory, the answer stands.
    private func ask(for turn: Turn, _ key: String, refusal: ClientError, isSecond: Bool) {
        environment.store.sentTurn(userID: userID, clientID: key) { [self] result in
            if case .success(let sent?) = result, !sent.runEnded, !isSecond,
                threads[sent.threadID]?.holds(sent.runID) != true
            {
                ask(for: turn, key, refusal: refusal, isSecond: true)
                return
            }
            settled(turn)
            switch result {
            case .success(let sent?):
                duplicate(
                    turn, threadID: sent.threadID, messageID: sent.messageID, runID: sent.runID,
                    runEnded: sent.runEnded)
            case .success(nil):
                for answer in turn.answers { answer.send(ServerFrame.error(id: answer.id, refusal)) }
            case .failure(let error):
                for answer in turn.answers {
                    answer.send(ServerFrame.error(id: answer.id, Self.unavailable(error)))
                }
            }
            if let thread = threads[turn.threadID] { release(thread) }
            if isIdle { becameIdle?() }
        }
    }

    func settled(_ turn: Turn) {
        guard let key = turn.clientID.map({ ExactString($0) }), pending[key] === turn else { return }
        pending[key] = nil
    }

    /// Takes over a run that a dead process left and that may run again: its message is stored, nothing of it was seen.
    ///
    /// - Parameter isRunning: it is the conversation's active run; else it waits for that, which another gateway has.
    package func adopt(threadID: Identifier, message: Message, runID: Identifier, isRunning: Bool) {
        guard let thread = try? open(threadID), !thread.holds(runID) else { return }
        thread.isKnown = true
        let turn = Turn(
            threadID: threadID, message: message, runID: runID, clientID: nil, answer: Answer(client: nil, id: nil))
        turn.position = message.position
        thread.adopt(turn, isRunning: isRunning)
    }

    /// The history of a conversation has changed otherwise than by its events, as when a run that a dead process left
    /// was closed in the database: whoever is subscribed is shown it anew.
    package func refresh(threadID: Identifier) {
        guard let thread = threads[threadID] else { return }
        // Whoever waits for a history gets one that is read after this.
        thread.changes += 1
        for client in thread.subscriptions.map(\.client) {
            if thread.readers.contains(where: { $0.answer.client === client }) { continue }
            let reader = Reader(Answer(client: client, id: nil), isUnasked: true)
            thread.readers.append(reader)
            readSnapshot(of: thread, for: reader, attempt: 1)
        }
    }

    // MARK: Other operations

    private func cancel(_ reference: ThreadReference, run: ThreadReference?, answer: Answer) {
        guard case .known(let threadID) = reference else {
            answer.send(ServerFrame.error(id: answer.id, Self.noThread))
            return
        }
        var runID: Identifier?
        if case .known(let known)? = run { runID = known }
        let carryOut = { (thread: ChatThread?) in
            if let thread, run != .impossible {
                thread.cancel(runID: runID, answer: answer)
            } else {
                answer.send(ServerFrame.ack(id: answer.id, threadID: threadID, runID: runID, status: .idle))
            }
        }
        if let thread = threads[threadID], thread.isKnown { return carryOut(thread) }
        environment.store.conversation(userID: userID, threadID: threadID) { [self] result in
            switch result {
            case .success(nil):
                answer.send(ServerFrame.error(id: answer.id, Self.noThread))
            case .success:
                carryOut(threads[threadID])
            case .failure(let error):
                answer.send(ServerFrame.error(id: answer.id, Self.unavailable(error)))
            }
        }
    }

    private func subscribe(_ client: any SessionClient, to reference: ThreadReference, after: String?, id: String?) {
        guard case .known(let threadID) = reference else {
            client.send(ServerFrame.error(id: id, Self.noThread))
            return
        }
        let count = threads.values.count { $0.isWanted(by: client) }
        let isSubscribed = threads[threadID]?.isWanted(by: client) ?? false
        if !isSubscribed, count >= environment.limits.subscriptionsPerSocket {
            client.send(
                ServerFrame.error(
                    id: id, ClientError(.rateLimited, "Too many subscriptions on this socket.", retryAfter: 60)))
            return
        }
        do throws(ClientError) {
            let thread = try open(threadID)
            if let after, thread.isKnown, try thread.resume(client, after: after, id: id) { return }
            guard thread.readers.count < environment.limits.waitingAnswers else { throw ChatThread.tooManyRequests }
            let reader = Reader(Answer(client: client, id: id))
            thread.readers.append(reader)
            readSnapshot(of: thread, for: reader, attempt: 1)
        } catch {
            client.send(ServerFrame.error(id: id, error))
        }
    }

    /// A history read while a run ended would lack its reply, or show it beside the run's own events; read while a turn
    /// was accepted it would lack its message: then it is read again.
    private func readSnapshot(of thread: ChatThread, for reader: Reader, attempt: Int) {
        let answer = reader.answer
        let changes = thread.changes
        environment.store.newestMessages(
            userID: userID, threadID: thread.id, limit: environment.limits.snapshotMessages
        ) { [self] result in
            // It has left or unsubscribed meanwhile.
            guard thread.readers.contains(where: { $0 === reader }) else { return }
            if case .success(.some) = result, changes != thread.changes, attempt < 10 {
                readSnapshot(of: thread, for: reader, attempt: attempt + 1)
                return
            }
            if case .failure = result, reader.isUnasked {
                // Nobody asked, so nobody would ask again: what it shows is not what is stored.
                _ = environment.schedule(after: Self.refreshInterval) { [self] in
                    guard thread.readers.contains(where: { $0 === reader }) else { return }
                    readSnapshot(of: thread, for: reader, attempt: 1)
                }
                return
            }
            thread.readers.removeAll { $0 === reader }
            switch result {
            case .success(.some(let page)):
                thread.isKnown = true
                if let client = answer.client {
                    thread.deliver(page, to: client, id: answer.id, from: reader.start)
                    watchOthers(page.messages, of: thread)
                }
            case .success(nil):
                answer.send(ServerFrame.error(id: answer.id, Self.noThread))
            case .failure(let error):
                answer.send(ServerFrame.error(id: answer.id, Self.unavailable(error)))
            }
            release(thread)
        }
    }

    /// Milliseconds after which a history that could not be read is read again for those who did not ask for it.
    private static let refreshInterval: UInt64 = 1_000

    // MARK: The end

    /// No new turns from here on.
    package func drain(reconnectAfter: Int) {
        isDraining = true
        let frame = ServerFrame.draining(reconnectAfter: reconnectAfter)
        for client in clients { client.send(frame) }
    }

    /// Closes what still runs as interrupted, and leaves what waits to the next process; `hasWork` falls when all of that
    /// is stored.
    package func interrupt() {
        let failure = RunFailure(code: .interrupted, message: "The server was restarted during the reply.")
        for thread in threads.values { thread.interrupt(failure) }
    }

    /// This process was taken for dead: another gateway has what is under way here, and its end.
    package func abandon() {
        for thread in threads.values { thread.abandon() }
        isAbandoned = true
        threads.removeAll()
        pending.removeAll()
        unaddressed.removeAll()
        clients.removeAll()
    }

    /// The process may hand out events again: what was held back follows.
    package func goOn() {
        for thread in threads.values { thread.publish() }
    }

    // MARK: For the threads

    func thread(_ id: Identifier) -> ChatThread? { threads[id] }

    var threadsWithWork: [Identifier] { threads.values.filter(\.hasWork).map(\.id) }

    /// Tells every socket of the user that a conversation was created, renamed, archived or deleted.
    package func announce(_ conversation: Conversation) {
        let frame = ServerFrame.thread(conversation)
        for client in clients { client.send(frame) }
    }

    func release(_ thread: ChatThread) {
        if drop(thread), isIdle { becameIdle?() }
    }

    /// Lets a thread go that nothing needs any more.
    @discardableResult
    private func drop(_ thread: ChatThread) -> Bool {
        guard !thread.isUsed, threads[thread.id] === thread else { return false }
        threads[thread.id] = nil
        return true
    }

    func withScratch(_ body: (inout [UInt8]) -> Void) {
        var buffer = takeScratch()
        body(&buffer)
        giveBack(&buffer)
    }

    /// An empty buffer to encode into; who comes back in meanwhile gets another.
    func takeScratch() -> [UInt8] {
        var buffer: [UInt8] = []
        swap(&buffer, &scratch)
        buffer.removeAll(keepingCapacity: true)
        return buffer
    }

    func giveBack(_ buffer: inout [UInt8]) {
        if buffer.capacity <= 1 << 16 { swap(&buffer, &scratch) }
    }

    func open(_ id: Identifier, isNew: Bool = false) throws(ClientError) -> ChatThread {
        if let thread = threads[id] { return thread }
        guard !isAbandoned else { throw ChatThread.notStored(retryAfter: 1) }
        guard threads.count < environment.limits.threadsPerSession else {
            throw ClientError(.rateLimited, "Too many conversations are in use at once.", retryAfter: 60)
        }
        let thread = ChatThread(id: id, isNew: isNew, session: self, environment: environment)
        threads[id] = thread
        return thread
    }

    private static let noThread = ClientError(.threadNotFound, "There is no such conversation.")

    static func unavailable(_ error: StoreError) -> ClientError {
        var seconds = 1
        if case .unavailable(let retryAfter) = error { seconds = retryAfter }
        return ClientError(.unavailable, "The conversation could not be read. Please try again.", retryAfter: seconds)
    }
}
