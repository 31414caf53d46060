import JSON
import Chat

/// An assistant that does what the test says, step by step.
final class FakeAgent: Agent {
    /// A turn that it was given.
    final class Started: AgentWork {
        let input: AgentInput
        let run: any AgentRun
        private(set) var cancellations = 0
        private(set) var outcomes: [ToolOutcome] = []
        private var calls = 0

        init(input: AgentInput, run: any AgentRun) {
            self.input = input
            self.run = run
        }

        var isCancelled: Bool { cancellations > 0 }

        func cancel() { cancellations += 1 }

        /// Announces a call and has it carried out.
        func call(_ name: String = "add_task", _ arguments: JSONObject = ["title": "milk"]) {
            calls += 1
            run.call(id: "call-\(calls)", name: name, arguments: arguments) { [self] in outcomes.append($0) }
        }
    }

    var historyWanted = 0
    private(set) var started: [Started] = []
    /// Done within `start`.
    var onStart: (Started) -> Void = { _ in }

    func start(_ input: AgentInput, _ run: any AgentRun) -> any AgentWork {
        let started = Started(input: input, run: run)
        self.started.append(started)
        onStart(started)
        return started
    }

    /// Forgets the turns, and with them the only references that a test holds to their runs.
    func forget() { started = [] }
}
