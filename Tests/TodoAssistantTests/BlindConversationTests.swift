import Chat
import Foundation
import Testing
import TodoAssistant

/// Whole conversations of people, written without a look at the grammar and judged without a look at what it makes of
/// them; kept apart from the tables that the grammar grows by. The list is empty at first, and it is Tuesday,
/// 2026-12-01, 14:35 UTC.
///
/// ```
/// > said => words        what shall come of it does, and the answer begins so
/// ! said                 is not understood yet: held is only that the list stays as it shall
/// = 1x a; 2 b @due ~rule the list from here on
/// ```
@Suite struct BlindConversationTests {
    struct Turn: Sendable {
        var said: String
        var isUnderstood: Bool
        var answer = ""
        var list: String
    }

    struct Conversation: Sendable, CustomStringConvertible {
        var name: String
        var turns: [Turn]

        var description: String { name }
    }

    static let first = conversations(BlindConversations.table)
    static let second = conversations(FreshConversations.table)

    private static func conversations(_ table: String) -> [Conversation] {
        var found: [Conversation] = []
        for line in table.split(separator: "\n") {
            let rest = String(line.dropFirst(2))
            switch line.first {
            case "#": found.append(Conversation(name: rest, turns: []))
            case ">", "!":
                let list = found[found.count - 1].turns.last?.list ?? ""
                let parts = rest.components(separatedBy: " => ")
                found[found.count - 1].turns.append(
                    Turn(
                        said: parts[0].replacing("\\n", with: "\n"), isUnderstood: line.first == ">",
                        answer: parts.count > 1 ? parts[1] : "", list: list))
            case "=": found[found.count - 1].turns[found[found.count - 1].turns.count - 1].list = rest
            default: break
            }
        }
        return found
    }

    private static func list(_ tasks: FakeTasks) -> String {
        tasks.entries.map { entry in
            "\(entry.number)\(entry.isCompleted ? "x" : "") \(entry.title)" + (entry.due.map { " @\($0)" } ?? "")
                + (entry.recurrence.map { " ~\($0)" } ?? "") + (entry.description.map { " [\($0)]" } ?? "")
        }.joined(separator: "; ")
    }

    @Test(arguments: BlindConversationTests.first + BlindConversationTests.second)
    func goesAsItShall(_ conversation: Conversation) {
        var talk = TodoAssistantTests.Conversation(FakeTasks([]))
        talk.clock = TodoClock(now: 1_796_135_700_000_000, timeZone: "UTC")
        for turn in conversation.turns {
            let answer = talk.say(turn.said)
            // Whatever is not understood harms nothing.
            #expect(Self.list(talk.tasks) == turn.list, "\(turn.said)")
            if turn.isUnderstood {
                #expect(answer.replacing("\n", with: " / ").hasPrefix(turn.answer), "\(turn.said)")
            }
        }
    }

    @Test(arguments: [(BlindConversationTests.first, 300), (BlindConversationTests.second, 90)])
    func mostIsUnderstood(_ table: [Conversation], _ least: Int) {
        let turns = table.flatMap(\.turns)
        #expect(turns.count >= least)
        #expect(turns.count(where: \.isUnderstood) * 100 >= 85 * turns.count)
    }
}
