package import Chat
import EventLoop
import JSON
import Logging
import Postgres

/// A task as it is stored.
package struct StoredTask: Sendable, Equatable {
    /// The key.
    package var id: Int64
    /// 1, 2, 3… of its user: what people see and say.
    package var number: Int
    package var userID: String
    package var title: String
    package var description: String?
    package var isCompleted: Bool
    /// An assistant made it.
    package var isGenerated: Bool
    /// The message with which an assistant touched it last.
    package var lastInteractionID: Identifier?
    /// Microseconds since 1970, UTC.
    package var dueAt: Int64?
    /// ``RecurrenceRule``.
    package var recurrence: String?
    /// Microseconds since 1970, UTC.
    package var createdAt: Int64
    package var updatedAt: Int64
}

package enum TaskOrder: String, Sendable, CaseIterable {
    /// Newest first.
    case created
    /// What is due first; without a time, last.
    case due
}

/// Where a page of a user's tasks begins: behind this task.
package struct TaskCursor: Sendable, Equatable {
    /// When it was made, or is due, as the order has it. Microseconds since 1970, UTC.
    package var time: Int64
    package var id: Int64

    package init(time: Int64, id: Int64) {
        self.time = time
        self.id = id
    }

    /// Stands for no time: 9999-01-01, behind all that a task can have.
    package static let never: Int64 = 253_370_764_800_000_000
}

/// Tasks in the order that was asked for.
package struct TaskPage: Sendable, Equatable {
    package var tasks: [StoredTask]
    /// Where the next page begins; `nil`: this is the last.
    package var next: TaskCursor?
}

/// What became of a change of one task.
package enum TaskOutcome: Sendable, Equatable {
    case done(StoredTask)
    case notFound
    /// It is not as the caller believed any more.
    case changed
}

