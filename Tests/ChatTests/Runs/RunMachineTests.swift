import Chat
import Testing

@Suite("Run machine")
struct RunMachineTests {
    @Test("a call's id is no longer than can be stored, the same each time, and its own")
    func callIDs() throws {
        let long = String(repeating: "é", count: 255)
        let ids = [long, long + "x", long + "y", long + "\0", "short"]
        var bench = Bench(replyLength: 10_000)
        bench.step("start")
        for id in ids { for verb in ["call", "args", "callEnd"] { bench.step("\(verb) \(id)") } }
        let ordinal = bench.machine.perform(id: ids[1])
        #expect(ordinal == 1)
        for verb in ["done \(ids[1])", "finish"] { bench.step(verb) }
        let messages = bench.machine.messages()
        #expect(messages.last?.toolCallID == messages.first?.toolCalls.first?.id)
        var shown: [String] = []
        bench.machine.log.forEach(after: 0) { item, _ in
            if case .event(.toolCallStart(let id, _, _)) = item { shown.append(id) }
            return true
        }
        #expect(shown.allSatisfy { $0.unicodeScalars.count <= 255 })
        #expect(Set(shown).count == ids.count)
        #expect(shown.first == long && shown.last == "short")
        #expect(shown[1].hasPrefix(String(repeating: "é", count: 230)))
    }

    @Test("a result is no longer than a message may be, nor are all of them together than can be stored at once")
    func results() {
        var bench = Bench(replyLength: 100)
        let (most, more) = (String(repeating: "é", count: 100), String(repeating: "é", count: 101))
        bench.step("start")
        for id in ["a", "b"] { for verb in ["call", "callEnd"] { bench.step("\(verb) \(id)") } }
        for (id, content, outcome) in [("a", most, RunMachine.TextOutcome.taken), ("b", more, .tooLong)] {
            let message = bench.id()
            let given = bench.machine.toolResult(id: id, content: content) { message }
            #expect(given == outcome)
        }
        bench = Bench(replyLength: 100)
        for step in ["start", "call c", "callEnd c", "call d", "callEnd d"] { bench.step(step) }
        // What was carried out has happened, whatever is told of it.
        bench.machine.carryOut("c", more)
        bench.machine.carryOut("d", most)
        for index in 0..<40 {
            for verb in ["call", "callEnd"] { bench.step("\(verb) \(index)") }
            bench.machine.carryOut("\(index)", most)
        }
        bench.step("finish")
        let results = bench.machine.messages().filter { $0.role == .tool }.map(\.content)
        let truncated = #"{"truncated":true}"#
        #expect(results.prefix(2) == [truncated, most])
        #expect(results.count == 42)
        #expect(results.last == truncated)
        // 3 200 bytes of those that we carry out: one too long of 202, and 14 of 200.
        #expect(results.filter { $0 == most }.count == 14)
    }

    /// A machine with ids from a counter, in the words of a table.
    private struct Bench {
        var machine: RunMachine
        var next: UInt64 = 0
        /// How often something said that the end can be stored.
        var ends = 0

        init(replyLength: Int = 10) {
            machine = RunMachine(
                runID: Identifier(high: 9, low: 9),
                message: Message(id: Identifier(high: 9, low: 8), role: .user, content: "q"),
                position: 0, replyLength: replyLength)
        }

        mutating func id() -> Identifier {
            next += 1
            return Identifier(high: 0, low: next)
        }

        mutating func step(_ step: String) {
            let words = step.split(separator: " ", maxSplits: 1).map(String.init)
            let (verb, word) = (words[0], words.count > 1 ? words[1] : "")
            let id = id()
            let canEnd: Bool
            switch verb {
            case "start":
                machine.start()
                canEnd = false
            case "text":
                _ = machine.text(word) { id }
                canEnd = false
            case "endText":
                machine.endText()
                canEnd = false
            case "call":
                machine.toolCallStart(id: word, name: "t") { id }
                canEnd = false
            case "args":
                machine.toolCallArguments(id: word, delta: "{}")
                canEnd = false
            case "callEnd":
                machine.toolCallEnd(id: word)
                canEnd = false
            case "perform":
                _ = machine.perform(id: word)
                canEnd = false
            case "done": canEnd = machine.toolDone(id: word, content: "r", messageID: id)
            case "lost": canEnd = machine.toolFailed(id: word, RunFailure(code: .toolFailed, message: "m"))
            case "finish": canEnd = machine.finish(nil)
            case "fail": canEnd = machine.fail(RunFailure(code: .upstreamError, message: "m"))
            case "cancel": canEnd = machine.stop(.cancelled)
            case "interrupt":
                canEnd = machine.stop(.interrupted, failure: RunFailure(code: .interrupted, message: "m"))
            case "stored":
                machine.stored()
                canEnd = false
            default:
                Issue.record("unknown step \(step)")
                canEnd = false
            }
            if canEnd { ends += 1 }
        }

