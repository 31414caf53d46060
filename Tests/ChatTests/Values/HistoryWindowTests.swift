import Chat
import Testing

@Suite("History window")
struct HistoryWindowTests {
    private static func id(_ number: UInt64) -> Identifier { Identifier(high: 0, low: number) }
    private static func user(_ number: UInt64) -> Message {
        Message(id: id(number), role: .user, content: "u\(number)")
    }
    private static func tool(_ number: UInt64, _ call: String) -> Message {
        Message(id: id(number), role: .tool, content: "r", toolCallID: call)
    }
    private static func assistant(_ number: UInt64, _ calls: String..., text: String = "") -> Message {
        Message(
            id: id(number), role: .assistant, content: text,
            toolCalls: calls.map { ToolCall(id: $0, name: "t", arguments: "{}") })
    }

    /// Messages, the limit, and what is left: ids with the calls that stay.
    static let cases: [([Message], Int, [String])] = [
        ([], 10, []), ([user(1)], 0, []), ([user(1)], -1, []),
        ([user(1), assistant(2, text: "a"), user(3)], 2, ["3"]),
        ([user(1), assistant(2, text: "a"), user(3)], 3, ["1", "2", "3"]),
        ([user(1), assistant(2, "a"), tool(3, "a"), assistant(4, text: "x")], 10, ["1", "2a", "3", "4"]),
        ([user(1), assistant(2, "a"), tool(3, "a"), assistant(4, text: "x")], 2, ["1", "2a", "3", "4"]),
        ([user(1), assistant(2, "a", "b"), tool(3, "a"), tool(4, "b")], 10, ["1", "2ab", "3", "4"]),
        ([user(1), assistant(2, "a", "b"), tool(3, "a")], 10, ["1", "2a", "3"]),
        ([user(1), assistant(2, "a")], 10, ["1"]), ([user(1), assistant(2, "a", text: "hm")], 10, ["1", "2"]),
        ([tool(1, "a"), assistant(2, "a")], 10, []),
        ([user(9), assistant(1, "a"), tool(2, "a"), tool(3, "a")], 10, ["9", "1a", "2"]),
        (
            [user(9), assistant(1, "a"), tool(2, "a"), user(3), assistant(4, "a"), tool(5, "a")], 10,
            ["9", "1a", "2", "3", "4a", "5"]
        ),
        (
            [user(9), assistant(1, "a"), tool(2, "a"), user(3), assistant(4, "a"), tool(5, "a")], 5,
            ["3", "4a", "5"]
        ),
        // What has lost its question is no turn.
        ([assistant(1, "a"), tool(2, "a"), user(3)], 10, ["3"]),
        ([user(9), assistant(1, text: "")], 10, ["9"]),
        // Two ids, though Swift takes the Kelvin sign for a K.
        ([user(9), assistant(1, "K"), tool(2, "\u{212A}")], 10, ["9"]),
        (
            [user(9), assistant(1, "K", "\u{212A}"), tool(2, "\u{212A}"), tool(3, "K")], 10,
            ["9", "1K\u{212A}", "2", "3"]
        ),
    ]

    @Test("never half of an exchange", arguments: cases)
    func select(messages: [Message], limit: Int, expected: [String]) {
        let selected = HistoryWindow.select(messages, limit: limit)
        #expect(selected.map { "\($0.id.low)" + $0.toolCalls.map(\.id).joined() } == expected)
    }
}