/// A user's tasks without an assistant: the checks are those of the tools (`ToolArguments`).
extension PostgresChatStore {
    /// - Parameters:
    ///   - completed: only those that are, or are not; `nil`: all.
    ///   - limit: 1 to 200.
    package func tasks(
        userID: String, completed: Bool?, order: TaskOrder = .created, before: TaskCursor?, limit: Int,
        completion: @escaping (Result<TaskPage, StoreError>) -> Void
    ) {
        let limit = min(max(limit, 1), 200)
        var parameters = Parameters()
        parameters.append(text: userID)
        if let completed { parameters.append(bool: completed) } else { parameters.appendNull() }
        if let before {
            parameters.append(timestamptz: before.time)
            parameters.append(int8: before.id)
        } else {
            parameters.appendNull()
            parameters.appendNull()
        }
        parameters.append(int4: Int32(limit + 1))
        read(userID, order == .due ? Statements.tasksDue : Statements.tasks, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    var page: [StoredTask] = []
                    for row in 0..<min(rows.count, limit) { page.append(try rows.task(row)) }
                    let last = page.last.map {
                        TaskCursor(time: order == .due ? $0.dueAt ?? TaskCursor.never : $0.createdAt, id: $0.id)
                    }
                    return TaskPage(tasks: page, next: rows.count > limit ? last : nil)
                })
        }
    }

    package func task(
        userID: String, id: Int64, completion: @escaping (Result<StoredTask?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(int8: id)
        read(userID, Statements.task, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in rows.count == 0 ? nil : try rows.task(0) })
        }
    }

    /// Adds a task, and makes its user known where that is new. Not repeated when the connection is lost, since there
    /// is no key by which the database would know it again: then the outcome is unknown.
    ///
    /// - Parameter arguments: of `add_task`, checked.
    package func addTask(
        userID: String, _ arguments: ToolArguments, completion: @escaping (Result<StoredTask, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(text: arguments.title)
        parameters.append(text: arguments.description)
        parameters.append(bool: arguments.completed ?? false)
        parameters.append(jsonb: JSON.object(arguments.more).description)
        pool.transaction(
            { connection in
                var user = Parameters()
                user.append(text: userID)
                connection.send(Statements.setUser, user)
                connection.send(Statements.addTask, parameters)
            },
            completion: { [self] outcome in
                let rows: Result<Rows, StoreError> =
                    switch outcome {
                    case .success(let answers) where answers.count == 2: .success(answers[1])
                    case .success: .failure(.rejected)
                    case .failure(let error) where error.isOutcomeUnknown: .failure(.unknown)
                    case .failure(let error)
                    where error.isConnectionLoss || error.kind == .pool || StoreError.isPassing(error):
                        .failure(BatchWriter.away)
                    case .failure(let error): .failure(refused(Statements.addTask, error))
                    }
                // The pool may refuse at once, but no completion comes before its call has returned.
                _ = pool.loop.schedule(after: 0) { [self] in
                    completion(decoded(rows) { rows throws(PostgresError) in try rows.task(0) })
                }
            })
    }

    private func refused(_ statement: Statement, _ error: PostgresError) -> StoreError {
        logger.error("a statement was refused", metadata: ["statement": "\(statement.name)", "cause": "\(error)"])
        return .rejected
    }

    /// - Parameters:
    ///   - arguments: of `update_task` with `completed` of `complete_task`, checked; what is `nil` stays.
    ///   - expected: does nothing when the task was changed at another time than this, microseconds since 1970.
    package func changeTask(
        userID: String, id: Int64, _ arguments: ToolArguments, expected: Int64?,
        completion: @escaping (Result<TaskOutcome, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(int8: id)
        parameters.append(text: arguments.title)
        parameters.append(text: arguments.description)
        if let completed = arguments.completed { parameters.append(bool: completed) } else { parameters.appendNull() }
        parameters.append(jsonb: JSON.object(arguments.more).description)
        settle(userID, Statements.changeTask, parameters, expected, completion)
    }

    package func deleteTask(
        userID: String, id: Int64, expected: Int64?,
        completion: @escaping (Result<TaskOutcome, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(int8: id)
        settle(userID, Statements.deleteTask, parameters, expected, completion)
    }

    /// The first column says whether the task is there.
    private func settle(
        _ userID: String, _ statement: Statement, _ parameters: Parameters, _ expected: Int64?,
        _ completion: @escaping (Result<TaskOutcome, StoreError>) -> Void
    ) {
        var parameters = parameters
        if let expected { parameters.append(timestamptz: expected) } else { parameters.appendNull() }
        run(userID, statement, parameters, isWrite: true) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    guard rows.count == 1, try rows.bool(0, Statements.taskColumnCount) else { return .notFound }
                    return try rows.isNull(0, 0) ? .changed : .done(try rows.task(0))
                })
        }
    }

    /// Reads an answer's rows; what can't be read is logged and refused.
    func decoded<Value>(
        _ outcome: Result<Rows, StoreError>, _ body: (Rows) throws(PostgresError) -> Value
    ) -> Result<Value, StoreError> {
        switch outcome {
        case .failure(let error): return .failure(error)
        case .success(let rows):
            do throws(PostgresError) {
                return .success(try body(rows))
            } catch {
                logger.error("an answer could not be read", metadata: ["cause": "\(error)"])
                return .failure(.rejected)
            }
        }
    }
}

extension Statements {
    private typealias T = PostgresType

    /// What `Rows.task` reads.
    static let taskColumns =
        """
        t.id, t.number, t.user_id, t.title, t.description, t.is_completed, t.ai_generated, t.last_interaction_id,
            t.due_at, t.recurrence, t.created_at, t.updated_at
        """
    static let taskColumnCount = 12

    static let tasks = Statement(
        "tasks",
        """
        select \(taskColumns) from parley.tasks t
        where t.user_id = $1 and t.deleted_at is null and ($2::bool is null or t.is_completed = $2)
            and ($3::timestamptz is null or (t.created_at, t.id) < ($3, $4))
        order by t.created_at desc, t.id desc limit $5
        """, T.text, T.bool, T.timestamptz, T.int8, T.int4)

