import JSON
package import Chat
package import EventLoop

/// An assistant for load tests and tests of the gateway: it says "word " as often as it is told, and does on demand what
/// assistants do to a gateway.
///
/// A message that begins with "!" is a script:
///
/// | message | what happens |
/// | --- | --- |
/// | `!tokens 500 20` | 500 deltas "word ", 20 ms apart (the pace may be left out) |
/// | `!text hello there` | the text, a word a delta |
/// | `!tool add_task {"title":"x"}` | the call, then "ok" or "failed" |
/// | `!fail upstream_error` | some text, then the run error of that code; an unknown code is `internal` |
/// | `!stall` | some text, then nothing until the run is cancelled |
///
/// Anything else that begins with "!" is answered by the default.
package final class ScriptedAgent: Agent {
    package let historyWanted = 0
    /// Deltas of a script at most.
    package static let mostTokens = 40_000

    private let loop: EventLoop
    private let tokens: Int
    private let pace: UInt64

    /// - Parameters:
    ///   - tokens: deltas of an answer.
    ///   - pace: nanoseconds between them; 0: all in one go, before `start` returns.
    package init(loop: EventLoop, tokens: Int, pace: UInt64) {
        self.loop = loop
        self.tokens = max(0, min(tokens, Self.mostTokens))
        self.pace = pace
    }

    package func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork {
        switch Script(input.message.content) ?? .tokens(tokens, pace: nil) {
        case .tokens(let count, let ownPace):
            let pace = ownPace ?? pace
            guard pace > 0 else {
                for _ in 0..<count { run.text(RepeatedWord.word) }
                run.finish(nil)
                return FinishedWork.shared
            }
            return stream(RepeatedWord(remaining: count), run, pace: pace)
        case .text(let text):
            return stream(WordChunks(text), run, pace: pace)
        case .tool(let name, let arguments):
            if let result = input.exchange.last(where: { $0.role == .tool }) {
                // A person was asked.
                let isFailure = (try? JSON(parsing: result.content))?["error"] != nil
                run.text(isFailure ? "failed" : "ok")
                run.finish(nil)
                return FinishedWork.shared
            }
            let id = "call_1_\(input.runID.description.suffix(12))"
            let work = ScriptedWork(pacer: nil)
            run.toolCallStart(id: id, name: name)
            run.toolCallArguments(id: id, delta: arguments)
            run.toolCallEnd(id: id)
            let parsed = (try? JSON(parsing: arguments)) ?? .null
            if run.ask(id: id, name: name, arguments: parsed, message: nil, always: false) {
                run.suspend(nil, state: nil)
                return FinishedWork.shared
            }
            run.perform(id: id, name: name, arguments: parsed) { outcome in
                guard !work.isCancelled else { return }
                run.text(outcome.status == .success ? "ok" : "failed")
                run.finish(nil)
            }
            return work
        case .fail(let code):
            run.text(RepeatedWord.word)
            run.fail(code, "failed as the script demands")
            return FinishedWork.shared
        case .stall:
            run.text(RepeatedWord.word)
            return FinishedWork.shared
        }
    }

    private func stream<Pieces: IteratorProtocol<String>>(
        _ pieces: Pieces, _ run: any AgentRun, pace: UInt64
    ) -> any AgentWork {
        let pacer = WordPacer(clock: loop, pace: pace)
        var pieces = pieces
        pacer.stream({ pieces.next() }, to: run) { run.finish(nil) }
        return ScriptedWork(pacer: pacer)
    }
}

/// What a message to ``ScriptedAgent`` that begins with "!" asks for.
package enum Script: Sendable, Equatable {
    /// The pace in nanoseconds; `nil`: the agent's own.
    case tokens(Int, pace: UInt64?)
    case text(String)
    case tool(String, arguments: String)
    case fail(RunErrorCode)
    case stall

    package init?(_ message: String) {
        guard message.hasPrefix("!") else { return nil }
        let parts = message.dropFirst().split(maxSplits: 1, whereSeparator: \.isWhitespace)
        guard let command = parts.first else { return nil }
        let rest = parts.count > 1 ? parts[1] : ""
        switch command {
        case "tokens":
            let numbers = rest.split(whereSeparator: \.isWhitespace)
            guard let count = numbers.first.flatMap({ Int($0) }), count >= 0, count <= ScriptedAgent.mostTokens else {
                return nil
            }
            guard numbers.count > 1 else {
                self = .tokens(count, pace: nil)
                return
            }
            guard let milliseconds = UInt64(numbers[1]), milliseconds <= 60_000 else { return nil }
            self = .tokens(count, pace: milliseconds * 1_000_000)
        case "text": self = .text(String(rest))
        case "tool":
            let call = rest.split(maxSplits: 1, whereSeparator: \.isWhitespace)
            guard let name = call.first else { return nil }
            self = .tool(String(name), arguments: call.count > 1 ? String(call[1]) : "{}")
        case "fail": self = .fail(RunErrorCode(rawValue: String(rest)) ?? .internal)
        case "stall": self = .stall
        default: return nil
        }
    }
}

private struct RepeatedWord: IteratorProtocol {
    static let word = "word "
    var remaining: Int

    mutating func next() -> String? {
        guard remaining > 0 else { return nil }
        remaining -= 1
        return Self.word
    }
}

private final class ScriptedWork: AgentWork {
    private let pacer: WordPacer?
    private(set) var isCancelled = false

    init(pacer: WordPacer?) { self.pacer = pacer }

    func cancel() {
        isCancelled = true
        pacer?.stop()
    }
}

/// Nothing is under way: there is nothing to cancel.
private final class FinishedWork: AgentWork, Sendable {
    static let shared = FinishedWork()
    func cancel() {}
}
