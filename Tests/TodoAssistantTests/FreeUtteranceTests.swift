import Chat
import Foundation
import JSON
import Testing
import TodoAssistant

/// A second table, kept apart from the one that the grammar grows by: what comes of each line is compared with the list
/// that should be there then.
@Suite struct FreeUtteranceTests {
    struct Row: Sendable {
        var turns: [String]
        var wanted: [String]
        var text: String
    }

    private struct State: Equatable {
        var title: String
        var isDone: Bool
        var due: String?

        var key: String { "\(title)|\(isDone)|\(due ?? "")" }
    }

    enum Verdict: String { case right, wrong, harmful }

    static let rows: [Row] = FreeUtterances.table.split(separator: "\n").compactMap { line in
        guard !line.hasPrefix("#"), let arrow = line.range(of: "=>") else { return nil }
        let turns = line[..<arrow.lowerBound].components(separatedBy: " | ").map {
            $0.trimmingCharacters(in: .whitespaces).replacing("\\n", with: "\n")
        }
        let wanted = line[arrow.upperBound...].components(separatedBy: " ; ").map {
            $0.trimmingCharacters(in: .whitespaces)
        }.filter { !$0.isEmpty }
        return Row(turns: turns, wanted: wanted, text: String(line))
    }

    /// Monday, 2026-05-04, 10:00 in Berlin.
    static let clock = TodoClock(now: 1_777_881_600_000_000, timeZone: "Europe/Berlin")

    private static func start() -> FakeTasks {
        FakeTasks(["buy milk", "call mum", "pay rent", "water the plants", "book dentist"], done: [3])
    }

    private static func states(_ tasks: FakeTasks) -> [Int64: State] {
        var states: [Int64: State] = [:]
        for entry in tasks.entries {
            states[entry.number] = State(title: entry.title, isDone: entry.isCompleted, due: entry.due.map(local))
        }
        return states
    }

    /// "2026-05-05 17:00" in Berlin's summer; a whole day without its time.
    private static func local(_ due: String) -> String {
        guard let time = Timestamp.microseconds(iso8601: due) else { return due }
        let text = Timestamp.rfc3339(microseconds: time + 7_200_000_000).prefix(16).replacing("T", with: " ")
        return text.hasSuffix("23:59") ? String(text.prefix(10)) : String(text)
    }

    private static func expected(_ row: Row) -> [Int64: State] {
        var states = states(start())
        var next: Int64 = 6
        for effect in row.wanted {
            let words = effect.split(separator: " ").map(String.init)
            let number = words.count > 1 ? Int64(words[1]) ?? 0 : 0
            switch words[0] {
            case "+":
                let parts = effect.dropFirst(2).components(separatedBy: " @ ")
                states[next] = State(title: parts[0], isDone: false, due: parts.count > 1 ? parts[1] : nil)
                next += 1
            case "del": states[number] = nil
            case "done": states[number]?.isDone = true
            case "open": states[number]?.isDone = false
            case "ren": states[number]?.title = words.dropFirst(2).joined(separator: " ")
            case "due": states[number]?.due = words.dropFirst(2).joined(separator: " ")
            default: break
            }
        }
        return states
    }

    static func judge(_ row: Row) -> (verdict: Verdict, answer: String) {
        var conversation = Conversation(start())
        conversation.clock = clock
        for turn in row.turns { conversation.say(turn) }
        let (was, wanted, found) = (states(start()), expected(row), states(conversation.tasks))
        // A number that was given and is gone again is no matter.
        let isSame = Array(wanted.values).map(\.key).sorted() == Array(found.values).map(\.key).sorted()
        var verdict = isSame ? Verdict.right : found == was ? .wrong : .harmful
        // Understood half: a part of what was asked for, and nothing else.
        if verdict == .harmful,
            found.allSatisfy({ number, state in state == wanted[number] || state == was[number] }),
            was.keys.allSatisfy({ found[$0] != nil || wanted[$0] == nil })
        {
            verdict = .wrong
        }
        // A new task with more or less in its title or its time than was meant harms nobody.
        if verdict == .harmful, was.allSatisfy({ found[$0.key] == $0.value || found[$0.key] == wanted[$0.key] }),
            row.wanted.contains(where: { $0.hasPrefix("+") })
        {
            verdict = .wrong
        }
        if verdict == .right, let first = row.wanted.first {
            if first == "ask", !conversation.answer.contains("?") { verdict = .wrong }
            if first.hasPrefix("say "), !conversation.answer.localizedCaseInsensitiveContains(first.dropFirst(4)) {
                verdict = .wrong
            }
        }
        return (verdict, conversation.answer)
    }

    @Test func mostAreUnderstoodAndNoneHarms() {
        var counts: [Verdict: Int] = [:]
        var report: [String] = []
        for row in Self.rows {
            let (verdict, answer) = Self.judge(row)
            counts[verdict, default: 0] += 1
            if verdict != .right {
                report.append("\(verdict.rawValue): \(row.text)\n    \(answer.replacing("\n", with: " / "))")
            }
        }
        let right = counts[.right] ?? 0
        if let path = ProcessInfo.processInfo.environment["PARLEY_UTTERANCE_REPORT"] {
            let sum =
                "right \(right), wrong \(counts[.wrong] ?? 0), harmful \(counts[.harmful] ?? 0) of \(Self.rows.count)"
            try? ([sum] + report).joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        }
        #expect(Self.rows.count >= 300)
        #expect(counts[.harmful] ?? 0 == 0, "\(report.filter { $0.hasPrefix("harmful") }.joined(separator: "\n"))")
        #expect(right * 100 >= 85 * Self.rows.count, "\(right) of \(Self.rows.count)")
    }
}

extension FreeUtteranceTests.Row: CustomStringConvertible {
    var description: String { text }
}
