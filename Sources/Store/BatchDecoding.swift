import Chat
import Postgres

/// What came of a turn in a batch.
enum TurnAnswer: Equatable {
    struct Outcome: Equatable {
        var code: Int32
        var threadID: Identifier
        var messageID: Identifier
        var runID: Identifier
        var runEnded: Bool
        var position: Int
        var isRunning: Bool
        /// Where there is a conversation.
        var conversation: Conversation?

        func acceptance(of turn: NewTurn) -> Acceptance {
            switch (code, conversation) {
            case (0, .some(let conversation)):
                .accepted(conversation, position: position, isRunning: isRunning)
            case (1, _):
                .duplicate(threadID: threadID, messageID: messageID, runID: runID, runEnded: runEnded)
            case (3, _): .conversationFull
            case (5, _): .busy
            default: .threadNotFound
            }
        }
    }

    case outcome(Outcome)
    case again

    /// - Returns: `nil` where the answer has no readable row for a turn.
    static func decode(_ rows: Rows?, _ count: Int, _ contents: ContentCipher) -> [TurnAnswer?] {
        var answers = [TurnAnswer?](repeating: nil, count: count)
        guard let rows else { return answers }
        for row in 0..<rows.count {
            guard let ordinal = try? rows.int4(row, 0), ordinal >= 1, ordinal <= count else { continue }
            answers[Int(ordinal) - 1] = try? decode(rows, row, contents)
        }
        return answers
    }

    private static func decode(
        _ rows: Rows, _ row: Int, _ contents: ContentCipher
    ) throws(PostgresError) -> TurnAnswer {
        let code = try rows.int4(row, 1)
        if code == 4 { return .again }
        let threadID = try rows.identifier(row, 2)
        var conversation: Conversation?
        if code == 0 {
            let title = contents.open(
                title: try rows.optionalText(row, 7), key: try rows.optionalText(row, 11), thread: threadID)
            conversation = Conversation(
                id: threadID, title: title, status: .active,
                messageCount: Int(try rows.int4(row, 8)), createdAt: try rows.timestamp(row, 9),
                updatedAt: try rows.timestamp(row, 10), wasAsleep: try rows.bool(row, 12))
        }
        return .outcome(
            Outcome(
                code: code, threadID: threadID, messageID: try rows.identifier(row, 3),
                runID: try rows.identifier(row, 4), runEnded: try rows.bool(row, 5),
                position: Int(try rows.int4(row, 6)), isRunning: try rows.bool(row, 13), conversation: conversation))
    }
}

/// What came of an ending in a batch.
enum EndingAnswer: Equatable {
    case outcome(EndingOutcome)
    case again
    /// The run is another gateway's by now.
    case notOurs

    static func decode(_ rows: Rows?, _ count: Int) -> [EndingAnswer?] {
        var answers = [EndingAnswer?](repeating: nil, count: count)
        guard let rows else { return answers }
        for row in 0..<rows.count {
            guard let ordinal = try? rows.int4(row, 0), ordinal >= 1, ordinal <= count else { continue }
            answers[Int(ordinal) - 1] = try? decode(rows, row)
        }
        return answers
    }

    private static func decode(_ rows: Rows, _ row: Int) throws(PostgresError) -> EndingAnswer {
        switch try rows.int4(row, 1) {
        case 0: .outcome(.stored(updatedAt: try rows.timestamp(row, 2)))
        case 4: .again
        case 5: .notOurs
        default: .outcome(.threadGone)
        }
    }
}
