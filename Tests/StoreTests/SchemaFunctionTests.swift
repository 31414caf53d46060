import Postgres
import Store
import Testing

/// The texts of functions that people read are those that a database has.
@Suite struct SchemaFunctionTests {
    /// What was released, as it was. A step that is edited all the same must go on with databases that have the former.
    private static let released = [
        "3947cd11568832b22098271bbc5ac6612d635ffdd107cf0113abbfa24225f0bd",
        "eebfb4e056bfaa401004b81ca2992e5845f5c014df6eb8222aa3607153f773b8",
        "8e0a1ff00dae3c951bd76dbf29ae96dc6ae51412f86dd4752be37bf729bb0ffa",
        "3b4650c50ecec54f74168e527ca19a61d0bf0c4a0e449222f7e78a92735749d6",
    ]

    @Test("released steps are what they were, to the byte", arguments: zip(1...4, released))
    func releasedSteps(version: Int, checksum: String) {
        #expect(Migration.all[version - 1].checksum == checksum)
    }

    /// Mended where they failed to apply: databases have them under these.
    @Test(
        "what a step was before it was mended is known",
        arguments: [
            (1, "c15ccfb21185d8c7ada5212f90452d9ca01dddb1f64a39a7d9162f581c382729")
        ])
    func formerSteps(version: Int, checksum: String) {
        #expect(Migration.all[version - 1].hadChecksum(checksum))
    }

    /// Each text makes again what is there already: the same name, parameters, result, attributes and body, of which
    /// PostgreSQL keeps every byte, and no function beside it.
    @Test func theTextsAreWhatAMigratedDatabaseHas() throws {
        let connection = try TestDatabase.owner()
        let found = try Self.definitions(connection)
        #expect(Set(found.map(\.name)) == Set(SchemaFunctions.all.keys))
        for (name, text) in SchemaFunctions.all {
            #expect(text.contains("function parley.\(name)("), "\(name) is another's text")
        }
        try connection.execute("begin")
        // Bodies that name one another's new parameters are not looked at before all are there.
        try connection.execute("set local check_function_bodies = off")
        for text in SchemaFunctions.all.values { try connection.execute(Self.again(text)) }
        let made = try Self.definitions(connection)
        try connection.execute("rollback")
        #expect(found.count == made.count, "a text makes a function beside the one that is there")
        let definitions = Dictionary(grouping: made, by: \.name)
        for before in found where definitions[before.name]?.map(\.definition) != [before.definition] {
            Issue.record("\(before.name) is not what its text says: \(before.definition)")
        }
    }

    @Test(
        "what differs is seen",
        arguments: [
            ("'active', 'dormant'", "'active', 'sleeping'"), ("immutable parallel safe", "immutable"),
            ("p_title text", "p_title varchar, p_more text"),
        ])
    func differences(was: String, becomes: String) throws {
        let connection = try TestDatabase.owner()
        let found = try Self.definitions(connection)
        let text = try #require(SchemaFunctions.all["is_conversation"])
        #expect(text.contains(was))
        try connection.execute("begin")
        try connection.execute(Self.again(text.replacing(was, with: becomes)))
        let made = try Self.definitions(connection)
        try connection.execute("rollback")
        #expect(found.map(\.definition) != made.map(\.definition))
    }

    private static func again(_ text: String) -> String {
        text.replacing("create function", with: "create or replace function", maxReplacements: 1)
    }

    private static func definitions(_ connection: BlockingConnection) throws -> [(name: String, definition: String)] {
        try connection.query(
            """
            select p.proname, pg_catalog.pg_get_functiondef(p.oid) from pg_catalog.pg_proc p
            where p.pronamespace = 'parley'::regnamespace order by p.proname, p.oid
            """, []
        ).map { ($0[0] ?? "", $0[1] ?? "") }
    }
}
