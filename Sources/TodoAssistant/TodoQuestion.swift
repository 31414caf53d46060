/// A question that the assistant ends an answer with, and that the next message may answer.
///
/// Nothing is kept between turns: the question is read back from the assistant's own message, so it is always that
/// message's last line and begins with words that a line of a listing, which begins with "#" or "✓", can't begin with.
/// Titles in it are shown on one line and without “ ”, so the ids are told from the titles for certain.
package enum TodoQuestion: Equatable, Sendable {
    package enum Act: String, CaseIterable, Sendable {
        case complete = "mark as done"
        case reopen = "mark as not done"
        case rename = "rename"
        case describe = "change the note of"
        case note = "add the note to"
        case reschedule = "move"
        case undate = "take the time from"
        case unrepeat = "no longer repeat"
        case delete = "delete"
        case get = "show"
    }

    /// "Shall I mark #3 “call mum” as done?"
    private static func frame(_ act: Act) -> (head: String, tail: String) {
        switch act {
        case .complete: ("Shall I mark #", "” as done?")
        case .reopen: ("Shall I mark #", "” as not done?")
        default: ("Shall I \(act.rawValue) #", "”?")
        }
    }

    package struct Candidate: Equatable, Sendable {
        package var number: Int64
        package var title: String

        package init(number: Int64, title: String) {
            self.number = number
            self.title = title
        }
    }

    case which(Act, [Candidate])
    case confirm(Act, Candidate)
    /// "Shall I delete these 2 tasks: #1 “a” and #2 “b”?"
    case confirmEach(Act, [Candidate])
    /// "Is #1 “a” done, or shall I delete it?"
    case doneOrDeleted(Candidate)
    case deleteAll
    case completeAll
    /// "Shall I add “a” and “b” to your list?"; the titles are those of the message before.
    case offer([String])
    /// "Shall I add these 12 lines to your list?"
    case offerLines(Int)
    case whatToAdd

    package static let mostCandidates = 8
    /// Tasks that one question may be about; for more the person is asked to say it in parts.
    package static let mostConfirmed = 50

    package var text: String {
        switch self {
        case .which(let act, let candidates):
            guard !candidates.isEmpty else {
                return "Which task shall I \(act.rawValue)? Tell me its number or a few words of it."
            }
            let named = candidates.map { "#\($0.number) “\($0.title)”" }
            return "Which one do you mean to \(act.rawValue): " + Self.joined(named, "or") + "?"
        case .confirm(let act, let candidate):
            let frame = Self.frame(act)
            return "\(frame.head)\(candidate.number) “\(candidate.title)\(frame.tail)"
        case .confirmEach(let act, let candidates):
            let named = candidates.map { "#\($0.number) “\($0.title)”" }
            return "Shall I \(act.rawValue) these \(candidates.count) tasks: " + Self.joined(named, "and") + "?"
        case .doneOrDeleted(let candidate):
            return "Is #\(candidate.number) “\(candidate.title)” done, or shall I delete it?"
        case .offerLines(let count): return "Shall I add these \(count) lines to your list?"
        case .deleteAll: return "Shall I delete all tasks on your list?"
        case .completeAll: return "Shall I mark all tasks as done?"
        case .offer(let titles):
            return "Shall I add " + Self.joined(titles.map { "“\(TodoTask.line($0))”" }, "and") + " to your list?"
        case .whatToAdd: return "What shall I add?"
        }
    }

    /// The question at the end of an assistant's message.
    package init?(asked message: String) {
        guard let last = message.split(whereSeparator: \.isNewline).last else { return nil }
        let line = String(last)
        if line == Self.whatToAdd.text {
            self = .whatToAdd
        } else if line == Self.deleteAll.text {
            self = .deleteAll
        } else if line == Self.completeAll.text {
            self = .completeAll
        } else if line.hasPrefix("Shall I add these "), line.hasSuffix(" lines to your list?"),
            let count = Int(line.dropFirst(18).prefix { $0.isASCII && $0.isNumber })
        {
            self = .offerLines(count)
        } else if line.hasPrefix("Is #"), line.hasSuffix("” done, or shall I delete it?"),
            let candidate = Self.candidates(line).first
        {
            self = .doneOrDeleted(candidate)
        } else if let act = Act.allCases.first(where: { line.hasPrefix("Shall I \($0.rawValue) these ") }),
            line.hasSuffix("”?")
        {
            self = .confirmEach(act, Self.candidates(line))
        } else if line.hasPrefix("Shall I add “"), line.hasSuffix("” to your list?") {
            self = .offer(Self.quoted(line))
        } else if let act = Act.allCases.first(where: { line == Self.which($0, []).text }) {
            self = .which(act, [])
        } else if let act = Act.allCases.first(where: { line.hasPrefix("Which one do you mean to \($0.rawValue): #") })
        {
            self = .which(act, Self.candidates(line))
        } else if let act = Act.allCases.first(where: {
            line.hasPrefix(Self.frame($0).head) && line.hasSuffix(Self.frame($0).tail)
        }),
            let candidate = Self.candidates(line).first
        {
            self = .confirm(act, candidate)
        } else {
            return nil
        }
    }

    /// Every `#3 “title”` of a line.
    static func candidates(_ line: String) -> [Candidate] {
        var found: [Candidate] = []
        var rest = Substring(line)
        while found.count < 64, let hash = rest.firstIndex(of: "#") {
            rest = rest[rest.index(after: hash)...]
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let behind = rest.dropFirst(digits.count)
            guard let number = Int64(digits), behind.hasPrefix(" “") else { continue }
            let title = behind.dropFirst(2).prefix { $0 != "”" }
            found.append(Candidate(number: number, title: String(title)))
            rest = rest[title.endIndex...]
        }
        return found
    }

    private static func quoted(_ line: String) -> [String] {
        line.split(separator: "“").dropFirst().prefix(64).map { String($0.prefix { $0 != "”" }) }
    }

    private static func joined(_ items: [String], _ word: String) -> String {
        guard items.count > 1, let last = items.last else { return items.first ?? "" }
        return items.dropLast().joined(separator: ", ") + " \(word) " + last
    }
}
