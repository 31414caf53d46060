import Chat
import Testing

@Suite struct ReminderMachineTests {
    typealias Step = (input: ReminderMachine.Input, action: ReminderMachine.Action)

    static let stories: [[Step]] = [
        // Nothing is known: the next look comes after the interval.
        [(.start, .look), (.claimed(0, waits: nil), .wait(2_000)), (.tick, .look)],
        // The next one is due before that, or after it.
        [(.start, .look), (.claimed(0, waits: 700), .wait(700))],
        [(.start, .look), (.claimed(0, waits: 90_000), .wait(2_000))],
        [(.start, .look), (.claimed(0, waits: -5), .wait(50))],
        // Each is told before the next look; as many as fit into one may not be all.
        [(.start, .look), (.claimed(2, waits: nil), .none), (.tick, .none), (.told, .none), (.told, .wait(2_000))],
        [
            (.start, .look), (.claimed(3, waits: nil), .none), (.told, .none), (.told, .none), (.told, .wait(50)),
            (.tick, .look),
        ],
        // The database is away: longer and longer, with a bound.
        [
            (.start, .look), (.failed, .wait(2_000)), (.tick, .look), (.failed, .wait(4_000)), (.tick, .look),
            (.failed, .wait(8_000)), (.tick, .look), (.failed, .wait(16_000)), (.tick, .look), (.failed, .wait(30_000)),
            (.tick, .look), (.failed, .wait(30_000)), (.tick, .look), (.claimed(0, waits: nil), .wait(2_000)),
            (.tick, .look), (.failed, .wait(2_000)),
        ],
        // Nothing comes behind the end.
        [(.start, .look), (.stop, .none), (.claimed(1, waits: nil), .none), (.told, .none), (.tick, .none)],
    ]

    @Test(arguments: stories.indices)
    func tells(_ index: Int) {
        var machine = ReminderMachine(batch: 3)
        for (place, step) in Self.stories[index].enumerated() {
            #expect(machine.next(step.input) == step.action, "step \(place)")
        }
    }
}
