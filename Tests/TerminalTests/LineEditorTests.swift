import Testing

import parley

/// Keys as a terminal sends them, and the line that they make.
@Suite("Line editor")
struct LineEditorTests {
    @Test(
        "Keys make a line",
        arguments: [
            ("milk", "milk|"), ("milkk\u{7F}", "milk|"), ("bc\u{01}a", "a|bc"), ("ab\u{1B}[Dx", "ax|b"),
            ("ab\u{1B}OH\u{1B}[Cx", "ax|b"), ("ab\u{01}\u{05}c", "abc|"), ("ab\u{02}\u{02}\u{02}\u{06}x", "ax|b"),
            ("abc\u{01}\u{1B}[3~", "|bc"), ("abc\u{01}\u{04}", "|bc"), ("abc\u{1B}[3~", "abc|"),
            ("one two \u{17}", "one |"), ("one two\u{1B}b\u{0B}", "one |"), ("one two\u{01}\u{1B}fx", "onex| two"),
            ("one two\u{01}\u{1B}d", "| two"), ("one\u{15}\u{19}\u{19}", "oneone|"),
            ("one two\u{1B}[1;5Dx", "one x|two"),
            ("one two\u{01}\u{1B}[1;5Cx", "onex| two"), ("a\tb\u{07}", "ab|"), ("a\u{1B}[15~b\u{1B}[I", "ab|"),
            ("a\u{1B}xb", "ab|"), ("é\u{7F}e\u{301}x\u{7F}", "e\u{301}|"), ("👩‍👧\u{7F}a", "a|"), ("日本\u{1B}[Dx", "日x|本"),
            ("\u{1B}[200~one\ntwo\r\tthree\u{1B}[201~!", "one\ntwo\n\tthree!|"),
            ("\u{1B}[200~\u{03}\u{04}a\u{1B}[201~", "a|"),
        ])
    func keys(typed: String, line: String) {
        var editor = LineEditor()
        _ = editor.feed(typed.utf8)
        #expect(shown(editor) == line)
        // The same, byte for byte.
        var slow = LineEditor()
        for byte in typed.utf8 { _ = slow.feed(CollectionOfOne(byte)) }
        #expect(shown(slow) == line)
    }

    @Test("What ends a line, and a session")
    func endings() {
        var editor = LineEditor()
        #expect(editor.feed("add milk\r".utf8).last == .line("add milk"))
        #expect(editor.feed("half\u{03}".utf8).last == .interrupted(wasEmpty: false))
        #expect(editor.line.isEmpty)
        #expect(editor.feed("\u{03}".utf8) == [.interrupted(wasEmpty: true)])
        #expect(editor.feed("\u{04}".utf8) == [.end])
        #expect(editor.feed("a\u{0C}".utf8) == [.changed, .clear])
    }

    @Test("The history goes back and forth, and keeps what was begun")
    func history() {
        var editor = LineEditor()
        _ = editor.feed("one\rtwo\rtwo\r\rdraft".utf8)
        #expect(editor.history == ["one", "two"])
        for (keys, line) in [
            ("\u{1B}[A", "two"), ("\u{1B}[A", "one"), ("\u{1B}[A", "one"), ("\u{1B}[B", "two"), ("\u{0E}", "draft"),
            ("\u{0E}", "draft"), ("\u{10}", "two"),
        ] {
            _ = editor.feed(keys.utf8)
            #expect(editor.line == line)
        }
    }

    @Test("A line and the history have bounds")
    func bounds() {
        var editor = LineEditor()
        for _ in 0...LineEditor.lineLimit / 1_000 { _ = editor.feed(String(repeating: "x", count: 1_000).utf8) }
        #expect(editor.text.count == LineEditor.lineLimit)
        for index in 0..<LineEditor.historyLimit + 10 { _ = editor.feed("\(index)\r".utf8) }
        #expect(editor.history.count == LineEditor.historyLimit)
        // A sequence that never ends takes no memory.
        _ = editor.feed("\u{1B}[".utf8 + [UInt8](repeating: 0x31, count: 10_000))
        #expect(editor.feed("\u{15}".utf8).isEmpty == false)
    }

    private func shown(_ editor: LineEditor) -> String {
        String(editor.text[..<editor.cursor]) + "|" + String(editor.text[editor.cursor...])
    }
}
