package import Postgres
import Strings

/// Whether the keys of `CONTENT_KEYS` are those that the database is sealed with, asked before anything is read or
/// written. Waits for the database: not to be used on a loop.
package struct ContentKeyRing {
    private let settings: PostgresSettings
    private let contents: ContentCipher

    package init(_ settings: PostgresSettings, _ contents: ContentCipher) {
        self.settings = settings
        self.contents = contents
    }

    /// What keeps the keys from being used.
    package enum Failure: Error, Sendable, CustomStringConvertible {
        case keys(ContentKeyError)
        case database(PostgresError)

        package var description: String {
            switch self {
            case .keys(let error): error.description
            case .database(let error): "the keys of the database can't be looked up: \(error)"
            }
        }
    }

    /// Compares, and makes the sealing key known where it is new.
    package func check() throws(Failure) {
        do throws(PostgresError) {
            let connection = try BlockingConnection(settings)
            try connection.execute(
                "begin isolation level read committed; set local role parley_gateway; set local row_security = on")
            if let name = contents.sealingKey, let canary = contents.canary(of: name) {
                // Of two gateways that bring the same name one is first; the other compares itself with that.
                _ = try connection.query(
                    "insert into parley.content_keys (id, canary) values ($1, $2) on conflict (id) do nothing",
                    [name, canary])
            }
            let rows = try connection.query("select id, canary from parley.content_keys order by id")
            guard let error = firstError(rows) else { return try connection.execute("commit") }
            try connection.execute("rollback")
            throw PostgresError(kind: .usage, message: error)
        } catch {
            throw error.kind == .usage ? .keys(ContentKeyError(description: error.message)) : .database(error)
        }
    }

    private func firstError(_ rows: [[String?]]) -> String? {
        for row in rows {
            guard row.count == 2, let name = row[0], let canary = row[1] else { continue }
            guard contents.keyIDs.contains(where: name.isExactly) else {
                return "CONTENT_KEYS: the database is encrypted with the key \(name), which is missing here"
            }
            guard contents.opens(canary: canary, of: name) else {
                return "CONTENT_KEYS: the key \(name) is not the one that the database is encrypted with"
            }
        }
        return nil
    }
}
