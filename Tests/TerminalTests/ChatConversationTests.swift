import JSON
import Testing

import parley

/// Frames as a gateway sends them and lines as somebody types them, and what is shown and sent.
@Suite("Chat in a terminal")
struct ChatConversationTests {
    private static let ready: JSON = ["op": "ready", "userId": "u", "streamId": "s", "runs": []]

    private static func event(_ type: String, _ fields: JSONObject = [:], thread: String = "T", cursor: String = "e.1")
        -> JSON
    {
        var frame: JSONObject = [
            "type": .string(type), "metadata": ["parley": ["threadId": .string(thread), "cursor": .string(cursor)]],
        ]
        for member in fields.members { frame[member.key] = member.value }
        return .object(frame)
    }

    private static func ack(_ id: String, _ status: String = "running", run: String = "R", thread: String = "T") -> JSON
    {
        [
            "op": "ack", "id": .string(id), "threadId": .string(thread), "messageId": .string("m-\(id)"),
            "runId": .string(run),
            "status": .string(status),
        ]
    }

    private static let reply: [JSON] = [
        event("RUN_STARTED", ["runId": "R"]), event("TEXT_MESSAGE_START", ["messageId": "A"]),
        event("TEXT_MESSAGE_CONTENT", ["messageId": "A", "delta": "Hel"]),
        event("TEXT_MESSAGE_CONTENT", ["messageId": "A", "delta": "lo"]), event("TEXT_MESSAGE_END", ["messageId": "A"]),
        event("RUN_FINISHED", ["runId": "R", "outcome": ["type": "success"]], cursor: "e.9"),
    ]

    private static func begun(thread: String? = nil) -> ChatConversation {
        var chat = ChatConversation(threadID: thread, nonce: "n")
        _ = chat.take(frame: ready)
        return chat
    }

    private func text(_ effects: [ChatConversation.Effect]) -> String {
        effects.reduce(into: "") { if case .say(let text, _) = $1 { $0 += text } }
    }

    private func sent(_ effects: [ChatConversation.Effect]) -> [JSON] {
        effects.compactMap { if case .send(let frame) = $0 { frame } else { nil } }
    }

    @Test("A turn")
    func turn() {
        var chat = Self.begun()
        #expect(sent(chat.take(line: "hi")) == [["op": "send", "id": "t1-n", "content": "hi"]])
        #expect(!chat.isIdle && !chat.isBusy)
        _ = chat.take(frame: Self.ack("t1-n"))
        #expect(chat.threadID == "T" && chat.isBusy)
        #expect(text(Self.reply.flatMap { chat.take(frame: $0) }) == "Hello\n")
        #expect(chat.isIdle && chat.cursor == "e.9")
        // The next one goes on there.
        #expect(sent(chat.take(line: "more")).first?["threadId"]?.string == "T")
    }

    @Test("A queued message, and an answer that comes twice, leave nothing open", arguments: ["queued", "duplicate"])
    func otherAnswers(status: String) {
        var chat = Self.begun(thread: "T")
        _ = chat.take(frame: ["op": "subscribed", "id": "t1-n", "threadId": "T", "mode": "snapshot", "cursor": "e.0"])
        #expect(chat.isIdle)
        _ = chat.take(line: "hi")
        _ = chat.take(frame: Self.ack("t2-n", status))
        #expect(chat.isIdle == (status == "duplicate"))
        for frame in Self.reply { _ = chat.take(frame: frame) }
        #expect(chat.isIdle)
    }

    @Test("What was not answered is sent again on a new stream, with the same id, after the subscription")
    func again() {
        var chat = Self.begun()
        _ = chat.take(line: "one")
        _ = chat.take(frame: Self.ack("t1-n"))
        _ = chat.take(line: "two")
        _ = chat.take(line: "/cancel")
        var resumed = Self.ready.object!
        resumed["resumed"] = true
        #expect(chat.take(frame: .object(resumed)).isEmpty)
        let frames = sent(chat.take(frame: Self.ready))
        #expect(frames.map { $0["op"]?.string } == ["subscribe", "send"])
        #expect(frames.last?["id"]?.string == "t2-n")
        #expect(!chat.isBusy && !chat.isIdle)
    }

    @Test("A snapshot shows what was not shown, once")
    func snapshot() {
        var chat = Self.begun()
        _ = chat.take(line: "hi")
        _ = chat.take(frame: Self.ack("t1-n"))
        // The stream is lost in the middle of the text.
        #expect(text(Self.reply.prefix(3).flatMap { chat.take(frame: $0) }) == "Hel")
        _ = chat.take(frame: Self.ready)
        let messages: JSON = [
            ["id": "m-t1-n", "role": "user", "content": "hi"],
            ["id": "A", "role": "assistant", "content": "Hello", "metadata": ["parley": ["runId": "R"]]],
            [
                "id": "B", "role": "user", "content": "and?",
                "metadata": ["parley": ["run": ["status": "failed", "code": "upstream_timeout"]]],
            ],
        ]
        let snapshot: JSON = [
            "op": "snapshot", "threadId": "T", "messages": messages, "hasMore": false, "cursor": "f.1",
            "interrupts": [],
        ]
        #expect(text(chat.take(frame: snapshot)) == "\nHello\n> and?\nnot answered: upstream_timeout\n")
        #expect(text(chat.take(frame: snapshot)) == "")
        #expect(!chat.isBusy)
        // What runs is replayed, and was shown.
        #expect(text(Self.reply.flatMap { chat.take(frame: $0) }) == "")
        // Of another conversation nothing is shown.
        #expect(chat.take(frame: Self.event("TEXT_MESSAGE_CONTENT", ["delta": "x"], thread: "U")).isEmpty)
    }