        var events: [String] {
            var events: [String] = []
            machine.log.forEach(after: 0) { item, _ in
                switch item {
                case .event(.runFinished(_, let outcome, _)): events.append("finished \(outcome)")
                case .event(.runError(let code, _)): events.append("error \(code.rawValue)")
                case .event(let event): events.append(String("\(event)".prefix { $0 != "(" }))
                case .text(_, let bytes): events.append(String(decoding: bytes, as: UTF8.self))
                case .thought(_, let bytes): events.append("(\(String(decoding: bytes, as: UTF8.self)))")
                }
                return true
            }
            return events
        }
    }

    /// Steps, the events, and what is to be stored before the last step (role, content and calls).
    static let cases: [(String, String, String)] = [
        ("start,finish,stored", "runStarted,finished success", ""),
        ("start,text a,text b,finish,stored", "runStarted,textStart,ab,textEnd,finished success", "assistant:ab"),
        (
            "start,text a,endText,endText,text b,finish,stored",
            "runStarted,textStart,a,textEnd,textStart,b,textEnd,finished success", "assistant:a,assistant:b"
        ),
        (
            "start,text a,call x,args x,callEnd x,perform x,done x,text b,finish,stored",
            "runStarted,textStart,a,textEnd,toolCallStart,toolCallArguments,toolCallEnd,toolCallResult,textStart,b,textEnd,finished success",
            "assistant:a[x],tool:r,assistant:b"
        ),
        (
            "start,call x,callEnd x,call y,callEnd y,perform y,perform x,done x,done y,finish,stored",
            "runStarted,toolCallStart,toolCallEnd,toolCallStart,toolCallEnd,toolCallResult,toolCallResult,finished success",
            "assistant:[xy],tool:r,tool:r"
        ),
        (
            "start,call x,callEnd x,perform x,text a,done x,text b,finish,stored",
            "runStarted,toolCallStart,toolCallEnd,textStart,a,toolCallResult,b,textEnd,finished success",
            "assistant:[x],assistant:ab,tool:r"
        ),
        ("start,cancel,stored", "runStarted,finished cancelled", ""),
        ("cancel,stored", "runStarted,finished cancelled", ""),
        ("interrupt,stored", "runStarted,error interrupted", ""),
        (
            "start,text a,cancel,text b,finish,cancel,stored,stored",
            "runStarted,textStart,a,textEnd,finished cancelled", "assistant:a"
        ),
        (
            "start,call x,args x,cancel,callEnd x,stored",
            "runStarted,toolCallStart,toolCallArguments,toolCallEnd,finished cancelled", ""
        ),
        (
            "start,text a,call x,callEnd x,cancel,perform x,stored",
            "runStarted,textStart,a,textEnd,toolCallStart,toolCallEnd,finished cancelled", "assistant:a"
        ),
        (
            "start,call x,callEnd x,perform x,cancel,stored,text b,done x,done x,stored",
            "runStarted,toolCallStart,toolCallEnd,toolCallResult,finished cancelled", "assistant:[x],tool:r"
        ),
        (
            "start,call x,callEnd x,perform x,cancel,lost x,stored",
            "runStarted,toolCallStart,toolCallEnd,finished cancelled", ""
        ),
        (
            "start,call x,callEnd x,perform x,lost x,stored",
            "runStarted,toolCallStart,toolCallEnd,error tool_failed", ""
        ),
        (
            "start,call x,callEnd x,call y,callEnd y,perform x,perform y,lost x,done y,stored",
            "runStarted,toolCallStart,toolCallEnd,toolCallStart,toolCallEnd,toolCallResult,error tool_failed",
            "assistant:[y],tool:r"
        ),
        (
            "start,call x,callEnd x,perform x,finish,text b,done x,stored",
            "runStarted,toolCallStart,toolCallEnd,toolCallResult,finished success", "assistant:[x],tool:r"
        ),
        ("start,text a,fail,fail,finish,stored", "runStarted,textStart,a,textEnd,error upstream_error", "assistant:a"),
        ("start,text a,interrupt,cancel,stored", "runStarted,textStart,a,textEnd,error interrupted", "assistant:a"),
        (
            "start,text 12345678901,fail,stored", "runStarted,textStart,1234567890,textEnd,error upstream_error",
            "assistant:1234567890"
        ),
        (
            "start,start,callEnd z,args z,perform z,done z,lost z,endText,finish,stored", "runStarted,finished success",
            ""
        ),
        (
            "start,call x,call x,callEnd x,perform x,perform x,done x,call x,callEnd x,perform x,done x,finish,stored",
            "runStarted,toolCallStart,toolCallEnd,toolCallResult,toolCallStart,toolCallEnd,toolCallResult,finished success",
            "assistant:[x],tool:r,assistant:[x],tool:r"
        ),
        (
            "start,text a\0b,finish,stored", "runStarted,textStart,a\u{FFFD}b,textEnd,finished success",
            "assistant:a\u{FFFD}b"
        ),
        ("start,stored,finish,finish,stored", "runStarted,finished success", ""),
    ]

