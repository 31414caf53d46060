import Postgres

extension PostgresChatStore {
    /// What a gateway that serves can see of its database's schema.
    package enum SchemaLook: Sendable, Equatable {
        case asExpected
        /// Steps are missing, were edited, or are not known here.
        case unexpected
        /// Rights that a turn needs were taken: of the gateway's role, or of whoever owns the tables.
        case lacksRights
        /// The database did not answer.
        case unknown
    }

    /// Whether the schema is still the one that this program was made for, and may be used. On a connection of the pool,
    /// as its login: the gateway's own role may not read the steps.
    package func lookAtSchema(
        _ migrations: [Migration] = Migration.all, _ completion: @escaping (SchemaLook) -> Void
    ) {
        pool.transaction({ connection in
            connection.send(Statements.workAsLogin, Parameters())
            connection.send(Statements.schemaSteps, Parameters())
        }) { outcome in
            switch outcome {
            case .success(let answers): completion(Self.look(answers.last, migrations))
            case .failure(let error): completion(error.kind == .server && !error.endsSession ? .unexpected : .unknown)
            }
        }
    }

    private static func look(_ rows: Rows?, _ migrations: [Migration]) -> SchemaLook {
        guard let rows, rows.count == migrations.count else { return .unexpected }
        var hasRights = true
        for (row, migration) in migrations.enumerated() {
            guard let version = try? rows.int4(row, 0), let checksum = try? rows.text(row, 1),
                Int(version) == migration.version, migration.hadChecksum(checksum)
            else { return .unexpected }
            if let has = try? rows.bool(row, 2), !has { hasRights = false }
        }
        return hasRights ? .asExpected : .lacksRights
    }
}
