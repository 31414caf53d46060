/// Understands a message to the to-do assistant: text in, requests out. Pure, and of bounded cost: a message is cut into
/// lines, sentences and clauses in one pass, a clause is matched against a fixed set of forms, and reading stops
/// after ``limit`` requests.
///
/// What decides in doubt: not understanding is better than doing what was not asked for. A title is never taken for a
/// command, a misspelt word only at the head of a clause, and of "don't …", "if …", "should I …" nothing is done.
package enum RequestParser {
    /// Requests carried out for one message; each title of an "add" counts.
    package static let limit = 20

    package static func parse(_ message: String) -> Utterance {
        var reader = MessageReader()
        for line in message.split(omittingEmptySubsequences: true, whereSeparator: \.isNewline) {
            if reader.isFull { break }
            reader.read(line)
        }
        return reader.finished()
    }

    /// The titles in what a person answers to "What shall I add?".
    static func titles(in text: String) -> [String] {
        let line = Line(text)
        return ClauseParser(line: line).titles(0..<line.tokens.count)
    }
}

/// Collects the requests of the lines of a message.
private struct MessageReader {
    /// What the lines of a list are for: "add these:", "done:", "delete:".
    private enum Heading {
        case add, complete(Bool), delete
    }

    private var requests: [Request] = []
    private var units = 0
    private var isTruncated = false
    private var heading: Heading?
    private var headingTakesPlainLines = false

    var isFull: Bool { isTruncated }

    mutating func read(_ rawLine: Substring) {
        let trimmed = rawLine.trimmed()
        guard !trimmed.isEmpty else { return }
        if let item = Self.item(of: trimmed) {
            readItem(item)
            return
        }
        let line = Line(trimmed)
        let found = SentenceReader(line: line).read(atMost: RequestParser.limit + 1)
        if headingTakesPlainLines, heading != nil, found.allSatisfy(\.isNoCommand) {
            readItem(trimmed)
            return
        }
        heading = nil
        for request in found { append(request) }
        openHeading(found, line: line)
    }

    /// A line of a list, taken whole: no commas are looked for in it.
    private mutating func readItem(_ item: Substring) {
        let title = String(item.trimmed())
        guard !title.isEmpty else { return }
        switch heading {
        case .add:
            append(.add([ClauseParser.unquoted(title)]))
        case .complete(let flag):
            append(.complete(ClauseParser.reference(inItem: title), flag))
        case .delete:
            append(.delete(ClauseParser.reference(inItem: title)))
        case nil:
            let line = Line(title)
            let found = SentenceReader(line: line).read(atMost: RequestParser.limit + 1)
            if found.allSatisfy(\.isNoCommand) {
                append(.phrase([title]))
            } else {
                for request in found { append(request) }
            }
        }
    }

    private mutating func openHeading(_ found: [Request], line: Line) {
        guard let last = found.last else { return }
        switch last {
        case .add([], _): heading = .add
        case .complete(.them, let flag), .complete(.missing, let flag): heading = .complete(flag)
        case .delete(.them), .delete(.missing): heading = .delete
        default: return
        }
        headingTakesPlainLines = line.tokens.last?.kind == .colon || found.count == 1
        // The heading stands for its lines; alone it remains a question.
        requests.removeLast()
        units -= 1
        pendingHeading = last
    }

    /// A heading that no line has followed yet.
    private var pendingHeading: Request?

    private mutating func append(_ request: Request) {
        pendingHeading = nil
        var request = request
        if case .add(let titles, let description) = request, titles.count > 1 {
            let room = RequestParser.limit - units
            if titles.count > room {
                isTruncated = true
                guard room > 0 else { return }
                request = .add(Array(titles.prefix(room)), description: description)
            }
            units += min(titles.count, room)
        } else {
            guard units < RequestParser.limit else {
                isTruncated = true
                return
            }
            units += 1
        }
        // Lines of one list are one request.
        if case .add(let more, nil) = request, case .add(let titles, nil)? = requests.last, !titles.isEmpty {
            requests[requests.count - 1] = .add(titles + more)
        } else if case .phrase(let more) = request, case .phrase(let phrases)? = requests.last {
            requests[requests.count - 1] = .phrase(phrases + more)
        } else {
            requests.append(request)
        }
    }

    mutating func finished() -> Utterance {
        if let pendingHeading { requests.append(pendingHeading) }
        return Utterance(requests: requests, isTruncated: isTruncated)
    }

    /// The text behind a bullet, a number or a box.
    private static func item(of line: Substring) -> Substring? {
        var rest = line
        var isItem = false
        if let first = rest.first, "-*•–—+·▪◦‣".contains(first), let next = rest.dropFirst().first, next.isWhitespace {
            rest = rest.dropFirst().trimmed()
            isItem = true
        } else {
            let digits = rest.prefix(3).prefix { $0.isASCII && $0.isNumber }
            if !digits.isEmpty, let mark = rest.dropFirst(digits.count).first, mark == "." || mark == ")",
                let next = rest.dropFirst(digits.count + 1).first, next.isWhitespace
            {
                rest = rest.dropFirst(digits.count + 1).trimmed()
                isItem = true
            }
        }
        for box in ["[ ]", "[x]", "[X]", "☐", "☑", "□"] where rest.hasPrefix(box) {
            rest = rest.dropFirst(box.count).trimmed()
            isItem = true
        }
        return isItem ? rest : nil
    }
}

extension Request {
    /// Nothing that does or shows something: may be a line of a list.
    fileprivate var isNoCommand: Bool {
        switch self {
        case .phrase, .unknown, .choice, .yes, .no, .greeting, .thanks, .goodbye: true
        default: false
        }
    }
}

extension Substring {
    func trimmed() -> Substring {
        var result = self
        while let first = result.first, first.isWhitespace { result.removeFirst() }
        while let last = result.last, last.isWhitespace { result.removeLast() }
        return result
    }
}
