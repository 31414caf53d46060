import Chat
import Testing

@Suite("The tree of a conversation's runs")
struct RunTreeTests {
    private static func id(_ name: Character) -> Identifier {
        Identifier(high: 1, low: UInt64(name.unicodeScalars.first?.value ?? 0))
    }

    /// `b<a` follows a, `a` begins; in the order in which they were asked for.
    private static func tree(_ text: String, named: String = "") -> RunTree {
        let nodes = text.split(separator: " ").map { part in
            let names = part.split(separator: "<")
            return RunTree.Node(
                id: id(Character(String(names[0]))), question: nil,
                parent: names.count > 1 ? id(Character(String(names[1]))) : nil)
        }
        return RunTree(nodes: nodes, named: Set(named.map(id)))
    }

    @Test(
        "down to the newest turn below",
        arguments: [
            ("a", "a", "a"), ("a b<a c<b", "a", "c"), ("a b<a c<b", "b", "c"), ("a b<a c<b", "c", "c"),
            // Another answer to a, and another question behind it.
            ("a b<a d c<d", "a", "b"), ("a b<a d c<d", "d", "c"), ("a b<a d c<d", "ad", "c"),
            // The older branch was gone on with last.
            ("a b<a c<a d<b", "a", "d"), ("a b<a c<a d<b", "c", "c"),
            // At the beginning twice.
            ("a b x y<x", "b", "b"), ("a b x y<x", "x", "y"),
            ("a b<a", "z", ""), ("", "a", ""), ("a", "", ""),
        ])
    func newestBelow(_ text: String, _ named: String, _ expected: String) {
        #expect(Self.tree(text, named: named).newestBelow == expected.first.map(Self.id))
    }

    @Test(
        "the path to a run",
        arguments: [
            ("a", "a", "a"), ("a b<a c<b", "c", "abc"), ("a b<a c<a d<b", "d", "abd"), ("a b<a c<a d<b", "c", "ac"),
        ])
    func path(_ text: String, _ head: Character, _ expected: String) {
        #expect(Self.tree(text).path(to: Self.id(head)) == expected.map(Self.id))
    }

    @Test("rows that form a ring end")
    func ring() {
        #expect(Self.tree("a<b b<a").path(to: Self.id("a")).count <= 3)
        #expect(Self.tree("a<b b<a", named: "a").newestBelow != nil)
    }
}
