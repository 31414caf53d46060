import JSON
import Chat
import Strings

/// Ends loops: a model that makes the same call again, with nothing changed in between, gets the result it has, and a word
/// about it; at the third time the tools of the turn are at their end.
///
/// A list after an add is not the same as the list before it, and neither is an add after another.
struct RepeatedCalls {
    private struct Known {
        var outcome: ToolOutcome
        var change: Int
        var times = 1
    }

    private var known: [ExactString: Known] = [:]
    /// Counts what tools have changed.
    private var changes = 0
    /// What was done, in the order in which it was.
    private(set) var done: [String] = []
    /// The model goes in circles: it gets no tools any more.
    private(set) var isOver = false

    /// The times that a call is answered with what is known, before the tools end.
    private static let patience = 1
    /// What was done, as far as it is told.
    private static let toldLimit = 8

    /// What the model is told in the place of a call that it has made before; `nil`: it is carried out.
    mutating func answer(_ name: String, _ arguments: JSON) -> String? {
        let key = Self.key(name, arguments)
        guard let entry = known[key], entry.change == changes else { return nil }
        known[key]?.times += 1
        if entry.times > Self.patience { isOver = true }
        let result: JSON = [
            "note":
                "You have made this very call before in this turn, and this is its result. It was not carried out again.",
            "result": entry.outcome.result,
        ]
        return result.description
    }

    mutating func performed(_ name: String, _ arguments: JSON, _ outcome: ToolOutcome) {
        if outcome.status == .success, let tool = ToolName(rawValue: name), tool != .listTasks, tool != .getTask {
            changes += 1
            done.append(Self.words(tool, arguments, outcome))
        }
        known[Self.key(name, arguments)] = Known(outcome: outcome, change: changes)
    }

    /// What was done, in a sentence; `nil`: nothing.
    var summary: String? {
        guard !done.isEmpty else { return nil }
        let told = done.prefix(Self.toldLimit).joined(separator: "; ")
        return "Done so far: \(told)\(done.count > Self.toldLimit ? "; and more" : "")."
    }

    private static func key(_ name: String, _ arguments: JSON) -> ExactString {
        ExactString("\(name)\0\(sorted(arguments))")
    }

    /// The order of members makes no difference.
    private static func sorted(_ value: JSON) -> JSON {
        guard let object = value.object else { return value }
        return .object(
            JSONObject(
                members: object.members.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: sorted($0.value)) })
        )
    }

    private static func words(_ tool: ToolName, _ arguments: JSON, _ outcome: ToolOutcome) -> String {
        let task = outcome.result["task"] ?? outcome.result["deleted"]
        let title = (task?["title"] ?? arguments["title"])?.string.map { " “\($0)”" } ?? ""
        return switch tool {
        case .addTask: "added\(title)"
        case .updateTask: "changed\(title)"
        case .deleteTask: "deleted\(title)"
        case .completeTask: "marked\(title)"
        default: "\(tool.rawValue)\(title)"
        }
    }
}
