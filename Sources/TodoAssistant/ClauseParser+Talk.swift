/// Clauses that carry no title: small talk, answers, listings, sweeping up.
extension ClauseParser {
    func isSmallTalk(_ token: Token) -> Bool { token.isWord(Self.smallTalkHeads) }

    private static let smallTalkHeads = Set(
        (Vocabulary.greetings + Vocabulary.thanks + Vocabulary.goodbyes + Vocabulary.help).compactMap(\.first))

    /// The words of a short clause, without marks; `nil` for a long one or one with quotes.
    private func plainWords(_ range: Range<Int>, atMost limit: Int) -> [String]? {
        guard range.count <= limit * 2 else { return nil }
        var words: [String] = []
        for index in range {
            if tokens[index].isQuoted { return nil }
            if tokens[index].kind == .word { words.append(tokens[index].folded) }
            if tokens[index].kind == .ampersand { words.append("and") }
        }
        return words.count <= limit ? words : nil
    }

    func smallTalk(_ clause: Range<Int>) -> Parsed? {
        guard let words = plainWords(clause, atMost: 10), !words.isEmpty else { return nil }
        if Self.yes.contains(words) { return Parsed(requests: [.yes], strength: .answer) }
        if Self.no.contains(words) { return Parsed(requests: [.no], strength: .answer) }
        if Self.thanks.contains(words) { return Parsed(requests: [.thanks], strength: .polite) }
        if Self.greetings.contains(words) { return Parsed(requests: [.greeting], strength: .polite) }
        if Self.goodbyes.contains(words) { return Parsed(requests: [.goodbye], strength: .polite) }
        if Self.help.contains(words) || isQuestionAboutUse(words) {
            return Parsed(requests: [.help], strength: .strong)
        }
        if let choice = choice(words, clause) { return Parsed(requests: [.choice(choice)], strength: .answer) }
        return nil
    }

    private static let yes = Set(Vocabulary.yes)
    private static let no = Set(Vocabulary.no)
    private static let thanks = Set(Vocabulary.thanks)
    private static let greetings = Set(Vocabulary.greetings)
    private static let goodbyes = Set(Vocabulary.goodbyes)
    private static let help = Set(Vocabulary.help)

    /// "how do I add a task?"
    private func isQuestionAboutUse(_ words: [String]) -> Bool {
        guard words.count >= 3 else { return false }
        let starts = [
            ["how", "do", "i"], ["how", "can", "i"], ["how", "to"], ["can", "i"], ["how", "do", "you"],
            ["what", "can"],
        ]
        guard let start = starts.first(where: { words.starts(with: $0) }) else { return false }
        return words.dropFirst(start.count).contains { Self.features.contains($0) }
    }

    private static let features = Vocabulary.words(
        "add delete remove rename complete mark list change edit task tasks todo todos list clear create say ask")

    private func choice(_ words: [String], _ clause: Range<Int>) -> Choice? {
        var rest = words[...]
        while let first = rest.first, Self.choiceOpeners.contains(first) { rest = rest.dropFirst() }
        while let last = rest.last,
            ["please", "pls", "plz", "thanks", "then", "only", "instead", "obviously", "ofc"].contains(last)
        { rest = rest.dropLast() }
        guard !rest.isEmpty, rest.count <= 8 else { return nil }
        let text = rest.joined(separator: " ")
        if Self.allChoices.contains(text) { return .all }
        var picks: [Choice.Pick] = []
        var isNamed = false
        for word in rest {
            if let ordinal = Vocabulary.ordinals[word] {
                picks.append(.ordinal(ordinal))
            } else if Vocabulary.lastWords.contains(word) {
                picks.append(.last)
            } else if word.utf8.count <= 18, let id = Int64(word.hasPrefix("#") ? word.dropFirst() : Substring(word)),
                id >= 0
            {
                picks.append(word.hasPrefix("#") || isNamed ? .id(id) : .number(id))
            } else if ["task", "id", "item", "tasks", "ids"].contains(word) {
                isNamed = true
            } else if word == "one", isNumbered(rest), picks.isEmpty {
                picks.append(.number(1))
            } else if let number = Vocabulary.numbers[word], word != "one" {
                picks.append(.number(number))
            } else if !Self.choiceWords.contains(word) {
                return nil
            }
        }
        return picks.isEmpty || picks.count > RequestParser.limit ? nil : .picks(picks)
    }

