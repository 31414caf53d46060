/// Takes comments, indentation and the blanks at the ends of lines out of a script, so that what is written for whoever
/// reads the source is not sent to whoever runs it. Every line stays where it is: an error's line number is the source's,
/// and no statement ends elsewhere than it did (ECMA-262 section 12.10). Pure.
///
/// It reads a script's tokens (ECMA-262 section 12) as far as needed to tell a comment from what only looks like one in a
/// string, a template or a regular expression. Where it can't tell without doubt, the script stays as it is.
package enum ScriptCompaction {
    /// - Returns: the script to be served; `source` itself where there was doubt.
    package static func compacted(_ source: [UInt8]) -> [UInt8] {
        var machine = Machine(source: source)
        return machine.run() ? machine.output : source
    }

    private enum Place {
        /// A `{` of code, or one that opens code within a template.
        case brace, template
        /// A `(`: whether a statement stands behind its `)`, as behind that of `if`.
        case parenthesis(beforeStatement: Bool)
        case bracket
    }

    /// What the last token allows behind it: a value is followed by a division, anything else by a value.
    private enum Last {
        case value, other, statementWord, unclear
        /// A dot: the name behind it is no word of the language.
        case dot
    }

    private struct Machine {
        let source: [UInt8]
        var output: [UInt8] = []
        private var at = 0
        private var places: [Place] = []
        private var last = Last.other
        private var isLineStart = true

        init(source: [UInt8]) {
            self.source = source
            output.reserveCapacity(source.count)
        }

        private func byte(_ offset: Int = 0) -> UInt8? {
            at + offset < source.count ? source[at + offset] : nil
        }

        private mutating func copy(to end: Int) {
            output += source[at..<end]
            at = end
            isLineStart = false
        }

        /// False: in doubt.
        mutating func run() -> Bool {
            while let next = byte() {
                guard step(next) else { return false }
            }
            trimLine()
            return places.isEmpty
        }

        private mutating func step(_ next: UInt8) -> Bool {
            switch next {
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                trimLine()
                output.append(next)
                at += 1
                isLineStart = true
                return true
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                if !isLineStart { output.append(next) }
                at += 1
                return true
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                return string(next)
            case UInt8(ascii: "`"):
                return template(from: at + 1)
            case UInt8(ascii: "/"):
                return slash()
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                word()
                last = .value
                return true
            default:
                if isWord(next) {
                    name()
                    return true
                }
                return punctuator(next)
            }
        }

        private mutating func trimLine() {
            while let end = output.last, end == UInt8(ascii: " ") || end == UInt8(ascii: "\t") { output.removeLast() }
        }

        // MARK: Words

        /// Names may have any character beyond ASCII, and escapes.
        private func isWord(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), UInt8(ascii: "#"),
                UInt8(ascii: "\\"), 0x80...:
                true
            default: false
            }
        }

        private mutating func word() {
            var end = at
            while end < source.count, isWord(source[end]) { end += 1 }
            copy(to: end)
        }

        private mutating func name() {
            let start = at
            let isProperty = last == .dot
            word()
            let text = source[start..<at]
            if isProperty {
                last = .value
            } else if ScriptCompaction.statementWords.contains(where: { text.elementsEqual($0.utf8) }) {
                last = .statementWord
            } else if ScriptCompaction.namesAsWell.contains(where: { text.elementsEqual($0.utf8) }) {
                last = .unclear
            } else {
                last = ScriptCompaction.words.contains(where: { text.elementsEqual($0.utf8) }) ? .other : .value
            }
        }

        // MARK: Punctuators

        private mutating func punctuator(_ next: UInt8) -> Bool {
            let before = last
            last = .other
            switch next {
            case UInt8(ascii: "{"): places.append(.brace)
            case UInt8(ascii: "("): places.append(.parenthesis(beforeStatement: before == .statementWord))
            case UInt8(ascii: "["): places.append(.bracket)
            case UInt8(ascii: ")"):
                guard case .parenthesis(let isBeforeStatement)? = places.popLast() else { return false }
                last = isBeforeStatement ? .other : .value
            case UInt8(ascii: "]"):
                guard case .bracket? = places.popLast() else { return false }
                last = .value
            case UInt8(ascii: "}"):
                switch places.popLast() {
                case .brace: last = .unclear  // Of an object, or of a block.
                case .template: return template(from: at + 1)
                default: return false
                }
            case UInt8(ascii: "+"), UInt8(ascii: "-"):
                // Behind a value or before one: as for `}`.
                if byte(1) == next {
                    copy(to: at + 2)
                    last = .unclear
                    return true
                }
            case UInt8(ascii: "."):
                last = .dot
            case UInt8(ascii: "<") where source[at...].starts(with: "<!--".utf8),
                UInt8(ascii: "-") where source[at...].starts(with: "-->".utf8):
                return false  // A comment in scripts that are no modules.
            default: break
            }
            copy(to: at + 1)
            return true
        }

        // MARK: What is copied as it is

        private mutating func string(_ quote: UInt8) -> Bool {
            var end = at + 1
            while end < source.count, source[end] != quote {
                if source[end] == UInt8(ascii: "\n") { return false }
                end += source[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard end < source.count else { return false }
            copy(to: end + 1)
            last = .value
            return true
        }

        /// To the template's end, or to where code begins in it.
        private mutating func template(from first: Int) -> Bool {
            var end = first
            while end < source.count, source[end] != UInt8(ascii: "`") {
                if source[end] == UInt8(ascii: "$"), end + 1 < source.count, source[end + 1] == UInt8(ascii: "{") {
                    copy(to: end + 2)
                    places.append(.template)
                    last = .other
                    return true
                }
                end += source[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard end < source.count else { return false }
            copy(to: end + 1)
            last = .value
            return true
        }

        // MARK: Slashes

        private mutating func slash() -> Bool {
            switch byte(1) {
            case UInt8(ascii: "/"):
                lineComment()
                return true
            case UInt8(ascii: "*"):
                return blockComment()
            default:
                switch last {
                case .unclear, .dot: return false
                case .value:
                    copy(to: at + 1)
                    last = .other
                    return true
                case .other, .statementWord: return expression()
                }
            }
        }

        private mutating func expression() -> Bool {
            var end = at + 1
            var isInClass = false
            while end < source.count, isInClass || source[end] != UInt8(ascii: "/") {
                switch source[end] {
                case UInt8(ascii: "\n"), UInt8(ascii: "\r"): return false
                case UInt8(ascii: "\\"): end += 1
                case UInt8(ascii: "["): isInClass = true
                case UInt8(ascii: "]"): isInClass = false
                default: break
                }
                end += 1
            }
            guard end < source.count else { return false }
            copy(to: end + 1)
            last = .value
            return true
        }

        private mutating func lineComment() {
            var end = at
            while end < source.count, source[end] != UInt8(ascii: "\n"), source[end] != UInt8(ascii: "\r") { end += 1 }
            isKept(at..<end) ? copy(to: end) : (at = end)
        }

        private mutating func blockComment() -> Bool {
            var end = at + 2
            while end + 1 < source.count, !(source[end] == UInt8(ascii: "*") && source[end + 1] == UInt8(ascii: "/")) {
                end += 1
            }
            guard end + 1 < source.count else { return false }
            end += 2
            if isKept(at..<end) {
                copy(to: end)
                return true
            }
            let lineEnds = source[at..<end].filter { $0 == UInt8(ascii: "\n") }
            if lineEnds.isEmpty {
                if !isLineStart { output.append(UInt8(ascii: " ")) }
            } else {
                trimLine()
                output += lineEnds
                isLineStart = true
            }
            at = end
            return true
        }

        /// Licences, and what tools look for.
        private func isKept(_ range: Range<Int>) -> Bool {
            let comment = source[range]
            guard comment.count > 2 else { return false }
            let third = comment[comment.startIndex + 2]
            if third == UInt8(ascii: "!") || third == UInt8(ascii: "#") { return true }
            return ["@license", "@preserve", "@cc_on"].contains { mark in
                comment.indices.contains { source[$0..<range.upperBound].starts(with: mark.utf8) }
            }
        }
    }

    /// Words before the `(` of a condition, behind which a statement begins.
    private static let statementWords = ["if", "while", "for", "with"]

    /// Words behind which a value begins.
    private static let words = [
        "return", "typeof", "case", "do", "else", "in", "instanceof", "new", "void", "delete", "throw", "extends",
        "default",
    ]

    /// Words behind which a value begins, where they are not names.
    private static let namesAsWell = ["of", "yield", "await", "let"]
}
