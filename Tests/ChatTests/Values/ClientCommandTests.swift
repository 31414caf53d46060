import Chat
import Testing

@Suite("Client commands")
struct ClientCommandTests {
    static let thread = "018f3a5e-7b2c-7def-8a9b-0123456789ab"
    static let known = ThreadReference.known(Identifier(high: 0x018f_3a5e_7b2c_7def, low: 0x8a9b_0123_4567_89ab))

    private func read(_ text: String) throws -> ClientCommand {
        var copy = text
        return try copy.withUTF8 { try ClientCommand(frame: UnsafeRawBufferPointer($0), limits: ChatLimits()) }
    }

    @Test(
        "reads",
        arguments: [
            (
                #"{"op":"send","id":"c1","content":"hi"}"#,
                .send(id: "c1", threadID: nil, content: "hi", policy: .enqueue)
            ),
            (#"{"op":"send","content":"hi"}"#, .send(id: nil, threadID: nil, content: "hi", policy: .enqueue)),
            (
                #"{"op":"send","id":null,"threadId":null,"content":" x ","policy":null}"#,
                .send(id: nil, threadID: nil, content: " x ", policy: .enqueue)
            ),
            (
                #"{"op":"send","threadId":"\#(thread)","content":"hi","policy":"reject"}"#,
                .send(id: nil, threadID: known, content: "hi", policy: .reject)
            ),
            (
                #"{"policy":"interrupt","content":"hi","threadId":"T","op":"send","more":[1]}"#,
                .send(id: nil, threadID: .impossible, content: "hi", policy: .interrupt)
            ),
            (
                #"{"op":"send","threadId":"","content":"hi"}"#,
                .send(id: nil, threadID: .impossible, content: "hi", policy: .enqueue)
            ),
            (
                #"{"op":"send","threadId":"\#(thread)","content":"hi","parentId":null}"#,
                .edit(id: nil, threadID: known, content: "hi", parentID: nil, policy: .enqueue)
            ),
            (
                #"{"op":"send","id":"e","threadId":"\#(thread)","content":"hi","parentId":"\#(thread)","policy":"interrupt"}"#,
                .edit(id: "e", threadID: known, content: "hi", parentID: known, policy: .interrupt)
            ),
            (
                #"{"op":"send","threadId":"\#(thread)","content":"hi","parentId":"no"}"#,
                .edit(id: nil, threadID: known, content: "hi", parentID: .impossible, policy: .enqueue)
            ),
            (
                #"{"op":"send","content":"hi","parentId":null}"#,
                .send(id: nil, threadID: nil, content: "hi", policy: .enqueue)
            ),
            (
                #"{"op":"regenerate","threadId":"\#(thread)","messageId":"\#(thread)"}"#,
                .regenerate(id: nil, threadID: known, messageID: known, policy: .enqueue)
            ),
            (
                #"{"op":"select","id":"s","threadId":"\#(thread)","messageId":"no"}"#,
                .select(id: "s", threadID: known, messageID: .impossible)
            ),
            (#"{"op":"cancel","threadId":"\#(thread)"}"#, .cancel(id: nil, threadID: known, runID: nil)),
            (
                #"{"op":"cancel","id":"x","threadId":"\#(thread)","runId":"\#(thread)"}"#,
                .cancel(id: "x", threadID: known, runID: known)
            ),
            (
                #"{"op":"cancel","threadId":"\#(thread)","runId":"no"}"#,
                .cancel(id: nil, threadID: known, runID: .impossible)
            ),
            (#"{"op":"subscribe","id":"s","threadId":"\#(thread)"}"#, .subscribe(id: "s", threadID: known, after: nil)),
            (
                #"{"op":"subscribe","threadId":"\#(thread)","after":"e.1"}"#,
                .subscribe(id: nil, threadID: known, after: "e.1")
            ),
            (#"{"op":"unsubscribe","threadId":"\#(thread)"}"#, .unsubscribe(id: nil, threadID: known)),
            (#"{"op":"auth","id":"a","token":"x.y.z"}"#, .auth(id: "a", token: "x.y.z")),
            (#"{"op":"ping"}"#, .ping(id: nil)), (#"{"op":"ping","id":"p"}"#, .ping(id: "p")),
        ] as [(String, ClientCommand)])
    func reads(text: String, command: ClientCommand) throws {
        #expect(try read(text) == command)
    }

    @Test(
        "refuses, with the id where it is one",
        arguments: [
            ("", nil, .invalidJSON), ("{", nil, .invalidJSON), ("[]", nil, .invalidJSON),
            ("\"send\"", nil, .invalidJSON),
            ("null", nil, .invalidJSON), (#"{"op":"send","content":"\ud800"}"#, nil, .invalidJSON),
            ("{}", nil, .invalidOperation), (#"{"op":null,"id":"i"}"#, "i", .invalidOperation),
            (#"{"op":7,"id":"i"}"#, "i", .invalidOperation), (#"{"op":"fly","id":"i"}"#, "i", .invalidOperation),
            (#"{"op":"SEND","id":7}"#, nil, .invalidOperation), (#"{"op":""}"#, nil, .invalidOperation),
            (#"{"op":"send","id":"i"}"#, "i", .invalidField),
            (#"{"op":"send","id":"i","content":7}"#, "i", .invalidField),
            (#"{"op":"send","id":"i","content":null}"#, "i", .invalidField),
            (#"{"op":"send","id":7,"content":"x"}"#, nil, .invalidField),
            (#"{"op":"send","id":"","content":"x"}"#, nil, .invalidField),
            (#"{"op":"send","id":"a\u0000","content":"x"}"#, nil, .invalidField),
            (#"{"op":"send","id":["i"],"content":"x"}"#, nil, .invalidField),
            (#"{"op":"send","id":"i","content":"x","threadId":7}"#, "i", .invalidField),
            (#"{"op":"send","id":"i","content":"x","policy":"later"}"#, "i", .invalidField),
            (#"{"op":"send","id":"i","content":"x","policy":1}"#, "i", .invalidField),
            (#"{"op":"send","id":"i","content":""}"#, "i", .emptyContent),
            (#"{"op":"send","id":"i","content":" \n\t\u00a0\u3000"}"#, "i", .emptyContent),
            (#"{"op":"send","id":"i","content":"a\u0000b"}"#, "i", .invalidField),
            (#"{"op":"cancel","id":"i"}"#, "i", .invalidField),
            (#"{"op":"cancel","id":"i","threadId":1}"#, "i", .invalidField),
            (#"{"op":"cancel","id":"i","threadId":"\#(thread)","runId":1}"#, "i", .invalidField),
            (#"{"op":"subscribe","id":"i"}"#, "i", .invalidField),
            (#"{"op":"subscribe","id":"i","threadId":"\#(thread)","after":5}"#, "i", .invalidField),
            (#"{"op":"unsubscribe","id":"i","threadId":null}"#, "i", .invalidField),
            (#"{"op":"auth","id":"i"}"#, "i", .invalidField),
            (#"{"op":"auth","id":"i","token":""}"#, "i", .invalidField),
            (#"{"op":"ping","id":{}}"#, nil, .invalidField),
        ] as [(String, String?, ErrorCode)])
    func refuses(text: String, id: String?, code: ErrorCode) {
        let error = #expect(throws: CommandError.self) { try read(text) }
        #expect(error?.error.code == code)
        #expect(error?.id == id)
        #expect(error?.error.message.isEmpty == false)
    }

    @Test(
        "lengths are code points: ids of 1 to 64, contents of 1 to 10 000", arguments: ["a", "é", "漢", "😀", "\u{301}"])
    func lengths(character: String) throws {
        func text(_ count: Int) -> String { String(repeating: character, count: count) }
        #expect(throws: Never.self) { try read(#"{"op":"ping","id":"\#(text(64))"}"#) }
        #expect(throws: CommandError.self) { try read(#"{"op":"ping","id":"\#(text(65))"}"#) }
        #expect(throws: Never.self) { try read(#"{"op":"send","content":"\#(text(10_000))"}"#) }
        let error = #expect(throws: CommandError.self) { try read(#"{"op":"send","content":"\#(text(10_001))"}"#) }
        #expect(error?.error.code == .contentTooLong)
    }

    @Test("10 000 emoji are allowed also as escapes; other fields are bounded too")
    func escaped() throws {
        let escaped = String(repeating: #"\ud83d\ude00"#, count: 10_000)
        #expect(throws: Never.self) { try read(#"{"op":"send","content":"\#(escaped)"}"#) }
        let long = String(repeating: "a", count: 1_025)
        #expect(throws: CommandError.self) {
            try read(#"{"op":"subscribe","threadId":"\#(thread)","after":"\#(long)"}"#)
        }
        #expect(throws: CommandError.self) {
            try read(#"{"op":"auth","token":"\#(String(repeating: "a", count: 16_385))"}"#)
        }
    }

    private var thread: String { Self.thread }

    @Test("plain text is a send without an id, by the same rules")
    func plainText() throws {
        let id = Identifier(high: 1, low: 2)
        #expect(
            try ClientCommand(plainText: "add milk", threadID: id, limits: ChatLimits())
                == .send(id: nil, threadID: .known(id), content: "add milk", policy: .enqueue))
        for line in ["x\n", "x\r\n"] {
            #expect(
                try ClientCommand(plainText: line, threadID: nil, limits: ChatLimits())
                    == .send(id: nil, threadID: nil, content: "x", policy: .enqueue))
        }
        #expect(
            try ClientCommand(plainText: "x", threadID: nil, limits: ChatLimits())
                == .send(id: nil, threadID: nil, content: "x", policy: .enqueue))
        let error = #expect(throws: CommandError.self) {
            try ClientCommand(plainText: " ", threadID: nil, limits: ChatLimits())
        }
        #expect(error?.error.code == .emptyContent)
    }
}

@Suite("Contents and titles")
struct ContentTests {
    @Test(
        "content",
        arguments: [
            ("x", nil), (" x ", nil), ("\u{200B}", nil), ("", .emptyContent), ("\n", .emptyContent),
            ("\u{2003}", .emptyContent),
            ("\0", .invalidField), ("ok\0", .invalidField), (String(repeating: "x", count: 10_000), nil),
            (String(repeating: "x", count: 10_001), .contentTooLong),
            (String(repeating: " ", count: 10_001), .contentTooLong),
            (String(repeating: "👨‍👩‍👧", count: 2_000), nil), (String(repeating: "👨‍👩‍👧", count: 2_001), .contentTooLong),
        ] as [(String, ErrorCode?)])
    func content(text: String, code: ErrorCode?) {
        do {
            try ContentRules.check(text, limits: ChatLimits())
            #expect(code == nil)
        } catch {
            #expect(error.code == code)
        }
    }

    @Test(
        "titles",
        arguments: [
            ("add buy milk", "add buy milk"), ("  add \t buy\u{A0}milk ", "add buy milk"),
            ("\n\n \nsecond\nthird", "second"),
            ("one\r\ntwo", "one"), (" \n ", nil),
            (String(repeating: "a", count: 60), String(repeating: "a", count: 60)),
            (String(repeating: "a", count: 61), String(repeating: "a", count: 59) + "…"),
            (String(repeating: "ab ", count: 30), String(repeating: "ab ", count: 19) + "ab…"),
            (String(repeating: "a", count: 60) + " b", String(repeating: "a", count: 59) + "…"),
            (String(repeating: "漢", count: 100), String(repeating: "漢", count: 59) + "…"),
            ("e\u{301}\u{301} x", "e\u{301}\u{301} x"), ("add\nbuy 漢", "add"),
            (" \u{2003}\u{2029} add", "add"), ("a" + String(repeating: " ", count: 600) + "b", "a"),
        ] as [(String, String?)])
    func title(content: String, title: String?) {
        #expect(ConversationTitle.make(from: content) == title)
    }

    @Test("ASCII is given the title that it gets by the rules of Unicode")
    func titlesOfASCII() {
        let alphabet = Array("abcdefghijklmnopq~   \t\n\u{B}\u{C}".unicodeScalars) + ["\r"]
        var state: UInt64 = 1
        func next(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<20_000 {
            var content = ""
            for _ in 0..<next(below: 90) { content.unicodeScalars.append(alphabet[next(below: alphabet.count)]) }
            // A space that is not ASCII leads, which changes nothing else.
            #expect(ConversationTitle.make(from: content) == ConversationTitle.make(from: "\u{2003}" + content))
        }
    }

    @Test("a title fits its column, whatever the characters are made of")
    func titleBounds() {
        let heavy = String(repeating: "e" + String(repeating: "\u{301}", count: 50), count: 100)
        let family = String(repeating: "👨‍👩‍👧‍👦", count: 100)
        let one = "e" + String(repeating: "\u{301}", count: 9_999)
        for content in [heavy, family, one, String(repeating: "word ", count: 2_000)] {
            let title = ConversationTitle.make(from: content) ?? ""
            #expect(title.unicodeScalars.count <= 255)
            #expect(title.count <= 60)
            #expect(!title.isEmpty)
        }
    }
}