    /// "number one" and a bare "one" count; "the second one" does not.
    private func isNumbered(_ words: ArraySlice<String>) -> Bool {
        words.count == 1 || words.starts(with: ["number", "one"]) || words.starts(with: ["option", "one"])
    }

    private static let choiceOpeners = Vocabulary.words(
        """
        i mean meant uh um ok okay yes no yeah well please its the thats think maybe just sorry oh and um want \
        id like take choose do
        """
    )
    private static let choiceWords = Vocabulary.words(
        "the one ones number nr option and of them that those choice entry in list")
    private static let allChoices: Set<String> = [
        "both", "all", "all of them", "both of them", "them all", "all of those", "both of those", "every one",
        "everything", "all three",
        "all four", "both tasks", "all tasks", "both please", "them both", "each of them", "all of it",
        "every one of them", "the both", "the both of them",
    ]

    // MARK: - Listings

    /// Clauses made of nothing but the words in which people ask for their list.
    func listFilter(_ clause: Range<Int>) -> Request.Filter? {
        guard let words = plainWords(clause, atMost: 16), let first = words.first else { return nil }
        guard Vocabulary.listHeads.contains(first), words.allSatisfy({ Vocabulary.listWords.contains($0) }) else {
            return nil
        }
        let all = Set(words)
        // "what did you do"
        if all.contains("you"), all.contains("did") { return nil }
        let isAsking = [
            "gimme", "hows", "what", "whats", "which", "how", "show", "list", "display", "see", "view", "give", "tell",
            "print", "anything", "any", "is", "are", "ls", "read", "know", "remind", "look",
        ].contains(first)
        let hasAnchor = !all.isDisjoint(with: Vocabulary.listAnchors)
        let isVerbal =
            first == "do" || first == "have" || first == "got" || first == "get" || first == "remaining"
            || first == "left"
        if isVerbal,
            !(words.starts(with: ["do", "i"]) || words.starts(with: ["do", "we"]) || words.starts(with: ["have", "i"])
                || words.count <= 2)
        {
            return nil
        }
        if first == "do" || first == "have" {
            guard hasAnchor || all.contains("anything") || all.contains("do") && words.count > 3 else { return nil }
        } else if first == "check" || first == "all" || first == "completed" || first == "done" || first == "finished"
            || first == "everything"
        {
            guard hasAnchor else { return nil }
            if first == "check",
                all.isDisjoint(with: ["list", "lists"]) && !words.starts(with: ["check", "my", "tasks"])
            {
                return nil
            }
            // "done tasks" is a listing, "done my list" is not.
            if first == "done" || first == "finished" || first == "completed" || first == "everything" {
                guard words.count <= 3,
                    words.last == "tasks" || words.last == "todos" || words.last == "items" || words.last == "list"
                else { return nil }
                if words.contains("my") || words.contains("the") { return nil }
            }
            if first == "all", !all.isDisjoint(with: Vocabulary.doneWords),
                words.last.map({ Vocabulary.doneWords.contains($0) }) == true
            {
                return nil
            }
        } else if first == "my" || first == "the" || first == "tasks" || first == "task" || first == "todo"
            || first == "todos"
        {
            guard hasAnchor, first != "task" else { return nil }
            if !all.isDisjoint(with: ["is", "are"]), words.last.map({ Vocabulary.doneWords.contains($0) }) == true {
                return nil
            }
            if first == "todo", words.count > 1, words.last != "list" && words.last != "items" && words.last != "tasks"
            {
                return nil
            }
        } else if isAsking {
            let asksWhatToDo = all.contains("do") && (first == "what" || first == "whats")
            let asksNext = all.contains("next") || all.contains("else") || all.contains("up") && all.contains("next")
            let showsAll = !all.isDisjoint(with: ["all", "everything"]) && first != "is" && first != "are"
            let asksDone = !all.isDisjoint(with: Vocabulary.doneWords.union(Vocabulary.openWords))
            let asksAny = first == "anything" || all.contains("anything")
            let isBare = words == ["list"] || words == ["show"] || words == ["ls"] || words == ["show", "me"]
            let asksHad =
                first == "what" && !all.isDisjoint(with: ["have", "got"]) && !all.isDisjoint(with: ["i", "ive", "we"])
            guard asksHad || hasAnchor || asksWhatToDo || asksNext || showsAll || asksDone || asksAny || isBare else {
                return nil
            }
            if words == ["list", "item"] || words == ["what", "else"] && words.count > 2 { return nil }
        } else {
            guard hasAnchor else { return nil }
        }
        return filter(words)
    }

