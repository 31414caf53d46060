package import Chat
import HTTP
import Store

/// Answers a repeated AG-UI run that ended long ago: nothing runs again, and of what the run left the client gets what
/// it does not have.
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

    func answer(_ call: APICall, _ turn: TurnAnswer.Acknowledgement) {
        answer(call, thread: turn.threadID, message: turn.messageID)
    }

    func answer(_ call: APICall, thread: Identifier, message: Identifier) {
        call.store.position(userID: call.userID, threadID: thread, messageID: message) { result in
            call.proceed(result) { position throws(APIFailure) in
                guard let position else { throw .noConversation }
                call.store.messages(
                    userID: call.userID, threadID: thread, .after(position), limit: Self.limit
                ) { result in
                    call.proceed(result) { page throws(APIFailure) in
                        guard let page else { throw .noConversation }
                        send(page.messages, in: thread, call)
                    }
                }
            }
        }
    }

    private func send(_ messages: [Message], in thread: Identifier, _ call: APICall) {
        guard let stream = call.responder.beginStream(EventStream.head) else { return }
        stream.write(body(messages, in: thread))
        stream.end()
    }

    /// - Parameter messages: those behind the user's message.
    package func body(_ messages: [Message], in thread: Identifier) -> [UInt8] {
        let writer = AGUIEventWriter(threadID: threadID, runID: runID, replay: nil)
        // These events come from no run's log: who resumes after them on a socket gets the history.
        let place = EventPlace(threadID: thread, epoch: epoch, position: 0, isReplay: true)
        var body: [UInt8] = []
        writer.appendBegin(at: place, to: &body)
        for message in messages.prefix(while: { $0.role != .user }) where !knownIDs.contains(message.id.description) {
            for event in events(of: message) { append(event, message, place, writer, to: &body) }
        }
        writer.appendEnd(outcome: "success", at: place, to: &body)
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
