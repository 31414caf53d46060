import Glibc

/// One line on a terminal that is written over as the test goes on. On anything else nothing is written.
struct LiveLine {
    private let isShown: Bool
    private var next: UInt64 = 0
    private var last: UInt64 = 0
    private var began: UInt64 = 0
    private var turns = 0
    private var tokens = 0

    private static let interval: UInt64 = 500_000_000

    init(isShown: Bool) {
        self.isShown = isShown
    }

    mutating func update(
        now: UInt64, open: Int, sockets: Int, turns: Int, tokens: Int, errors: Int, violations: Int
    ) {
        guard isShown, now >= next else { return }
        if began == 0 { began = now }
        let seconds = last == 0 ? 1 : Double(now - last) / 1e9
        let line =
            "\((now - began) / 1_000_000_000) s  sockets \(open)/\(sockets)"
            + "  turns/s \(Int(Double(turns - self.turns) / seconds))"
            + "  tokens/s \(Int(Double(tokens - self.tokens) / seconds))  errors \(errors)"
            + (violations > 0 ? "  VIOLATIONS \(violations)" : "")
        write("\r" + line + "\u{1B}[K")
        last = now
        next = now + Self.interval
        self.turns = turns
        self.tokens = tokens
    }

    func end() {
        if isShown { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }
}
