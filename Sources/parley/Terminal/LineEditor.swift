/// One line at a prompt, with the habits of readline: cursor keys, home and end, words, the history, Ctrl-A, E, K, U, W, L.
/// What is pasted (the terminal says so) keeps its line ends. Pure: bytes of a terminal in, what is to happen out.
package struct LineEditor {
    package enum Event: Equatable {
        /// The line as it is now is to be shown.
        case changed
        case line(String)
        /// Ctrl-C: the line was thrown away, or there was none.
        case interrupted(wasEmpty: Bool)
        /// Ctrl-D on an empty line.
        case end
        /// Ctrl-L
        case clear
    }

    /// Characters of a line, and lines of the history.
    package static let lineLimit = 100_000
    package static let historyLimit = 500

    package private(set) var text: [Character] = []
    /// In characters.
    package private(set) var cursor = 0
    package private(set) var history: [String] = []
    private var place: Int?
    private var draft: [Character] = []
    private var pending: [UInt8] = []
    private var cut: [Character] = []
    private var isPasting = false
    private var afterCarriageReturn = false

    package var line: String { String(text) }

    package init() {}

    /// Takes what was typed.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [Event] {
        pending.append(contentsOf: bytes)
        var events: [Event] = []
        while let event = next() { if let event { events.append(event) } }
        return events
    }

    /// `nil`: more is needed. Inside: nothing came of it.
    private mutating func next() -> Event?? {
        guard let first = pending.first else { return nil }
        if first == 0x1B { return escape() }
        if first < 0x20 || first == 0x7F {
            pending.removeFirst()
            return .some(isPasting ? pasted(first) : control(first))
        }
        let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        guard pending.count >= length else { return nil }
        let scalar = String(decoding: pending[..<length], as: UTF8.self)
        pending.removeFirst(length)
        insert(scalar)
        return .some(.changed)
    }

    private mutating func insert(_ piece: String) {
        guard text.count + piece.count <= Self.lineLimit else { return }
        // What joins the character before it is one with it.
        let start = max(0, cursor - 1)
        let joined = Array(String(text[start..<cursor]) + piece)
        text.replaceSubrange(start..<cursor, with: joined)
        cursor = start + joined.count
    }

    /// Of a paste only line ends and tabs are more than text.
    private mutating func pasted(_ byte: UInt8) -> Event? {
        defer { afterCarriageReturn = byte == 0x0D }
        switch byte {
        case 0x0A where afterCarriageReturn: return nil
        case 0x0D, 0x0A: insert("\n")
        case 0x09: insert("\t")
        default: return nil
        }
        return .changed
    }

    private mutating func control(_ byte: UInt8) -> Event? {
        switch byte {
        case 0x0D, 0x0A:
            let line = line
            remember(line)
            set([])
            return .line(line)
        case 0x03:
            let wasEmpty = text.isEmpty
            set([])
            return .interrupted(wasEmpty: wasEmpty)
        case 0x04:
            if text.isEmpty { return .end }
            if cursor < text.count { text.remove(at: cursor) }
        case 0x01: cursor = 0
        case 0x05: cursor = text.count
        case 0x02: cursor = max(0, cursor - 1)
        case 0x06: cursor = min(text.count, cursor + 1)
        case 0x08, 0x7F:
            guard cursor > 0 else { return nil }
            cursor -= 1
            text.remove(at: cursor)
        case 0x0B:
            cut = Array(text[cursor...])
            text.removeSubrange(cursor...)
        case 0x15:
            cut = Array(text[..<cursor])
            text.removeSubrange(..<cursor)
            cursor = 0
        case 0x17:
            let start = wordStart()
            cut = Array(text[start..<cursor])
            text.removeSubrange(start..<cursor)
            cursor = start
        case 0x19: insert(String(cut))
        case 0x0C: return .clear
        case 0x10: recall(-1)
        case 0x0E: recall(1)
        default: return nil
        }
        return .changed
    }

    /// CSI and SS3 sequences, and Alt with a letter.
    private mutating func escape() -> Event?? {
        guard pending.count >= 2 else { return nil }
        guard pending[1] == UInt8(ascii: "[") || pending[1] == UInt8(ascii: "O") else {
            let letter = pending[1]
            pending.removeFirst(2)
            switch letter {
            case UInt8(ascii: "b"): cursor = wordStart()
            case UInt8(ascii: "f"): cursor = wordEnd()
            case UInt8(ascii: "d"): text.removeSubrange(cursor..<wordEnd())
            default: return .some(nil)
            }
            return .some(.changed)
        }
        guard let end = pending[2...].firstIndex(where: { (0x40...0x7E).contains($0) }) else {
            // No key has so long a name.
            guard pending.count > 32 else { return nil }
            pending.removeFirst(2)
            return .some(nil)
        }
        let sequence = String(decoding: pending[2...end], as: UTF8.self)
        pending.removeSubrange(...end)
        switch sequence {
        case "A": recall(-1)
        case "B": recall(1)
        case "C": cursor = min(text.count, cursor + 1)
        case "D": cursor = max(0, cursor - 1)
        case "H", "1~", "7~": cursor = 0
        case "F", "4~", "8~": cursor = text.count
        case "3~": if cursor < text.count { text.remove(at: cursor) }
        case "200~": isPasting = true
        case "201~": isPasting = false
        case "1;5C", "1;3C": cursor = wordEnd()
        case "1;5D", "1;3D": cursor = wordStart()
        default: return .some(nil)
        }
        return .some(.changed)
    }

    private func wordStart() -> Int {
        var index = cursor
        while index > 0, text[index - 1].isWhitespace { index -= 1 }
        while index > 0, !text[index - 1].isWhitespace { index -= 1 }
        return index
    }

    private func wordEnd() -> Int {
        var index = cursor
        while index < text.count, text[index].isWhitespace { index += 1 }
        while index < text.count, !text[index].isWhitespace { index += 1 }
        return index
    }

    private mutating func set(_ characters: [Character]) {
        text = characters
        cursor = characters.count
        place = nil
    }

    private mutating func remember(_ line: String) {
        guard !line.isEmpty, line != history.last else { return }
        history.append(line)
        if history.count > Self.historyLimit { history.removeFirst() }
    }

    private mutating func recall(_ step: Int) {
        if place == nil { draft = text }
        let wanted = (place ?? history.count) + step
        guard wanted >= 0, wanted <= history.count else { return }
        if wanted == history.count {
            set(draft)
        } else {
            set(Array(history[wanted]))
            place = wanted
        }
    }
}
