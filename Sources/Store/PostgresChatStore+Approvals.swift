import JSON
package import Chat
import EventLoop
import Postgres

/// Runs that wait for a person: what they ask, and what is answered (Protocol.md section 10).
extension PostgresChatStore {
    package func suspend(_ suspension: RunSuspension, completion: @escaping (StoreWrite<SuspensionOutcome>) -> Void) {
        sealing(completion) { () throws(PostgresError) in
            let isSealed = settings.contents.sealingKey != nil
            let ending = isSealed ? try sealed(suspension.ending) : suspension.ending
            var parameters = Parameters()
            parameters.append(text: settings.node)
            parameters.append(text: ending.userID)
            parameters.append(ending.threadID)
            parameters.append(ending.runID)
            if let usage = ending.usage {
                parameters.append(jsonb: StoredJSON.usage(usage))
            } else {
                parameters.appendNull()
            }
            parameters.fill(messages: ending.messages)
            parameters.append(text: settings.contents.sealingKey)
            parameters.append(int4: Int32(clamping: suspension.expiresAfter))
            var stored: [JSON] = []
            for approval in suspension.approvals { stored.append(try storedForm(of: approval, ending.threadID)) }
            parameters.append(jsonb: JSON.array(stored).description)
            run(ending.userID, Statements.suspendRun, parameters, isWrite: true) { outcome in
                let ended: Result<SuspensionOutcome, StoreError> = outcome.flatMap { rows in
                    guard rows.count == 1, let code = try? rows.int4(0, 0) else { return .failure(.rejected) }
                    switch code {
                    case 0: return .success(.stored(expiresAt: (try? rows.timestamp(0, 1)) ?? 0))
                    case 5: return .failure(.fenced)
                    default: return .success(.threadGone)
                    }
                }
                completion(StoreWrite(ended))
            }
        }
    }

    private func storedForm(of approval: Approval, _ thread: Identifier) throws(PostgresError) -> JSON {
        var interrupt: JSONObject = ["reason": .string(approval.reason)]
        if let message = approval.message { interrupt["message"] = .string(message) }
        if let schema = approval.responseSchema { interrupt["response_schema"] = schema }
        if let id = approval.upstreamID { interrupt["upstream_id"] = .string(id) }
        if let state = approval.state { interrupt["state"] = state }
        var row: JSONObject = [
            "id": .string(approval.id.description), "ordinal": .integer(Int64(approval.ordinal)),
        ]
        if let tool = approval.tool { row["tool"] = .string(StorableText.clean(tool)) }
        if let call = approval.callID { row["call"] = .string(StorableText.clean(call)) }
        row["parameters"] = try sealed(approval.parameters, of: approval.id, thread)
        row["interrupt"] = try sealed(.object(interrupt), of: approval.id, thread)
        return .object(row)
    }

    /// A value as it is, or under the key the text of it as a string.
    private func sealed(_ value: JSON, of id: Identifier, _ thread: Identifier) throws(PostgresError) -> JSON {
        let value = StorableText.clean(value)
        guard settings.contents.sealingKey != nil else { return value }
        return .string(try settings.contents.seal(value.description, .toolCalls, thread: thread, id: id))
    }

