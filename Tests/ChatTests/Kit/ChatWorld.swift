import JSON
import Chat
import Testing

/// A user's session with everything around it in the hands of the test.
final class ChatWorld {
    let environment: FakeEnvironment
    let session: Session
    var store: FakeStore { environment.fakeStore }
    var agent: FakeAgent { environment.fakeAgent }

    init(environment: FakeEnvironment = FakeEnvironment(), _ configure: (FakeEnvironment) -> Void = { _ in }) {
        self.environment = environment
        configure(environment)
        session = Session(userID: "anna", environment: environment)
    }

    func connect() -> FakeClient {
        let client = FakeClient()
        session.attach(client, expiresAt: 0)
        client.clear()
        return client
    }

    /// The socket closes.
    func detach(_ client: FakeClient) {
        client.isGone = true
        session.detach(client)
    }

    func handle(_ client: FakeClient, _ command: ClientCommand) { session.handle(command, from: client) }

    @discardableResult
    func send(
        _ client: FakeClient, _ content: String = "hello", id: String? = "c1", to threadID: Identifier? = nil,
        _ policy: ClientCommand.QueuePolicy = .enqueue
    ) -> Identifier? {
        session.send(content, to: threadID.map(ThreadReference.known), policy: policy, id: id, from: client)
    }

    func cancel(_ client: FakeClient, _ threadID: Identifier, run: Identifier? = nil, id: String = "x") {
        handle(
            client, .cancel(id: id, threadID: .known(threadID), runID: run.map(ThreadReference.known)))
    }

    func subscribe(_ client: FakeClient, _ threadID: Identifier, after: String? = nil, id: String = "s") {
        handle(client, .subscribe(id: id, threadID: .known(threadID), after: after))
    }

    /// A turn that is accepted and at work: its thread, and the assistant's side of it.
    func begin(
        _ client: FakeClient, id: String? = "c1", in threadID: Identifier? = nil
    ) throws -> (Identifier, FakeAgent.Started) {
        let thread = try #require(send(client, id: id, to: threadID))
        store.releaseAll()
        return (thread, try #require(agent.started.last))
    }

    /// A turn that another process stored, and that it died before it ran.
    func strand(_ content: String, id: String, in threadID: Identifier? = nil) throws {
        let other = Session(userID: "anna", environment: environment)
        let client = FakeClient()
        other.attach(client, expiresAt: 0)
        other.send(content, to: threadID.map(ThreadReference.known), policy: .enqueue, id: id, from: client)
        try #require(store.take(.accept)).commit()
    }

    /// A whole turn that says `text`.
    @discardableResult
    func turn(
        _ client: FakeClient, saying text: String = "hi", id: String? = "c1", in threadID: Identifier? = nil
    ) throws -> Identifier {
        let (thread, work) = try begin(client, id: id, in: threadID)
        work.run.text(text)
        work.run.finish(nil)
        store.releaseAll()
        return thread
    }

    /// What must hold at the end of every test.
    func check(_ clients: FakeClient..., location: SourceLocation = #_sourceLocation) {
        #expect(store.violations == [], sourceLocation: location)
        for client in clients { #expect(client.problems == [], sourceLocation: location) }
    }
}

extension JSON {
    var op: String? { self["op"]?.string }
    var id: String? { self["id"]?.string }
    var runID: Identifier? { self["runId"]?.string.flatMap { Identifier($0) } }
    var cursor: String? { self["metadata"]?["parley"]?["cursor"]?.string ?? self["cursor"]?.string }
    var isReplay: Bool { self["metadata"]?["parley"]?["replay"]?.bool ?? false }
}
