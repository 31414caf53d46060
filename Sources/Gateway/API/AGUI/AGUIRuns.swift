import JSON
import Chat
import HTTP
import HTTPTypes
import Store

/// `POST /agui`: Parley as an AG-UI agent over HTTP.
///
/// A thread id that is one of the user's conversations is that conversation. Any other stands for one that is made for
/// it and found again by it (`AGUIRunInput.conversationID`). The last message of the user's is the new one; one that is
/// stored already starts nothing.
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
        let start = {
            let request = TurnRequest(
                user: call.user, thread: reference, content: input.content, clientID: input.clientID(in: thread),
                policy: .enqueue)
            TurnExchange.start(
                call, request, AGUIEventWriter(threadID: input.threadID, runID: input.runID, replay: replay))
        }
        // A message that was sent by the socket or the API has an id of ours.
        guard let message = Identifier(input.messageID) else { return start() }
        call.store.position(userID: call.userID, threadID: thread, messageID: message) { result in
            call.proceed(result) { position in
                if position == nil { start() } else { replay.answer(call, thread: thread, message: message) }
            }
        }
    }
}
