package import Chat
import Foundation

/// The assistant that needs no model: it keeps the user's to-do list by ``TodoMachine`` and streams its answers word by
/// word. One for a shard; on the shard's loop.
package final class TodoAgent: Agent {
    /// Enough to know what "it" is and what was asked last, behind a turn of many calls too.
    package let historyWanted = 120
    private let clock: any AgentClock
    private let pace: UInt64

    /// - Parameter pace: nanoseconds between words; 0: all words at once, each still a piece of its own.
    package init(clock: any AgentClock, pace: UInt64) {
        self.clock = clock
        self.pace = pace
    }

    package func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork {
        let turn = TodoTurn(input, run, WordPacer(clock: clock, pace: pace))
        turn.begin()
        return turn
    }
}

/// Carries the actions of one ``TodoMachine`` out, one tool call after the other, so that ids are given in the order
/// in which things were said.
private final class TodoTurn: AgentWork {
    private var machine: TodoMachine
    private var run: (any AgentRun)?
    private let pacer: WordPacer
    private let suffix: Substring
    private var ordinal = 0

    init(_ input: AgentInput, _ run: any AgentRun, _ pacer: WordPacer) {
        machine = TodoMachine(
            history: input.history, message: input.message,
            clock: TodoClock(now: Self.now(), timeZone: input.timeZone))
        self.run = run
        self.pacer = pacer
        suffix = input.runID.description.suffix(12)
    }

    /// Microseconds since 1970, UTC.
    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }

    func begin() { act(machine.next(.start)) }

    func cancel() {
        run = nil
        pacer.stop()
    }

    private func act(_ action: TodoMachine.Action) {
        switch action {
        case .call(let calls): perform(calls[...], [])
        case .say(let text):
            guard let run else { return }
            var words = WordChunks(text)
            pacer.stream({ words.next() }, to: run) { [self] in act(machine.next(.said)) }
        case .done:
            run?.finish(nil)
            run = nil
        }
    }

    private func perform(_ calls: ArraySlice<TodoMachine.Call>, _ outcomes: [ToolOutcome]) {
        guard let run else { return }
        guard let call = calls.first else {
            act(machine.next(.results(outcomes)))
            return
        }
        ordinal += 1
        run.call(id: "call_\(ordinal)_\(suffix)", name: call.name.rawValue, arguments: call.arguments) {
            [self] outcome in
            perform(calls.dropFirst(), outcomes + [outcome])
        }
    }
}