    package func approvals(
        userID: String, threadID: Identifier, ids: [Identifier],
        completion: @escaping (Result<ThreadApprovals?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        parameters.beginArray(of: PostgresType.uuid)
        for id in ids { parameters.add(id) }
        parameters.endArray()
        run(userID, Statements.approvals, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        guard rows.count > 0 else { return nil }
                        var known = ThreadApprovals()
                        for row in 0..<rows.count where try !rows.isNull(row, 0) {
                            let approval = try rows.approval(row, settings.contents, threadID)
                            known.approvals.append(approval)
                            if try !rows.isNull(row, 14) {
                                known.followers[approval.runID] = try rows.identifier(row, 14)
                            }
                            guard known.question == nil, try !rows.isNull(row, 15) else { continue }
                            let id = try rows.identifier(row, 15)
                            known.question = Message(
                                id: id, role: .user,
                                content: try settings.contents.open(
                                    try rows.text(row, 16), key: try rows.optionalText(row, 17), .content,
                                    thread: threadID, id: id),
                                position: Int(try rows.int4(row, 18)))
                        }
                        return known
                    }
                })
        }
    }

    package func resume(_ resumption: NewResumption, completion: @escaping (StoreWrite<ResumeOutcome>) -> Void) {
        var parameters = Parameters()
        parameters.append(text: settings.node)
        parameters.append(text: resumption.userID)
        parameters.append(resumption.threadID)
        parameters.append(resumption.suspendedRunID)
        parameters.append(resumption.runID)
        parameters.append(text: resumption.decidedBy)
        parameters.append(jsonb: JSON.array(resumption.approvals.map { decision($0) }).description)
        run(resumption.userID, Statements.resumeRun, parameters, isWrite: true) { [self] outcome in
            completion(
                StoreWrite(
                    outcome.flatMap { rows in
                        decode { () throws(PostgresError) in try Self.resumed(rows) }
                    }))
        }
    }

    private static func resumed(_ rows: Rows) throws(PostgresError) -> ResumeOutcome {
        guard rows.count == 1 else { return .changed }
        switch try rows.int4(0, 0) {
        case 0:
            var results: [Identifier: JSON] = [:]
            let stored = try rows.optionalJSONB(0, 2).flatMap { try? JSON(parsing: $0) }
            for member in stored?.object?.members ?? [] {
                if let id = Identifier(member.key) { results[id] = member.value }
            }
            return .resumed(results: results)
        case 1: return .duplicate(runID: try rows.isNull(0, 1) ? nil : try rows.identifier(0, 1))
        default: return .changed
        }
    }

    /// What is carried out of an approval: the call with its arguments as they are, or as the person has corrected them.
    private func decision(_ approval: Approval) -> JSON {
        var row: JSONObject = [
            "id": .string(approval.id.description), "status": .string(approval.status.rawValue),
        ]
        if let reason = approval.answerReason { row["reason"] = .string(reason) }
        if let correction = approval.correction { row["correction"] = StorableText.clean(correction) }
        if let payload = approval.payload { row["payload"] = StorableText.clean(payload) }
        guard approval.status == .approved, let tool = approval.tool else { return .object(row) }
        let given = approval.correction ?? approval.parameters
        var logged = StorableText.clean(given)
        if logged.description.utf8.count > settings.loggedArguments { logged = ["truncated": true] }
        var call: JSONObject = ["parameters": logged]
        switch ToolArguments.check(name: tool, arguments: given) {
        case .unknownTool:
            // A program that knew it has asked.
            call["type"] = "get"
            call["failure"] = ToolOutcome.failed("unknown_tool", "There is no such tool.").result
        case .invalid(let kind, let message):
            call["type"] = .string(kind.rawValue)
            call["failure"] = ToolOutcome.failed("invalid_arguments", message).result
        case .valid(let valid):
            call["type"] = .string(valid.operation.rawValue)
            if let id = valid.taskID { call["task"] = .integer(id) }
            if let title = valid.title { call["title"] = .string(title) }
            if let description = valid.description { call["description"] = .string(description) }
            if let completed = valid.completed { call["completed"] = .bool(completed) }
            if !valid.more.members.isEmpty { call["more"] = .object(valid.more) }
        }
        row["call"] = .object(call)
        return .object(row)
    }

    package func decline(
        userID: String, threadID: Identifier, runID: Identifier?, as status: Approval.Status, by session: String?,
        completion: @escaping (StoreWrite<Identifier?>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: settings.node)
        parameters.append(text: userID)
        parameters.append(threadID)
        if let runID { parameters.append(runID) } else { parameters.appendNull() }
        parameters.append(text: status.rawValue)
        parameters.append(text: status == .expired ? nil : session)
        run(userID, Statements.declineRun, parameters, isWrite: true) { [self] outcome in
            completion(
                StoreWrite(
                    outcome.flatMap { rows in
                        decode { () throws(PostgresError) in
                            if rows.count == 0 { return nil }
                            return try rows.isNull(0, 0) ? nil : try rows.identifier(0, 0)
                        }
                    }))
        }
    }

    package func resumption(
        userID: String, runID: Identifier, completion: @escaping (Result<Resumption?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(runID)
        run(userID, Statements.resumption, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        var found: Resumption?
                        for row in 0..<rows.count {
                            let approval = try rows.approval(row, settings.contents, try rows.identifier(row, 14))
                            if found == nil { found = Resumption(suspendedRunID: approval.runID, approvals: []) }
                            found?.approvals.append(approval)
                        }
                        return found
                    }
                })
        }
    }

    /// The runs of a user that wait for a person, of all conversations.
    package func suspendedRuns(
        userID: String, completion: @escaping (Result<[SuspendedRun], StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        run(userID, Statements.suspendedRuns, parameters) { [self] outcome in
            completion(
                outcome.flatMap { rows in
                    decode { () throws(PostgresError) in
                        var runs: [SuspendedRun] = []
                        for row in 0..<rows.count {
                            runs.append(
                                SuspendedRun(threadID: try rows.identifier(row, 0), runID: try rows.identifier(row, 1)))
                        }
                        return runs
                    }
                })
        }
    }

    /// What was not answered in time.
    package struct Expiry: Sendable {
        package var runs: [(userID: String, threadID: Identifier, runID: Identifier)] = []
        /// Milliseconds until the next of what is open expires; `nil`: nothing is open.
        package var waits: Int64?
    }

    /// Runs that one look takes.
    package static let expiredRuns = 100

    /// Declines what was not answered in time, for all users.
    package func expireApprovals(completion: @escaping (Result<Expiry, StoreError>) -> Void) {
        let node = settings.node
        var parameters = Parameters()
        parameters.append(text: node)
        parameters.append(int4: Int32(Self.expiredRuns))
        pool.transaction({ $0.send(Statements.expireApprovals, parameters) }) { [self] outcome in
            do throws(PostgresError) {
                let answers = try outcome.get()
                var expiry = Expiry()
                if let rows = answers.first {
                    for row in 0..<rows.count {
                        if try rows.isNull(row, 0) {
                            expiry.waits = try rows.isNull(row, 3) ? nil : try rows.int8(row, 3)
                        } else {
                            expiry.runs.append(
                                (try rows.text(row, 0), try rows.identifier(row, 1), try rows.identifier(row, 2)))
                        }
                    }
                }
                completion(.success(expiry))
            } catch {
                completion(.failure(error.isFence ? .fenced : error.kind == .pool ? BatchWriter.away : .unknown))
                if error.isFence { fenced(node) }
            }
        }
    }
}

