import Postgres

/// Something that goes when steps of the schema are taken back.
struct MigrationLoss: Equatable, CustomStringConvertible {
    /// A table, or a column of one (`table.column`).
    var name: String
    /// Rows, or values of the column, that go.
    var count: Int
    var isColumn = false

    var description: String {
        let unit = isColumn ? "value" : "row"
        return "\(name) (\(count) \(count == 1 ? unit : unit + "s"))"
    }
}

/// What the tables of the schema hold.
struct SchemaContents {
    private var rows: [String: Int] = [:]
    private var columns: [String: Set<String>] = [:]

    /// Counts, which reads all of it.
    init(_ connection: BlockingConnection) throws(PostgresError) {
        let found = try connection.query(
            """
            select c.relname, a.attname from pg_catalog.pg_class c
            join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            where c.relnamespace = 'parley'::regnamespace and c.relkind in ('r', 'p')
                -- What is kept of gateways is no one's data.
                and c.relname not in ('schema_migrations', 'nodes')
            """)
        for row in found {
            guard row.count == 2, let table = row[0], let column = row[1] else { continue }
            columns[table, default: []].insert(column)
        }
        for table in columns.keys {
            rows[table] = try Self.count("select count(*) from parley.\(Self.quoted(table))", connection)
        }
    }

    /// Asked where things are as they were before: a column that goes is worth a word if it holds something.
    func losses(to after: SchemaContents, _ connection: BlockingConnection) throws(PostgresError) -> [MigrationLoss] {
        var losses: [MigrationLoss] = []
        for (table, count) in rows.sorted(by: { $0.key < $1.key }) {
            let gone = count - (after.rows[table] ?? 0)
            if gone > 0 { losses.append(MigrationLoss(name: table, count: gone)) }
            guard let left = after.columns[table], count > 0 else { continue }
            for column in (columns[table] ?? []).subtracting(left).sorted() {
                let held = try Self.count(
                    "select count(\(Self.quoted(column))) from parley.\(Self.quoted(table))", connection)
                if held > 0 {
                    losses.append(MigrationLoss(name: "\(table).\(column)", count: held, isColumn: true))
                }
            }
        }
        return losses
    }

    private static func count(_ sql: String, _ connection: BlockingConnection) throws(PostgresError) -> Int {
        let row = try connection.query(sql).first
        return row?.first.flatMap { $0 }.flatMap { Int($0) } ?? 0
    }

    private static func quoted(_ name: String) -> String {
        "\"\(name.replacing("\"", with: "\"\""))\""
    }
}
