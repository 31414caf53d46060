/// Tells pieces that add to a text from pieces that hold all of it so far: some servers send the text as it grows, some
/// the whole once more at the end.
///
/// That a piece begins with all text so far says little while that is short ("1" and then "10" may be 110): such a piece
/// is held until the next one tells.
struct TextReconciler: Sendable {
    private enum Mode {
        case undecided
        case deltas
        case cumulative
    }

    private var mode = Mode.undecided
    private var held: [UInt8] = []
    /// Text of so many bytes is not said twice in a row by chance.
    private static let certain = 8

    /// Whether pieces that come now are what they seem to be.
    var isIdle: Bool {
        if case .deltas = mode { return true }
        return false
    }

    /// - Parameters:
    ///   - piece: of a delta.
    ///   - text: all text that was given before.
    ///   - isLast: it came with the end of the reply.
    /// - Returns: what is new in it.
    mutating func take(_ piece: [UInt8], behind text: [UInt8], isLast: Bool) -> [UInt8] {
        guard !piece.isEmpty else { return [] }
        guard !text.isEmpty else { return piece }
        switch mode {
        case .deltas:
            // The whole once more, with the end.
            guard isLast, text.count >= Self.certain, piece.starts(with: text) else { return piece }
            return Array(piece[text.count...])
        case .cumulative:
            if piece.starts(with: text) { return Array(piece[text.count...]) }
            return text.starts(with: piece) ? [] : piece
        case .undecided: break
        }
        if !held.isEmpty {
            let before = held
            held = []
            if piece.starts(with: before) {
                mode = .cumulative
                return Array(piece[text.count...])
            }
            mode = .deltas
            return before + piece
        }
        guard piece.starts(with: text), piece.count > text.count || isLast else {
            mode = .deltas
            return piece
        }
        if isLast { return text.count >= Self.certain ? Array(piece[text.count...]) : piece }
        held = piece
        return []
    }

    /// What a message holds beyond the text that was given: it counts for what was not streamed.
    mutating func take(whole: [UInt8], behind text: [UInt8]) -> [UInt8] {
        let known = text + held
        if whole.starts(with: known) {
            held = []
            return Array(whole[text.count...])
        }
        if whole.starts(with: text) {
            held = []
            return Array(whole[text.count...])
        }
        return []
    }

    /// Nothing more comes. - Returns: what was held.
    mutating func end(behind text: [UInt8]) -> [UInt8] {
        let last = held
        held = []
        guard !last.isEmpty else { return [] }
        return text.count >= Self.certain ? Array(last[text.count...]) : last
    }
}
