package import Chat
import EventLoop
import Logging
import Postgres

/// The outbox: claimed by any gateway, an endpoint at a time. A claim is a lease; what makes nothing be lost is that a row
/// goes only when its endpoint has taken it, and what makes it be sent once as a rule is the claim.
extension PostgresChatStore {
    /// The next events for an endpoint, at most one a topic.
    ///
    /// - Parameter lease: milliseconds after which another may send them.
    package func claimWebhooks(
        for endpoint: String, limit: Int, lease: Int, completion: @escaping (Result<[WebhookEvent], StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: settings.node)
        parameters.append(text: endpoint)
        parameters.append(int4: Int32(clamping: limit))
        parameters.append(int4: Int32(clamping: lease))
        outbox(Statements.claimWebhooks, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    var events: [WebhookEvent] = []
                    for row in 0..<rows.count {
                        // One of a kind that this version does not know waits for a newer one.
                        guard let kind = WebhookEvent.Kind(rawValue: try rows.text(row, 2)) else { continue }
                        events.append(try rows.webhook(row, kind))
                    }
                    // A statement that changes rows gives them in no order.
                    return events.sorted { $0.id < $1.id }
                })
        }
    }

    /// Notes what became of an attempt; false: it was another gateway's by then.
    package func settle(
        _ event: WebhookEvent, _ outcome: WebhookOutcome, completion: @escaping (Result<Bool, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: settings.node)
        parameters.append(int8: event.id)
        switch outcome {
        case .taken:
            parameters.appendNull()
            parameters.appendNull()
        case .again(let reason, let delay):
            parameters.append(text: StorableText.clean(reason))
            parameters.append(int8: delay)
        case .givenUp(let reason):
            parameters.append(text: StorableText.clean(reason))
            parameters.appendNull()
        }
        outbox(Statements.settleWebhook, parameters) { [self] outcome in
            completion(decoded(outcome) { rows throws(PostgresError) in rows.count == 1 ? try rows.bool(0, 0) : false })
        }
    }

    /// The message of an event as it is now; `nil`: it is gone.
    package func webhookMessage(
        _ event: WebhookEvent, completion: @escaping (Result<Message?, StoreError>) -> Void
    ) {
        guard let threadID = event.threadID, let messageID = event.messageID else { return completion(.success(nil)) }
        var parameters = Parameters()
        parameters.append(text: event.userID)
        parameters.append(threadID)
        parameters.append(messageID)
        let contents = settings.contents
        run(event.userID, Statements.webhookMessage, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    rows.count == 0 ? nil : try rows.message(0, contents, threadID)
                })
        }
    }

    /// The run of an event as it is now; `nil`: it is gone.
    package func webhookRun(
        _ event: WebhookEvent, completion: @escaping (Result<StoredRun?, StoreError>) -> Void
    ) {
        guard let threadID = event.threadID, let runID = event.runID else { return completion(.success(nil)) }
        var parameters = Parameters()
        parameters.append(text: event.userID)
        parameters.append(threadID)
        parameters.append(runID)
        run(event.userID, Statements.webhookRun, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    guard rows.count > 0 else { return nil }
                    return StoredRun(
                        id: runID, threadID: threadID,
                        userMessageID: try rows.isNull(0, 0) ? nil : try rows.identifier(0, 0),
                        status: try rows.text(0, 1), code: try rows.optionalText(0, 2),
                        usage: try rows.optionalJSONB(0, 3), createdAt: try rows.timestamp(0, 4),
                        startedAt: try rows.isNull(0, 5) ? nil : try rows.timestamp(0, 5),
                        finishedAt: try rows.isNull(0, 6) ? nil : try rows.timestamp(0, 6))
                })
        }
    }

    package func webhookFigures(completion: @escaping (Result<WebhookFigures, StoreError>) -> Void) {
        outbox(Statements.webhookFigures, Parameters()) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    var figures = WebhookFigures()
                    guard rows.count == 1 else { return figures }
                    figures.pending = try rows.int8(0, 0)
                    figures.dead = try rows.int8(0, 1)
                    figures.age = Double(try rows.int8(0, 2)) / 1_000
                    return figures
                })
        }
    }

    /// - Parameter keep: microseconds that what nobody will send any more is kept.
    package func purgeWebhooks(keep: Int64) {
        var parameters = Parameters()
        parameters.append(int8: keep)
        parameters.append(int4: 1_000)
        outbox(Statements.purgeWebhooks, parameters) { _ in }
    }

    /// For all users by design, and not tried again: whoever asks comes back.
    private func outbox(
        _ statement: Statement, _ parameters: Parameters, completion: @escaping (Result<Rows, StoreError>) -> Void
    ) {
        var hasReturned = false
        pool.transaction({ $0.send(statement, parameters) }) { [self] outcome in
            let result: Result<Rows, StoreError>
            switch outcome {
            case .success(let answers): result = answers.first.map { .success($0) } ?? .failure(.rejected)
            case .failure(let error):
                if error.kind == .server {
                    logger.warning("the outbox could not be used", metadata: ["cause": "\(error)"])
                }
                result = .failure(error.kind == .server ? .rejected : BatchWriter.away)
            }
            if hasReturned { return completion(result) }
            _ = pool.loop.schedule(after: 0) { completion(result) }
        }
        hasReturned = true
    }
}

