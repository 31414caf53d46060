import Chat

/// Takes out of a model's text what is none: thoughts between `<think>` tags, and calls between `<tool_call>` tags, in any
/// split of the text. What only talks of the tags stays.
///
/// | in the text | what it is |
/// | --- | --- |
/// | `<think>` at the very beginning | thoughts, to `</think>` |
/// | `</think>` on a line of its own, or at the end of one, and no opening tag | all before it was thought: the template gave the opening |
/// | the same where it is expected (`expectsThought`) | held back until the tag comes, or the end |
/// | `<tool_call>{…}</tool_call>`, the end may be missing; with `<function=…>` in it | a call, if it has a name |
/// | `[TOOL_CALLS]…` or `<\|python_tag\|>{…}` at the very beginning | calls, to the end, if they can be read |
/// | a template's token for the end, at the end | nothing |
/// | `{"name": …}</tool_call>` at the very beginning | the same, without its opening |
///
/// Only what may yet become a tag is held back.
package struct TextFilter: Sendable {
    package enum Piece: Sendable, Equatable {
        case text([UInt8])
        case thought([UInt8])
        /// All text so far was thought.
        case textWasThought
        case call(name: String, arguments: String)
    }

    /// Bytes of a call that are held back; with more it is text.
    static let heldLimit = 64 << 10
    /// Bytes of what may be a thought that are held back; with more it is text.
    static let thoughtLimit = 256 << 10
    /// Tags of one reply that are looked at; a text with more of them talks of tags.
    static let tagLimit = 64

    /// In which form a reply had thoughts in its text.
    package enum ThoughtForm: Sendable {
        case none, tagged
        /// With a closing tag alone.
        case bare
    }

    private enum State {
        /// Nothing but white space has come.
        case start
        case text
        /// What may be a thought whose opening tag the template gave.
        case waiting
        case thought(end: [UInt8])
        /// Between the tags.
        case call
        /// Behind a token that goes before calls.
        case callList(token: Int)
        /// What begins as a call does, and may have its closing tag.
        case bareCall
        /// Behind a thought or a call: white space is left out.
        case behind
    }

    private var state = State.start
    private var held: [UInt8] = []
    private var hadThought = false
    private(set) var form = ThoughtForm.none
    private let expectsThought: Bool
    private let findsOpenedOnly: Bool
    private var tags = 0
    /// Bytes of a call, or of what may be a thought, in which its closing tag is not.
    private var searched = 0
    /// The last byte of text that was given; at the beginning a line begins too.
    private var last: UInt8 = 0x0A

    private static let openings = ["<think>", "<thinking>", "<thought>", "<reasoning>"].map { Array($0.utf8) }
    private static let closings = ["</think>", "</thinking>", "</thought>", "</reasoning>"].map { Array($0.utf8) }
    /// What begins a thought only at the very beginning, and what ends it.
    private static let tagged =
        Array(zip(openings, closings))
        + [
            ("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"), ("<|channel|>analysis<|message|>", "<|end|>"),
            ("<|start|>assistant<|channel|>analysis<|message|>", "<|end|>"),
        ].map { (Array($0.0.utf8), Array($0.1.utf8)) }
    /// What a template puts before the answer, and behind it.
    private static let preludes = ["<|start|>assistant<|channel|>final<|message|>", "<|channel|>final<|message|>"].map {
        Array($0.utf8)
    }
    private static let endTokens = [
        "<|im_end|>", "<|eot_id|>", "<|end|>", "<|return|>", "<|endoftext|>", "<|end_of_text|>", "</s>",
        "<end_of_turn>",
    ].map { Array($0.utf8) }
    private static let callTokens = ["[TOOL_CALLS]", "<|python_tag|>"].map { Array($0.utf8) }
    private static let longestClosing = closings.map(\.count).max() ?? 0
    private static let callOpening = Array("<tool_call>".utf8)
    private static let callClosing = Array("</tool_call>".utf8)
    private static let fence = Array("```".utf8)

    /// - Parameters:
    ///   - expectsThought: replies of this model are known to begin with a thought, perhaps without a tag.
    ///   - findsOpenedOnly: of an agent's text, where its model's calls are not: only thoughts with an opening tag are
    ///     taken out.
    package init(expectsThought: Bool = false, findsOpenedOnly: Bool = false) {
        self.expectsThought = expectsThought
        self.findsOpenedOnly = findsOpenedOnly
    }

    /// Whether text goes through as it is, unless there is a `<` in it.
    var isIdle: Bool {
        if case .text = state { return held.isEmpty }
        return false
    }

    /// Text went by that holds no `<`, while the filter was idle.
    mutating func passed(_ text: UnsafeBufferPointer<UInt8>) {
        if let byte = text.last { last = byte }
    }

    /// - Parameter text: all that was given as text before.
    package mutating func take(_ new: some Collection<UInt8>, behind text: [UInt8], into pieces: inout [Piece]) {
        held.append(contentsOf: new)
        while advance(behind: text, isEnd: false, into: &pieces) {}
    }

    /// Nothing more comes.
    package mutating func end(behind text: [UInt8], into pieces: inout [Piece]) {
        while advance(behind: text, isEnd: true, into: &pieces) {}
        switch state {
        case .thought: give(thought: held.count, into: &pieces)
        case .start, .text, .waiting, .call, .bareCall, .callList: give(text: held.count, into: &pieces)
        case .behind: held = []
        }
    }

    /// One step. - Returns: whether there may be another.
    private mutating func advance(behind text: [UInt8], isEnd: Bool, into pieces: inout [Piece]) -> Bool {
        guard !held.isEmpty else { return false }
        switch state {
        case .start, .behind: return begin(isEnd: isEnd)
        case .waiting: return wait(isEnd: isEnd, into: &pieces)
        case .thought(let end): return takeThought(to: end, into: &pieces)
        case .callList(let token): return takeCallList(token, isEnd: isEnd, into: &pieces)
        case .call: return takeCall(opening: Self.callOpening.count, isEnd: isEnd, into: &pieces)
        case .bareCall:
            if !Self.mayBeCall(held) {
                state = .text
                return true
            }
            return takeCall(opening: 0, isEnd: isEnd, into: &pieces)
        case .text:
            if findsOpenedOnly {
                give(text: held.count, into: &pieces)
                return false
            }
            return takeText(behind: text, isEnd: isEnd, into: &pieces)
        }
    }

    /// At the beginning, or behind a thought or a call.
    private mutating func begin(isEnd: Bool) -> Bool {
        guard let first = held.firstIndex(where: { $0 > 0x20 }) else { return false }
        let rest = held[first...]
        for prelude in Self.preludes {
            if rest.starts(with: prelude) {
                held.removeFirst(first + prelude.count)
                return true
            }
            if !isEnd, prelude.starts(with: rest) { return false }
        }
        for token in Self.callTokens where !findsOpenedOnly {
            if rest.starts(with: token) {
                held.removeFirst(first)
                state = .callList(token: token.count)
                return true
            }
            if !isEnd, token.starts(with: rest) { return false }
        }
        if case .start = state {
            for (opening, closing) in Self.tagged {
                if rest.starts(with: opening) {
                    held.removeFirst(first + opening.count)
                    form = .tagged
                    state = .thought(end: closing)
                    return true
                }
                if !isEnd, opening.starts(with: rest) { return false }
            }
        }
        if !hadThought, !findsOpenedOnly {
            for closing in Self.closings {
                if rest.starts(with: closing) {
                    held.removeFirst(first + closing.count)
                    hadThought = true
                    form = .bare
                    state = .behind
                    return true
                }
                if !isEnd, closing.starts(with: rest) { return false }
            }
        }
        if case .behind = state { held.removeFirst(first) }
        // A call may stand behind white space, which then is none of the answer.
        if held.first(where: { $0 > 0x20 }) == UInt8(ascii: "{"), Self.mayBeCall(held), !isEnd, !findsOpenedOnly {
            searched = 0
            state = .bareCall
        } else if case .start = state, expectsThought {
            searched = 0
            state = .waiting
        } else {
            state = .text
        }
        return true
    }

    /// All that comes is kept until a closing tag says that it was thought.
    private mutating func wait(isEnd: Bool, into pieces: inout [Piece]) -> Bool {
        let places = Self.closings.compactMap { tag in
            Self.place(of: tag, in: held[searched...]).map { (place: $0, tag: tag) }
        }
        if let (place, tag) = places.min(by: { $0.place < $1.place }) {
            give(thought: place, into: &pieces)
            held.removeFirst(tag.count)
            hadThought = true
            form = .bare
            state = .behind
            return true
        }
        guard isEnd || held.count > Self.thoughtLimit else {
            searched = max(0, held.count - Self.longestClosing)
            return false
        }
        state = .text
        return true
    }

    private mutating func takeThought(to end: [UInt8], into pieces: inout [Piece]) -> Bool {
        if let place = Self.place(of: end, in: held) {
            give(thought: place, into: &pieces)
            held.removeFirst(end.count)
            hadThought = true
            state = .behind
            return true
        }
        give(thought: held.count - Self.overlap(of: held, with: [end]), into: &pieces)
        return false
    }

    private mutating func takeText(behind text: [UInt8], isEnd: Bool, into pieces: inout [Piece]) -> Bool {
        guard let mark = held.firstIndex(of: UInt8(ascii: "<")) else {
            give(text: held.count, into: &pieces)
            return false
        }
        // A thought's closing tag is judged by the line it stands in, which goes out with it.
        if mark > 0 {
            give(text: mark, into: &pieces)
            return true
        }
        guard tags < Self.tagLimit else {
            give(text: held.count, into: &pieces)
            return false
        }
        for token in Self.endTokens where held.starts(with: token) {
            guard held[token.count...].allSatisfy({ $0 <= 0x20 }) else { continue }
            if isEnd { held = [] }
            return false
        }
        if held.starts(with: Self.callOpening) {
            guard let next = held[Self.callOpening.count...].first(where: { $0 > 0x20 }) else {
                if isEnd { give(text: held.count, into: &pieces) }
                return false
            }
            tags += 1
            if next == UInt8(ascii: "{") || next == UInt8(ascii: "<"), !Self.isCode(text, pieces) {
                searched = Self.callOpening.count
                state = .call
            } else {
                give(text: 1, into: &pieces)
            }
            return true
        }
        for closing in Self.closings where held.starts(with: closing) {
            guard let isClosing = isClosing(closing, text, pieces, isEnd: isEnd) else { return false }
            tags += 1
            if isClosing {
                held.removeFirst(closing.count)
                hadThought = true
                form = .bare
                pieces.append(.textWasThought)
                last = 0x0A
                state = .behind
            } else {
                give(text: 1, into: &pieces)
            }
            return true
        }
        if !isEnd, ([Self.callOpening] + Self.closings + Self.endTokens).contains(where: { $0.starts(with: held) }) {
            return false
        }
        give(text: 1, into: &pieces)
        return true
    }

    /// Whether a closing tag without an opening ends a thought; `nil`: what follows will tell.
    private func isClosing(_ tag: [UInt8], _ text: [UInt8], _ pieces: [Piece], isEnd: Bool) -> Bool? {
        if hadThought || Self.isCode(text, pieces) || last == UInt8(ascii: "`") { return false }
        if last == 0x0A { return true }
        guard held.count > tag.count else { return isEnd ? false : nil }
        return held[tag.count] == 0x0A || held[tag.count] == 0x0D
    }

    /// Whether the text so far talks of tags, or is inside a block of code.
    private static func isCode(_ text: [UInt8], _ pieces: [Piece]) -> Bool {
        var all = text
        for piece in pieces {
            switch piece {
            case .text(let more): all.append(contentsOf: more)
            case .textWasThought: all = []
            case .thought, .call: break
            }
        }
        if openings.contains(where: { place(of: $0, in: all) != nil }) { return true }
        var count = 0
        var rest = all[...]
        while let found = place(of: fence, in: rest) {
            count += 1
            rest = rest[(found + fence.count)...]
        }
        return count % 2 == 1
    }

    private mutating func takeCall(opening: Int, isEnd: Bool, into pieces: inout [Piece]) -> Bool {
        let place = Self.place(of: Self.callClosing, in: held[max(opening, searched)...])
        searched = max(opening, held.count - Self.callClosing.count)
        guard place != nil || (isEnd && opening > 0) else {
            if isEnd || held.count > Self.heldLimit {
                state = .text
                give(text: min(held.count, 1), into: &pieces)
                return true
            }
            return false
        }
        let body = String(decoding: held[opening..<(place ?? held.count)], as: UTF8.self)
        guard let (name, arguments) = WrittenCall.call(body) else {
            state = .text
            give(text: 1, into: &pieces)
            return true
        }
        pieces.append(.call(name: name, arguments: arguments))
        held.removeFirst(place.map { $0 + Self.callClosing.count } ?? held.count)
        state = .behind
        hadThought = true
        return true
    }

    /// Everything behind the token is kept to the end, which tells what it is.
    private mutating func takeCallList(_ token: Int, isEnd: Bool, into pieces: inout [Piece]) -> Bool {
        guard isEnd || held.count > Self.heldLimit else { return false }
        let calls = isEnd ? WrittenCall.calls(String(decoding: held[token...], as: UTF8.self)) : []
        guard !calls.isEmpty else {
            state = .text
            give(text: 1, into: &pieces)
            return true
        }
        for call in calls { pieces.append(.call(name: call.name, arguments: call.arguments)) }
        held = []
        return false
    }

    /// Whether a text may be the beginning of `{"name": "` and the name of a tool.
    private static func mayBeCall(_ bytes: [UInt8]) -> Bool {
        let beginning = Array(#"{"name":""#.utf8)
        var given = Array(bytes.prefix(256).filter { $0 > 0x20 })[...]
        for byte in beginning {
            guard let next = given.popFirst() else { return true }
            if next != byte { return false }
        }
        let name = Array(given.prefix { $0 != UInt8(ascii: "\"") })
        return ToolName.allCases.contains { $0.rawValue.utf8.starts(with: name) }
    }

    private mutating func give(text count: Int, into pieces: inout [Piece]) {
        guard count > 0 else { return }
        let text = Array(held[..<count])
        held.removeFirst(count)
        last = text[count - 1]
        if case .text(let before)? = pieces.last {
            pieces[pieces.count - 1] = .text(before + text)
        } else {
            pieces.append(.text(text))
        }
    }

    private mutating func give(thought count: Int, into pieces: inout [Piece]) {
        guard count > 0 else { return }
        pieces.append(.thought(Array(held[..<count])))
        held.removeFirst(count)
    }

    private static func place(of tag: [UInt8], in bytes: [UInt8]) -> Int? { place(of: tag, in: bytes[...]) }

    private static func place(of tag: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = tag.first else { return nil }
        var rest = bytes
        while let index = rest.firstIndex(of: first) {
            rest = rest[index...]
            if rest.starts(with: tag) { return index }
            rest = rest.dropFirst()
        }
        return nil
    }

    /// The longest end of `bytes` that is a beginning of one of the tags.
    private static func overlap(of bytes: [UInt8], with tags: [[UInt8]]) -> Int {
        tags.map { tag in
            (1..<tag.count).reversed().first { $0 <= bytes.count && bytes.suffix($0).elementsEqual(tag.prefix($0)) }
                ?? 0
        }.max() ?? 0
    }
}