    private static let asking: [JSON] = [
        event("RUN_STARTED", ["runId": "R"]),
        event("TOOL_CALL_START", ["toolCallId": "c", "toolCallName": "delete_task"]),
        event("TOOL_CALL_ARGS", ["toolCallId": "c", "delta": #"{"task":1}"#]),
        event("TOOL_CALL_END", ["toolCallId": "c"]),
        event(
            "RUN_FINISHED",
            ["runId": "R", "outcome": ["type": "interrupt", "interrupts": [["id": "i", "message": "Delete milk?"]]]]),
    ]

    @Test(
        "A tool that asks is answered",
        arguments: [
            ("/approve", ["approved": true] as JSON), ("/decline", ["approved": false] as JSON),
            ("/decline not that one", ["approved": false, "reason": "not that one"] as JSON),
        ])
    func approval(line: String, payload: JSON) {
        var chat = Self.begun(thread: "T")
        #expect(text(chat.take(line: line)) == "nothing asks for it\n")
        #expect(
            text(Self.asking.flatMap { chat.take(frame: $0) })
                == "· delete_task {\"task\":1}\nDelete milk?: /approve or /decline\n")
        let frames = sent(chat.take(line: line))
        #expect(frames.first?["op"]?.string == "resume")
        #expect(frames.first?["resume"] == [["interruptId": "i", "status": "resolved", "payload": payload]])
    }

    @Test("What a snapshot says is open can be answered too")
    func approvalAfterReload() {
        var chat = Self.begun(thread: "T")
        let call: JSON = ["id": "c", "type": "function", "function": ["name": "delete_task", "arguments": "{}"]]
        let snapshot: JSON = [
            "op": "snapshot", "threadId": "T", "messages": [["id": "A", "role": "assistant", "toolCalls": [call]]],
            "hasMore": true, "cursor": "f.1", "interrupts": [["id": "i"]],
        ]
        #expect(
            text(chat.take(frame: snapshot))
                == "…\n· delete_task {}\na tool asks for your approval: /approve or /decline\n")
        #expect(sent(chat.take(line: "/approve")).count == 1)
        #expect(sent(chat.take(line: "/cancel")).first?["op"]?.string == "cancel")
    }

    @Test(
        "How runs end badly",
        arguments: [
            (
                "RUN_ERROR", ["message": "no answer", "code": "upstream_timeout"] as JSONObject,
                "no answer (upstream_timeout)\n"
            ),
            ("RUN_FINISHED", ["outcome": ["type": "cancelled"]] as JSONObject, "stopped\n"),
            ("RUN_ERROR", [:] as JSONObject, "the reply failed (internal)\n"),
        ])
    func badEnds(type: String, fields: JSONObject, said: String) {
        var chat = Self.begun(thread: "T")
        _ = Self.reply.prefix(3).map { chat.take(frame: $0) }
        #expect(text(chat.take(frame: Self.event(type, fields))) == "\n" + said)
        #expect(!chat.isBusy)
    }

    @Test("Lines that are commands")
    func commands() {
        var chat = Self.begun()
        #expect(chat.take(line: "   ").isEmpty)
        #expect(chat.take(line: "/quit") == [.end])
        #expect(chat.take(line: "/list") == [.list])
        #expect(text(chat.take(line: "/cancel")) == "nothing is under way\n")
        #expect(text(chat.take(line: "/nonsense now")) == "there is no command /nonsense (see /help)\n")
        #expect(text(chat.take(line: "/open")) == "/open and a number of /list, or an id\n")
        #expect(
            text(
                chat.take(list: [
                    ["id": "X", "title": "", "updated_at": "2026-01-02T03:04:05Z"], ["id": "Y", "title": "Milk"],
                ]))
                == "1  (no title)  2026-01-02  X\n2  Milk    Y\n")
        #expect(sent(chat.take(line: "/open 2")).map { $0["threadId"]?.string } == ["Y"])
        #expect(sent(chat.take(line: "/open Z")).map { $0["op"]?.string } == ["unsubscribe", "subscribe"])
        #expect(sent(chat.take(line: "/new")).map { $0["threadId"]?.string } == ["Z"])
        #expect(chat.threadID == nil)
    }

    @Test("An answer to what was sent before another conversation was begun does not lead back")
    func lateAnswer() {
        var chat = Self.begun(thread: "T")
        _ = chat.take(line: "hi")
        _ = chat.take(line: "/new")
        _ = chat.take(frame: Self.ack("t2-n"))
        #expect(chat.threadID == nil && !chat.isBusy)
        #expect(Self.reply.flatMap { chat.take(frame: $0) }.isEmpty)
    }

    @Test("Only so much waits for an answer")
    func bound() {
        var chat = Self.begun()
        for _ in 0..<ChatConversation.waitingLimit { #expect(sent(chat.take(line: "hi")).count == 1) }
        #expect(sent(chat.take(line: "hi")).isEmpty)
    }

    @Test(
        "Nothing of it steers a terminal",
        arguments: [
            ("a\u{1B}[31mb", "a\u{FFFD}[31mb"), ("\u{9B}2J", "\u{FFFD}2J"), ("a\tb\nc", "a\tb\nc"),
            ("a\r\nb", "a\u{FFFD}\nb"),
            ("\u{202E}gnp", "\u{FFFD}gnp"), ("👩‍👧 é", "👩‍👧 é"), ("\u{7}\u{8}\u{7F}", "\u{FFFD}\u{FFFD}\u{FFFD}"),
        ])
    func printable(text: String, shown: String) {
        #expect(text.printable.unicodeScalars.elementsEqual(shown.unicodeScalars))
    }
}
