/// Understands a message to the to-do assistant: text in, requests out. Pure, and of bounded cost: a message is cut into
/// lines, sentences and clauses in one pass, a clause is matched against a fixed set of forms, and reading stops
/// after ``limit`` requests.
///
/// What decides in doubt: not understanding is better than doing what was not asked for. A title is never taken for a
/// command, a misspelt word only at the head of a clause, and of "don't …", "if …", "should I …" nothing is done.
package enum RequestParser {
    /// Requests carried out for one message; each title of an "add" counts.
    package static let limit = 50

    package static func parse(_ message: String) -> Utterance {
        if let language = Language.foreign(message) { return Utterance(requests: [.foreign(language)]) }
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
        // "to buy milk"
        let isInfinitive = line.tokens.count > 2 && line.tokens[0].isWord("to")
        return ClauseParser(line: line).titles((isInfinitive ? 1 : 0)..<line.tokens.count)
    }
}

/// Collects the requests of the lines of a message.
private struct MessageReader {
    /// What the lines of a list are for: "add these:", "done:", "delete:".
    private enum Heading {
        case add, complete(Bool), delete
        /// "don't add these:"
        case ignored
    }

    private var requests: [Request] = []
    private var units = 0
    private var isTruncated = false
    private var heading: Heading?
    private var headingTakesPlainLines = false
    /// A line that may be the title of a list ("Groceries:"): it is one if an item follows.
    private var title: (line: Line, found: [Request], isSaid: Bool, isForbidding: Bool)?
    /// Lines with a bullet, a number or a box that are no requests.
    private var items = 0

    var isFull: Bool { isTruncated }

    mutating func read(_ rawLine: Substring) {
        let trimmed = rawLine.trimmed()
        guard !trimmed.isEmpty else { return }
        if let item = Self.item(of: trimmed) {
            // "Groceries" above a list is no task; "don't add these" is no title.
            if let title, title.isSaid {
                readPlain(title.line, title.found)
                if title.isForbidding { heading = .ignored }
            }
            title = nil
            readItem(item.text, isTicked: item.isTicked)
            return
        }
        if let title { readPlain(title.line, title.found) }
        title = nil
        let isTitled = trimmed.hasPrefix("# ") || trimmed.hasPrefix("##")
        let line = Line(isTitled ? trimmed.drop { $0 == "#" || $0 == " " } : trimmed)
        let found = SentenceReader(line: line).read(atMost: RequestParser.limit + 1)
        if heading == nil, found.allSatisfy({ $0.isWords || $0 == .list(.open) }), line.tokens.count <= 10 {
            let isForbidding = ClauseParser(line: line).isOpaque(0..<line.tokens.count)
            title = (line, found, isForbidding || line.tokens.last?.kind == .question, isForbidding)
        } else {
            readPlain(line, found)
        }
    }

    private mutating func readPlain(_ line: Line, _ found: [Request]) {
        if heading != nil, found.allSatisfy(\.isCourtesy) {
            for request in found { append(request) }
            return
        }
        if headingTakesPlainLines, heading != nil, found.allSatisfy(\.isNoCommand) {
            readItem(line.text[...], isTicked: false)
            return
        }
        heading = nil
        for request in found { append(request) }
        openHeading(found, line: line)
    }

    /// A line of a list, taken whole: no commas are looked for in it.
    private mutating func readItem(_ item: Substring, isTicked: Bool) {
        let title = String(item.trimmed())
        guard !title.isEmpty else { return }
        switch heading {
        case .add:
            append(isTicked ? .addDone([ClauseParser.unquoted(title)]) : .add([ClauseParser.unquoted(title)]))
        case .complete(let flag):
            append(.complete(ClauseParser.reference(inItem: title), flag))
        case .delete:
            append(.delete(ClauseParser.reference(inItem: title)))
        case .ignored: break
        case nil:
            let line = Line(title)
            let found = SentenceReader(line: line).read(atMost: RequestParser.limit + 1)
            if isTicked {
                items += 1
                append(.addDone([title]))
            } else if found.allSatisfy(\.isNoCommand) || found.allSatisfy(\.isErrandOfOurs) {
                items += 1
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
        case .did(.it) where line.tokens.last?.kind == .colon: heading = .complete(true)
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
        } else if case .addDone(let more) = request, case .addDone(let titles)? = requests.last {
            requests[requests.count - 1] = .addDone(titles + more)
        } else if case .phrase(let more) = request, case .phrase(let phrases)? = requests.last {
            requests[requests.count - 1] = .phrase(phrases + more)
        } else {
            requests.append(request)
        }
    }

    mutating func finished() -> Utterance {
        if let title { readPlain(title.line, title.found) }
        title = nil
        // Whoever pastes a list wants it on the list.
        if items > 1 {
            requests = requests.map { request in
                if case .phrase(let titles) = request { .add(titles.map(ClauseParser.unquoted)) } else { request }
            }
        }
        if let pendingHeading { requests.append(pendingHeading) }
        return Utterance(requests: requests, isTruncated: isTruncated)
    }

    /// The text behind a bullet, a number or a box, and whether the box is ticked.
    private static func item(of line: Substring) -> (text: Substring, isTicked: Bool)? {
        var isTicked = false
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
        for box in ["[ ]", "[]", "[x]", "[X]", "[✓]", "[*]", "☐", "☑", "□", "✅", "☒", "✔", "✓"]
        where rest.hasPrefix(box) {
            guard box.count > 1 || isItem || box == "☐" || box == "☑" || box == "□" || box == "☒" else { continue }
            rest = rest.dropFirst(box.count).trimmed()
            isItem = true
            isTicked = !["[ ]", "[]", "☐", "□"].contains(box)
            break
        }
        return isItem ? (rest, isTicked) : nil
    }
}

extension Request {
    /// Words without a request in them.
    fileprivate var isWords: Bool {
        switch self {
        case .phrase, .unknown: true
        default: false
        }
    }

    fileprivate var isCourtesy: Bool {
        switch self {
        case .greeting, .thanks, .goodbye: true
        default: false
        }
    }

    /// A line of a list that begins with a verb of ours and points at nothing ("remove the wallpaper").
    fileprivate var isErrandOfOurs: Bool {
        switch self {
        case .delete(.title), .complete(.title, true), .did, .get(.title): true
        default: false
        }
    }

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
