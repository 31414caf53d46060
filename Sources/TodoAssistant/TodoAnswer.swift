/// The words of an answer: short, in plain text, made from what has happened.
struct TodoAnswer {
    enum Piece {
        case added(TodoTask, reminds: Bool)
        case completed(TodoTask)
        /// Done, and open again at its next time.
        case comesBack(TodoTask)
        case moved(TodoTask, reminds: Bool)
        /// It comes back no more.
        case onceOnly(TodoTask)
        case undone([Undone])
        case reopened(TodoTask)
        case deleted(TodoTask)
        case renamed(TodoTask, from: String?)
        case noted(TodoTask)
        case shown(TodoTask)
        case listing(TodoListing, Request.Filter)
        case sentence(String)
    }

    struct Undone {
        /// As in the log of operations.
        var operation: String
        var task: TodoTask
    }

    /// Set for each turn; without, times are not told.
    var clock: TodoClock?
    var lines: [Piece] = []
    var question: TodoQuestion?
    /// Questions that had to wait.
    var unasked = 0
    var closing: [String] = []
    /// The last open task was finished.
    var isListCleared = false

    mutating func add(_ piece: Piece) { lines.append(piece) }

    var isLastAdded: Bool { if case .added? = lines.last { true } else { false } }

    static let help = """
        I keep your to-do list. You can say things like:
        add buy milk
        what's left?
        mark 3 as done
        rename 3 to buy oat milk
        add a note to 3: the blue carton
        delete 3
        clear all finished tasks
        """
    static let abilities = "I can add, show, rename, finish and delete tasks; “help” shows examples."
    static let unknown = "I'm not sure what to do with that. " + abilities
    static let unknownAtAll = "Sorry, I didn't understand that. " + abilities

    /// What is said to requests that need no list.
    static func words(for request: Request) -> String {
        switch request {
        case .help: help
        case .thanks: "You're welcome!"
        case .greeting: "Hello! What shall I put on your list? You can also ask “what's left?”."
        case .goodbye: "Goodbye! Your list will be here."
        case .yes: "All right. What shall I do?"
        case .no: "OK, I changed nothing."
        case .without(.priorities):
            "I have no priorities. You can put such a word into a title, and what is due comes with its time."
        case .without(.tags): "I have no tags. You can put such a word into a title and ask for “the ones with it”."
        case .without(.sorting): "I can't sort: lists show the newest first."
        case .without(.redo): "I can't do again what was taken back: please tell me once more what to do."
        case .without(.calendars):
            "I know no calendars. A task can have a time (“add dentist on friday at 3pm”), and I can remind you of it."
        case .without(.languages):
            "I understand English only. With a language model this assistant understands all languages (documentation: Assistants)."
        case .foreign(let language): language.answer
        default: unknown
        }
    }

    static func unknownPart(_ request: Request) -> String {
        guard case .unknown(let text) = request else { return unknown }
        return "I didn't understand “\(TodoTask.line(String(text.prefix(80))))”, so I did nothing about it."
    }

    var text: String {
        var paragraphs: [String] = []
        var index = 0
        while index < lines.count {
            // Effects of one kind are told together.
            var end = index + 1
            while end < lines.count, Self.kind(lines[end]) == Self.kind(lines[index]), Self.kind(lines[index]) > 0 {
                end += 1
            }
            paragraphs.append(text(of: lines[index..<end]))
            index = end
        }
        if isListCleared, question == nil { paragraphs.append("That was the last one: your list is clear!") }
        paragraphs += closing
        if unasked > 0, question != nil {
            paragraphs.append("I have another question about your message; please tell me that part again afterwards.")
        }
        if let question { paragraphs.append(question.text) }
        let text = paragraphs.joined(separator: "\n")
        return text.isEmpty ? Self.unknownAtAll : text
    }

    private static func kind(_ piece: Piece) -> Int {
        switch piece {
        case .added: 1
        case .completed: 2
        case .reopened: 3
        case .deleted: 4
        default: 0
        }
    }

    private func text(of pieces: ArraySlice<Piece>) -> String {
        guard let first = pieces.first else { return "" }
        guard pieces.count == 1 else {
            let count = pieces.count
            let heading =
                switch first {
                case .added: "Added \(count) tasks:"
                case .completed: "Well done, \(count) tasks finished:"
                case .reopened: "\(count) tasks are open again:"
                default: "Deleted \(count) tasks:"
                }
            let tasks = pieces.compactMap(Self.task)
            var lines = [heading] + tasks.prefix(Self.mostShown).map { line($0, marksDone: false) }
            if tasks.count > Self.mostShown { lines.append("… and \(tasks.count - Self.mostShown) more.") }
            return lines.joined(separator: "\n")
        }
        switch first {
        case .added(let task, let reminds):
            let note = task.description.map { ", with the note: \(TodoTask.line($0))" } ?? ""
            let head = "Added \(task.named) to your list"
            if reminds {
                return head + note + ". "
                    + (time(of: task).map { "I'll remind you \($0)." } ?? "Tell me when, and I'll remind you of it.")
            }
            return head + (time(of: task).map { ", due \($0)" } ?? "") + note + "."
        case .comesBack(let task):
            return "Done: \(task.named). Well done! It comes back \(time(of: task) ?? "next time")."
        case .moved(let task, let reminds):
            let time = time(of: task) ?? "no time"
            return reminds
                ? "I'll remind you of \(task.named) \(time)." : "Moved \(task.named): it is due \(time)."
        case .onceOnly(let task):
            return "\(task.named) comes back no more" + (time(of: task).map { "; it is due \($0)" } ?? "") + "."
        case .undone(let changes): return undone(changes)
        case .completed(let task): return "Done: \(task.named). Well done!"
        case .reopened(let task): return "\(task.named) is open again."
        case .deleted(let task): return "Deleted \(task.named)."
        case .renamed(let task, let from):
            return "Renamed #\(task.number)" + (from.map { " from “\(TodoTask.line($0))”" } ?? "")
                + " to “\(task.line)”."
        case .noted(let task):
            return "Noted on \(task.named): \(TodoTask.line(task.description ?? ""))"
        case .shown(let task):
            let state =
                task.isCompleted ? "is done" : time(of: task).map { "is open, due \($0)" } ?? "is open"
            return "\(task.named) \(state)"
                + (task.description.map { ". Its note: \(TodoTask.line($0))" } ?? ", and it has no note.")
        case .listing(let listing, let filter): return self.listing(listing, filter)
        case .sentence(let text): return text
        }
    }

