import Postgres
import Testing

@Suite struct PoolMachineTests {
    enum Event: Sendable {
        case start, lease(Int), release(Int), opened(Int), openFailed(Int), lost(Int), distrustIdle, tick, close
        /// The server may be at work for it for two seconds more.
        case givenUp(Int)
        case serverChanged
        /// Moves the clock, in milliseconds.
        case wait(UInt64)
        /// What is to be done since the last time.
        case expect([PoolMachine.Action])
        case available(Bool)
        case deadline(UInt64?)
        case closed(Bool)
    }

    struct Story: Sendable, CustomStringConvertible {
        var description: String
        var settings: PoolSettings
        var events: [Event]
    }

    static func settings(
        minimum: Int = 1, maximum: Int = 2, overflow: Int = 0, waiting: Int = 10
    ) -> PoolSettings {
        var settings = PoolSettings()
        settings.minimum = minimum
        settings.maximum = maximum
        settings.overflow = overflow
        settings.waiting = waiting
        return settings
    }

    static let stories: [Story] = [
        Story(
            description: "opens the minimum, grants the last released first", settings: settings(minimum: 2),
            events: [
                .start, .expect([.open(connection: 1), .open(connection: 2)]),
                .opened(1), .opened(2), .expect([]),
                .lease(1), .expect([.grant(connection: 2, waiter: 1)]),
                .release(2), .lease(2), .expect([.grant(connection: 2, waiter: 2)]),
            ]),
        Story(
            description: "waits in order", settings: settings(maximum: 1),
            events: [
                .start, .expect([.open(connection: 1)]),
                .lease(1), .lease(2), .lease(3), .expect([]),
                .opened(1), .expect([.grant(connection: 1, waiter: 1)]),
                .release(1), .expect([.grant(connection: 1, waiter: 2)]),
                .release(1), .expect([.grant(connection: 1, waiter: 3)]),
            ]),
        Story(
            description: "grows with need, to the overflow and no further",
            settings: settings(minimum: 1, maximum: 2, overflow: 1),
            events: [
                .start, .opened(1), .expect([.open(connection: 1)]),
                .lease(1), .expect([.grant(connection: 1, waiter: 1)]),
                .lease(2), .expect([.open(connection: 2)]),
                .lease(3), .expect([.open(connection: 3)]),
                .lease(4), .expect([]),
                .opened(2), .expect([.grant(connection: 2, waiter: 2)]),
            ]),
        Story(
            description: "overflow goes after 30 s of idleness, the rest after five minutes",
            settings: settings(minimum: 1, maximum: 2, overflow: 1),
            events: [
                .start, .lease(1), .lease(2), .lease(3),
                .expect([.open(connection: 1), .open(connection: 2), .open(connection: 3)]),
                .opened(1), .opened(2), .opened(3),
                .expect([
                    .grant(connection: 1, waiter: 1), .grant(connection: 2, waiter: 2),
                    .grant(connection: 3, waiter: 3),
                ]),
                .release(1), .release(2), .release(3), .deadline(30_000),
                .wait(29_999), .tick, .expect([]),
                .wait(1), .tick, .expect([.close(connection: 1)]), .deadline(300_000),
                .wait(270_000), .tick, .expect([.close(connection: 2)]), .deadline(nil),
            ]),
        Story(
            description: "a full queue refuses", settings: settings(maximum: 1, waiting: 1),
            events: [
                .start, .lease(1), .lease(2),
                .expect([.open(connection: 1), .refuse(waiter: 2, .full)]),
            ]),
        Story(
            description: "waiting ends after five seconds", settings: settings(maximum: 1),
            events: [
                .start, .opened(1), .lease(1), .lease(2), .wait(1_000), .lease(3), .deadline(5_000),
                .expect([.open(connection: 1), .grant(connection: 1, waiter: 1)]),
                .wait(4_000), .tick, .expect([.refuse(waiter: 2, .timedOut)]), .deadline(6_000),
                .release(1), .expect([.grant(connection: 1, waiter: 3)]),
            ]),
        Story(
            description: "away: refuses at once, tries with growing pauses, one at a time",
            settings: settings(minimum: 2),
            events: [
                .start, .lease(1), .expect([.open(connection: 1), .open(connection: 2)]), .available(true),
                .openFailed(1), .available(false), .expect([.refuse(waiter: 1, .unavailable)]),
                .openFailed(2), .lease(2), .expect([.refuse(waiter: 2, .unavailable)]),
                .deadline(150), .wait(149), .tick, .expect([]),
                .wait(1), .tick, .expect([.open(connection: 3)]), .deadline(nil),
                .openFailed(3), .deadline(450),
                .wait(300), .tick, .expect([.open(connection: 4)]),
                .opened(4), .available(true), .expect([.open(connection: 5)]),
                .lease(3), .expect([.grant(connection: 4, waiter: 3)]),
            ]),
        Story(
            description: "a lost connection is replaced at once", settings: settings(),
            events: [
                .start, .opened(1), .expect([.open(connection: 1)]), .wait(2_000),
                .lost(1), .available(true), .expect([.open(connection: 2)]),
                .lease(1), .opened(2), .expect([.grant(connection: 2, waiter: 1)]),
            ]),
        Story(
            description: "after a silent one nobody is given what was idle meanwhile",
            settings: settings(minimum: 3, maximum: 3),
            events: [
                .start, .opened(1), .opened(2), .opened(3), .lease(1), .wait(11_000),
                .expect([
                    .open(connection: 1), .open(connection: 2), .open(connection: 3), .grant(connection: 3, waiter: 1),
                ]),
                .distrustIdle, .lost(3), .lease(2),
                .expect([
                    .close(connection: 1), .close(connection: 2), .open(connection: 4), .open(connection: 5),
                    .open(connection: 6),
                ]),
                .opened(4), .expect([.grant(connection: 4, waiter: 2)]),
            ]),
        Story(
            description: "what was given up counts as long as the server may be at work for it",
            settings: settings(minimum: 1, maximum: 2),
            events: [
                .start, .lease(1), .lease(2), .opened(1), .opened(2), .wait(2_000), .lease(3),
                .expect([
                    .open(connection: 1), .open(connection: 2), .grant(connection: 1, waiter: 1),
                    .grant(connection: 2, waiter: 2),
                ]),
                .givenUp(1), .expect([]), .deadline(4_000),
                .wait(1_999), .tick, .expect([]),
                .wait(1), .tick, .expect([.open(connection: 3)]),
                .opened(3), .expect([.grant(connection: 3, waiter: 3)]),
            ]),
        Story(
            description: "one attempt is always left, and another server has nothing of it",
            settings: settings(minimum: 2, maximum: 2),
            events: [
                .start, .lease(1), .lease(2), .opened(1), .opened(2), .wait(2_000), .lease(3), .lease(4),
                .expect([
                    .open(connection: 1), .open(connection: 2), .grant(connection: 1, waiter: 1),
                    .grant(connection: 2, waiter: 2),
                ]),
                .givenUp(1), .givenUp(2), .expect([.open(connection: 3)]),
                .serverChanged, .expect([.open(connection: 4)]),
                .opened(3), .opened(4),
                .expect([.grant(connection: 3, waiter: 3), .grant(connection: 4, waiter: 4)]),
            ]),
        Story(
            description: "one that dies at once is like a failed attempt", settings: settings(),
            events: [
                .start, .opened(1), .expect([.open(connection: 1)]), .wait(10),
                .lost(1), .available(false), .expect([]), .deadline(85),
                .wait(75), .tick, .expect([.open(connection: 2)]),
            ]),
        Story(
            description: "closing refuses, closes the idle, then the released", settings: settings(maximum: 2),
            events: [
                .start, .lease(1), .lease(2), .opened(1), .opened(2),
                .expect([
                    .open(connection: 1), .open(connection: 2), .grant(connection: 1, waiter: 1),
                    .grant(connection: 2, waiter: 2),
                ]),
                .release(1), .lease(3), .expect([.grant(connection: 1, waiter: 3)]), .release(1), .lease(4),
                .lease(5), .expect([.grant(connection: 1, waiter: 4)]),
                .close, .closed(false), .expect([.refuse(waiter: 5, .closed)]),
                .lease(6), .expect([.refuse(waiter: 6, .closed)]),
                .release(1), .release(2), .expect([.close(connection: 1), .close(connection: 2)]), .closed(true),
            ]),
        Story(
            description: "a release of what is no longer there is nothing", settings: settings(),
            events: [
                .start, .opened(1), .wait(2_000), .lost(1), .release(1),
                .expect([.open(connection: 1), .open(connection: 2)]),
            ]),
    ]

