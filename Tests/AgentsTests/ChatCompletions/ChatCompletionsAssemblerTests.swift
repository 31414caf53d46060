import JSON
import Chat
import Agents
import HTTP
import Testing

/// Reads a stream in pieces, and shows what it came to.
private struct Reading {
    var assembler = ChatCompletionsAssembler(ids: CallIDs(seed: 7))
    var parser = ServerSentEventParser()
    var actions: [ChatCompletionsAssembler.Action] = []
    var failure: AgentFailure?
    var ending: ChatCompletionsAssembler.Ending?

    init(_ pieces: [ArraySlice<UInt8>]) {
        for piece in pieces {
            piece.withUnsafeBytes { bytes in
                _ = parser.feed(bytes) { event in
                    if event.event.elementsEqual("error".utf8) {
                        failure = ChatCompletionsAssembler.failure(event.data)
                        return false
                    }
                    do throws(AgentFailure) {
                        try assembler.take(event.data, into: &actions)
                        return true
                    } catch {
                        failure = error
                        return false
                    }
                }
            }
            if failure != nil { return }
        }
        ending = assembler.end(into: &actions)
    }

    /// What was shown: the texts, and each call's name and arguments as they were streamed.
    var shown: (text: String, calls: [[String]], ids: [String]) {
        var text = ""
        var ids: [String] = []
        var calls: [[String]] = []
        for action in actions {
            switch action {
            case .text(let delta): text += delta
            case .callStart(let id, let name):
                ids.append(id)
                calls.append([name, ""])
            case .callArguments(let id, let delta):
                if let index = ids.firstIndex(of: id) { calls[index][1] += delta }
            case .callEnd, .thought: break
            case .textWasThought: text = ""
            }
        }
        return (text, calls, ids)
    }
}

