import JSON
import Chat
import Testing

@Suite("Subscribe and resume")
struct SubscribeTests {
    @Test("a finished thread: snapshot, oldest first, then subscribed")
    func snapshot() throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first, saying: "hi")
        let client = world.connect()
        world.subscribe(client, thread)
        world.store.releaseAll()
        #expect(client.summary == ["snapshot", "subscribed snapshot"])
        #expect(client.frames[0]["messages"]?.array?.compactMap { $0["content"]?.string } == ["hello", "hi"])
        #expect(client.frames[0]["hasMore"]?.bool == false)
        #expect(client.frames[0].cursor == client.frames[1].cursor)
        #expect(client.frames[1].id == "s")
        try world.turn(first, saying: "more", id: "c2", in: thread)
        #expect(client.events().count == 5)
        world.check(first, client)
    }

    @Test("after the recovery of a dead process's run, those who are subscribed get the history anew")
    func refreshed() throws {
        let world = ChatWorld()
        let client = world.connect()
        let other = world.connect()
        let thread = try world.turn(client, saying: "hi")
        client.clear()
        world.session.refresh(threadID: thread)
        world.session.refresh(threadID: Identifier(high: 9, low: 9))
        world.store.releaseAll()
        #expect(client.summary == ["snapshot", "subscribed snapshot"])
        #expect(client.frames[0]["messages"]?.array?.compactMap { $0["content"]?.string } == ["hello", "hi"])
        #expect(other.frames(op: "snapshot").isEmpty)
        try world.turn(client, saying: "more", id: "c2", in: thread)
        world.check(client)
    }

    @Test("in mid stream: the snapshot has the user's message only, and the run is replayed, marked, then goes on live")
    func midStream() throws {
        let world = ChatWorld()
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        work.run.text("one ")
        work.run.text("two ")
        let client = world.connect()
        world.subscribe(client, thread)
        world.store.releaseAll()
        work.run.text("three")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(
            client.summary == [
                "snapshot", "RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "subscribed snapshot",
                "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED",
            ])
        #expect(client.frames[0]["messages"]?.array?.compactMap { $0["content"]?.string } == ["hello"])
        #expect(client.frames[3]["delta"]?.string == "one two ")
        #expect(client.events().map(\.isReplay) == [true, true, true, false, false, false])
        #expect(client.threads[thread]?.text.values.first == "one two three")
        world.check(first, client)
    }

    /// A history that is read before the message is stored, or after it; a run that has ended by then, or not.
    @Test(
        "a send that overtakes a subscribe: the history comes first, then all of its run",
        arguments: [(false, false), (false, true), (true, false), (true, true)])
    func overtaken(readLate: Bool, endsBefore: Bool) throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first, saying: "hi")
        world.detach(first)
        let client = world.connect()
        world.subscribe(client, thread)
        let read = try #require(world.store.take(.messages))
        if !readLate { read.commit() }
        world.send(client, "next", id: "c2", to: thread)
        world.store.releaseAll(except: [.messages])
        let work = try #require(world.agent.started.last)
        work.run.text("one ")
        if endsBefore {
            work.run.text("two")
            work.run.finish(nil)
            world.store.releaseAll(except: [.messages])
        }
        #expect(client.summary == ["ack running"])
        read.complete()
        world.store.releaseAll()
        if !endsBefore {
            work.run.text("two")
            work.run.finish(nil)
            world.store.releaseAll()
        }
        let run = ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"]
        let end = ["TEXT_MESSAGE_END", "RUN_FINISHED"]
        #expect(
            client.summary == ["ack running", "snapshot"] + run
                + (endsBefore ? end + ["subscribed snapshot"] : ["subscribed snapshot", "TEXT_MESSAGE_CONTENT"] + end))
        let messages = try #require(client.frames(op: "snapshot").first?["messages"]?.array)
        #expect(messages.map { $0["content"]?.string } == ["hello", "hi", "next"])
        #expect(client.threads[thread]?.text.values.contains("one two") == true)
        #expect(client.events("RUN_STARTED").allSatisfy { $0.isReplay })
        world.check(client)
    }

    @Test("who unsubscribes is not subscribed by what it sent or asked before, and that is answered")
    func unsubscribedMeanwhile() throws {
        let world = ChatWorld()
        let client = world.connect()
        let thread = try world.turn(client, saying: "hi")
        client.clear()
        world.send(client, id: "c2", to: thread)
        world.handle(client, .unsubscribe(id: "u", threadID: .known(thread)))
        world.subscribe(client, thread, id: "s2")
        world.handle(client, .unsubscribe(id: "v", threadID: .known(thread)))
        world.store.releaseAll()
        world.agent.started.last?.run.finish(nil)
        world.store.releaseAll()
        #expect(client.summary == ["ack unsubscribed", "ack unsubscribed", "ack unsubscribed", "ack running"])
        #expect(client.frames.prefix(3).map(\.id) == ["u", "s2", "v"])
        world.check(client)
    }

    @Test("a replay that has to wait for room stays marked as one")
    func replayInParts() throws {
        let world = ChatWorld()
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        work.run.text("one")
        let client = world.connect()
        client.onFrame = { [unowned client] in if $0["type"]?.string == "RUN_STARTED" { client.isWritable = false } }
        world.subscribe(client, thread)
        world.store.releaseAll()
        client.isWritable = true
        world.session.drained(client)
        work.run.text("two")
        #expect(client.events().map(\.isReplay) == [true, true, true, false])
        world.check(first, client)
    }

    /// Whether the history is read before or after the reply is committed, and heard of before or after its end is.
    @Test(
        "a snapshot that races with the end of the run has the reply exactly once",
        arguments: [(false, false), (false, true), (true, false), (true, true)])
    func raceWithEnd(readAfterCommit: Bool, heardAfterEnd: Bool) throws {
        let world = ChatWorld()
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        work.run.text("reply")
        work.run.finish(nil)
        let client = world.connect()
        world.subscribe(client, thread)
        let end = try #require(world.store.take(.end))
        let read = try #require(world.store.take(.messages))
        if readAfterCommit {
            end.commit()
            read.commit()
        } else {
            read.commit()
            end.commit()
        }
        if heardAfterEnd {
            end.complete()
            read.complete()
        } else {
            read.complete()
            end.complete()
        }
        world.store.releaseAll()
        let reply = world.store.stored(thread)[1]
        let snapshot = try #require(client.frames(op: "snapshot").first)
        let inSnapshot = snapshot["messages"]?.array?.contains { $0.id == reply.id.description } ?? false
        let inEvents = client.threads[thread]?.text[reply.id.description] == "reply"
        #expect(inSnapshot != inEvents)
        #expect(client.frames(op: "snapshot").count == 1)
        #expect(client.frames(op: "subscribed").count == 1)
        world.check(first, client)
    }

    @Test("resume gives exactly the rest, from every cursor that was seen")
    func resumeEverywhere() throws {
        let world = ChatWorld()
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        for word in ["é", "漢字 ", "😀", "x"] { work.run.text(word) }
        work.call()
        world.store.releaseAll()
        work.run.text("after")
        work.run.finish(nil)
        world.store.releaseAll()
        let events = first.events()
        for (index, event) in events.enumerated() {
            let client = world.connect()
            var view = ThreadView()
            for seen in events[...index] { view.feed(seen) }
            client.inherit(view, of: thread)
            world.subscribe(client, thread, after: event.cursor)
            #expect(client.summary.last == "subscribed resumed")
            #expect(client.frames.last?.cursor == events.last?.cursor)
            #expect(client.threads[thread]?.text == first.threads[thread]?.text)
            #expect(client.threads[thread]?.finished.count == 1)
            let rest = client.events()
            #expect(rest.count <= events.count - index - 1)
            #expect(rest.allSatisfy { !$0.isReplay })
            #expect(client.problems == [])
        }
        world.check(first)
    }

    @Test("resume over the ends of several runs")
    func resumeOverRuns() throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first, saying: "one", id: "1")
        let cursor = try #require(first.events().dropLast().last?.cursor)
        var view = ThreadView()
        for event in first.events().dropLast() { view.feed(event) }
        try world.turn(first, saying: "two", id: "2", in: thread)
        let (_, work) = try world.begin(first, id: "3", in: thread)
        work.run.text("three")
        let client = world.connect()
        client.inherit(view, of: thread)
        world.subscribe(client, thread, after: cursor)
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(client.summary.first == "RUN_FINISHED")
        #expect(client.threads[thread]?.text == first.threads[thread]?.text)
        world.check(first, client)
    }

    @Test(
        "a cursor that is not of this epoch, not a cursor, or in the middle of a character leads to a snapshot",
        arguments: [
            "e0.5", "e1.", "e1", "", ".", "e1.x", "e1.99999999999999999999999", "e1.18446744073709551615", "e1.0",
        ])
    func badCursor(cursor: String) throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first)
        let client = world.connect()
        world.subscribe(client, thread, after: cursor)
        world.store.releaseAll()
        #expect(client.summary == ["snapshot", "subscribed snapshot"])
    }

    @Test("a cursor within a character leads to a snapshot")
    func cursorInCharacter() throws {
        let world = ChatWorld()
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        work.run.text("é")
        let cursor = try #require(first.events().last?.cursor)
        let dot = try #require(cursor.lastIndex(of: "."))
        let position = try #require(UInt64(cursor[cursor.index(after: dot)...]))
        let client = world.connect()
        world.subscribe(client, thread, after: "e1.\(position - 1)")
        world.store.releaseAll()
        #expect(client.summary.last == "subscribed snapshot")
        world.check(first, client)
    }

    @Test("the log of an ended run is kept for 60 s, then a resume is a snapshot")
    func logExpiry() throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first)
        let old = try #require(first.events().first?.cursor)
        let newest = try #require(first.events().last?.cursor)
        world.environment.advance(59_999)
        let inTime = world.connect()
        world.subscribe(inTime, thread, after: old)
        #expect(inTime.summary.last == "subscribed resumed")
        world.environment.advance(1)
        let late = world.connect()
        world.subscribe(late, thread, after: old)
        world.store.releaseAll()
        #expect(late.summary == ["snapshot", "subscribed snapshot"])
        let current = world.connect()
        world.subscribe(current, thread, after: newest)
        #expect(current.summary == ["subscribed resumed"])
        try world.turn(first, id: "c2", in: thread)
        world.check(first, late, current)
    }

    @Test("cursors rise in a thread also when it was let go and opened again, and old ones are not resumed")
    func reopened() throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first)
        let old = try #require(first.events().last?.cursor)
        world.handle(first, .unsubscribe(id: nil, threadID: .known(thread)))
        world.environment.advance(60_001)
        let client = world.connect()
        world.subscribe(client, thread, after: old)
        world.store.releaseAll()
        #expect(client.summary.last == "subscribed snapshot")
        try world.turn(first, id: "c2", in: thread)
        world.check(first, client)
    }

    @Test("an unknown thread, another's thread and an impossible id look the same; nothing is kept")
    func unknown() throws {
        let world = ChatWorld()
        world.store.conversations[Identifier(high: 2, low: 2)] = (
            "bob",
            Conversation(
                id: Identifier(high: 2, low: 2), title: nil, status: .active, messageCount: 0, createdAt: 0,
                updatedAt: 0)
        )
        let client = world.connect()
        world.subscribe(client, Identifier(high: 1, low: 1))
        world.subscribe(client, Identifier(high: 2, low: 2), after: "e1.5")
        world.session.handle(.subscribe(id: "s", threadID: .impossible, after: nil), from: client)
        world.store.releaseAll()
        #expect(client.summary == Array(repeating: "error thread_not_found", count: 3))
        #expect(Set(client.frames.map { $0["message"]?.string }).count == 1)
        world.detach(client)
        #expect(world.session.isIdle)
    }

    @Test("a history that can't be read is an error, and the socket is not subscribed")
    func unreadable() throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first)
        let client = world.connect()
        world.subscribe(client, thread)
        world.store.fail(.messages, .unavailable(retryAfter: 7))
        #expect(client.summary == ["error unavailable"])
        #expect(client.frames[0]["retryAfter"]?.integer == 7)
        try world.turn(first, id: "c2", in: thread)
        #expect(client.events().isEmpty)
    }

    @Test("unsubscribe ends the events, also when the history is still being read")
    func unsubscribe() throws {
        let world = ChatWorld()
        let first = world.connect()
        let thread = try world.turn(first)
        let client = world.connect()
        world.subscribe(client, thread)
        world.store.releaseAll()
        client.clear()
        world.handle(client, .unsubscribe(id: "u", threadID: .known(thread)))
        #expect(client.summary == ["ack unsubscribed"])
        try world.turn(first, id: "c2", in: thread)
        #expect(client.events().isEmpty)
        client.clear()
        world.subscribe(client, thread)
        world.handle(client, .unsubscribe(id: "u", threadID: .known(thread)))
        world.store.releaseAll()
        try world.turn(first, id: "c3", in: thread)
        #expect(client.summary == ["ack unsubscribed", "ack unsubscribed"])
        world.check(first)
    }

    @Test("a snapshot ends at its bound of bytes, arguments of calls counted, and always has the newest message")
    func snapshotBytes() throws {
        let world = ChatWorld { $0.limits.snapshotBytes = 100 }
        let first = world.connect()
        let (thread, work) = try world.begin(first)
        work.call("add_task", ["title": .string(String(repeating: "a", count: 200))])
        world.store.releaseAll()
        work.run.text(String(repeating: "b", count: 60))
        work.run.finish(nil)
        world.store.releaseAll()
        let client = world.connect()
        world.subscribe(client, thread)
        world.store.releaseAll()
        #expect(client.frames[0]["messages"]?.array?.compactMap { $0["role"]?.string } == ["tool", "assistant"])
        #expect(client.frames[0]["hasMore"]?.bool == true)
        world.environment.limits.snapshotBytes = 10
        let other = world.connect()
        world.subscribe(other, thread)
        world.store.releaseAll()
        #expect(other.frames[0]["messages"]?.array?.count == 1)
    }

    @Test("a second subscription of the same socket: by its cursor no event again, by a snapshot all of the run")
    func again() throws {
        let world = ChatWorld()
        let client = world.connect()
        let (thread, work) = try world.begin(client)
        work.run.text("a")
        client.clear()
        world.subscribe(client, thread, after: client.threads[thread]?.cursor)
        #expect(client.summary == ["subscribed resumed"])
        world.subscribe(client, thread)
        world.store.releaseAll()
        work.run.text("b")
        work.run.finish(nil)
        world.store.releaseAll()
        #expect(
            client.summary.dropFirst() == [
                "snapshot", "RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "subscribed snapshot",
                "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED",
            ])
        #expect(client.events().map(\.isReplay) == [true, true, true, false, false, false])
        #expect(client.threads[thread]?.text.values.first == "ab")
        world.check(client)
    }

    @Test("a socket is subscribed to so many threads and no more")
    func limit() throws {
        let world = ChatWorld { $0.limits.subscriptionsPerSocket = 2 }
        let first = world.connect()
        let threads = try (0..<3).map { try world.turn(first, id: "c\($0)") }
        let client = world.connect()
        for thread in threads { world.subscribe(client, thread) }
        world.store.releaseAll()
        #expect(client.frames(op: "subscribed").count == 2)
        #expect(client.frames(op: "error").map { $0["code"]?.string } == ["rate_limited"])
        world.subscribe(client, threads[0])
        world.store.releaseAll()
        #expect(client.frames(op: "subscribed").count == 3)
        world.handle(client, .unsubscribe(id: nil, threadID: .known(threads[0])))
        world.subscribe(client, threads[2])
        world.store.releaseAll()
        #expect(client.frames(op: "subscribed").count == 4)
    }

    @Test("subscriptions that are still being read count too")
    func limitWhileReading() throws {
        let world = ChatWorld { $0.limits.subscriptionsPerSocket = 2 }
        let client = world.connect()
        for index in 0..<5 { world.subscribe(client, Identifier(high: 7, low: UInt64(index))) }
        #expect(client.frames(op: "error").count == 3)
    }

    @Test("so many threads of a user are held and no more")
    func threads() throws {
        let world = ChatWorld { $0.limits.threadsPerSession = 2 }
        let client = world.connect()
        for index in 0..<3 { world.send(client, id: "c\(index)") }
        #expect(client.frames.map { $0["code"]?.string } == ["rate_limited"])
        #expect(client.frames[0].id == "c2")
        world.subscribe(client, Identifier(high: 1, low: 1))
        #expect(client.frames.last?["code"]?.string == "rate_limited")
        world.store.releaseAll()
        #expect(client.frames(op: "ack").count == 2)
    }
}