    @Test(arguments: stories)
    func story(_ story: Story) {
        var machine = PoolMachine(story.settings)
        var now: UInt64 = 0
        for (step, event) in story.events.enumerated() {
            let comment: Comment = "step \(step)"
            switch event {
            case .start: machine.start(at: now)
            case .lease(let waiter): machine.lease(waiter, at: now)
            case .release(let connection): machine.release(connection, at: now)
            case .opened(let connection): machine.opened(connection, at: now)
            case .openFailed(let connection): machine.openFailed(connection, at: now, random: 0.5)
            case .lost(let connection): machine.lost(connection, at: now, random: 0.5)
            case .givenUp(let connection):
                machine.lost(connection, at: now, random: 0.5, working: 2_000_000_000)
            case .serverChanged: machine.serverChanged(at: now)
            case .distrustIdle: machine.distrustIdle(at: now)
            case .tick: machine.tick(at: now)
            case .close: machine.close()
            case .wait(let milliseconds): now += milliseconds * 1_000_000
            case .expect(let actions):
                #expect(machine.actions == actions, comment)
                machine.actions.removeAll()
            case .available(let expected): #expect(machine.isAvailable == expected, comment)
            case .deadline(let expected): #expect(machine.deadline == expected.map { $0 * 1_000_000 }, comment)
            case .closed(let expected): #expect(machine.isClosed == expected, comment)
            }
        }
    }

    @Test func pausesStayBelowTwoSeconds() {
        var machine = PoolMachine(Self.settings())
        machine.start(at: 0)
        var now: UInt64 = 0
        for connection in 1...40 {
            machine.openFailed(connection, at: now, random: 0.999)
            let pause = (machine.deadline ?? 0) - now
            #expect(pause >= 50_000_000 && pause <= 1_500_000_000)
            now += pause
            machine.tick(at: now)
        }
        #expect(machine.figures.failed == 40)
    }

    @Test(arguments: [(1, 5, 20, 10), (2, 3, 10, 5), (4, 2, 5, 2), (64, 2, 2, 0)])
    func share(_ shards: Int, _ minimum: Int, _ maximum: Int, _ overflow: Int) {
        let share = PoolSettings().share(of: shards)
        #expect(share.minimum == minimum)
        #expect(share.maximum == maximum)
        #expect(share.overflow == overflow)
    }
}
