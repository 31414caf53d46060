import Chat
import Testing

/// Every order in which things can happen to a run, up to six of them: with the database quick, and with it so slow
/// that nothing is answered before the last.
@Suite("Interleavings")
struct InterleavingTests {
    enum Step: String, CaseIterable, Sendable { case token, result, cancel, disconnect, reconnect, end }

    @Test("text and end are right in every order", arguments: Step.allCases, [false, true])
    func all(first: Step, isSlow: Bool) throws {
        var sequences = 0
        func extend(_ steps: [Step], isConnected: Bool) throws {
            try play(steps, isSlow: isSlow)
            sequences += 1
            guard steps.count < 6 else { return }
            for step in Step.allCases {
                // A socket can't be cut twice, nor come back that is there.
                if step == .disconnect, !isConnected { continue }
                if step == .reconnect, isConnected { continue }
                let isConnected = step == .reconnect || isConnected && step != .disconnect
                try extend(steps + [step], isConnected: isConnected)
            }
        }
        guard first != .reconnect else { return }
        try extend([first], isConnected: first != .disconnect)
        // Five things can follow each.
        #expect(sequences == (15_625 - 1) / 4)
    }

    private func play(_ steps: [Step], isSlow: Bool) throws {
        let name = "\(steps.map(\.rawValue)) \(isSlow ? "slow" : "quick")"
        let world = ChatWorld()
        var client = world.connect()
        // Another socket of the user, which is not subscribed: a cancel may come from any.
        let other = world.connect()
        var isConnected = true
        let (thread, work) = try world.begin(client)
        let runID = work.input.runID
        work.call()
        var view = client.threads[thread]
        var terminals = client.terminals
        var spoken = 0

        func leave() {
            world.detach(client)
            view = client.threads[thread]
            terminals += client.terminals
            isConnected = false
        }
        func comeBack() {
            client = world.connect()
            client.inherit(view, of: thread)
            world.subscribe(client, thread, after: view?.cursor)
            isConnected = true
            #expect(client.summary.last == "subscribed resumed", "\(name)")
        }

        for step in steps {
            switch step {
            case .token:
                spoken += 1
                work.run.text(spoken % 2 == 0 ? "é\(spoken) " : "漢\(spoken) ")
            case .result:
                if !world.store.release(.perform) {
                    work.call()
                    if !isSlow { world.store.release(.perform) }
                }
            case .cancel:
                world.cancel(other, thread)
            case .disconnect: leave()
            case .reconnect: comeBack()
            case .end: work.run.finish(nil)
            }
            if !isSlow { world.store.releaseAll(except: [.perform]) }
            #expect((isConnected ? client.threads[thread] : view)?.problems == [], "\(name)")
        }
        // Whatever was open comes to its end.
        if world.session.hasWork { work.run.finish(nil) }
        let isAway = !isConnected
        world.store.releaseAll()
        #expect(!world.session.hasWork, "\(name)")
        let stored = world.store.stored(thread).filter { $0.role == .assistant }
        if isAway {
            // What it had is the beginning of what is stored.
            for message in stored {
                let seen = view?.text[message.id.description] ?? ""
                #expect(message.content.hasPrefix(seen), "\(name)")
            }
            comeBack()
        }
        let final = try #require(client.threads[thread])
        for message in stored {
            #expect(final.text[message.id.description] ?? "" == message.content, "\(name)")
        }
        #expect(
            final.text.values.filter { !$0.isEmpty }.count == stored.filter { !$0.content.isEmpty }.count, "\(name)")
        #expect(final.problems == [], "\(name)")
        #expect(final.activeRun == nil, "\(name)")
        #expect(terminals + client.terminals == 1, "\(name)")
        #expect(final.finished == [runID.description], "\(name)")
        #expect(world.store.violations == [], "\(name)")
        let stop = steps.first { $0 == .cancel || $0 == .end }
        let wanted: RunStatus = stop == .cancel ? .cancelled : .completed
        #expect(world.store.runs[runID]?.status == wanted, "\(name)")
        #expect(world.store.effects.count == world.store.operations.count, "\(name)")
    }
}
