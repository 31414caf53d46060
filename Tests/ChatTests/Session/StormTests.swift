import JSON
import Chat
import Strings
import Testing

/// Everything at once, in an order that a seed decides: sockets that come, go and stall, sends with old and new ids,
/// cancels, an assistant at work, and a database that answers late, in any order, with errors and lost commits.
@Suite("Storm")
struct StormTests {
    @Test("nothing is lost, doubled or left behind", arguments: 1...100)
    func storm(seed: Int) throws {
        let storm = Storm(seed: UInt64(seed))
        for _ in 0..<400 { storm.step() }
        storm.settle()
        storm.check()
    }
}

private final class Storm {
    let world: ChatWorld
    let name: String
    var random: SeededRandom
    var clients: [FakeClient] = []
    var threads: [Identifier] = []
    var acknowledged: [(key: String, message: String, run: String)] = []
    var keys = 0

    init(seed: UInt64) {
        random = SeededRandom(state: seed)
        name = "seed \(seed)"
        world = ChatWorld {
            $0.limits.coalescingWindow = seed % 3 == 0 ? 20 : 0
            $0.fakeAgent.historyWanted = seed % 2 == 0 ? 10 : 0
        }
    }

    func pick(_ count: Int) -> Int { Int(random.next() % UInt64(max(count, 1))) }

    func step() {
        switch pick(20) {
        case 0: connect()
        case 1: if let client = someClient() { leave(client) }
        case 2...4: send()
        case 5:
            guard let client = someClient(), let thread = someThread() else { return }
            world.cancel(client, thread)
        case 6:
            guard let client = someClient(), let run = world.agent.started.last else { return }
            world.cancel(client, run.input.threadID, run: run.input.runID)
        case 7:
            guard let client = someClient(), let thread = someThread() else { return }
            world.subscribe(client, thread, after: client.threads[thread]?.cursor)
        case 8:
            guard let client = someClient() else { return }
            client.isWritable.toggle()
            if client.isWritable { world.session.drained(client) }
        case 9...12: agent()
        case 13: world.environment.advance(UInt64(pick(300)))
        default: database()
        }
    }

    private func someClient() -> FakeClient? { clients.isEmpty ? nil : clients[pick(clients.count)] }
    private func someThread() -> Identifier? { threads.isEmpty ? nil : threads[pick(threads.count)] }

    private func connect() {
        guard clients.count < 5 else { return }
        clients.append(world.connect())
    }

    private func leave(_ client: FakeClient) {
        world.detach(client)
        clients.removeAll { $0 === client }
        follow(client)
    }

    private func send() {
        guard let client = someClient() else { return }
        let isOld = pick(4) == 0 && keys > 0
        if !isOld { keys += 1 }
        let key = "k\(isOld ? pick(keys) : keys)"
        let policy: ClientCommand.QueuePolicy = [.enqueue, .enqueue, .reject, .interrupt][pick(4)]
        let thread = threads.count > 2 || pick(2) == 0 ? someThread() : nil
        if let opened = world.send(client, "content of \(key)", id: key, to: thread, policy), !threads.contains(opened),
            threads.count < 3
        {
            threads.append(opened)
        }
    }

    private func agent() {
        let working = world.agent.started.suffix(3)
        guard !working.isEmpty else { return }
        let work = working[working.startIndex + pick(working.count)]
        switch pick(8) {
        case 0: work.call()
        case 1: work.run.finish(nil)
        case 2: work.run.endText()
        case 3: if pick(5) == 0 { work.run.fail(.upstreamError, "m") }
        default: work.run.text(["a", "é", "漢字 ", "😀\n"][pick(4)])
        }
    }

    private func database() {
        guard !world.store.held.isEmpty else { return }
        let place = pick(world.store.held.count)
        switch pick(12) {
        case 0:
            // What has been stored is never called unavailable: that word promises the opposite.
            let call = world.store.take(at: place)
            call.fail(call.isCommitted ? .unknown : .unavailable(retryAfter: 1))
        case 1: world.store.take(at: place).fail(.unknown)
        case 2:
            let call = world.store.take(at: place)
            call.commit()
            call.fail(.unknown)
        case 3: world.store.held[place].commit()
        default: world.store.take(at: place).complete()
        }
    }

    private func follow(_ client: FakeClient) {
        #expect(client.problems == [], "\(name)")
        for ack in client.frames(op: "ack") {
            guard let key = ack.id, let message = ack["messageId"]?.string, let run = ack["runId"]?.string else {
                continue
            }
            acknowledged.append((key, message, run))
        }
    }

    /// The weather clears: the database answers, the assistant comes to its ends.
    func settle() {
        for _ in 0..<200 {
            world.store.releaseAll()
            for work in world.agent.started { work.run.finish(nil) }
            world.environment.advance(500)
            if !world.session.hasWork, world.store.held.isEmpty { break }
        }
        for client in clients {
            client.isWritable = true
            world.session.drained(client)
        }
    }

    func check() {
        #expect(!world.session.hasWork, "\(name)")
        #expect(world.store.violations == [], "\(name)")
        let texts = world.store.messages.values.joined().filter { $0.role == .assistant }
        let stored = Dictionary(texts.map { ($0.id.description, $0.content) }) { first, _ in first }
        for client in clients {
            for view in client.threads.values {
                #expect(view.activeRun == nil, "\(name)")
                for (message, text) in view.text where !text.isEmpty { #expect(stored[message] == text, "\(name)") }
            }
        }
        for client in clients { leave(client) }
        // One message and one run for every id that was ever acknowledged, stored under the ids that were told.
        for (key, message, run) in acknowledged {
            let runID = world.store.clientIDs[ExactString("anna/\(key)")]
            #expect(runID?.description == run, "\(name)")
            #expect(runID.flatMap { world.store.runs[$0]?.message.description } == message, "\(name)")
        }
        for run in world.agent.started {
            #expect(world.store.runs[run.input.runID]?.status.isTerminal == true, "\(name)")
        }
        let runs = world.agent.started.map(\.input.runID)
        #expect(Set(runs).count == runs.count, "a run began twice, \(name)")
        for (id, messages) in world.store.messages {
            #expect(Set(messages.map(\.id)).count == messages.count, "\(name) \(id)")
        }
        world.environment.advance(70_000)
        #expect(world.session.isIdle, "\(name)")
        #expect(world.environment.timerCount == 0, "\(name)")
    }
}
