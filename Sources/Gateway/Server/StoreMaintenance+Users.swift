import Chat
import EventLoop
import Foundation
package import JSON
import Postgres
import Store

/// What the commands `import` and `user` do: a user's data out of the database and into it, without a gateway.
extension StoreMaintenance {
    /// Everything of a user, as JSON lines.
    ///
    /// - Parameter write: takes each piece; what it throws ends the export.
    package func exportUser(_ userID: String, _ write: ([UInt8]) throws -> Void) async throws {
        try check()
        let loop = try EventLoop(label: "parley.export")
        loop.start()
        defer { loop.stop() }
        let store = try await store(on: loop)
        let export = try await loop.run { LoopBound(store.value.export(userID: userID), on: loop) }
        while true {
            let piece: Result<[UInt8]?, StoreError> = await withCheckedContinuation { continuation in
                loop.execute { export.value.next { continuation.resume(returning: $0) } }
            }
            switch piece {
            case .success(let bytes?): try write(bytes)
            case .success(nil): return try record("exported", on: userID)
            case .failure: throw StartError.database("the export was not finished: the database refused it")
            }
        }
    }

    /// Reads lines back.
    ///
    /// - Parameters:
    ///   - userID: whose they become; `nil`: the user that the lines name.
    ///   - lines: gives the next line without its end; `nil`: that was the last.
    package func importLines(
        of userID: String?, _ lines: () throws -> [UInt8]?
    ) throws -> (report: JSON, refused: Int) {
        try check()
        do {
            let connection = try BlockingConnection(settings)
            var current = userID
            var reports: [ImportReport] = []
            var batches: ImportBatches?
            let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
            var number = 0
            while let line = try lines() {
                number += 1
                guard line.contains(where: { $0 > 0x20 }) else { continue }
                if userID == nil, let named = Self.user(of: line), named != current {
                    if var batches, let current {
                        try store(batches.take(), of: current, &batches, connection)
                        reports.append(batches.report)
                    }
                    current = named
                    batches = nil
                }
                guard let current else {
                    throw StartError.configuration("line \(number) names no user: say --user")
                }
                var working =
                    batches ?? ImportBatches(userID: current, contents: configuration.contentKeys, now: now)
                let text = line.withUnsafeBytes { working.add($0, number: number) }
                try store(text, of: current, &working, connection)
                batches = working
            }
            if var batches, let current {
                try store(batches.take(), of: current, &batches, connection)
                reports.append(batches.report)
                try record("imported", on: current)
            }
            let report = ImportReport(reports)
            return (report.json, report.refused)
        } catch let error as PostgresError {
            throw StartError.database("the import was not finished: \(error)")
        }
    }

    private func store(
        _ text: String?, of userID: String, _ batches: inout ImportBatches, _ connection: BlockingConnection
    ) throws(PostgresError) {
        guard let text else { return }
        let rows = try connection.query(
            "select line, outcome, reason from parley.import_lines($1, $2, $3::jsonb)",
            [userID, configuration.contentKeys.sealingKey, text])
        for row in rows {
            guard row.count == 3, let line = row[0].flatMap({ Int($0) }) else { continue }
            batches.settle(line: line, outcome: row[1] ?? "", reason: row[2])
        }
    }

    /// Whose a line is: a user's own line, or one that says so.
    private static func user(of line: [UInt8]) -> String? {
        guard let value = try? JSON(parsing: line) else { return nil }
        return value["type"]?.string == "user" ? value["id"]?.string : value["user_id"]?.string
    }

    /// All of a user, gone.
    ///
    /// - Returns: whether there was one.
    package func deleteUser(_ userID: String) throws -> Bool {
        try check()
        do throws(PostgresError) {
            let connection = try BlockingConnection(settings)
            var wasThere = false
            while true {
                let rows = try connection.query("select parley.delete_user($1, 5000)", [userID])
                switch rows.first?.first ?? nil {
                case "1": wasThere = true
                case "2":
                    wasThere = true
                    try insertAudit("user_deleted", on: userID, connection)
                    return true
                default: return wasThere
                }
            }
        } catch {
            throw StartError.database("the user was not deleted: \(error)")
        }
    }

    /// An entry of the audit trail: the command was called on this machine.
    private func record(_ action: String, on userID: String) throws {
        do throws(PostgresError) {
            try insertAudit(action, on: userID, try BlockingConnection(settings))
        } catch {
            throw StartError.database("the audit trail was not written: \(error)")
        }
    }

    private func insertAudit(
        _ action: String, on userID: String, _ connection: BlockingConnection
    ) throws(PostgresError) {
        _ = try connection.query(
            "insert into parley.audit_log (actor, action, object, allowed) values ('(command)', $1, $2, true)",
            [action, "user/\(userID)"])
    }
}