extension Statements {
    private typealias T = PostgresType

    static let suspendRun = Statement(
        "suspend",
        "select * from parley.suspend_run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        T.text, T.text, T.uuid, T.uuid, T.jsonb, T.uuidArray, T.textArray, T.textArray, T.jsonbArray, T.textArray,
        T.textArray, T.text, T.int4, T.jsonb)

    static let resumeRun = Statement(
        "resume", "select * from parley.resume_run($1, $2, $3, $4, $5, $6, $7)", T.text, T.text, T.uuid, T.uuid, T.uuid,
        T.text, T.jsonb)

    static let declineRun = Statement(
        "decline", "select parley.decline_run($1, $2, $3, $4, $5, $6)", T.text, T.text, T.uuid, T.uuid, T.text, T.text)

    static let expireApprovals = Statement(
        "expire", "select * from parley.expire_approvals($1, $2)", T.text, T.int4)

    /// What `Rows.approval` reads.
    private static let approvalColumns = """
        a.id, a.run_id, a.ordinal, a.tool, a.call_id, a.parameters, a.interrupt, a.content_key, a.status, a.expires_at,
            a.reason, a.correction, a.payload, l.result
        """

    /// One row without an approval tells that nothing is open from that there is no such conversation.
    static let approvals = Statement(
        "approvals",
        """
        select \(approvalColumns), f.id, m.id, m.content, m.content_key, m.position
        from (
            select c.id from parley.conversations c where c.id = $2 and c.user_id = $1 and c.status <> 'deleted'
            union all
            select c.id from parley.archived_conversations c
            where c.id = $2 and c.user_id = $1 and c.deleted_at is null
        ) c
        left join parley.approvals a
            on a.conversation_id = c.id and a.user_id = $1 and (a.status = 'open' or a.id = any ($3))
        left join parley.task_operation_logs l on l.run_id = a.run_id and l.ordinal = a.ordinal
        left join parley.runs f on f.resumed_run_id = a.run_id
        left join parley.runs r on r.id = a.run_id
        left join parley.messages m on m.id = r.user_message_id
        order by a.ordinal
        """, T.text, T.uuid, T.uuidArray)

