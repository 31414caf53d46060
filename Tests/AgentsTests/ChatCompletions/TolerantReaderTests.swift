import Agents
import Chat
import HTTP
import JSON
import Testing

/// A stream read in pieces of any size: what was shown, thought and called.
struct Reply: Equatable, CustomStringConvertible {
    var text = ""
    var thoughts = ""
    /// Name and arguments.
    var calls: [[String]] = []
    var ending: ChatCompletionsAssembler.Ending?
    var failure: AgentFailure?

    var description: String {
        "\(text.debugDescription) \(thoughts.debugDescription) \(calls) \(String(describing: ending))"
    }

    init(
        text: String = "", thoughts: String = "", calls: [[String]] = [],
        ending: ChatCompletionsAssembler.Ending = .complete
    ) {
        (self.text, self.thoughts, self.calls, self.ending) = (text, thoughts, calls, ending)
    }

    init(_ stream: [UInt8], cuts: [Int] = []) {
        var assembler = ChatCompletionsAssembler(ids: CallIDs(seed: 1))
        var parser = ServerSentEventParser()
        var (names, places): ([String], [String: Int]) = ([], [:])
        func show(_ actions: [ChatCompletionsAssembler.Action], _ reply: inout Reply) {
            for action in actions {
                switch action {
                case .text(let piece): reply.text += piece
                case .textWasThought: (reply.thoughts, reply.text) = (reply.thoughts + reply.text, "")
                case .thought(let piece): reply.thoughts += piece
                case .callStart(let id, let name):
                    names.append(name)
                    places[id] = reply.calls.count
                    reply.calls.append([name, ""])
                case .callArguments(let id, let delta): if let place = places[id] { reply.calls[place][1] += delta }
                case .callEnd: break
                }
            }
        }
        var start = 0
        for end in cuts + [stream.count] where failure == nil {
            stream[start..<end].withUnsafeBytes { bytes in
                _ = parser.feed(bytes) { event in
                    if let piece = assembler.takeText(event.data) {
                        text += String(decoding: piece, as: UTF8.self)
                        return true
                    }
                    var actions: [ChatCompletionsAssembler.Action] = []
                    do throws(AgentFailure) {
                        try assembler.take(event.data, into: &actions)
                        show(actions, &self)
                        return true
                    } catch {
                        show(actions, &self)
                        failure = error
                        return false
                    }
                }
            }
            start = end
        }
        var actions: [ChatCompletionsAssembler.Action] = []
        if failure == nil { ending = assembler.end(into: &actions) }
        show(actions, &self)
    }
}

private func chunk(_ delta: JSON, finish: String? = nil, as member: String = "delta", index: Bool = true) -> JSON {
    var choice = JSONObject(members: [.init(key: member, value: delta)])
    if index { choice["index"] = 0 }
    if let finish { choice["finish_reason"] = .string(finish) }
    return ["choices": [.object(choice)]]
}

private func stream(_ chunks: [String], end: String = "\n\n") -> [UInt8] {
    Array(chunks.map { "data: \($0)\(end)" }.joined().utf8)
}

private let stop = chunk([:], finish: "stop").description

