package import Chat
import Postgres

/// One row of the log of what assistants did to tasks.
package struct StoredOperation: Sendable, Equatable {
    package var id: Identifier
    package var messageID: Identifier?
    package var runID: Identifier
    package var ordinal: Int
    package var type: String
    /// JSON text.
    package var parameters: String
    package var result: String?
    package var status: String
    /// Microseconds since 1970, UTC.
    package var createdAt: Int64
    package var finishedAt: Int64?
}

/// Where a page of operations begins: behind this one.
package struct OperationCursor: Sendable, Equatable {
    /// Microseconds since 1970, UTC.
    package var createdAt: Int64
    package var id: Identifier

    package init(createdAt: Int64, id: Identifier) {
        self.createdAt = createdAt
        self.id = id
    }
}

/// Operations, newest first.
package struct OperationPage: Sendable, Equatable {
    package var operations: [StoredOperation]
    /// Where the next page begins; `nil`: this is the last.
    package var next: OperationCursor?
}

extension PostgresChatStore {
    /// - Parameter limit: 1 to 200.
    package func operations(
        userID: String, threadID: Identifier, before: OperationCursor?, limit: Int,
        completion: @escaping (Result<OperationPage, StoreError>) -> Void
    ) {
        let limit = min(max(limit, 1), 200)
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        if let before {
            parameters.append(timestamptz: before.createdAt)
            parameters.append(before.id)
        } else {
            parameters.appendNull()
            parameters.appendNull()
        }
        parameters.append(int4: Int32(limit + 1))
        read(userID, Statements.operations, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    var page: [StoredOperation] = []
                    for row in 0..<min(rows.count, limit) { page.append(try rows.operation(row)) }
                    let last = page.last.map { OperationCursor(createdAt: $0.createdAt, id: $0.id) }
                    return OperationPage(operations: page, next: rows.count > limit ? last : nil)
                })
        }
    }
}

extension Statements {
    private typealias T = PostgresType

    /// What `Rows.operation` reads.
    static let operationColumns = """
        o.operation_id, o.user_message_id, o.run_id, o.ordinal, o.operation_type, o.input_params, o.result, o.status,
            o.created_at, o.finished_at
        """

    private static func operationsOf(_ table: String) -> String {
        """
        (select \(operationColumns)
        from parley.\(table) o
        where o.user_id = $1 and o.conversation_id = $2
            and ($3::timestamptz is null or (o.created_at, o.operation_id) < ($3, $4))
        order by o.created_at desc, o.operation_id desc limit $5)
        """
    }

    static let operations = Statement(
        "operations",
        """
        select o.* from (\(operationsOf("task_operation_logs")) union all \(operationsOf("archived_operation_logs"))) o
        order by o.created_at desc, o.operation_id desc limit $5
        """, T.text, T.uuid, T.timestamptz, T.uuid, T.int4)
}

extension Rows {
    func operation(_ row: Int) throws(PostgresError) -> StoredOperation {
        StoredOperation(
            id: try identifier(row, 0), messageID: try isNull(row, 1) ? nil : try identifier(row, 1),
            runID: try identifier(row, 2), ordinal: Int(try int4(row, 3)), type: try text(row, 4),
            parameters: try jsonb(row, 5), result: try optionalJSONB(row, 6), status: try text(row, 7),
            createdAt: try timestamp(row, 8), finishedAt: try isNull(row, 9) ? nil : try timestamp(row, 9))
    }
}
