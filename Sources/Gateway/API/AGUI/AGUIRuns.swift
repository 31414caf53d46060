import JSON
import Chat
import HTTP
import HTTPTypes
import Store

/// `POST /agui`: Parley as an AG-UI agent over HTTP.
///
/// A thread id that is one of the user's conversations is that conversation. Any other stands for one that is made for
/// it and found again by it (`AGUIRunInput.conversationID`). The last message of the user's is the new one; one that is
/// stored already starts nothing. Those before it that are not stored yet are stored first, and not answered.
enum AGUIRuns {
    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .post, "/agui", .user,
            APIOperation(
                id: "runAgent", tag: "ag-ui", summary: "Parley as an AG-UI agent: a run.",
                detail: "Failures before the run are JSON; within the stream they are `RUN_ERROR`.",
                body: APISchemas.reference("RunAgentInput"),
                answers: [
                    APIOperation.Answer(
                        status: 200, summary: "The events of the run.",
                        content: [("text/event-stream", ["type": "string"])])
                ],
                failures: [
                    (404, "The conversation of this thread was deleted."),
                    (409, "Too many turns wait in this conversation."), (422, "The conversation is full."),
                ]),
            body: run)
    ]

    private static func run(_ call: APICall) throws(APIFailure) {
        let input = try AGUIRunInput(try call.object(), limits: call.handler.shard.limits)
        let derived = input.conversationID(of: call.userID)
        guard let named = Identifier(input.threadID) else { return find(derived, call, input) }
        call.store.conversation(userID: call.userID, threadID: named) { result in
            call.proceed(result) { conversation in
                if conversation == nil {
                    find(derived, call, input)
                } else {
                    send(input, to: .known(named), named, call)
                }
            }
        }
    }

    private static func find(_ derived: Identifier, _ call: APICall, _ input: AGUIRunInput) {
        call.store.conversation(userID: call.userID, threadID: derived) { result in
            call.proceed(result) { conversation in
                send(input, to: conversation == nil ? .fresh(derived) : .known(derived), derived, call)
            }
        }
    }

    private static func send(
        _ input: AGUIRunInput, to reference: ThreadReference, _ thread: Identifier, _ call: APICall
    ) {
        let replay = HistoryReplay(
            threadID: input.threadID, runID: input.runID, knownIDs: input.knownIDs, epoch: call.handler.shard.epoch)
        if let answers = input.answers {
            guard !reference.isFresh else { return call.fail(.noConversation) }
            var request = TurnRequest(
                user: call.user, thread: reference, content: "", clientID: nil, policy: .enqueue)
            request.answers = answers
            return TurnExchange.start(
                call, request, AGUIEventWriter(threadID: input.threadID, runID: input.runID, replay: replay))
        }
        let start = {
            withEarlier(input, thread, isFresh: reference.isFresh, call) { earlier in
                let request = TurnRequest(
                    user: call.user, thread: reference, content: input.content, clientID: input.clientID(in: thread),
                    policy: .enqueue, earlier: earlier)
                TurnExchange.start(
                    call, request, AGUIEventWriter(threadID: input.threadID, runID: input.runID, replay: replay))
            }
        }
        // A message that was sent by the socket or the API has an id of ours.
        guard let message = Identifier(input.messageID) else { return start() }
        call.store.anchor(userID: call.userID, threadID: thread, messageID: message) { result in
            call.proceed(result) { position in
                if position == nil { start() } else { replay.answer(call, thread: thread, message: message) }
            }
        }
    }

    // MARK: Messages before it

    /// The user's messages behind the newest one that is stored, which are stored before the new one; all of them where
    /// the conversation is new.
    private static func withEarlier(
        _ input: AGUIRunInput, _ thread: Identifier, isFresh: Bool, _ call: APICall,
        _ then: @escaping ([TurnRequest.Earlier]) -> Void
    ) {
        lookBack(input, thread, from: input.earlier.count, isFresh: isFresh, call) { first in
            call.proceed(.success(())) { () throws(APIFailure) in
                let limit = call.handler.shard.limits.queuedTurns
                guard input.earlier.count - first <= limit else {
                    throw APIFailure(
                        .invalidField,
                        "\"messages\" has more than \(limit) of the user's before the last that are not stored yet.")
                }
                var earlier: [TurnRequest.Earlier] = []
                for message in input.earlier[first...] {
                    earlier.append(
                        TurnRequest.Earlier(
                            content: try AGUIRunInput.checked(message.content, call.handler.shard.limits),
                            clientID: input.clientID(of: message.id, in: thread)))
                }
                then(earlier)
            }
        }
    }

    /// Finds the first of them that is not stored, from the newest on.
    private static func lookBack(
        _ input: AGUIRunInput, _ thread: Identifier, from count: Int, isFresh: Bool, _ call: APICall,
        _ then: @escaping (Int) -> Void
    ) {
        // One more than can be taken is enough to know.
        guard count > 0, input.earlier.count - count <= call.handler.shard.limits.queuedTurns, !isFresh else {
            return then(isFresh ? 0 : count)
        }
        let id = input.earlier[count - 1].id
        let next = { lookBack(input, thread, from: count - 1, isFresh: isFresh, call, then) }
        if let message = Identifier(id) {
            call.store.anchor(userID: call.userID, threadID: thread, messageID: message) { result in
                call.proceed(result) { position in if position == nil { next() } else { then(count) } }
            }
        } else {
            call.store.sentTurn(userID: call.userID, clientID: input.clientID(of: id, in: thread)) { result in
                call.proceed(result) { sent in if sent == nil { next() } else { then(count) } }
            }
        }
    }
}

extension ThreadReference {
    fileprivate var isFresh: Bool {
        if case .fresh = self { return true }
        return false
    }
}