    private func filter(_ words: [String]) -> Request.Filter {
        let all = Set(words)
        let isNegated = !all.isDisjoint(with: Vocabulary.negations)
        let isDone = !all.isDisjoint(with: Vocabulary.doneWords) && !isNegated
        let isOpen = !all.isDisjoint(with: Vocabulary.openWords) || isNegated
        if words.first == "is" || words.first == "are" || all.contains("be") { return .open }
        if isDone {
            if !all.isDisjoint(with: Vocabulary.inclusions) { return .all }
            if all.contains("with") || all.contains("and") { return .all }
            return isOpen && !isNegated && !all.contains("still") ? .all : .done
        }
        if isOpen { return .open }
        return all.isDisjoint(with: ["all", "everything", "whole", "entire", "full", "every"]) || all.contains("do")
            ? .open : .all
    }

    // MARK: - Sweeping up

    /// "clear all finished tasks", "delete everything", "empty my list".
    func sweep(_ clause: Range<Int>) -> Request? {
        guard let words = plainWords(clause, atMost: 14), let first = words.first, words.count > 1 else {
            return nil
        }
        if ["start over", "start again", "reset everything", "start from scratch"].contains(
            words.joined(separator: " "))
        {
            return .delete(.all)
        }
        var rest = words.dropFirst()
        if first == "get", words.starts(with: ["get", "rid", "of"]) {
            rest = words.dropFirst(3)
        } else {
            guard Vocabulary.sweepHeads.contains(first) else { return nil }
        }
        guard !rest.isEmpty, rest.allSatisfy({ Vocabulary.sweepWords.contains($0) }) else { return nil }
        let all = Set(rest)
        if all.contains("todo"), all.isDisjoint(with: ["list", "items", "tasks", "task"]) { return nil }
        if !all.isDisjoint(with: Vocabulary.doneWords.union(["crossed"])) {
            // "delete the finished one" is one task, not all.
            let isSingle = all.contains("one") || all.contains("item") || all.contains("task")
            let isMany =
                !all.isDisjoint(with: Vocabulary.allWords)
                || !all.isDisjoint(with: ["tasks", "items", "ones", "todos", "stuff", "things", "what", "whats"])
            return isSingle && !isMany ? nil : .clearCompleted
        }
        let isAll = !all.isDisjoint(with: Vocabulary.allWords)
        let isWholeList =
            all.contains("list") && all.isDisjoint(with: ["task", "item", "one"])
            && rest.allSatisfy { ["my", "the", "todo", "list", "up", "out", "whole", "entire"].contains($0) }
            && all.isDisjoint(with: ["up"])
        let isTasks = all.contains("my") && !all.isDisjoint(with: ["tasks", "todos"])
        guard isAll || isWholeList || isTasks,
            all.isDisjoint(with: ["one", "old", "that", "which", "from"]) || isAll && rest.last == "list"
        else { return nil }
        return .delete(.all)
    }
}
