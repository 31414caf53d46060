/// Cuts a line into sentences and those into clauses, and has each understood.
struct SentenceReader {
    /// Places of one sentence that are tried as the beginning of a clause; behind them it is not cut any more.
    private static let mostAttempts = 64

    let line: Line
    let parser: ClauseParser

    init(line: Line) {
        self.line = line
        parser = ClauseParser(line: line)
    }

    /// Reads until `count` requests were found.
    func read(atMost count: Int) -> [Request] {
        var found: [Request] = []
        var start = 0
        let tokens = line.tokens
        while start < tokens.count, found.count < count {
            var end = start
            while end < tokens.count, !tokens[end].isSentenceEnd { end += 1 }
            var next = end
            while next < tokens.count, tokens[next].isSentenceEnd { next += 1 }
            let closing = end..<next
            if start < end {
                sentence(start..<end, closing: closing, into: &found, atMost: count)
            } else if closing.contains(where: { tokens[$0].kind == .question }), tokens.count == closing.count {
                found.append(.help)
            }
            start = next
        }
        return found
    }

    private func sentence(
        _ range: Range<Int>, closing: Range<Int>, into found: inout [Request], atMost count: Int
    ) {
        for (index, clause) in clauses(of: range, atMost: count - found.count).enumerated() {
            if let requests = parser.requests(clause) {
                // "!" and "?" that end a title belong to it: "add watch Who's That Girl?"
                if clause.upperBound == range.upperBound, case .add(let titles, nil)? = requests.last,
                    titles.count == 1,
                    let last = closing.first, line.tokens[last].kind != .stop, line.tokens[last].kind != .semicolon,
                    titles[0].hasSuffix(line.text(clause.upperBound - 1..<clause.upperBound)), !startsAsQuestion(clause)
                {
                    let marks = line.text(closing)
                    found += requests.dropLast() + [.add([titles[0] + marks])]
                } else {
                    found += requests
                }
                continue
            }
            if index == 0, continuesTitle(range, before: clause.lowerBound), case .add(let titles, nil)? = found.last,
                let title = titles.last
            {
                // "add milk; eggs; bread" is a list; "add meet Ms. X at 5.30. bring papers" one title.
                let text = line.text(clause)
                let before = line.tokens[clause.lowerBound - 1]
                if before.kind == .semicolon {
                    found[found.count - 1] = .add(titles + parser.titles(clause))
                } else {
                    let gap = before.kind == .stop ? ". " : " "
                    found[found.count - 1] = .add(titles.dropLast() + [title + gap + text])
                }
                continue
            }
            let isQuestion = closing.contains { line.tokens[$0].kind == .question }
            found.append(parser.leftover(clause, isQuestion: isQuestion))
        }
    }

    /// "can you add milk?": the question mark is the sentence's.
    private func startsAsQuestion(_ clause: Range<Int>) -> Bool {
        line.tokens[clause.lowerBound].isWord(["can", "could", "would", "will", "please", "do"])
    }

    /// Whether a sentence goes on with the title before it: after a semicolon, or in lower case after a full stop.
    private func continuesTitle(_ range: Range<Int>, before start: Int) -> Bool {
        guard start > 0, start == range.lowerBound else { return false }
        if line.tokens[start - 1].kind == .semicolon { return true }
        guard let first = line.text(start..<start + 1).first else { return false }
        return line.tokens[start - 1].kind != .exclamation && (first.isLowercase || first.isNumber)
            && !line.tokens[start].isWord(Vocabulary.pronouns)
    }

    /// The clauses of a sentence: it is cut at "and", "then", a comma and the like where what follows is a request by
    /// itself. In a sentence about things to do ("I need to finish the report and delete the drafts") it has to point at
    /// a task or a list without doubt.
    private func clauses(of range: Range<Int>, atMost count: Int) -> [Range<Int>] {
        guard !parser.isOpaque(range), !parser.isOneRequest(range) else { return [range] }
        var clauses: [Range<Int>] = []
        var start = range.lowerBound
        var index = start + 1
        var attempts = 0
        while index < range.upperBound, clauses.count < count, attempts < Self.mostAttempts {
            guard let next = connective(at: index, in: range) else {
                index += 1
                continue
            }
            guard next < range.upperBound, parser.mayBegin(at: next, in: range) else {
                index = max(next, index + 1)
                continue
            }
            attempts += 1
            // "oh and I have to …": what means nothing is no clause.
            if parser.isOpener(start..<index), parser.smallTalk(start..<index) == nil {
                start = next
                index = next + 1
                continue
            }
            if isBoundary(
                clause: start..<index, rest: next..<range.upperBound,
                comma: line.tokens[index].kind == .comma || line.tokens[next - 1].isWord("then"))
            {
                clauses.append(start..<index)
                start = next
                index = next + 1
            } else {
                index = max(next, index + 1)
            }
        }
        clauses.append(start..<range.upperBound)
        return clauses
    }

    /// Where the words go on behind a connective at `index`; `nil` when there is none.
    private func connective(at index: Int, in range: Range<Int>) -> Int? {
        var next = index
        while next < range.upperBound, next < index + 6, isConnective(line.tokens[next]) { next += 1 }
        return next == index ? nil : next
    }

    private func isConnective(_ token: Token) -> Bool {
        guard !token.isQuoted, !token.isNested else { return false }
        switch token.kind {
        case .comma, .ampersand, .dash: return true
        default: return token.isWord(["and", "then", "also", "plus", "but", "afterwards", "additionally"])
        }
    }

    private func isBoundary(clause: Range<Int>, rest: Range<Int>, comma: Bool) -> Bool {
        // "add milk, note: the blue one"
        if rest.count > 1,
            line.tokens[rest.lowerBound].isWord(["note", "notes", "description", "desc", "details", "comment"]),
            line.tokens[rest.lowerBound + 1].kind == .colon
        {
            return false
        }
        // The rest may hold more clauses: it counts as a request when its beginning, up to some next connective, is one.
        var end = rest.lowerBound + 1
        var tries = 0
        var best: ClauseParser.Strength?
        while tries < 6 {
            while end < rest.upperBound, !isConnective(line.tokens[end]) { end += 1 }
            if let strength = parser.strength(rest.lowerBound..<end), best.map({ strength > $0 }) ?? true {
                best = strength
            }
            if best == .strong || end >= rest.upperBound || end - rest.lowerBound > 48 { break }
            end += 1
            tries += 1
        }
        // "mark 2 & 5 done", "delete completed and open tasks": what has no verb is no clause behind half a clause.
        if !parser.startsWithVerb(rest) {
            guard let parsed = parser.parse(clause), !parser.isList(rest.lowerBound..<end), !parsed.isErrand else {
                return false
            }
        }
        switch best {
        case .strong: return true
        case .polite: return comma
        case .weak:
            guard let parsed = parser.parse(clause), !parsed.isErrand else { return false }
            // "add clean the kitchen and remove the trash" is one task or two, and nothing to be deleted.
            if !comma, case .add(let titles, _)? = parsed.requests.last, let title = titles.last {
                return !ClauseParser.isErrand(title)
            }
            return true
        case .soft: return parser.parse(clause) != nil
        case .answer, nil: return false
        }
    }
}