extension Statements {
    private typealias T = PostgresType

    static let tellEndpoints = Statement(
        "tell_endpoints", "select parley.tell_endpoints($1, $2)", T.text, T.textArray)

    static let claimWebhooks = Statement(
        "claim_webhooks",
        """
        select id, event_id, type, user_id, conversation_id, message_id, run_id, created_at, attempts
        from parley.claim_webhooks($1, $2, $3, $4)
        """, T.text, T.text, T.int4, T.int4)

    static let settleWebhook = Statement(
        "settle_webhook", "select parley.settle_webhook($1, $2, $3, $4)", T.text, T.int8, T.text, T.int8)

    static let webhookFigures = Statement(
        "webhook_figures", "select pending, dead, (age * 1000)::bigint from parley.webhook_figures()")

    static let purgeWebhooks = Statement(
        "purge_webhooks", "select parley.purge_webhooks($1, $2)", T.int8, T.int4)

    static let webhookMessage = Statement(
        "webhook_message",
        """
        select \(messageColumns)
        from parley.messages m join parley.conversations c on c.id = m.conversation_id and c.status <> 'deleted'
        left join parley.runs r on r.user_message_id = m.id
        where m.id = $3 and m.conversation_id = $2 and m.user_id = $1
        order by r.created_at desc nulls last limit 1
        """, T.text, T.uuid, T.uuid)

    static let webhookRun = Statement(
        "webhook_run",
        """
        select r.user_message_id, r.status, r.error ->> 'code', r.usage, r.created_at, r.started_at, r.finished_at
        from parley.runs r join parley.conversations c on c.id = r.conversation_id and c.status <> 'deleted'
        where r.id = $3 and r.conversation_id = $2 and r.user_id = $1
        """, T.text, T.uuid, T.uuid)
}

extension Rows {
    fileprivate func webhook(_ row: Int, _ kind: WebhookEvent.Kind) throws(PostgresError) -> WebhookEvent {
        WebhookEvent(
            id: try int8(row, 0), eventID: try identifier(row, 1), kind: kind, userID: try text(row, 3),
            threadID: try isNull(row, 4) ? nil : try identifier(row, 4),
            messageID: try isNull(row, 5) ? nil : try identifier(row, 5),
            runID: try isNull(row, 6) ? nil : try identifier(row, 6), createdAt: try timestamp(row, 7),
            attempts: Int(try int4(row, 8)))
    }
}
