import Strings
import Tracing

/// All that a user has under way: one for every authenticated user, whatever number of sockets.
///
/// It lives on the user's shard and is entered there only. It has no socket, clock or database of its own: clients,
/// time and store come from outside (`SessionClient`, `SessionEnvironment`), so that it can be driven by a test.
package final class Session {
    package let id: Identifier
    package let userID: String
    let environment: any SessionEnvironment
    package private(set) var clients: [any SessionClient] = []
    private var conversations: [Identifier: ConversationDriver] = [:]
    /// Conversations that are being deleted: nothing more is sent to them.
    var closing: Set<Identifier> = []
    /// Those of them that are because their user is being deleted.
    var closingWithUser: Set<Identifier> = []
    /// `SINGLE_CONVERSATION`: sends that wait to hear where they go, and where the last one went.
    var unaddressed: [UnaddressedSend] = []
    var opened: Identifier?
    /// Sends whose message is on its way to the database, by the client's id: where they are, and their run.
    private var pending: [ExactString: PendingSend] = [:]
    private(set) var isDraining = false
    private var isAbandoned = false
    private let buffer = EncodingBuffer()
    /// Where the user is, as last said with a message: an IANA name, unchecked.
    package var timeZone: String?
    /// Called when nothing is left that needs the session.
    package var becameIdle: (() -> Void)?

    private struct PendingSend {
        var threadID: Identifier
        var runID: Identifier
    }

    package init(userID: String, environment: any SessionEnvironment) {
        id = environment.makeIdentifier()
        self.userID = userID
        self.environment = environment
    }

    /// Whether a conversation is in memory: in use, or on its way to the database.
    package func holds(thread id: Identifier) -> Bool { conversations[id] != nil }

    package var isIdle: Bool { clients.isEmpty && conversations.isEmpty && pending.isEmpty && unaddressed.isEmpty }

    /// Turns that run or wait in memory.
    package var unfinishedRuns: [ServerFrame.UnfinishedRun] {
        conversations.values.flatMap(\.machine.unfinishedRuns)
    }
    /// The place in a conversation behind which its active run begins, or the newest if there is none, as the events'
    /// cursors have it; 0: it is not in memory.
    package func beginning(in threadID: Identifier) -> UInt64 {
        conversations[threadID]?.feed.beginning ?? 0
    }
    package var hasWork: Bool { conversations.values.contains { $0.hasWork } }

    // MARK: Clients

    /// - Parameters:
    ///   - expiresAt: when the client's token ends, microseconds since 1970.
    ///   - stream: where the client is an event stream.
    ///   - suspended: runs that wait for a person, as were read.
    package func attach(
        _ client: any SessionClient, expiresAt: Int64, stream: ServerFrame.Stream? = nil,
        suspended: [SuspendedRun] = []
    ) {
        clients.append(client)
        client.send(ready(expiresAt: expiresAt, stream: stream, suspended: suspended))
    }

    /// Takes in a client whose session was another gateway's: it was told who is here.
    package func join(_ client: any SessionClient) { clients.append(client) }

    /// Shows a client a conversation that it was shown by another gateway, or on a way that broke: what it lacks, or the
    /// history anew. Nobody has asked, so that nothing is said where it can't be.
    ///
    /// - Parameter cursor: up to where it was shown.
    package func follow(_ client: any SessionClient, _ threadID: Identifier, after cursor: String) {
        guard let conversation = try? open(threadID) else { return }
        conversation.follow(client, after: cursor)
    }

    /// The first frame of every socket; a stream that goes on begins with it again.
    package func ready(
        expiresAt: Int64, stream: ServerFrame.Stream?, suspended: [SuspendedRun] = []
    ) -> [UInt8] {
        var runs = unfinishedRuns
        // What is in memory is newer than what was read.
        for run in suspended where !runs.contains(where: { $0.threadID == run.threadID }) {
            runs.append(.init(threadID: run.threadID, runID: run.runID, status: .suspended))
        }
        return ServerFrame.ready(
            sessionID: id, userID: userID, epoch: environment.epoch, expiresAt: expiresAt,
            limits: environment.limits, runs: runs, stream: stream)
    }

    package func detach(_ client: any SessionClient) {
        clients.removeAll { $0 === client }
        for conversation in Array(conversations.values) {
            conversation.forget(client)
            drop(conversation)
        }
        if isIdle { becameIdle?() }
    }

    /// A client has room again.
    package func drained(_ client: any SessionClient) {
        for conversation in conversations.values { conversation.feed.catchUp(client) }
    }

    package func handle(_ command: ClientCommand, from client: any SessionClient) {
        switch command {
        case .send(let id, let reference, let content, let policy, let zone):
            if let zone { timeZone = zone }
            send(content, to: reference, policy: policy, id: id, from: client)
        case .edit(let id, let reference, let content, let parent, let policy, let zone):
            if let zone { timeZone = zone }
            guard case .known(let threadID) = reference else { return client.answer(.refused(.noThread), id: id) }
            edit(content, behind: parent, in: threadID, policy: policy, id: id, from: client)
        case .regenerate(let id, let reference, let message, let policy):
            guard case .known(let threadID) = reference else { return client.answer(.refused(.noThread), id: id) }
            regenerate(message, in: threadID, policy: policy, id: id, from: client)
        case .select(let id, let reference, let message):
            select(message, in: reference, answer: Answer(client: client, id: id))
        case .cancel(let id, let reference, let run):
            cancel(reference, run: run, answer: Answer(client: client, id: id))
        case .resume(let id, let reference, let answers):
            resume(reference, answers, answer: Answer(client: client, id: id))
        case .subscribe(let id, let reference, let after):
            subscribe(client, to: reference, after: after, id: id)
        case .unsubscribe(let id, let reference):
            guard case .known(let threadID) = reference else {
                client.answer(.refused(.noThread), id: id)
                return
            }
            conversations[threadID]?.unsubscribe(client)
            client.answer(.done(threadID: threadID, runID: nil, .unsubscribed), id: id)
        case .ping(let id):
            client.send(ServerFrame.pong(id: id))
        case .auth:
            break
        }
    }

    // MARK: Sending

    /// - Parameter expectsAnswer: otherwise it is only stored (`Turn.expectsAnswer`).
    /// - Returns: the conversation that the message goes to, known before it is stored; `nil`: refused already.
    @discardableResult
    package func send(
        _ content: String, to reference: ThreadReference?, policy: ClientCommand.QueuePolicy, id: String?,
        from client: any SessionClient, expectsAnswer: Bool = true
    ) -> Identifier? {
        let answer = Answer(client: client, id: id)
        do throws(ClientError) {
            if reference == nil, environment.limits.keepsSingleConversation {
                try sendToActive(UnaddressedSend(content: content, policy: policy, answer: answer))
                return nil
            }
            return try accept(
                content, to: reference, policy: policy, answer: answer, expectsAnswer: expectsAnswer)
        } catch {
            answer.send(.refused(error))
            return nil
        }
    }

    /// - Parameters:
    ///   - expectsAnswer: otherwise it is only stored (`Turn.expectsAnswer`).
    ///   - branch: what it is, when it does not go behind what is shown.
    func accept(
        _ content: String, to reference: ThreadReference?, policy: ClientCommand.QueuePolicy, answer: Answer,
        expectsAnswer: Bool = true, branch: ((Identifier) -> NewBranch.Kind)? = nil
    ) throws(ClientError) -> Identifier {
        guard environment.holdsLease else { throw .notStored(retryAfter: 1) }
        if isDraining {
            throw ClientError(.unavailable, "The server is about to restart. Please send again.", retryAfter: 2)
        }
        if let key = answer.id, let sent = pending[ExactString(key)], let conversation = conversations[sent.threadID] {
            conversation.handle(.sendAgain(sent.runID, answer))
            return sent.threadID
        }
        if let seconds = environment.admitMessage(of: userID) {
            environment.limitReached("messages")
            throw ClientError(.rateLimited, "Too many messages. Please wait a moment.", retryAfter: seconds)
        }
        let conversation: ConversationDriver
        switch reference {
        case nil:
            try admitConversation()
            conversation = try open(environment.makeIdentifier(), isNew: true)
        case .known(let id):
            guard !closing.contains(id) else { throw .noThread }
            conversation = try open(id)
        case .fresh(let id):
            guard !closing.contains(id) else { throw .noThread }
            if !holds(thread: id) { try admitConversation() }
            conversation = try open(id, isNew: true)
        case .impossible: throw .noThread
        }
        let message = Message(id: environment.makeIdentifier(), role: .user, content: content)
        var turn = Turn(
            message: message, runID: environment.makeIdentifier(), clientID: answer.id, branch: branch?(message.id),
            answers: [answer])
        turn.receivedAt = environment.nowNanoseconds
        let isAnew = if case .answer? = turn.branch { true } else { false }
        turn.trace = environment.span(
            ofTurn: turn.runID, in: conversation.id, under: answer.client?.trace, begins: isAnew ? "regenerated" : nil)
        turn.expectsAnswer = expectsAnswer
        if let key = answer.id {
            pending[ExactString(key)] = PendingSend(threadID: conversation.id, runID: turn.runID)
        }
        conversation.handle(.send(turn, policy, refusal: refusal(beside: conversation) ?? conversation.refusalForRoom))
        return conversation.id
    }

    private func admitConversation() throws(ClientError) {
        guard let seconds = environment.admitCreation(by: userID) else { return }
        throw ClientError(
            .rateLimited, "Too many new conversations. Please wait a moment.", retryAfter: seconds)
    }

    /// A conversation in which something is under way queues the message; another one more is a matter of the limit.
    private func refusal(beside conversation: ConversationDriver) -> ClientError? {
        guard conversations.count > environment.limits.runsPerUser, !conversation.hasWork,
            conversations.values.count(where: { $0.hasWork }) >= environment.limits.runsPerUser
        else { return nil }
        environment.limitReached("runs")
        return ClientError(
            .rateLimited, "\(environment.limits.runsPerUser) of your conversations are being answered already.",
            retryAfter: 1)
    }

    /// It is known what became of a message that was on its way.
    func settled(_ key: String, run: Identifier) {
        let key = ExactString(key)
        if pending[key]?.runID == run { pending[key] = nil }
    }

    /// The id was used before: the sender hears of the original, and of what its run says, wherever that is.
    func duplicate(_ turn: Turn, of sent: SentTurn) {
        guard let conversation = try? open(sent.threadID) else {
            for answer in turn.answers {
                answer.send(
                    .sent(
                        threadID: sent.threadID, messageID: sent.messageID, runID: sent.runID, .duplicate))
            }
            return
        }
        conversation.isFound()
        conversation.handle(
            .duplicate(
                turn, message: sent.messageID, run: sent.runID,
                isOver: sent.runEnded || conversation.feed.holdsLog(of: sent.runID)))
    }

    /// Takes over a run that a dead process left and that may run again: its message is stored, nothing of it was seen.
    ///
    /// - Parameter isRunning: it is the conversation's active run; else it waits for that, which another gateway has.
    package func adopt(threadID: Identifier, message: Message, runID: Identifier, isRunning: Bool) {
        guard let conversation = try? open(threadID), !conversation.holds(runID) else { return }
        conversation.isFound()
        var turn = Turn(message: message, runID: runID, clientID: nil)
        turn.trace = environment.span(ofTurn: runID, in: threadID, begins: "recovered")
        turn.position = message.position
        turn.standing = isRunning ? .placed : .waiting(isAsked: false)
        conversation.handle(.adopt(turn))
    }

    /// The history of a conversation has changed otherwise than by its events, as when a run that a dead process left
    /// was closed in the database: whoever is subscribed is shown it anew.
    package func refresh(threadID: Identifier) { conversations[threadID]?.feed.showAnew() }

    /// What is known of a run that is neither at work nor waiting here.
    package enum Whereabouts {
        case over
        /// Another gateway has it, its withdrawal is being stored, or the database is asked whose it is. Where that is
        /// asked of another run of the conversation it may be said of this one too.
        case underWay
        /// The database does not say.
        case unknown
    }

    package func whereabouts(of runID: Identifier, in threadID: Identifier) -> Whereabouts {
        guard let conversation = conversations[threadID] else { return .over }
        let look = conversation.feed.watched[runID]
        if conversation.machine.isClaimLate || look == .unanswered { return .unknown }
        let isSought = !conversation.machine.claims.isEmpty || look != nil
        return isSought || conversation.machine.isWithdrawing(runID) ? .underWay : .over
    }

    // MARK: Other operations

    private func cancel(_ reference: ThreadReference, run: ThreadReference?, answer: Answer) {
        guard case .known(let threadID) = reference else { return answer.send(.refused(.noThread)) }
        var runID: Identifier?
        if case .known(let known)? = run { runID = known }
        let carryOut = { (conversation: ConversationDriver?) in
            if let conversation, run != .impossible {
                conversation.handle(.cancel(runID, answer))
            } else {
                answer.send(.done(threadID: threadID, runID: runID, .idle))
            }
        }
        if let conversation = conversations[threadID], conversation.isKnown,
            !environment.mayAsk || conversation.hasWork || conversation.machine.suspended != nil
        {
            return carryOut(conversation)
        }
        environment.store.conversation(userID: userID, threadID: threadID) { [self] result in
            switch result {
            case .success(nil): answer.send(.refused(.noThread))
            case .success: cancelAsked(in: threadID, runID, answer, orElse: carryOut)
            case .failure(let error): answer.send(.refused(.notRead(error)))
            }
        }
    }

    private func subscribe(_ client: any SessionClient, to reference: ThreadReference, after: String?, id: String?) {
        guard case .known(let threadID) = reference else {
            client.answer(.refused(.noThread), id: id)
            return
        }
        let count = conversations.values.count { $0.feed.isWanted(by: client) }
        let isSubscribed = conversations[threadID]?.feed.isWanted(by: client) ?? false
        do throws(ClientError) {
            if !isSubscribed, count >= environment.limits.subscriptionsPerSocket {
                throw ClientError(.rateLimited, "Too many subscriptions on this socket.", retryAfter: 60)
            }
            try open(threadID).subscribe(client, after: after, id: id)
        } catch {
            client.answer(.refused(error), id: id)
        }
    }

    // MARK: The end

    /// No new turns from here on.
    package func drain(reconnectAfter: Int) {
        isDraining = true
        for conversation in conversations.values { conversation.handle(.drain) }
        let frame = ServerFrame.draining(reconnectAfter: reconnectAfter)
        for client in clients { client.send(frame) }
    }

    /// Closes what still runs as interrupted, and leaves what waits to the next process; `hasWork` falls when all of that
    /// is stored.
    package func interrupt() {
        let failure = RunFailure(code: .interrupted, message: "The server was restarted during the reply.")
        for conversation in Array(conversations.values) { conversation.handle(.interrupt(failure)) }
    }

    /// This process was taken for dead: another gateway has what is under way here, and its end.
    package func abandon() {
        isAbandoned = true
        let abandoned = Array(conversations.values)
        for conversation in abandoned { conversation.abandon() }
        conversations.removeAll()
        for conversation in abandoned { conversation.feed.owner = nil }
        pending.removeAll()
        unaddressed.removeAll()
        clients.removeAll()
    }

    /// The process may hand out events again: what was held back follows.
    package func goOn() {
        for conversation in conversations.values { conversation.feed.publish() }
    }

    // MARK: For the conversations

    func conversation(_ id: Identifier) -> ConversationDriver? { conversations[id] }

    /// Whether a run is in memory here, also one that has just ended.
    func holds(run: Identifier, of threadID: Identifier) -> Bool { conversations[threadID]?.holds(run) == true }

    var conversationsInMemory: [ConversationDriver] { Array(conversations.values) }
    var busyConversations: [Identifier] { conversations.values.filter(\.hasWork).map(\.id) }

    /// Tells every socket of the user that a conversation was created, renamed, archived or deleted.
    package func announce(_ conversation: Conversation) {
        let frame = ServerFrame.thread(conversation)
        for client in clients { client.send(frame) }
    }

    func release(_ conversation: ConversationDriver) {
        if drop(conversation), isIdle { becameIdle?() }
    }

    /// Lets a conversation go that nothing needs any more.
    @discardableResult
    private func drop(_ conversation: ConversationDriver) -> Bool {
        guard !conversation.isUsed, conversations[conversation.id] === conversation else { return false }
        conversations[conversation.id] = nil
        conversation.feed.owner = nil
        return true
    }

    func open(_ id: Identifier, isNew: Bool = false) throws(ClientError) -> ConversationDriver {
        if let conversation = conversations[id] { return conversation }
        guard !isAbandoned else { throw .notStored(retryAfter: 1) }
        guard conversations.count < environment.limits.threadsPerSession else {
            throw ClientError(.rateLimited, "Too many conversations are in use at once.", retryAfter: 60)
        }
        let conversation = ConversationDriver(
            id: id, isNew: isNew, session: self, buffer: buffer, environment: environment)
        conversations[id] = conversation
        return conversation
    }
}
