import JSON
package import Chat
import EventLoop
import Postgres

/// Everything that is stored of a user, as JSON lines, piece by piece as the reader asks for it.
///
/// Nothing is held in the database between two pieces: each is a page of its own behind the key of the one before, so a
/// slow reader costs neither a connection nor a transaction, and memory is bounded by one page. A conversation that is
/// archived or brought back meanwhile is found in the one or the other place, once. What the user writes meanwhile may
/// be in it or not; what was there all the time is.
package final class UserExport {
    private enum Stage {
        case user
        case conversations(after: Identifier?)
        case messages(Cursor), runs(Cursor), operations(Cursor), approvals(Cursor), feedback(Cursor)
        case tasks(after: Int64)
        case end
        case over
    }

    /// Within a page of conversations: those still to be written, and how far the first of them is.
    private struct Cursor {
        var threads: ArraySlice<Identifier>
        var after: Int32 = 0
        var next: Identifier
    }

    private let store: PostgresChatStore
    private let userID: String
    private var stage = Stage.user
    private var lines = 0

    init(_ store: PostgresChatStore, userID: String) {
        self.store = store
        self.userID = userID
    }

    /// The next piece: whole lines, about 256 KiB at most where one line alone is not larger. To be called again when
    /// the one before was taken; after a failure the same piece can be asked for again.
    ///
    /// - Parameter completion: `nil`: that was all. The last line is `{"type":"end","lines":…}`, so that an export that
    ///   was cut is known as such.
    package func next(_ completion: @escaping (Result<[UInt8]?, StoreError>) -> Void) {
        switch stage {
        case .user: page(Statements.exportUser, [], completion) { _, _ in .conversations(after: nil) }
        case .conversations(let after):
            page(Statements.exportConversations, [.id(after), .count(100)], completion) {
                rows, export throws(PostgresError) in
                guard rows.count > 0 else { return .tasks(after: 0) }
                var threads: [Identifier] = []
                for row in 0..<rows.count { threads.append(try rows.identifier(row, 0)) }
                return .messages(Cursor(threads: threads[...], next: threads[threads.count - 1]))
            }
        case .messages(let cursor):
            within(cursor, Statements.exportMessages, place: 6, completion, { .messages($0) }) { .runs($0) }
        case .runs(let cursor):
            within(cursor, Statements.exportRuns, place: 2, completion, { .runs($0) }) { .operations($0) }
        case .operations(let cursor):
            within(cursor, Statements.exportOperations, place: 10, completion, { .operations($0) }) { .approvals($0) }
        case .approvals(let cursor):
            within(cursor, Statements.exportApprovals, place: 2, completion, { .approvals($0) }) { .feedback($0) }
        case .feedback(let cursor):
            within(cursor, Statements.exportFeedback, place: 2, completion, { .feedback($0) }) { .messages($0) }
        case .tasks(let after):
            page(Statements.exportTasks, [.number(after), .count(200)], completion) { rows, _ throws(PostgresError) in
                rows.count == 0 ? .end : .tasks(after: try rows.int8(rows.count - 1, 0))
            }
        case .end:
            stage = .over
            let last = Array("{\"type\":\"end\",\"lines\":\(lines)}\n".utf8)
            _ = store.pool.loop.schedule(after: 0) { completion(.success(last)) }
        case .over:
            _ = store.pool.loop.schedule(after: 0) { completion(.success(nil)) }
        }
    }

    private enum Value {
        case id(Identifier?)
        case number(Int64)
        case count(Int32)
    }

    /// One kind of line of the conversation at hand, page by page; then the next kind, or the next conversation.
    ///
    /// - Parameter place: the column that says how far a page goes.
    private func within(
        _ cursor: Cursor, _ statement: Statement, place: Int,
        _ completion: @escaping (Result<[UInt8]?, StoreError>) -> Void,
        _ same: @escaping (Cursor) -> Stage, _ following: @escaping (Cursor) -> Stage
    ) {
        guard let thread = cursor.threads.first else {
            stage = .conversations(after: cursor.next)
            return next(completion)
        }
        page(statement, [.id(thread), .count(cursor.after)], of: thread, completion) { rows, _ throws(PostgresError) in
            var cursor = cursor
            if rows.count > 0 {
                cursor.after = try rows.int4(rows.count - 1, place)
                return same(cursor)
            }
            cursor.after = 0
            let stage = following(cursor)
            guard case .messages = stage else { return stage }
            cursor.threads.removeFirst()
            return .messages(cursor)
        }
    }

    /// An empty page goes on at once.
    private func page(
        _ statement: Statement, _ values: [Value], of thread: Identifier? = nil,
        _ completion: @escaping (Result<[UInt8]?, StoreError>) -> Void,
        _ advance: @escaping (Rows, UserExport) throws(PostgresError) -> Stage
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        for value in values {
            switch value {
            case .id(let id): if let id { parameters.append(id) } else { parameters.appendNull() }
            case .number(let number): parameters.append(int8: number)
            case .count(let count): parameters.append(int4: count)
            }
        }
        store.run(userID, statement, parameters) { [self] outcome in
            let piece = outcome.flatMap { rows in
                store.decode { () throws(PostgresError) in
                    var bytes: [UInt8] = []
                    for row in 0..<rows.count {
                        try append(rows, row, statement, thread, to: &bytes)
                        bytes.append(UInt8(ascii: "\n"))
                    }
                    let next = try advance(rows, self)
                    lines += rows.count
                    stage = next
                    return bytes
                }
            }
            switch piece {
            case .success(let bytes): bytes.isEmpty ? next(completion) : completion(.success(bytes))
            case .failure(let error): completion(.failure(error))
            }
        }
    }

    /// A line: the object as the HTTP API shows it, with its type before it.
    private func append(
        _ rows: Rows, _ row: Int, _ statement: Statement, _ thread: Identifier?, to bytes: inout [UInt8]
    ) throws(PostgresError) {
        let contents = store.settings.contents
        if statement === Statements.exportConversations {
            bytes.append(#"{"type":"conversation","head_run_id":"#)
            bytes.append(optional: try rows.isNull(row, 8) ? nil : rows.identifier(row, 8).description)
            bytes.append(",")
            bytes.append(fieldsOf: try rows.conversation(row, contents), userID: userID)
        } else if statement === Statements.exportMessages, let thread {
            bytes.append(#"{"type":"message","client_id":"#)
            bytes.append(optional: try rows.optionalText(row, 14))
            bytes.append(#","parent_run_id":"#)
            bytes.append(optional: try rows.isNull(row, 15) ? nil : rows.identifier(row, 15).description)
            bytes.append(",")
            bytes.append(fieldsOf: try rows.message(row, contents, thread), of: thread, userID: userID)
        } else if statement === Statements.exportOperations, let thread {
            bytes.append(#"{"type":"operation","#)
            bytes.append(fieldsOf: try rows.operation(row), of: thread)
        } else if statement === Statements.exportTasks {
            bytes.append(#"{"type":"task","#)
            bytes.append(fieldsOf: try rows.task(row))
        } else if statement === Statements.exportFeedback, let thread {
            bytes.append(contentsOf: try rows.jsonb(row, 0).utf8.dropLast())
            bytes.append(#","comment":"#)
            let comment = try rows.optionalText(row, 3)
            let (key, id) = (try rows.optionalText(row, 4), try rows.identifier(row, 1))
            if let comment {
                bytes.append(jsonString: try contents.open(comment, key: key, .comment, thread: thread, id: id))
            } else {
                bytes.append("null")
            }
        } else if statement === Statements.exportApprovals, let thread {
            bytes.append(contentsOf: try rows.jsonb(row, 0).utf8.dropLast())
            let (id, key) = (try rows.identifier(row, 1), try rows.optionalText(row, 5))
            for (name, column) in [("parameters", 3), ("interrupt", 4)] {
                bytes.append(",")
                bytes.append(jsonString: name)
                bytes.append(":")
                bytes.append(json: try rows.asked(row, column, key: key, contents, thread: thread, id: id) ?? .null)
            }
        } else {
            // Users and runs are shown nowhere else: the database has their lines.
            bytes.append(contentsOf: try rows.jsonb(row, 0).utf8)
            return
        }
        bytes.append("}")
    }
}

extension PostgresChatStore {
    /// Of whom nothing is stored gets the last line alone.
    package func export(userID: String) -> UserExport { UserExport(self, userID: userID) }
}
