import Chat
import Testing

@Suite("Run log")
struct RunLogTests {
    static let message = Identifier(high: 1, low: 1)
    static let other = Identifier(high: 1, low: 2)

    /// A log that begins at 100: started, text of two parts around a call's end, another text that is still open.
    private func sample() -> RunLog {
        var log = RunLog(runID: Self.message, start: 100)
        log.append(.runStarted(runID: Self.message, message: Message(id: Self.other, role: .user, content: "x")))
        log.append(.textStart(Self.message))
        log.append(text: "aé", to: Self.message)
        log.append(text: "漢", to: Self.message)
        log.append(.toolCallEnd(id: "t"))
        log.append(text: "😀", to: Self.message)
        log.append(.textEnd(Self.message))
        log.append(.textStart(Self.other))
        log.append(text: "open", to: Self.other)
        return log
    }

    private func rest(_ log: RunLog, after position: UInt64) -> [(String, UInt64)] {
        var items: [(String, UInt64)] = []
        log.forEach(after: position) { item, end in
            switch item {
            case .event(let event): items.append(("\(event)".prefix { $0 != "(" } + "", end))
            case .text(_, let bytes): items.append((String(decoding: bytes, as: UTF8.self), end))
            case .thought(_, let bytes): items.append(("thought: " + String(decoding: bytes, as: UTF8.self), end))
            }
            return true
        }
        return items
    }

    @Test("everything, merged, with the positions that each item speaks up to")
    func everything() {
        let log = sample()
        #expect(log.end == 100 + 1 + 1 + 6 + 1 + 4 + 1 + 1 + 4)
        let all = rest(log, after: 100)
        #expect(
            all.map(\.0) == ["runStarted", "textStart", "aé漢", "toolCallEnd", "😀", "textEnd", "textStart", "open"])
        #expect(all.map(\.1) == [101, 102, 108, 109, 113, 114, 115, 119])
        #expect(log.text(of: Self.message) == "aé漢😀")
        #expect(log.text(of: Self.other) == "open")
    }

    @Test("a thought is merged like text, ends with whatever follows it, and is no part of the text around it")
    func thoughts() {
        var log = RunLog(runID: Self.message, start: 0)
        func add(_ thought: String) {
            var thought = thought
            thought.withUTF8 { log.append(thought: $0, to: Self.other) }
        }
        log.append(.textStart(Self.message))
        log.append(text: "a", to: Self.message)
        add("é1")
        add("2")
        #expect(log.openThought == Self.other)
        #expect(
            rest(log, after: 0).map(\.0) == [
                "textStart", "a", "reasoningStart", "reasoningMessageStart", "thought: é12",
            ])
        #expect(log.canResume(after: 6) && !log.canResume(after: 5), "5 is inside é")
        #expect(rest(log, after: 7).map(\.0) == ["thought: 2"])
        log.append(text: "b", to: Self.message)
        #expect(log.openThought == nil)
        #expect(rest(log, after: 7).map(\.0) == ["thought: 2", "reasoningMessageEnd", "reasoningEnd", "b"])
        #expect(log.text(of: Self.message) == "ab")
        for position in 0...log.end where log.canResume(after: position) {
            #expect(rest(log, after: position).last?.1 == (position == log.end ? nil : log.end))
        }
    }

    @Test("over its bound it lets answered calls go, keeps the text, and says from where on it is complete")
    func bound() {
        var log = RunLog(runID: Self.message, start: 10, bound: 100)
        log.append(.runStarted(runID: Self.message, message: Message(id: Self.other, role: .user, content: "x")))
        for id in ["a", "b"] {
            log.append(.toolCallStart(id: id, name: "n", parent: Self.other))
            log.append(.toolCallArguments(id: id, delta: String(repeating: "x", count: 30)))
            log.append(.toolCallEnd(id: id))
        }
        log.append(.toolCallResult(message: Self.other, id: "a", content: String(repeating: "y", count: 30)))
        log.trim()
        #expect(log.complete == 10 && log.drops == 0, "90 bytes are within it")
        log.append(.textStart(Self.message))
        log.append(text: String(repeating: "t", count: 30), to: Self.message)
        let end = log.end
        log.trim()
        #expect(log.complete == end && log.drops == 1)
        #expect(!log.canResume(after: 10) && !log.canResume(after: end - 1) && log.canResume(after: end))
        #expect(log.canReplay(after: 10))
        let kept = rest(log, after: 10).map(\.0)
        #expect(
            kept == [
                "runStarted", "toolCallStart", "toolCallArguments", "toolCallEnd", "textStart",
                String(repeating: "t", count: 30),
            ])
        log.trim()
        #expect(log.drops == 1, "nothing is left that would help")
        log.append(.toolCallResult(message: Self.other, id: "b", content: "done"))
        log.append(text: String(repeating: "u", count: 200), to: Self.message)
        log.trim()
        #expect(log.drops == 2)
        #expect(log.text(of: Self.message).count == 230)
    }

    @Test("the text of a message that is open and has a part behind it is whole")
    func textInParts() {
        var log = RunLog(runID: Self.message, start: 0)
        log.append(.textStart(Self.message))
        log.append(text: "one ", to: Self.message)
        log.append(.toolCallEnd(id: "t"))
        log.append(text: "two", to: Self.message)
        #expect(log.text(of: Self.message) == "one two")
    }

    @Test("from every position: the rest fits what went before, or the position is refused within a character")
    func everyPosition() {
        let log = sample()
        let refused = (0...log.end + 5).filter { !log.canResume(after: $0) }
        // Outside, and inside of é (104), 漢 (106, 107) and 😀 (110 to 112).
        #expect(refused == Array(0..<100) + [104, 106, 107, 110, 111, 112] + Array(120...124))
        let all = rest(log, after: 100).map { $0.0 }.joined()
        for position in 100...log.end where log.canResume(after: position) {
            let part = rest(log, after: position)
            #expect(all.hasSuffix(part.map { $0.0 }.joined()))
            #expect(part.map(\.1) == part.map(\.1).sorted())
            #expect(part.allSatisfy { $0.1 > position })
            #expect(part.last?.1 ?? log.end == log.end)
        }
        #expect(rest(log, after: 105).first?.0 == "漢")
        #expect(rest(log, after: 117).map(\.0) == ["en"])
        #expect(rest(log, after: log.end).isEmpty)
    }

    @Test("it stops where it is told to, in texts and events")
    func stops() {
        let log = sample()
        for limit in 1...8 {
            var count = 0
            log.forEach(after: 100) { _, _ in
                count += 1
                return count < limit
            }
            #expect(count == limit)
        }
    }

    @Test("an empty log has nothing, and can be resumed from its start")
    func empty() {
        let log = RunLog(runID: Self.message, start: 7)
        #expect(log.canResume(after: 7))
        #expect(!log.canResume(after: 6))
        #expect(!log.canResume(after: 8))
        #expect(rest(log, after: 7).isEmpty)
    }
}

extension RunLog {
    fileprivate mutating func append(text: String, to message: Identifier) {
        var text = text
        text.withUTF8 { append(text: $0, to: message) }
    }
}
