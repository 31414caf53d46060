/// A word or a mark of a line, with its place in it, so that titles can be cut out as typed.
struct Token {
    enum Kind: UInt8 {
        case word, comma, stop, question, exclamation, semicolon
        /// ":" and arrows.
        case colon
        /// "&", "+" and the word "and" do the same.
        case ampersand
        case dash, open, close, quoteOpen, quoteClose
        /// Emoticons, the stop of an abbreviation, quotes without a partner: part of the text, without meaning.
        case mark
    }

    var kind: Kind
    /// The word as compared; empty for marks.
    var folded: String
    var range: Range<String.Index>
    /// Inside quotes: never part of a command.
    var isQuoted = false
    /// Inside parentheses: its commas separate nothing.
    var isNested = false

    var isSentenceEnd: Bool {
        switch kind {
        case .stop, .question, .exclamation, .semicolon: !isQuoted && !isNested
        default: false
        }
    }

    /// Whether it is one of these words, outside quotes.
    func isWord(_ words: Set<String>) -> Bool { kind == .word && !isQuoted && words.contains(folded) }
    func isWord(_ word: String) -> Bool { kind == .word && !isQuoted && folded == word }
}

/// One line of a message, cut into tokens.
struct Line {
    let text: String
    var tokens: [Token]

    init(_ text: some StringProtocol) {
        self.text = String(text)
        var lexer = Lexer(text: self.text)
        tokens = lexer.run()
    }

    /// The text of a range of tokens as typed.
    func text(_ range: Range<Int>) -> String {
        guard !range.isEmpty else { return "" }
        return String(text[tokens[range.lowerBound].range.lowerBound..<tokens[range.upperBound - 1].range.upperBound])
    }
}

private struct Lexer {
    let text: String
    var tokens: [Token] = []

    init(text: String) { self.text = text }

    mutating func run() -> [Token] {
        var index = text.startIndex
        while index < text.endIndex {
            if text[index].isWhitespace {
                index = text.index(after: index)
                continue
            }
            let start = index
            while index < text.endIndex, !text[index].isWhitespace { index = text.index(after: index) }
            chunk(start..<index)
        }
        pairQuotes()
        pairParentheses()
        // "no. 3"
        for index in tokens.indices.dropFirst().dropLast()
        where tokens[index].kind == .stop && tokens[index - 1].folded == "no"
            && tokens[index + 1].folded.first?.isNumber == true
        {
            tokens[index].kind = .mark
        }
        return tokens
    }

    /// Text without white space: opening marks, the core, closing marks.
    private mutating func chunk(_ range: Range<String.Index>) {
        if let kind = Self.whole(text[range]) {
            tokens.append(Token(kind: kind, folded: kind == .ampersand ? "and" : "", range: range))
            return
        }
        var low = range.lowerBound
        var high = range.upperBound
        while low < high, let kind = Self.opening(text[low]) {
            let next = text.index(after: low)
            tokens.append(Token(kind: kind, folded: "", range: low..<next))
            low = next
        }
        var tail: [Token] = []
        while low < high {
            let last = text.index(before: high)
            guard let kind = Self.closing(text[last]) else { break }
            tail.append(Token(kind: kind, folded: "", range: last..<high))
            high = last
        }
        if low < high { core(low..<high) }
        if let first = tail.last, first.kind == .stop, text[first.range] == ".", let word = tokens.last,
            word.range.upperBound == first.range.lowerBound, Self.isAbbreviation(text[word.range])
        {
            tail[tail.count - 1].kind = .mark
        }
        tokens.append(contentsOf: tail.reversed())
    }

    /// A word; a comma or semicolon inside separates two words unless it stands between digits, and a colon does
    /// after the word of a heading ("todo:milk").
    private mutating func core(_ range: Range<String.Index>) {
        var start = range.lowerBound
        var index = range.lowerBound
        if text[range].contains("://") {
            word(range)
            return
        }
        while index < range.upperBound {
            let next = text.index(after: index)
            let kind: Token.Kind? =
                switch text[index] {
                case ",", "，", "、": .comma
                case ";", "；": .semicolon
                case ":", "：": .colon
                default: nil
                }
            if let kind, index > range.lowerBound, next < range.upperBound,
                separates(kind, left: start..<index, after: text[next])
            {
                word(start..<index)
                tokens.append(Token(kind: kind, folded: "", range: index..<next))
                start = next
            }
            index = next
        }
        word(start..<range.upperBound)
    }

