/// Finds the tasks that words of a title point at.
///
/// All the words that carry meaning must be found in the title, the same, in another number or form ("groceries",
/// "grocery"), or one letter off; words that merely overlap are a suggestion, never a match.
struct TaskMatcher {
    enum Result: Equatable {
        case none
        case one(TodoTask)
        case many([TodoTask])
        /// Half of the words or more are in this title and in no other as many.
        case suggestion(TodoTask)
    }

    private struct Entry {
        let task: TodoTask
        let folded: String
        let words: [String]
    }

    private let entries: [Entry]

    init(_ tasks: [TodoTask]) {
        entries = tasks.map { task in
            Entry(task: task, folded: Self.normalized(task.title), words: Self.words(task.title))
        }
    }

    func find(_ reference: String) -> Result {
        let folded = Self.normalized(reference)
        let same = entries.filter { $0.folded == folded }
        if !same.isEmpty { return Self.result(same) }
        let words = Self.content(Self.words(reference))
        guard !words.isEmpty, words.count <= 40 else { return .none }
        var exact: [Entry] = []
        var near: [Entry] = []
        var overlaps: [(Entry, Int)] = []
        for entry in entries {
            let grades = words.map { Self.grade($0, in: entry.words) }
            if grades.allSatisfy({ $0 == 2 }) {
                exact.append(entry)
            } else if grades.allSatisfy({ $0 >= 1 }) {
                near.append(entry)
            } else {
                let overlap = grades.count { $0 > 0 }
                if overlap * 2 >= words.count { overlaps.append((entry, overlap)) }
            }
        }
        if !exact.isEmpty {
            // "milk" is the task "Milk" even where there is a "buy milk".
            let whole = exact.filter { Set(Self.content($0.words)) == Set(words) }
            return Self.result(whole.isEmpty ? exact : whole)
        }
        if !near.isEmpty { return Self.result(near) }
        guard let best = overlaps.map(\.1).max() else { return .none }
        let closest = overlaps.filter { $0.1 == best }
        return closest.count == 1 ? .suggestion(closest[0].0.task) : .none
    }

    /// The tasks in whose title these words are, in any number or form.
    func having(_ reference: String) -> [TodoTask] {
        let words = Self.content(Self.words(reference))
        guard !words.isEmpty, words.count <= 40 else { return [] }
        return entries.filter { entry in words.allSatisfy { Self.grade($0, in: entry.words) == 2 } }.map(\.task)
    }

    /// Whether a task is more than the words that pointed at it: another thing in the same title ("milk" in "buy milk and
    /// eggs"), or most of the title was not said.
    static func isMore(_ task: TodoTask, than reference: String, _ act: TodoQuestion.Act) -> Bool {
        guard act != .get, act != .reopen else { return false }
        let said = content(words(reference))
        let title = content(words(task.title)).filter { !["and", "plus"].contains($0) }
        let unsaid = title.filter { word in grade(word, in: said) == 0 && !Vocabulary.actions.contains(word) }
        guard !unsaid.isEmpty else { return false }
        let isSeveral = Line(task.title).tokens.contains {
            !$0.isQuoted && ($0.kind == .comma || $0.kind == .ampersand || $0.isWord(["and", "plus"]))
        }
        if isSeveral { return true }
        return act != .complete && unsaid.count > 3 && unsaid.count > 2 * (title.count - unsaid.count)
    }

    /// "bread and butter": one thing by two names.
    static func isPair(_ reference: String) -> Bool {
        Vocabulary.pairs.contains(words(reference).filter { $0 != "and" }.joined(separator: " "))
    }

    private static func result(_ entries: [Entry]) -> Result {
        entries.count == 1 ? .one(entries[0].task) : .many(entries.map(\.task))
    }

    private static func normalized(_ text: String) -> String { words(text).joined(separator: " ") }

    private static func words(_ text: String) -> [String] {
        Line(text).tokens.prefix(400).compactMap { $0.kind == .word ? stripped($0.folded) : nil }
    }

    private static func stripped(_ word: String) -> String {
        word.hasPrefix("#") && word.utf8.count > 1 ? String(word.dropFirst()) : word
    }

    private static let empty = Vocabulary.words(
        "the a an my task tasks one ones item todo thing about that this to for of on with and our some please")

    private static func content(_ words: [String]) -> [String] {
        let content = words.filter { !empty.contains($0) }
        return content.isEmpty ? words : content
    }

    /// 2: the word or a form of it, 1: misspelt, 0: not there.
    private static func grade(_ word: String, in title: [String]) -> Int {
        let stem = stem(word)
        var best = 0
        for candidate in title {
            if candidate == word || Self.stem(candidate) == stem { return 2 }
            if isUnspaced(word), candidate.contains(word) { return 2 }
            let length = min(word.utf8.count, candidate.utf8.count)
            if length >= 4, word.utf8.first == candidate.utf8.first, number(word) == nil,
                Folding.distance(word, candidate, limit: length >= 8 ? 2 : 1) != nil
            {
                best = 1
            }
        }
        return best
    }

    private static func number(_ word: String) -> Int? { Int(word) }

    /// Scripts that leave no spaces: a part of a run of characters is a word.
    private static func isUnspaced(_ word: String) -> Bool {
        word.unicodeScalars.first.map {
            $0.value >= 0x2E80 && $0.value < 0xA4D0 || $0.value >= 0xAC00 && $0.value < 0xD7B0
        } ?? false
    }

    private static let irregular: [String: String] = [
        "bought": "buy", "paid": "pay", "sent": "send", "wrote": "write", "written": "write", "went": "go",
        "got": "get",
        "made": "make", "took": "take", "read": "read", "ran": "run", "met": "meet", "did": "do", "fed": "feed",
        "told": "tell",
        "spoke": "speak", "brought": "bring", "sold": "sell", "built": "build", "drove": "drive", "ate": "eat",
        "swam": "swim", "done": "do", "taken": "take", "sung": "sing",
        "children": "child", "women": "woman", "men": "man", "mom": "mum", "mommy": "mum", "mummy": "mum", "mam": "mum",
    ]

    /// Whether a word says that an errand was done.
    static func isPast(_ word: String) -> Bool {
        if let base = irregular[word] { return Vocabulary.actions.contains(base) && word != "did" }
        guard word.utf8.count > 4, word.hasSuffix("ed") else { return false }
        let base = String(word.dropLast(2))
        if Vocabulary.actions.contains(base) || Vocabulary.actions.contains(base + "e") { return true }
        if base == "remov" { return true }
        return base.last == base.dropLast().last && Vocabulary.actions.contains(String(base.dropLast()))
    }

    /// A crude stem: plurals, past tense, "-ing".
    static func stem(_ word: String) -> String {
        if let base = irregular[word] { return base }
        let count = word.utf8.count
        if count > 4, word.hasSuffix("ies") { return word.dropLast(3) + "y" }
        if count > 4, word.hasSuffix("ing") { return trimE(String(word.dropLast(3))) }
        if count > 4, word.hasSuffix("ed") { return trimE(String(word.dropLast(2))) }
        if count > 4, word.hasSuffix("es") { return trimE(String(word.dropLast(2))) }
        if count > 3, word.hasSuffix("s"), !word.hasSuffix("ss") { return trimE(String(word.dropLast())) }
        return trimE(word)
    }

    private static func trimE(_ word: String) -> String {
        word.utf8.count > 3 && word.hasSuffix("e") ? String(word.dropLast()) : word
    }
}