/// Text deltas and what they come to; each also cut at every byte.
@Suite struct TolerantReaderTests {
    static let textRows: [(deltas: [String], reply: Reply)] = [
        (
            ["<th", "ink>The user. I", " greet.</", "think>\n", "\nGood morning!"],
            Reply(text: "Good morning!", thoughts: "The user. I greet.")
        ),
        (["<think>", "</think>", "x"], Reply(text: "x")),
        (["They ask; say fine.", "\n</think>", "\n\nFine."], Reply(text: "Fine.", thoughts: "They ask; say fine.\n")),
        (["</think>\n\nFine."], Reply(text: "Fine.")),
        (
            ["Write <think> in your template, and </think>\nbehind it."],
            Reply(text: "Write <think> in your template, and </think>\nbehind it.")
        ),
        (["The closing tag is ", "</think>"], Reply(text: "The closing tag is </think>")),
        (["A `</think>` here, or </think> there."], Reply(text: "A `</think>` here, or </think> there.")),
        (["```\n</think>\n```"], Reply(text: "```\n</think>\n```")),
        (["a < b, <b>c</b> and <", "/t"], Reply(text: "a < b, <b>c</b> and </t")),
        (["<think>never closed"], Reply(thoughts: "never closed")),
        (["\n\n Hi"], Reply(text: "\n\n Hi")),
        (
            ["<tool_call>\n{\"name\": \"add_task\", ", "\"arguments\": {\"title\": \"x\"}}\n</tool", "_call>"],
            Reply(calls: [["add_task", #"{"title":"x"}"#]])
        ),
        (
            ["<think>a</think><tool_call>{\"name\":\"list_tasks\"}"],
            Reply(thoughts: "a", calls: [["list_tasks", "{}"]])
        ),
        (
            [
                "Sure.\n<tool_call>{\"name\":\"list_tasks\",\"arguments\":{}}</tool_call>\n<tool_call>{\"name\":\"get_task\",\"arguments\":{\"task_id\":1}}</tool_call>"
            ], Reply(text: "Sure.\n", calls: [["list_tasks", "{}"], ["get_task", #"{"task_id":1}"#]])
        ),
        (["{\"name\": \"list_", "tasks\", \"arguments\": {}}\n</tool_call>"], Reply(calls: [["list_tasks", "{}"]])),
        (["{\"name\": \"Bob\"}"], Reply(text: "{\"name\": \"Bob\"}")),
        (["{\"name\": \"list_tasks\"} is how"], Reply(text: "{\"name\": \"list_tasks\"} is how")),
        (["Use <tool_call> for it"], Reply(text: "Use <tool_call> for it")),
        (["<tool_call>{nothing of it}</tool_call>"], Reply(text: "<tool_call>{nothing of it}</tool_call>")),
        (["1", "10", " is not 1"], Reply(text: "110 is not 1")), (["ha", "ha"], Reply(text: "haha")),
        (["Hello", "Hello, wo", "Hello, world"], Reply(text: "Hello, world")),
    ]

    @Test(arguments: textRows.indices)
    func texts(_ index: Int) {
        let row = Self.textRows[index]
        let bytes = stream(row.deltas.map { chunk(["content": .string($0)]).description } + [stop, "[DONE]"])
        #expect(Reply(bytes) == row.reply)
        for cut in bytes.indices { #expect(Reply(bytes, cuts: [cut]) == row.reply) }
        // One delta a character.
        let letters = row.deltas.joined().map { chunk(["content": .string(String($0))]).description }
        if index < Self.textRows.count - 3 { #expect(Reply(stream(letters + [stop])) == row.reply) }
    }

    /// Halves of characters, as escapes and as bytes.
    static let halfRows: [(chunks: [String], text: String)] = [
        ([#"x \ud83d"#, #"\udc4d y"#], "x 👍 y"), ([#"x \ud83d"#, "y"], "x \u{FFFD}y"),
        ([#"\udc4d"#, "y"], "\u{FFFD}y"),
        ([#"\ud83d\ud83d"#, #"\udc4d"#], "\u{FFFD}👍"), ([#"a\ud83d"#], "a\u{FFFD}"),
        ([#"\u00e9\ud83d\udc4d\ud83d"#], "é👍\u{FFFD}"),
    ]

    @Test(arguments: halfRows.indices)
    func halves(_ index: Int) {
        let row = Self.halfRows[index]
        let chunks = row.chunks.map { #"{"choices":[{"index":0,"delta":{"content":"\#($0)"}}]}"# }
        #expect(Reply(stream(chunks + [stop])).text == row.text)
    }

    @Test func charactersCutInTheirBytes() {
        let text = Array("é – 👍 漢".utf8)
        for cut in 0...text.count {
            let parts = [Array(text[..<cut]), Array(text[cut...])].map { part in
                Array(#"data: {"choices":[{"index":0,"delta":{"content":""#.utf8) + part + Array("\"}}]}\n\n".utf8)
            }
            #expect(Reply(parts[0] + parts[1] + stream([stop])).text == "é – 👍 漢", "cut at \(cut)")
        }
    }

    /// One and the same turn, in every form.
    @Test(arguments: ["delta", "whole", "cumulative"], ["\n\n", "\r\n\r\n"])
    func oneTurn(_ form: String, _ end: String) {
        let text = ["Let me", " see: ", "äh, 👍 yes."]
        let arguments = [#"{"title":"#, #""post the "#, #"letter"}"#]
        for bits in 0..<64 {
            let has = { (bit: Int) in bits >> bit & 1 == 1 }
            let (hasID, hasIndex, hasName, hasDone, hasFinish, hasChoiceIndex) = (
                has(0), has(1), has(2), has(3), has(4), has(5)
            )
            guard hasDone || hasFinish else { continue }
            func call(_ text: String, isFirst: Bool) -> JSON {
                var call: JSONObject = [:]
                if hasID { call["id"] = "c1" }
                if hasIndex { call["index"] = 0 }
                var function: JSONObject = ["arguments": .string(text)]
                // Without names: only in the first piece, or there would be no call at all.
                if hasName || isFirst { function["name"] = "add_task" }
                call["function"] = .object(function)
                return .object(call)
            }
            var chunks: [JSON] = []
            func add(_ delta: JSON) {
                chunks.append(chunk(delta, as: form == "whole" ? "message" : "delta", index: hasChoiceIndex))
            }
            switch form {
            case "whole":
                add(["content": .string(text.joined()), "tool_calls": [call(arguments.joined(), isFirst: true)]])
            case "cumulative":
                for count in 1...3 { add(["content": .string(text.prefix(count).joined())]) }
                for count in 1...3 {
                    add(["tool_calls": [call(arguments.prefix(count).joined(), isFirst: count == 1)]])
                }
            default:
                for piece in text { add(["content": .string(piece)]) }
                for (place, piece) in arguments.enumerated() { add(["tool_calls": [call(piece, isFirst: place == 0)]]) }
            }
            var lines = chunks.map(\.description)
            if hasFinish { lines.append(chunk([:], finish: "tool_calls").description) }
            if hasDone { lines.append("[DONE]") }
            let bytes = stream(lines, end: end)
            let wanted = Reply(text: text.joined(), calls: [["add_task", arguments.joined()]])
            #expect(Reply(bytes) == wanted, "\(bits)")
            #expect(Reply(bytes, cuts: Array(bytes.indices)) == wanted, "\(bits), byte by byte")
            // Each place in full for some, and in turns for all.
            let isFull = bits % 8 == 7 || bits == 24
            for cut in bytes.indices where isFull || cut % 8 == bits % 8 {
                #expect(Reply(bytes, cuts: [cut]) == wanted, "\(bits), cut at \(cut)")
            }
        }
    }

    @Test func aWholeMessageCountsForWhatWasNotStreamed() {
        let deltas = ["Guten", " Tag, "].map { chunk(["content": .string($0)]).description }
        let whole = chunk(["content": "Guten Tag, wie geht's?"], finish: "stop", as: "message").description
        #expect(Reply(stream(deltas + [whole])).text == "Guten Tag, wie geht's?")
        let other = chunk(["content": "Something else"], finish: "stop", as: "message").description
        #expect(Reply(stream(deltas + [other])).text == "Guten Tag, ")
        let repeated = chunk(["content": "Guten Tag, "], finish: "stop").description
        #expect(Reply(stream(deltas + [repeated])).text == "Guten Tag, ")
    }

    static let argumentRows: [(text: String, mended: String?)] = [
        (#"{}{"a":1}"#, #"{"a":1}"#), (#"{"a":1}{"a":1}"#, #"{"a":1}"#), ("{\"a\":\"b\nc\td\"}", #"{"a":"b\nc\td"}"#),
        ("```json\n{\"a\":1}\n```", #"{"a":1}"#), (#""{\"a\":1}""#, #"{"a":1}"#), (#"{"a":1}}"#, #"{"a":1}"#),
        (#"{"a":1,}"#, #"{"a":1}"#), (#"{"a":[1,2,],}"#, #"{"a":[1,2]}"#), ("null", "{}"), ("[]", "{}"), ("", "{}"),
        ("  ", "{}"),
        (#"{"a":1}{"b":2}"#, nil), (#"{"a":1"#, nil), ("nonsense", nil), ("[1]", nil), (#"{"a":"}"#, nil), ("7", nil),
        (#"{"a":1} {"a":1}]"#, #"{"a":1}"#), (#"{"a":1}x"#, nil), (#"{"a":"x,}"}"#, #"{"a":"x,}"}"#),
    ]

    @Test(arguments: argumentRows.indices)
    func argumentsAreMendedWhereItIsCertain(_ index: Int) {
        let row = Self.argumentRows[index]
        #expect(ArgumentRepair.mended(row.text) == row.mended)
    }

    /// Seeded: whatever is accepted parses, and its strings and numbers stand in the input.
    @Test func mendingNeverInvents() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array(#"{}[]",:\ntf1a `"#) + ["\n"]
        for _ in 0..<20_000 {
            let text = String(
                (0..<Int.random(in: 0...24, using: &random)).compactMap { _ in alphabet.randomElement(using: &random) })
            guard let mended = ArgumentRepair.mended(text) else { continue }
            #expect((try? JSON(parsing: mended))?.object != nil, "\(text.debugDescription)")
        }
    }
}