    private func separates(_ kind: Token.Kind, left: Range<String.Index>, after: Character) -> Bool {
        guard !left.isEmpty else { return false }
        switch kind {
        case .colon:
            let word = text[left]
            return word.utf8.count <= 12 && after != "/" && Vocabulary.headings.contains(Folding.fold(word))
        default:
            return !(text[text.index(before: left.upperBound)].isNumber && after.isNumber)
        }
    }

    private mutating func word(_ range: Range<String.Index>) {
        guard !range.isEmpty else { return }
        let folded = Folding.fold(text[range])
        // Symbols that fold away entirely must stay distinguishable from nothing.
        tokens.append(Token(kind: .word, folded: folded.isEmpty ? String(text[range]) : folded, range: range))
    }

    private static func whole(_ chunk: Substring) -> Token.Kind? {
        switch chunk {
        case "&", "+": return .ampersand
        case "-", "–", "—", "--", "*", "•", "/", "|": return .dash
        case "->", "=>", "→", "-->", "➜": return .colon
        default: break
        }
        guard let first = chunk.first, first == ":" || first == ";", chunk.count > 1, chunk.count < 5,
            !chunk.contains(where: { $0.isLetter && $0 != "D" && $0 != "P" && $0 != "p" || $0.isNumber })
        else { return nil }
        return .mark
    }

    private static func opening(_ character: Character) -> Token.Kind? {
        switch character {
        case "(", "[", "{": .open
        case "\"", "“", "„", "«", "‘", "'", "「": .quoteOpen
        case "¿", "¡": .mark
        default: nil
        }
    }

    private static func closing(_ character: Character) -> Token.Kind? {
        switch character {
        case ".", "。", "…": .stop
        case ",", "，", "、": .comma
        case ";", "；": .semicolon
        case ":", "：": .colon
        case "!", "！": .exclamation
        case "?", "？", "؟": .question
        case ")", "]", "}": .close
        case "\"", "”", "“", "»", "’", "'", "」": .quoteClose
        default: nil
        }
    }

    private static func isAbbreviation(_ word: Substring) -> Bool {
        if word.utf8.count == 1, let first = word.first, first.isLetter { return true }
        if word.contains("."), word.utf8.count <= 8, !word.contains(where: \.isNumber) { return true }
        return word.utf8.count <= 6 && Vocabulary.abbreviations.contains(Folding.fold(word))
    }

    /// One pass: a quote without a partner becomes an ordinary mark.
    private mutating func pairQuotes() {
        var pending: [Character: Int] = [:]
        for index in tokens.indices {
            guard tokens[index].kind == .quoteOpen || tokens[index].kind == .quoteClose,
                let character = text[tokens[index].range].first
            else { continue }
            if tokens[index].kind == .quoteOpen {
                let closer = Self.closer(of: character)
                if pending[closer] == nil { pending[closer] = index } else { tokens[index].kind = .mark }
            } else {
                // “…“ is a habit of German keyboards.
                let key: Character = character == "“" ? "”" : character
                if let start = pending.removeValue(forKey: key), index > start + 1 {
                    for inner in (start + 1)..<index { tokens[inner].isQuoted = true }
                } else {
                    tokens[index].kind = .mark
                }
            }
        }
        for index in pending.values { tokens[index].kind = .mark }
    }

    private static func closer(of character: Character) -> Character {
        switch character {
        case "“", "„": "”"
        case "«": "»"
        case "‘": "’"
        case "「": "」"
        default: character
        }
    }

    private mutating func pairParentheses() {
        var start: Int?
        for index in tokens.indices where !tokens[index].isQuoted {
            if tokens[index].kind == .open {
                if start == nil { start = index }
            } else if tokens[index].kind == .close, let from = start {
                for inner in from...index { tokens[inner].isNested = true }
                start = nil
            }
        }
    }
}
