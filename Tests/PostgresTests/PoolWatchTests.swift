import Postgres
import Testing

@Suite struct PoolWatchTests {
    typealias Connection = PoolWatch.Connection

    enum Event: Sendable {
        /// A look half a second after the last.
        case look([Connection], [PoolWatch.Action])
        /// Something was committed just now.
        case committed
        case probeBegan(Int), probeEnded
        case dialEnded(String?)
        /// The process stands still, in milliseconds.
        case heldUp(UInt64)
    }

    struct Story: Sendable, CustomStringConvertible {
        var description: String
        /// Somebody has it without using it.
        var leased: Int?
        var events: [Event]
    }

    /// - Parameters: milliseconds; `waiting`: since when.
    static func connection(_ number: Int, _ server: String = "a", waiting: UInt64? = nil, heard: UInt64 = 0)
        -> Connection
    {
        Connection(
            number: number, server: server, waitsSince: waiting.map { $0 * 1_000_000 }, lastReceived: heard * 1_000_000)
    }

    static let stories: [Story] = [
        Story(
            description: "who is busy is not asked, who is quiet is",
            events: [
                .committed, .look([connection(1, heard: 0)], [.probe]),
                .probeBegan(1), .probeEnded, .committed, .look([connection(1, heard: 500)], [.probe]),
            ]),
        Story(description: "what somebody keeps is left alone", leased: 1, events: [.look([connection(1)], [])]),
        Story(description: "without connections there is nobody to ask", events: [.look([], []), .look([], [])]),
        Story(
            description: "a probe that stays without an answer for three seconds of silence: it has vanished",
            events: [
                .look([connection(1), connection(2)], [.probe]), .probeBegan(1),
                .look([connection(1, waiting: 500), connection(2)], []),
                .look([connection(1, waiting: 500), connection(2)], []),
                .look([connection(1, waiting: 500), connection(2)], []),
                .look([connection(1, waiting: 500), connection(2)], []),
                .look([connection(1, waiting: 500), connection(2)], [.leave(server: "a")]),
                .look([], []),
            ]),
        Story(
            description: "a slow statement is waited for while others are answered",
            events: [
                .look([connection(1, waiting: 100), connection(2)], [.probe]), .probeBegan(2), .probeEnded,
                .look([connection(1, waiting: 100), connection(2, heard: 900)], [.probe]), .probeBegan(2), .probeEnded,
                .heldUp(1_000), .look([connection(1, waiting: 100), connection(2, heard: 2_500)], [.probe]),
                .probeBegan(2), .probeEnded, .heldUp(1_000),
                .look([connection(1, waiting: 100), connection(2, heard: 4_000)], [.probe]), .probeBegan(2),
                .probeEnded, .heldUp(1_000),
                .look([connection(1, waiting: 100), connection(2, heard: 5_500)], [.probe]),
                .probeBegan(2), .probeEnded, .heldUp(1_000), .heldUp(4_000),
                .look([connection(1, waiting: 100), connection(2, heard: 11_500)], []), .probeEnded,
                .look([connection(1, waiting: 100), connection(2, heard: 11_900)], [.drop(connection: 1), .probe]),
            ]),
        Story(
            description: "where no connection is free it is dialled; who answers is there, however slow the statements",
            events: [
                .look([connection(1, waiting: 0)], []), .look([connection(1, waiting: 0)], [.dial]),
                .dialEnded("a"), .look([connection(1, waiting: 0)], []), .look([connection(1, waiting: 0)], [.dial]),
                .dialEnded("a"), .look([connection(1, waiting: 0)], []), .look([connection(1, waiting: 0)], [.dial]),
                .dialEnded("a"), .look([connection(1, waiting: 0)], []), .look([connection(1, waiting: 0)], [.dial]),
            ]),
        Story(
            description: "where nobody answers the dial either, it has vanished",
            events: [
                .look([connection(1, waiting: 0)], []), .look([connection(1, waiting: 0)], [.dial]),
                .look([connection(1, waiting: 0)], []), .dialEnded(nil), .look([connection(1, waiting: 0)], [.dial]),
                .look([connection(1, waiting: 0)], []), .look([connection(1, waiting: 0)], [.leave(server: "a")]),
            ]),
        Story(
            description: "of two servers the one that was found last counts",
            events: [
                .committed, .look([connection(1, "old", waiting: 0), connection(2, heard: 400)], [.probe]),
                .probeBegan(2), .probeEnded, .heldUp(1_000), .committed,
                .look([connection(1, "old", waiting: 0), connection(2, heard: 1_900)], [.probe]), .probeBegan(2),
                .probeEnded, .heldUp(500), .committed,
                .look([connection(1, "old", waiting: 0), connection(2, heard: 2_900)], [.leave(server: "old")]),
            ]),
        Story(
            description: "who was held up itself looks again first",
            events: [
                .look([connection(1)], [.probe]), .probeBegan(1), .heldUp(6_000),
                .look([connection(1, waiting: 500)], []), .probeEnded,
                .look([connection(1, heard: 7_000)], [.probe]),
            ]),
    ]

    @Test(arguments: stories)
    func story(_ story: Story) {
        var watch = PoolWatch(vanishedLimit: 3_000_000_000, silenceLimit: 11_000_000_000)
        var (now, committed): (UInt64, UInt64) = (0, 0)
        for (step, event) in story.events.enumerated() {
            switch event {
            case .look(let connections, let expected):
                now += PoolWatch.interval
                let actions = watch.look(
                    at: now, connections, committed: committed, newest: "a",
                    isAnyFree: connections.contains { $0.waitsSince == nil && $0.number != story.leased })
                #expect(actions == expected, "step \(step)")
            case .committed: committed = now
            case .probeBegan(let number): watch.probeBegan(on: number)
            case .probeEnded: watch.probeEnded()
            case .dialEnded(let server): watch.dialEnded(at: now, server: server)
            case .heldUp(let milliseconds): now += milliseconds * 1_000_000
            }
        }
    }
}