    static let tasksDue = Statement(
        "tasks_due",
        """
        select \(taskColumns) from parley.tasks t
        where t.user_id = $1 and t.deleted_at is null and ($2::bool is null or t.is_completed = $2)
            and ($3::timestamptz is null or (coalesce(t.due_at, '9999-01-01Z'), t.id) > ($3, $4))
        order by coalesce(t.due_at, '9999-01-01Z'), t.id limit $5
        """, T.text, T.bool, T.timestamptz, T.int8, T.int4)

    static let task = Statement(
        "task",
        "select \(taskColumns) from parley.tasks t where t.user_id = $1 and t.id = $2 and t.deleted_at is null",
        T.text, T.int8)

    static let addTask = Statement(
        "task_add",
        """
        with known as (select parley.touch_users(array[$1], array[null::text], array[null::text]))
        insert into parley.tasks as t
            (user_id, title, description, is_completed, completed_at, due_at, recurrence, time_zone)
        select $1, $2, nullif($3, ''), $4, case when $4 then now() end, ($5::jsonb ->> 'due_at')::timestamptz,
            $5::jsonb ->> 'recurrence', $5::jsonb ->> 'time_zone'
        from known
        returning \(taskColumns)
        """, T.text, T.text, T.text, T.bool, T.jsonb)

    /// What comes back stays open, at its next time.
    static let changeTask = Statement(
        "task_change",
        """
        with old as (
            select t.id, case when $5 and not t.is_completed and t.recurrence is not null
                then parley.next_occurrence(t.due_at, t.recurrence, t.time_zone, now()) end as next
            from parley.tasks t where t.user_id = $1 and t.id = $2 and t.deleted_at is null for update
        ), new as (
            update parley.tasks t
            set title = coalesce($3, t.title),
                description = case when $4::text is null then t.description else nullif($4, '') end,
                is_completed = coalesce($5, t.is_completed) and old.next is null,
                completed_at = case when $5 then coalesce(t.completed_at, now()) when $5 is null then t.completed_at end,
                due_at = case when $6::jsonb ? 'due_at' then ($6::jsonb ->> 'due_at')::timestamptz
                    else coalesce(old.next, t.due_at) end,
                recurrence = case when $6::jsonb ? 'due_at' and $6::jsonb ->> 'due_at' is null then null
                    when $6::jsonb ? 'recurrence' then $6::jsonb ->> 'recurrence' else t.recurrence end,
                updated_at = clock_timestamp()
            from old
            where t.id = old.id and t.user_id = $1 and ($7::timestamptz is null or t.updated_at = $7)
            returning \(taskColumns)
        )
        select new.*, true from old left join new on true
        """, T.text, T.int8, T.text, T.text, T.bool, T.jsonb, T.timestamptz)

    static let deleteTask = Statement(
        "task_delete",
        """
        with old as (
            select t.id from parley.tasks t where t.user_id = $1 and t.id = $2 and t.deleted_at is null for update
        ), new as (
            update parley.tasks t set deleted_at = clock_timestamp(), updated_at = clock_timestamp()
            from old
            where t.id = old.id and t.user_id = $1 and ($3::timestamptz is null or t.updated_at = $3)
            returning \(taskColumns)
        )
        select new.*, true from old left join new on true
        """, T.text, T.int8, T.timestamptz)
}

extension Rows {
    func task(_ row: Int) throws(PostgresError) -> StoredTask {
        StoredTask(
            id: try int8(row, 0), number: Int(try int4(row, 1)), userID: try text(row, 2), title: try text(row, 3),
            description: try optionalText(row, 4), isCompleted: try bool(row, 5), isGenerated: try bool(row, 6),
            lastInteractionID: try isNull(row, 7) ? nil : try identifier(row, 7),
            dueAt: try isNull(row, 8) ? nil : try timestamp(row, 8), recurrence: try optionalText(row, 9),
            createdAt: try timestamp(row, 10), updatedAt: try timestamp(row, 11))
    }
}
