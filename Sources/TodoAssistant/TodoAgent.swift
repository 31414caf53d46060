package import Chat
import JSON
import Foundation

/// The assistant that needs no model: it keeps the user's to-do list by ``TodoMachine`` and streams its answers word by
/// word. One for a shard; on the shard's loop.
package final class TodoAgent: Agent {
    /// Enough to know what "it" is and what was asked last, behind a turn of many calls too.
    package let historyWanted = 120
    private let clock: any AgentClock
    private let pace: UInt64
    private let bulk: Int

    /// - Parameters:
    ///   - pace: nanoseconds between words; 0: all words at once, each still a piece of its own.
    ///   - bulk: tasks that it deletes or changes at once without asking.
    package init(clock: any AgentClock, pace: UInt64, bulk: Int = TodoMachine.mostCalls) {
        self.bulk = bulk
        self.clock = clock
        self.pace = pace
    }

    package func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork {
        let turn = TodoTurn(input, run, WordPacer(clock: clock, pace: pace), bulk: bulk)
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
    /// What came of the calls of this turn before a person was asked, and then.
    private var recorded: ArraySlice<Recorded>

    private struct Recorded {
        var name: String
        var outcome: ToolOutcome
    }

    init(_ input: AgentInput, _ run: any AgentRun, _ pacer: WordPacer, bulk: Int) {
        // A turn that goes on does again what it did, with the results that are known: so it knows what it was about, also
        // after a restart. Times count from when it was asked.
        let isResumed = !input.exchange.isEmpty && input.message.createdAt > 0
        machine = TodoMachine(
            history: input.history, message: input.message,
            clock: TodoClock(
                now: isResumed ? input.message.createdAt : Self.now(), timeZone: input.timeZone), bulk: bulk)
        recorded = Self.recorded(input.exchange)[...]
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

    private static func recorded(_ exchange: [Message]) -> [Recorded] {
        var results: [String: [String]] = [:]
        for message in exchange { if let id = message.toolCallID { results[id, default: []].append(message.content) } }
        return exchange.flatMap(\.toolCalls).compactMap { call in
            guard let content = results[call.id]?.first, let result = try? JSON(parsing: content) else { return nil }
            return Recorded(
                name: call.name,
                outcome: ToolOutcome(status: result["error"] == nil ? .success : .failed, result: result))
        }
    }

    /// What is known of these calls, where they are those that were made.
    private func replayed(_ calls: [TodoMachine.Call]) -> [ToolOutcome]? {
        guard !recorded.isEmpty else { return nil }
        let known = recorded.prefix(calls.count)
        guard known.count == calls.count, zip(known, calls).allSatisfy({ $0.name == $1.name.rawValue }) else {
            recorded = []
            return nil
        }
        recorded = recorded.dropFirst(calls.count)
        return known.map(\.outcome)
    }

    private func act(_ action: TodoMachine.Action) {
        switch action {
        case .call(let calls):
            if let known = replayed(calls) { return act(machine.next(.results(known))) }
            perform(calls[...], [])
        case .ask(let calls, let message):
            if let known = replayed(calls) { return act(machine.next(.results(known))) }
            ask(calls, message)
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
        let id = announce(call)
        if run.ask(id: id, name: call.name.rawValue, arguments: .object(call.arguments), message: nil, always: false) {
            return suspend()
        }
        run.perform(id: id, name: call.name.rawValue, arguments: .object(call.arguments)) { [self] outcome in
            perform(calls.dropFirst(), outcomes + [outcome])
        }
    }

    private func announce(_ call: TodoMachine.Call) -> String {
        ordinal += 1
        let id = "call_\(ordinal)_\(suffix)"
        run?.toolCallStart(id: id, name: call.name.rawValue)
        run?.toolCallArguments(id: id, delta: JSON.object(call.arguments).description)
        run?.toolCallEnd(id: id)
        return id
    }

    /// Puts all of them to the person.
    private func ask(_ calls: [TodoMachine.Call], _ message: String) {
        let ids = calls.map { announce($0) }
        for (id, call) in zip(ids, calls) {
            _ = run?.ask(
                id: id, name: call.name.rawValue, arguments: .object(call.arguments), message: message, always: true)
        }
        suspend()
    }

    private func suspend() {
        let run = run
        self.run = nil
        run?.suspend(nil, state: nil)
    }
}