    @Test("whatever comes in whatever order", arguments: cases)
    func table(steps: String, events: String, stored: String) {
        var bench = Bench()
        var toStore: [Message] = []
        for step in steps.split(separator: ",") {
            bench.step(String(step))
            if case .ending = bench.machine.state { toStore = bench.machine.messages() }
        }
        #expect(bench.events == events.split(separator: ",").map(String.init))
        #expect(bench.ends == 1)
        let messages = toStore.map { message in
            let calls = message.toolCalls.isEmpty ? "" : "[" + message.toolCalls.map(\.id).joined() + "]"
            return "\(message.role.rawValue):\(message.content)\(calls)"
        }
        #expect(messages == stored.split(separator: ",").map(String.init))
        #expect(bench.machine.messages() == [])
    }

    @Test("after any steps, a stop, the pending results and the store, there is one terminal event and it is the last")
    func anyOrder() {
        let verbs = [
            "text a", "endText", "call x", "args x", "callEnd x", "perform x", "done x", "lost x", "finish", "fail",
            "cancel", "stored",
        ]
        var random = SeededRandom(state: 42)
        for _ in 0..<5_000 {
            var bench = Bench()
            bench.step("start")
            let steps = (0..<12).map { _ in verbs[Int(random.next() % UInt64(verbs.count))] }
            for step in steps + ["cancel", "done x", "stored"] { bench.step(step) }
            let events = bench.events
            let terminals = events.filter { $0.hasPrefix("finished") || $0.hasPrefix("error") }
            #expect(terminals.count == 1 && events.last == terminals.first, "\(steps): \(events)")
            #expect(events.count { $0 == "textStart" } == events.count { $0 == "textEnd" }, "\(steps)")
            #expect(events.count { $0 == "toolCallStart" } == events.count { $0 == "toolCallEnd" }, "\(steps)")
            #expect(bench.ends == 1, "\(steps)")
        }
    }

    @Test("calls and their arguments are bounded; NUL is replaced in ids and names too")
    func callBounds() {
        var bench = Bench()
        bench.step("start")
        var outcome = bench.machine.toolCallStart(id: "a\0", name: "n\0") { Identifier(high: 0, low: 1) }
        guard case .taken = outcome else { return #expect(Bool(false)) }
        #expect(bench.machine.log.end == 2)
        bench.machine.toolCallEnd(id: "a\0")
        #expect(bench.machine.perform(id: "a\0") == 1)
        _ = bench.machine.toolDone(id: "a\0", content: "r", messageID: Identifier(high: 0, low: 2))
        bench.step("call b")
        // Ten code points of reply allow forty bytes of calls.
        outcome = bench.machine.toolCallArguments(id: "b", delta: String(repeating: "x", count: 40))
        guard case .tooLong = outcome else { return #expect(Bool(false)) }
        _ = bench.machine.stop(.cancelled)
        #expect(bench.machine.messages().flatMap(\.toolCalls).map(\.id) == ["a\u{FFFD}"])
        #expect(bench.machine.messages().flatMap(\.toolCalls).map(\.name) == ["n\u{FFFD}"])
    }
}

struct SeededRandom {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}

extension RunMachine {
    /// An announced call, with its result.
    fileprivate mutating func carryOut(_ id: String, _ content: String) {
        _ = perform(id: id)
        _ = toolDone(id: id, content: content, messageID: Identifier(high: 7, low: UInt64(drafts)))
    }

    private var drafts: Int { messageIDs.count }
}