    /// Tasks named after one request that was about many.
    private static let mostShown = 20

    private static func task(_ piece: Piece) -> TodoTask? {
        switch piece {
        case .added(let task, _), .completed(let task), .reopened(let task), .deleted(let task): task
        default: nil
        }
    }

    private func line(_ task: TodoTask, marksDone: Bool) -> String {
        (marksDone && task.isCompleted ? "✓ " : "") + "#\(task.number) \(task.line)"
            + (task.isCompleted ? "" : time(of: task).map { " (due \($0))" } ?? "")
    }

    /// "tomorrow, Tuesday 17:00, every week".
    private func time(of task: TodoTask) -> String? {
        guard let due = task.due, let clock else { return nil }
        return clock.words(due) + (task.recurrence.flatMap { TodoClock.words(recurrence: $0) }.map { ", \($0)" } ?? "")
    }

    private func undone(_ changes: [Undone]) -> String {
        let words = changes.prefix(Self.mostShown).map { change in
            switch change.operation {
            case "add": "#\(change.task.number) \(change.task.line): off your list again"
            case "delete": "#\(change.task.number) \(change.task.line): back on your list"
            case "complete":
                "#\(change.task.number) \(change.task.line): \(change.task.isCompleted ? "done" : "open") again"
            default: "#\(change.task.number) \(change.task.line): as it was before"
            }
        }
        guard changes.count > 1 || words.isEmpty else { return "I took that back.\n\(words[0])" }
        return
            (["I took back \(Self.count(changes.count, "change")):"] + words
            + (changes.count > words.count ? ["… and \(changes.count - words.count) more."] : []))
            .joined(separator: "\n")
    }

    private func listing(_ listing: TodoListing, _ filter: Request.Filter) -> String {
        let tasks = filter == .done ? listing.tasks.filter(\.isCompleted) : listing.tasks
        let done = listing.tasks.count(where: \.isCompleted)
        var lines: [String] = []
        switch filter {
        case .open:
            lines.append(
                listing.total == 0
                    ? "Nothing is open: your list is clear."
                    : "You have \(Self.count(listing.total, "open task")):")
        case .all:
            let tally = listing.isComplete ? (done == 0 ? ", all open" : ", \(done) of them done") : ""
            lines.append(
                listing.total == 0
                    ? "Your list is empty. Tell me what to add!"
                    : "You have \(Self.count(listing.total, "task"))\(tally):")
        case .due(let span):
            let days = span == .ever ? "with a time" : "due \(clock?.words(span) ?? "then")"
            lines.append(
                listing.total == 0
                    ? "Nothing is \(span == .ever ? "due" : days)."
                    : "You have \(Self.count(listing.total, "task")) \(days):")
        case .overdue:
            lines.append(
                listing.total == 0
                    ? "Nothing is overdue."
                    : "\(Self.count(listing.total, "task")) \(listing.total == 1 ? "is" : "are") overdue:")
        case .added(let span):
            let days = clock?.words(span) ?? "then"
            lines.append(
                listing.total == 0
                    ? "You added nothing \(days)." : "You added \(Self.count(listing.total, "task")) \(days):")
        case .finished(let span):
            let days = clock?.words(span == .ever ? .day(.offset(0)) : span) ?? "then"
            lines.append(
                listing.total == 0
                    ? "You finished nothing \(days)." : "You finished \(Self.count(listing.total, "task")) \(days):")
        case .done:
            if tasks.isEmpty {
                lines.append(
                    listing.isComplete
                        ? "Nothing is finished yet." : "None of your newest \(listing.tasks.count) tasks is finished.")
            } else {
                lines.append("You have finished \(Self.count(tasks.count, "task")):")
            }
        }
        lines += tasks.map { line($0, marksDone: true) }
        if !listing.isComplete {
            lines.append(
                filter == .done
                    ? "I looked at the newest \(listing.tasks.count) of \(listing.total) tasks."
                    : "These are the newest \(listing.tasks.count) of \(listing.total).")
        }
        return lines.joined(separator: "\n")
    }

    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