    static let resumption = Statement(
        "resumption",
        """
        select \(approvalColumns), a.conversation_id
        from parley.runs r
        join parley.approvals a on a.run_id = r.resumed_run_id
        left join parley.task_operation_logs l on l.run_id = a.run_id and l.ordinal = a.ordinal
        where r.id = $2 and r.user_id = $1
        order by a.ordinal
        """, T.text, T.uuid)

    static let suspendedRuns = Statement(
        "suspended",
        """
        select r.conversation_id, r.id from parley.runs r where r.user_id = $1 and r.status = 'suspended'
        order by r.created_at desc limit 1000
        """, T.text)
}

extension Rows {
    /// What may be sealed of an approval; `nil` also where it can't be opened any more: it can still be declined.
    func asked(
        _ row: Int, _ column: Int, key: String?, _ contents: ContentCipher, thread: Identifier, id: Identifier
    ) throws(PostgresError) -> JSON? {
        guard let stored = try optionalJSONB(row, column).flatMap({ try? JSON(parsing: $0) }) else { return nil }
        guard let key, case .string(let sealed) = stored else { return stored }
        guard let opened = try? contents.open(sealed, key: key, .toolCalls, thread: thread, id: id) else { return nil }
        return try? JSON(parsing: opened)
    }

    fileprivate func approval(
        _ row: Int, _ contents: ContentCipher, _ thread: Identifier
    ) throws(PostgresError) -> Approval {
        guard let status = Approval.Status(rawValue: try text(row, 8)) else {
            throw PostgresError(kind: .usage, message: "unknown status of an approval")
        }
        var approval = Approval(
            id: try identifier(row, 0), runID: try identifier(row, 1), ordinal: Int(try int4(row, 2)),
            tool: try optionalText(row, 3), callID: try optionalText(row, 4))
        let key = try optionalText(row, 7)
        let id = approval.id
        approval.parameters = try asked(row, 5, key: key, contents, thread: thread, id: id) ?? .null
        let interrupt = try asked(row, 6, key: key, contents, thread: thread, id: id)
        approval.reason = interrupt?["reason"]?.string ?? Approval.toolReason
        approval.message = interrupt?["message"]?.string
        approval.responseSchema = interrupt?["response_schema"]
        approval.upstreamID = interrupt?["upstream_id"]?.string
        approval.state = interrupt?["state"]
        approval.status = status
        approval.expiresAt = try timestamp(row, 9)
        approval.answerReason = try optionalText(row, 10)
        approval.correction = try optionalJSONB(row, 11).flatMap { try? JSON(parsing: $0) }
        approval.payload = try optionalJSONB(row, 12).flatMap { try? JSON(parsing: $0) }
        approval.result = try optionalJSONB(row, 13).flatMap { try? JSON(parsing: $0) }
        return approval
    }
}
