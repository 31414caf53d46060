import HTTP
import Testing

@Suite struct ScriptCompactionTests {
    private func compacted(_ source: String) -> String {
        String(decoding: ScriptCompaction.compacted(Array(source.utf8)), as: UTF8.self)
    }

    @Test(arguments: [
        ("a;\n", "a;\n"), ("    a;  \n\t\tb;\t\n", "a;\nb;\n"), ("a; // why\n// that\nb;", "a;\n\nb;"),
        ("/** What\n * it is. */\nexport class A {\n    /* one */ a = 1;\n}\n", "\n\nexport class A {\na = 1;\n}\n"),
        ("a /* b */ + c", "a   + c"), ("return /* a\n */ b", "return\nb"), ("a\r\n  b // c\r\n", "a\r\nb\r\n"),
        // What only looks like a comment.
        ("a = \"//\" + '/*' + \"\\\"//\"; // b\n", "a = \"//\" + '/*' + \"\\\"//\";\n"),
        ("a = `//\n    ${b /* c */ + `/*${d}*/`}  \n  // e`; // f\n", "a = `//\n    ${b   + `/*${d}*/`}  \n  // e`;\n"),
        ("a = `\\`//${`}`}//`; //b", "a = `\\`//${`}`}//`;"),
        ("a = `${{ b: '}' }.b}//`; // c", "a = `${{ b: '}' }.b}//`;"),
        ("a.match(/[/\"'`]\\/\\/*/g); // b\n", "a.match(/[/\"'`]\\/\\/*/g);\n"),
        ("return /\"/.test(a) ? 1 : /[^/]'/u; // b", "return /\"/.test(a) ? 1 : /[^/]'/u;"),
        ("if (/^\"/.test(a)) /'/.exec(a); // b", "if (/^\"/.test(a)) /'/.exec(a);"),
        ("a = b / 2 / c; // '", "a = b / 2 / c;"), ("a = (b + 1) / 2; // '", "a = (b + 1) / 2;"),
        ("a = b[0] / 2; // `", "a = b[0] / 2;"), ("a.return / 2; // '", "a.return / 2;"),
        ("a = .5 / 1.5e3 / 0x1f; // '", "a = .5 / 1.5e3 / 0x1f;"),
        ("a = \"é\" + ä / 2; // '", "a = \"é\" + ä / 2;"), ("this.#a / 2; // '", "this.#a / 2;"),
        // What others look for.
        (
            "/*! Mine, 2020 */\na; // b\n//# sourceMappingURL=a.map\n",
            "/*! Mine, 2020 */\na;\n//# sourceMappingURL=a.map\n"
        ),
        ("/**\n * @license MIT\n */\na // b", "/**\n * @license MIT\n */\na"),
    ])
    func takesOutWhatIsForReaders(_ source: String, _ wanted: String) {
        #expect(compacted(source) == wanted)
        // Once more, nothing is left to do; and lines stay where they are.
        #expect(compacted(wanted) == wanted)
        #expect(
            source.split(separator: "\n", omittingEmptySubsequences: false).count
                == wanted.split(separator: "\n", omittingEmptySubsequences: false).count)
    }

    @Test(arguments: [
        // A division or an expression: that depends on what the brace closes, or what stands before.
        "({}) // a\nb = {} / 2; // c", "function f() {}\n/'/.test(a); // b", "a++ / 2; // b", "yield / 2; // b",
        "of / '//' / 2 // b",
        // No end, or one too many.
        "// a\n\"b", "// a\n'b\nc'", "// a\n`b", "// a\n`${b", "// a\n/* b", "// a\nb = /c", "// a\nb = /c\n/",
        "// a\n(b", "// a\n)b",
        "// a\n{(})", "// a\n]", "// a\n}", "// a\n\"\\", "// a\n`\\", "// a\n= /\\", "<!-- a\n// b",
    ])
    func leavesAloneWhatItCannotTell(_ source: String) {
        #expect(compacted(source) == source)
    }

    @Test func anythingIsTaken() {
        var state: UInt64 = 42
        let pieces = [
            "/", "*", "//", "/*", "*/", "`", "${", "}", "{", "(", ")", "[", "]", "'", "\"", "\\", "\n", " ", "a", "if",
            "return", ".", "+", "<", "é",
        ]
        for _ in 0..<2_000 {
            var source = ""
            for _ in 0..<24 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                source += pieces[Int(state >> 33) % pieces.count]
            }
            let once = compacted(source)
            #expect(once.utf8.count <= source.utf8.count)
            #expect(once.utf8.count { $0 == 0x0A } == source.utf8.count { $0 == 0x0A }, "\(source)")
        }
    }
}
