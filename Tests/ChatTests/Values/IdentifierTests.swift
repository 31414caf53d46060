import Chat
import Testing

@Suite("Identifier")
struct IdentifierTests {
    @Test("the canonical form, in either case, and back")
    func canonical() throws {
        let text = "018f3a5e-7b2c-7def-8a9b-0123456789ab"
        let id = try #require(Identifier(text))
        #expect(id.description == text)
        #expect(Identifier(text.uppercased()) == id)
        #expect(id.high == 0x018f_3a5e_7b2c_7def)
        #expect(id.low == 0x8a9b_0123_4567_89ab)
        var bytes: [UInt8] = []
        id.append(to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
        #expect(Identifier(text.dropFirst(0)) == id)
    }

    @Test(
        "refuses",
        arguments: [
            "", "018f3a5e7b2c7def8a9b0123456789ab", "{018f3a5e-7b2c-7def-8a9b-0123456789ab}",
            "018f3a5e-7b2c-7def-8a9b-0123456789a", "018f3a5e-7b2c-7def-8a9b-0123456789abc",
            "018f3a5e-7b2c-7def-8a9b-0123456789ag", "018f3a5e_7b2c_7def_8a9b_0123456789ab",
            "018f3a5-e7b2c-7def-8a9b-0123456789ab", "-18f3a5e-7b2c-7def-8a9b-0123456789ab",
            "018f3a5e-7b2c-7def-8a9b-0123456789\u{E9}", "０18f3a5e-7b2c-7def-8a9b-01234567",
            " 18f3a5e-7b2c-7def-8a9b-0123456789ab",
        ])
    func refuses(text: String) {
        #expect(Identifier(text) == nil)
    }

    @Test("version 7: the time first, then the sequence; version and variant in their places")
    func version7() {
        let id = Identifier(version7: 0x0123_4567_89AB, sequence: 0xFFF, random: .max)
        #expect(id.description == "01234567-89ab-7fff-bfff-ffffffffffff")
        let cut = Identifier(version7: .max, sequence: .max, random: 0)
        #expect(cut.description == "ffffffff-ffff-7fff-8000-000000000000")
        let ordered = [
            Identifier(version7: 1, sequence: 9, random: .max), Identifier(version7: 2, sequence: 0, random: 0),
            Identifier(version7: 2, sequence: 1, random: 0), Identifier(version7: 2, sequence: 1, random: 1),
        ]
        #expect(ordered.sorted() == ordered)
        #expect(ordered.map(\.description).sorted() == ordered.map(\.description))
    }
}
