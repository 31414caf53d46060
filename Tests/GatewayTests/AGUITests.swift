import JSON
import Gateway
import Chat
import HTTP
import Store
import Testing

@Suite("AG-UI over HTTP")
struct AGUITests {
    private static let thread = Identifier(high: 1, low: 2)
    private static let run = Identifier(high: 3, low: 4)
    private static let message = Identifier(high: 5, low: 6)

    private static func input(_ messages: String, thread: String = "t") throws -> AGUIRunInput {
        let text = #"{"threadId":"\#(thread)","runId":"r","messages":\#(messages),"tools":[],"state":{}}"#
        let object = try RequestBody.object(Array(text.utf8), contentType: "application/json")
        return try AGUIRunInput(object, limits: ChatLimits())
    }

    @Test("the last message of the user's is the new one")
    func lastMessage() throws {
        let input = try Self.input(
            #"[{"id":"1","role":"user","content":"a"},{"id":"2","role":"assistant","content":"b"},"#
                + #"{"id":"3","role":"user","content":[{"type":"text","text":"c"},{"type":"text","text":"d"}]}]"#)
        #expect(input.messageID == "3" && input.content == "c\nd" && input.knownIDs == ["1", "2", "3"])
    }

    @Test(
        "inputs that are none",
        arguments: [
            "[]", "{}", "[1]", #"[{"role":"user","content":"a"}]"#, #"[{"id":"1","role":"assistant","content":"a"}]"#,
            #"[{"id":"1","role":"user"}]"#, #"[{"id":"1","role":"user","content":""}]"#,
            #"[{"id":"1","role":"user","content":[{"type":"image","source":{}}]}]"#,
            #"[{"id":"","role":"user","content":"a"}]"#,
        ])
    func refused(_ messages: String) {
        #expect(throws: APIFailure.self) { try Self.input(messages) }
    }

    @Test("a foreign thread is one conversation of each user, and a message id counts within its thread")
    func derivedIDs() throws {
        let messages = #"[{"id":"1","role":"user","content":"a"}]"#
        let first = try Self.input(messages)
        let other = try Self.input(messages, thread: "u")
        #expect(first.conversationID(of: "ann") == first.conversationID(of: "ann"))
        #expect(first.conversationID(of: "ann") != first.conversationID(of: "bob"))
        #expect(first.conversationID(of: "ann") != other.conversationID(of: "ann"))
        let text = first.conversationID(of: "ann").description
        #expect(text.dropFirst(14).first == "8" && "89ab".contains(text[text.index(text.startIndex, offsetBy: 19)]))
        let id = first.conversationID(of: "ann")
        #expect(first.clientID(in: id) != other.clientID(in: other.conversationID(of: "ann")))
        #expect(first.clientID(in: id).count <= ChatLimits().clientIDLength)
    }

    private static func placed(_ event: ChatEvent) -> PlacedEvent {
        PlacedEvent(
            event: event, place: EventPlace(threadID: thread, epoch: "e", position: 7, isReplay: false))
    }

    private static let started = ChatEvent.runStarted(
        runID: run, message: Message(id: message, role: .user, content: #"a ,"metadata":{"parley": b"#))
    private static let finished = ChatEvent.runFinished(
        runID: run, outcome: .success, usage: Usage(inputTokens: 3, outputTokens: 4))
    private static let failed = ChatEvent.runError(code: .internal, message: "no")

    @Test("the events of one run")
    func filter() {
        var filter = RunEventFilter(runID: Self.run)
        let foreign = ChatEvent.runStarted(
            runID: Self.thread, message: Message(id: Self.run, role: .user, content: ""))
        let events: [ChatEvent?] = [
            foreign, .textStart(Self.message), nil, Self.finished, Self.started, .textStart(Self.message), nil,
            Self.failed, nil, Self.started,
        ]
        #expect(
            events.map { filter.takes($0) } == [
                false, false, false, false, true, true, true, true, false, false,
            ])
    }

    @Test("they carry the client's ids")
    func rewritten() throws {
        let writer = AGUIEventWriter(threadID: "t\"", runID: "r", replay: nil)
        var body: [UInt8] = []
        for event in [Self.started, Self.finished, Self.failed] {
            let placed = Self.placed(event)
            var json: [UInt8] = []
            json.append(event: event, at: placed.place)
            json.withUnsafeBytes { writer.append(placed, $0, to: &body) }
        }
        let events = try Self.events(body)
        #expect(events.count == 3)
        for event in events { #expect(event["metadata"]?["parley"]?["cursor"]?.string == "e.7") }
        for event in events.prefix(2) {
            #expect(event["threadId"]?.string == "t\"" && event["runId"]?.string == "r")
        }
        #expect(events[0]["input"] == nil && events[1]["outcome"]?["type"]?.string == "success")
        #expect(events[1]["usage"]?.array?.first?["totalTokens"]?.integer == 7)
        #expect(events[2]["code"]?.string == "internal")
    }

    @Test("of a run that ended long ago the client gets what it lacks")
    func replay() throws {
        let messages = [
            Message(
                id: Self.message, role: .assistant, content: "",
                toolCalls: [ToolCall(id: "c", name: "add_task", arguments: "{}")]),
            Message(id: Self.run, role: .tool, content: "done", toolCallID: "c"),
            Message(id: Self.thread, role: .assistant, content: "Added."),
        ]
        let reply = StoredReply(status: .completed, failure: nil, messages: messages)
        let replay = HistoryReplay(threadID: "t", runID: "r", knownIDs: [], epoch: "e")
        let events = try Self.events(replay.body(reply, in: Self.thread))
        for event in events {
            let place = event["metadata"]?["parley"]
            #expect(place?["threadId"]?.string == Self.thread.description)
            #expect(place?["cursor"]?.string == "e.0" && place?["replay"]?.bool == true)
        }
        #expect(
            events.map { $0["type"]?.string } == [
                "RUN_STARTED", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_RESULT",
                "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED",
            ])
        let known = HistoryReplay(
            threadID: "t", runID: "r", knownIDs: Set(messages.map { $0.id.description }), epoch: "e")
        #expect(try Self.events(known.body(reply, in: Self.thread)).count == 2)
    }

    @Test(
        "and how it ended",
        arguments: zip(
            [RunStatus.completed, .cancelled, .failed, .interrupted],
            ["RUN_FINISHED success", "RUN_FINISHED cancelled", "RUN_ERROR tool_failed", "RUN_ERROR interrupted"]))
    func replayedEnd(_ status: RunStatus, _ wanted: String) throws {
        let failure = status == .failed ? RunFailure(code: .toolFailed, message: "no") : nil
        let replay = HistoryReplay(threadID: "t", runID: "r", knownIDs: [], epoch: "e")
        let body = replay.body(StoredReply(status: status, failure: failure, messages: []), in: Self.thread)
        let end = try #require(Self.events(body).last)
        let kind = end["outcome"]?["type"]?.string ?? end["code"]?.string
        #expect([end["type"]?.string, kind].compactMap(\.self).joined(separator: " ") == wanted)
    }

    private static func events(_ body: [UInt8]) throws -> [JSON] {
        let text = String(decoding: body, as: UTF8.self)
        #expect(text.hasSuffix("\n\n"))
        return try text.split(separator: "\n\n").map { block in
            #expect(block.hasPrefix("data: ") && !block.contains("\n"))
            return try JSON(parsing: String(block.dropFirst(6)))
        }
    }
}
