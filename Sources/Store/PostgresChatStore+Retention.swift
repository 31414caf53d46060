package import Chat
import EventLoop
import Logging
import Postgres

/// A conversation that the retention has moved, for its user's sockets.
package struct RetainedConversation: Sendable, Equatable {
    package var userID: String
    package var conversation: Conversation
}

/// What came of one batch.
package enum SweepOutcome: Sendable, Equatable {
    /// Moved; the rows that there were. None: the move is finished for now.
    case moved(count: Int, [RetainedConversation])
    /// Another gateway is at it, or a lock was not to be had in time.
    case busy
}

/// The statements of the retention: one bounded batch a call, a short transaction each. Which of them when is decided
/// by `RetentionPolicy` and driven by `RetentionSweep`.
extension PostgresChatStore {
    /// One batch of a move.
    ///
    /// - Parameter now: microseconds since 1970, UTC; what is archived or deleted bears it.
    package func sweep(
        _ due: RetentionPolicy.Due, now: Int64, completion: @escaping (Result<SweepOutcome, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        if due.move == .audit {
            parameters.append(timestamptz: due.before)
            parameters.append(int4: Int32(clamping: settings.sweepMessages))
            return sweep(Statements.retainAudit, parameters, completion) { rows throws(PostgresError) in
                .moved(count: Int(try rows.int4(0, 0)), [])
            }
        }
        if due.move == .tasks {
            parameters.append(timestamptz: due.before)
            parameters.append(int4: Int32(clamping: settings.sweepMessages))
            parameters.append(bool: false)
            return sweep(Statements.purgeTasks, parameters, completion) { rows throws(PostgresError) in
                .moved(count: Int(try rows.int8(0, 0)), [])
            }
        }
        parameters.append(text: due.move.rawValue)
        parameters.append(timestamptz: due.before)
        parameters.append(timestamptz: now)
        parameters.append(int4: Int32(clamping: settings.sweepConversations))
        parameters.append(int4: Int32(clamping: settings.sweepMessages))
        sweep(Statements.retain, parameters, completion) { [settings] rows throws(PostgresError) in
            var moved: [RetainedConversation] = []
            for row in 0..<rows.count {
                moved.append(
                    RetainedConversation(
                        userID: try rows.text(row, 7),
                        conversation: try rows.conversation(row, settings.contents, hasMetadata: false)))
            }
            return .moved(count: moved.count, moved)
        }
    }

    /// Not tried again: the next sweep comes anyway.
    private func sweep(
        _ statement: Statement, _ parameters: Parameters,
        _ completion: @escaping (Result<SweepOutcome, StoreError>) -> Void,
        _ read: @escaping (Rows) throws(PostgresError) -> SweepOutcome
    ) {
        var hasReturned = false
        pool.transaction({ $0.send(statement, parameters) }) { [self] outcome in
            let result: Result<SweepOutcome, StoreError>
            switch outcome {
            case .success(let answers):
                result = decode { () throws(PostgresError) in
                    guard let rows = answers.first else { return .busy }
                    return try read(rows)
                }
            case .failure(let error) where error.sqlState == "55P03" || error.sqlState.hasPrefix("40"):
                result = .success(.busy)
            case .failure(let error):
                logger.warning("a batch of the retention failed", metadata: ["cause": "\(error)"])
                result = .failure(error.kind == .server ? .rejected : BatchWriter.away)
            }
            if hasReturned { return completion(result) }
            _ = pool.loop.schedule(after: 0) { completion(result) }
        }
        hasReturned = true
    }

    /// How many rows a move would find; changes nothing.
    package func count(
        _ due: RetentionPolicy.Due, completion: @escaping (Result<Int, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        if due.move == .tasks {
            parameters.append(timestamptz: due.before)
            parameters.append(int4: 0)
            parameters.append(bool: true)
        } else {
            parameters.append(text: due.move.rawValue)
            parameters.append(timestamptz: due.before)
        }
        run("", due.move == .tasks ? Statements.purgeTasks : Statements.retentionDue, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in decode { () throws(PostgresError) in Int(try rows.int8(0, 0)) } })
        }
    }

    /// Users whose deletion was begun before that time and never finished.
    package func usersToDelete(
        before: Int64, completion: @escaping (Result<[String], StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(timestamptz: before)
        parameters.append(int4: 100)
        run("", Statements.usersToDelete, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        var users: [String] = []
                        for row in 0..<rows.count { users.append(try rows.text(row, 0)) }
                        return users
                    }
                })
        }
    }
}
