package import Chat
import EventLoop
import Logging
import Postgres

/// A reminder that this gateway has claimed.
package struct DueReminder: Sendable, Equatable {
    package var id: Int64
    package var userID: String
    /// Where it was asked for.
    package var threadID: Identifier
    /// Microseconds since 1970, UTC.
    package var due: Int64
    package var number: Int
    package var title: String
    /// The IANA name of the zone in which the time was said.
    package var timeZone: String?
}

/// What one look for reminders found.
package struct ClaimedReminders: Sendable, Equatable {
    package var reminders: [DueReminder]
    /// Milliseconds until the next one that is known; `nil`: there is none.
    package var waits: Int64?
}

/// The message of a reminder, to be stored.
package struct ReminderMessage: Sendable {
    package var reminder: DueReminder
    package var runID: Identifier
    package var messageID: Identifier
    package var content: String
    /// The conversation that is begun where the one in which it was asked for is gone or full.
    package var newThreadID: Identifier
    package var title: String

    package init(
        reminder: DueReminder, runID: Identifier, messageID: Identifier, content: String, newThreadID: Identifier,
        title: String
    ) {
        self.reminder = reminder
        self.runID = runID
        self.messageID = messageID
        self.content = content
        self.newThreadID = newThreadID
        self.title = title
    }
}

package enum FiredReminder: Sendable, Equatable {
    /// It is in this conversation, at that position.
    case stored(Conversation, position: Int, isNew: Bool)
    /// It has fired already, was moved, or is another gateway's by now.
    case gone
}

/// Reminders: claimed by any gateway, told once. A claim is a lease, of which nothing depends; what makes it once is
/// that the message and the end of the reminder are one transaction.
extension PostgresChatStore {
    /// Reminders claimed at a time.
    package static let claimedReminders = 50
    /// Milliseconds after which a claim that has led to nothing may be made anew.
    package static let reminderLease = 60_000

    /// What is due, for all users. Not tried again: the next look comes anyway.
    package func claimReminders(completion: @escaping (Result<ClaimedReminders, StoreError>) -> Void) {
        let node = settings.node
        var parameters = Parameters()
        parameters.append(text: node)
        parameters.append(int4: Int32(Self.claimedReminders))
        parameters.append(int4: Int32(Self.reminderLease))
        parameters.append(int4: Int32(clamping: settings.remindersPerHour))
        var hasReturned = false
        pool.transaction({ $0.send(Statements.claimReminders, parameters) }) { [self] outcome in
            let result: Result<ClaimedReminders, StoreError>
            switch outcome {
            case .success(let answers):
                result = decode { () throws(PostgresError) in
                    var claimed = ClaimedReminders(reminders: [], waits: nil)
                    guard let rows = answers.first else { return claimed }
                    for row in 0..<rows.count {
                        if try rows.isNull(row, 0) {
                            claimed.waits = try rows.isNull(row, 7) ? nil : try rows.int8(row, 7)
                        } else {
                            claimed.reminders.append(try rows.reminder(row))
                        }
                    }
                    return claimed
                }
            case .failure(let error):
                logger.warning("a look for reminders failed", metadata: ["cause": "\(error)"])
                result = .failure(error.isFence ? .fenced : error.kind == .server ? .rejected : BatchWriter.away)
            }
            if hasReturned { return completion(result) }
            _ = pool.loop.schedule(after: 0) { completion(result) }
        }
        hasReturned = true
    }

    /// Stores the message and that the reminder has fired. Offered again when a connection was lost, what was stored
    /// already is `gone`: it is shown from the history.
    package func fire(
        _ message: ReminderMessage, completion: @escaping (Result<FiredReminder, StoreError>) -> Void
    ) {
        offer(message, in: message.reminder.threadID, isNew: false) { [self] result in
            guard case .success(nil) = result else { return completion(result.map { $0 ?? .gone }) }
            offer(message, in: message.newThreadID, isNew: true) { completion($0.map { $0 ?? .gone }) }
        }
    }

    /// `nil`: the conversation is gone or full.
    private func offer(
        _ message: ReminderMessage, in threadID: Identifier, isNew: Bool,
        completion: @escaping (Result<FiredReminder?, StoreError>) -> Void
    ) {
        sealing(completion) { () throws(PostgresError) in
            let contents = settings.contents
            var parameters = Parameters()
            parameters.append(text: settings.node)
            parameters.append(int8: message.reminder.id)
            parameters.append(timestamptz: message.reminder.due)
            parameters.append(text: message.reminder.userID)
            parameters.append(threadID)
            parameters.append(bool: isNew)
            parameters.append(message.runID)
            parameters.append(message.messageID)
            parameters.append(
                text: try contents.seal(
                    StorableText.clean(message.content), .content, thread: threadID, id: message.messageID))
            parameters.append(text: isNew ? try contents.seal(title: message.title, thread: threadID) : nil)
            parameters.append(text: contents.sealingKey)
            parameters.append(int4: Int32(clamping: settings.messagesPerConversation))
            run(message.reminder.userID, Statements.fireReminder, parameters, isWrite: true) { [self] outcome in
                completion(
                    decoded(outcome) { rows throws(PostgresError) in
                        switch rows.count == 1 ? try rows.int4(0, 8) : 1 {
                        case 0:
                            return .stored(
                                try rows.conversation(0, contents, hasMetadata: false),
                                position: Int(try rows.int4(0, 7)), isNew: isNew)
                        case 2: return nil
                        default: return .gone
                        }
                    })
            }
        }
    }
}

extension Statements {
    private typealias T = PostgresType

    static let claimReminders = Statement(
        "claim_reminders",
        """
        select id, user_id, conversation_id, due_at, number, title, time_zone, waits
        from parley.claim_reminders($1, $2, $3, $4)
        """, T.text, T.int4, T.int4, T.int4)

    static let fireReminder = Statement(
        "fire_reminder",
        """
        select id, title, status, message_count, created_at, updated_at, title_key, "position", outcome
        from parley.fire_reminder($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        T.text, T.int8, T.timestamptz, T.text, T.uuid, T.bool, T.uuid, T.uuid, T.text, T.text, T.text, T.int4)
}

extension Rows {
    fileprivate func reminder(_ row: Int) throws(PostgresError) -> DueReminder {
        DueReminder(
            id: try int8(row, 0), userID: try text(row, 1), threadID: try identifier(row, 2),
            due: try timestamp(row, 3), number: Int(try int4(row, 4)), title: try text(row, 5),
            timeZone: try optionalText(row, 6))
    }
}