@Suite struct ChatCompletionsAssemblerTests {
    private func check(_ dialect: Dialect, _ reading: Reading) {
        #expect(reading.failure == nil)
        #expect(reading.ending == dialect.ending)
        #expect(reading.shown.text == dialect.text)
        #expect(reading.assembler.text == dialect.text)
        #expect(reading.shown.calls == dialect.calls)
        #expect(reading.assembler.usage == dialect.usage)
        guard let ids = dialect.ids else { return }
        #expect(Set(reading.shown.ids).count == ids.count)
        for (id, wanted) in zip(reading.shown.ids, ids) where wanted != nil { #expect(id == wanted) }
    }

    /// At once, byte by byte, and cut in two at every byte: the cuts inside a line end, a field name, an escape and a
    /// character are all among them.
    @Test(arguments: Dialect.all)
    func dialects(_ dialect: Dialect) {
        let bytes = Array(dialect.stream.utf8)
        check(dialect, Reading([bytes[...]]))
        check(dialect, Reading(bytes.indices.map { bytes[$0...$0] }))
        let whole = Reading([bytes[...]]).actions
        for cut in bytes.indices {
            let reading = Reading([bytes[..<cut], bytes[cut...]])
            #expect(reading.actions == whole, "cut at \(cut)")
            if reading.actions != whole { return }
        }
    }

    /// However a call is cut, its end comes once and after its arguments.
    @Test(arguments: Dialect.all.filter { $0.ending == .complete })
    func callsAreClosed(_ dialect: Dialect) {
        var open: [String] = []
        for action in Reading([Array(dialect.stream.utf8)[...]]).actions {
            switch action {
            case .callStart(let id, _): open.append(id)
            case .callArguments(let id, _): #expect(open.contains(id))
            case .callEnd(let id):
                #expect(open.contains(id))
                open.removeAll { $0 == id }
            case .text, .textWasThought, .thought: break
            }
        }
        #expect(open.isEmpty)
    }

    @Test(arguments: Dialect.errors.indices)
    func errors(_ index: Int) {
        let row = Dialect.errors[index]
        let reading = Reading([Array((row.stream + "\n\n").utf8)[...]])
        #expect(reading.failure?.code == row.failure.code && reading.failure?.status == row.failure.status)
        #expect(reading.failure?.isRetryable == row.failure.isRetryable)
        #expect(reading.shown.text == row.text)
    }

    @Test func aProvidersOwnDataStaysWithTheCall() throws {
        let dialect = try #require(Dialect.all.first { $0.name.hasPrefix("Gemini, whole calls in chunks") })
        let calls = Reading([Array(dialect.stream.utf8)[...]]).assembler.calls.calls
        #expect(calls.map(\.extra) == [["google": ["thought_signature": "EjQ"]], nil])
    }

    /// What the short way accepts, the general one reads in the same way: every event of every dialect, whole and with
    /// each byte changed.
    @Test(arguments: Dialect.all)
    func theShortWayAgrees(_ dialect: Dialect) {
        var parser = ServerSentEventParser()
        var events: [[UInt8]] = []
        Array(dialect.stream.utf8).withUnsafeBytes { bytes in
            _ = parser.feed(bytes) { event in
                events.append(Array(event.data))
                return true
            }
        }
        for event in events {
            for position in event.indices {
                for byte in [event[position], 0x20, 0x22, 0x2C, 0x5C, 0x7B, 0x7D, 0x30, 0x41, 0xC3] as [UInt8] {
                    var changed = event
                    changed[position] = byte
                    guard let text = changed.withUnsafeBytes({ TextChunk.text($0) }) else { continue }
                    var assembler = ChatCompletionsAssembler(ids: CallIDs(seed: 1))
                    var actions: [ChatCompletionsAssembler.Action] = []
                    let isRead: Void? = changed.withUnsafeBytes { try? assembler.takeWhole($0, into: &actions) }
                    let isOpen = isRead != nil && !assembler.isWhole && assembler.usage == nil
                    // White space and what may become a tag is held until more comes.
                    _ = assembler.end(into: &actions)
                    let isSame = isOpen && assembler.text == text && assembler.calls.isEmpty
                    #expect(isSame, "\(String(decoding: changed, as: UTF8.self))")
                    if !isSame { return }
                }
            }
        }
    }

    /// The usual chunks take the short way.
    @Test(arguments: [
        (
            #"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hé\"\n"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
            "Hé\"\n"
        ),
        (#"{"choices": [{"delta": {"role": "assistant", "content": " a"}, "index": 0}]}"#, " a"),
    ])
    func theShortWayIsTaken(_ row: (chunk: String, text: String)) {
        #expect(Array(row.chunk.utf8).withUnsafeBytes { TextChunk.text($0) } == row.text)
    }

    /// What is read by comparing it with a chunk before, the reader of whole chunks reads in the same way: every event of
    /// every dialect as the one before, every other one of it behind that, with each byte changed.
    @Test(arguments: Dialect.all)
    func theFormAgrees(_ dialect: Dialect) {
        var parser = ServerSentEventParser()
        var events: [[UInt8]] = []
        Array(dialect.stream.utf8).withUnsafeBytes { bytes in
            _ = parser.feed(bytes) { event in
                events.append(Array(event.data))
                return true
            }
        }
        for teacher in events {
            guard let range = teacher.withUnsafeBytes({ TextChunk.read($0)?.range }) else { continue }
            var form = TextChunkForm()
            teacher.withUnsafeBytes { form.learn($0, textAt: range) }
            for var event in events + [teacher] {
                for position in event.indices {
                    let byte = event[position]
                    for changed in [byte, 0x00, 0x22, 0x5C, 0x41, 0x7F, 0xC3] as [UInt8] {
                        event[position] = changed
                        event.withUnsafeBytes { chunk in
                            guard let text = form.text(of: chunk) else { return }
                            #expect(TextChunk.text(chunk) == String(decoding: text, as: UTF8.self))
                        }
                    }
                    event[position] = byte
                }
            }
        }
    }

    /// A stream's second chunk on is read by comparing, whatever characters it has; what is escaped or no text is not.
    @Test func theFormIsLearnt() {
        let (head, tail) = (#"{"id":"c","choices":[{"index":0,"delta":{"content":""#, #""},"finish_reason":null}]}"#)
        var assembler = ChatCompletionsAssembler(ids: CallIDs(seed: 1))
        func read(_ text: [UInt8], tail: String = tail) -> String? {
            (Array(head.utf8) + text + Array(tail.utf8)).withUnsafeBytes { chunk in
                if let text = assembler.takeText(chunk) { return String(decoding: text, as: UTF8.self) }
                var actions: [ChatCompletionsAssembler.Action] = []
                try? assembler.take(chunk, into: &actions)
                return nil
            }
        }
        // Two chunks tell that they are deltas, and the form.
        for text in ["one", "two"] { #expect(read(Array(text.utf8)) == nil) }
        for text in [" ", "é漢😀", "}", String(repeating: "x", count: 5_000)] {
            #expect(read(Array(text.utf8)) == text)
        }
        for text in [[], Array(#"\n"#.utf8), [0x0A], [0xC3], [0xED, 0xA0, 0x80], Array(#"","x":""#.utf8)] as [[UInt8]] {
            #expect(read(text) == nil)
        }
        // A control character is one, and halves of characters find no other half here.
        #expect(assembler.text.hasPrefix("onetwo é漢😀}" + String(repeating: "x", count: 5_000) + "\n\n\u{FFFD}"))
        // Another form is learnt, but not for ever; the last of the chunks above was one.
        for number in 1...10 {
            let other = #""},"finish_reason":null}],"created":\#(number)}"#
            #expect(read(Array("a".utf8), tail: other) == nil)
            #expect(read(Array("b".utf8), tail: other) == (number + 1 < TextChunkForm.mostLessons ? "b" : nil))
        }
        #expect(read(Array("end".utf8), tail: #""},"finish_reason":"stop"}]}"#) == nil)
        #expect(assembler.isWhole)
    }

    @Test func tooManyCallsAreAnError() {
        let chunk = (0...ToolCallAssembly.callLimit).map { #"{"index":\#($0),"id":"c\#($0)","function":{"name":"x"}}"# }
        let stream = #"data: {"choices":[{"delta":{"tool_calls":[\#(chunk.joined(separator: ","))]}}]}"# + "\n\n"
        #expect(Reading([Array(stream.utf8)[...]]).failure?.code == .upstreamTruncated)
    }

    @Test func idsAreUsedOnce() {
        var ids = CallIDs(seed: 1)
        ids.use("old")
        let given = ["call_0", "call_0", "old", "", String(repeating: "x", count: 129)].map { ids.next($0) }
        #expect(given[0] == "call_0")
        #expect(Set(given).count == given.count)
        #expect(["K", "\u{212A}"].map { Array(ids.next($0).utf8) } == [[0x4B], [0xE2, 0x84, 0xAA]])
        #expect(given[1...].allSatisfy { $0.utf8.count == 9 && $0.allSatisfy { $0.isLetter || $0.isNumber } })
    }
}
