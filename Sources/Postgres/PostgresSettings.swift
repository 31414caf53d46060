/// How connections are made and what the server holds them to.
package struct PostgresSettings: Sendable {
    /// A connection URI or keyword string as libpq reads it: several hosts, `target_session_attrs` and `sslmode`
    /// work as documented there. May hold a password: never logged.
    package var url: String { didSet { hosts = HostOrder(url) } }
    /// Another database of the same server, instead of the one that the URL names.
    package var database: String?
    /// The role to work as after the login (`SET ROLE`). A server that does not have it, or does not let the login
    /// become it, is refused: working with more rights than asked for would pass unnoticed.
    package var role: String?
    package var applicationName = "parley"
    /// Only a server and a session that take writes will do. Of several hosts the first such is taken, unless the URL
    /// says otherwise with `target_session_attrs`.
    package var needsWrites = false
    /// Seconds for a URL's only host.
    package var connectTimeout = 5
    /// Seconds for each of several hosts: libpq's least, since another may be there already.
    package var connectTimeoutOfMany = 2
    /// Milliseconds that one statement may take on the server.
    package var statementTimeout = 10_000
    /// Milliseconds that a transaction may wait for its next statement.
    package var idleInTransactionTimeout = 15_000
    /// Nanoseconds without a byte from the server while an answer is due, after which the connection is dropped. A
    /// little more than `statementTimeout`, so that a slow statement is cancelled and not mistaken for a dead server.
    package var silenceLimit: UInt64 = 11_000_000_000
    /// Nanoseconds without a byte on any connection to a server, after which it is left, if a statement that takes no
    /// time was among what it owes an answer to.
    package var vanishedLimit: UInt64 = 3_000_000_000
    /// Prepare each statement once a connection. Off: parse it each time.
    package var preparesStatements = true
    /// Whether a pooler may give the server's session to others between two transactions, so that nothing can be kept
    /// in it, prepared statements neither. `nil`: found out.
    package var sharesSession: Bool?
    /// Shared by all copies: what one connection learns of the hosts is good for the next.
    private(set) var hosts: HostOrder

    package init(url: String, database: String? = nil, role: String? = nil) {
        self.url = url
        self.database = database
        self.role = role
        hosts = HostOrder(url)
    }

    /// What is wrong with a database of that encoding, in one line. Texts hold any character, and lengths count
    /// characters: only UTF8 does both.
    package static func problem(withEncoding name: String) -> String? {
        if name.uppercased() == "UTF8" { return nil }
        return "the database's encoding is \(name), UTF8 is needed: make one with create database … encoding 'UTF8' "
            + "template template0"
    }

    /// For reads that another server can answer as well: given up soon.
    package static func replica(_ url: String, like settings: PostgresSettings) -> PostgresSettings {
        var settings = settings
        settings.url = url
        settings.needsWrites = false
        settings.connectTimeout = 2
        settings.statementTimeout = 2_000
        settings.silenceLimit = 3_000_000_000
        return settings
    }

    /// libpq's keywords. The expanded URL comes first among them, so what follows it wins.
    var keywords: [(String, String)] {
        let several = hosts.keywords
        var keywords = [
            // What the URL may override stands before it.
            ("connect_timeout", String(several.isEmpty ? connectTimeout : connectTimeoutOfMany)),
            ("keepalives", "1"),
            ("keepalives_idle", "10"),
            ("keepalives_interval", "5"),
            ("keepalives_count", "3"),
            // Milliseconds for which what was sent may stay unacknowledged.
            ("tcp_user_timeout", "5000"),
            ("application_name", applicationName),
        ]
        if needsWrites { keywords.append(("target_session_attrs", "read-write")) }
        keywords += [("dbname", url), ("client_encoding", "UTF8")]
        if let database { keywords.append(("dbname", database)) }
        return keywords + several
    }
}
