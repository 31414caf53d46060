package import Chat
import HTTP
package import Store

/// Answers a repeated AG-UI run that ended long ago: nothing runs again, and of what the run left the client gets what
/// it does not have, and how it ended.
package struct HistoryReplay: Sendable {
    /// Messages of a run's reply that are looked at: more than the tool calls of a run have.
    private static let limit = 600

    let threadID: String
    let runID: String
    let knownIDs: Set<String>
    /// Of this process.
    let epoch: String

    package init(threadID: String, runID: String, knownIDs: Set<String>, epoch: String) {
        self.threadID = threadID
        self.runID = runID
        self.knownIDs = knownIDs
        self.epoch = epoch
    }

    func answer(_ call: APICall, _ turn: TurnAcknowledgement) {
        if let message = turn.messageID { return answer(call, thread: turn.threadID, message: message) }
        // What was answered before and is over by now is not said again.
        write(StoredReply(status: .completed, failure: nil, messages: []), [], in: turn.threadID, call)
    }

    func answer(_ call: APICall, thread: Identifier, message: Identifier) {
        call.store.reply(
            userID: call.userID, threadID: thread, messageID: message, limit: Self.limit
        ) { result in
            call.proceed(result) { reply throws(APIFailure) in
                guard let reply else { throw .noConversation }
                guard reply.status.isTerminal else {
                    throw APIFailure(
                        .unavailable, "The reply to this message is still under way. Please send it again.",
                        retryAfter: 2)
                }
                guard reply.status == .suspended else { return write(reply, [], in: thread, call) }
                call.store.approvals(userID: call.userID, threadID: thread, ids: []) { result in
                    call.proceed(result) { known in write(reply, known?.open ?? [], in: thread, call) }
                }
            }
        }
    }

    private func write(_ reply: StoredReply, _ open: [Approval], in thread: Identifier, _ call: APICall) {
        guard let stream = call.responder.beginStream(EventStream.head) else { return }
        stream.write(body(reply, asking: open, in: thread))
        stream.end()
    }

    package func body(_ reply: StoredReply, asking open: [Approval] = [], in thread: Identifier) -> [UInt8] {
        let writer = AGUIEventWriter(threadID: threadID, runID: runID, replay: nil)
        // These events come from no run's log: who resumes after them on a socket gets the history.
        let place = EventPlace(threadID: thread, epoch: epoch, position: 0, isReplay: true)
        var body: [UInt8] = []
        writer.appendBegin(at: place, to: &body)
        for message in reply.messages where !knownIDs.contains(message.id.description) {
            for event in events(of: message) { append(event, message, place, writer, to: &body) }
        }
        switch reply.status {
        case .queued, .running, .completed: writer.appendEnd(outcome: "success", at: place, to: &body)
        case .suspended: writer.appendEnd(asking: open, at: place, to: &body)
        case .cancelled: writer.appendEnd(outcome: "cancelled", at: place, to: &body)
        case .failed, .interrupted:
            let failure = reply.failure
            writer.append(
                replayed: .runError(
                    code: failure?.code ?? .interrupted, message: failure?.message ?? "The reply was interrupted."),
                at: place, to: &body)
        }
        return body
    }

    private func append(
        _ event: ChatEvent, _ message: Message, _ place: EventPlace, _ writer: AGUIEventWriter, to body: inout [UInt8]
    ) {
        writer.append(replayed: event, at: place, to: &body)
        if case .textStart = event {
            writer.append(replayed: message.content, of: message.id, at: place, to: &body)
        }
    }

    private func events(of message: Message) -> [ChatEvent] {
        switch message.role {
        case .user: return []
        case .tool:
            return [
                .toolCallResult(message: message.id, id: message.toolCallID ?? "", content: message.content)
            ]
        case .assistant:
            var events: [ChatEvent] = []
            if !message.content.isEmpty { events += [.textStart(message.id), .textEnd(message.id)] }
            for call in message.toolCalls {
                events.append(.toolCallStart(id: call.id, name: call.name, parent: message.id))
                events.append(.toolCallArguments(id: call.id, delta: call.arguments))
                events.append(.toolCallEnd(id: call.id))
            }
            return events
        }
    }
}
