import JSON
import Chat
import Postgres

/// The rows of a batch as the arrays that the batch functions take: one pass a column, into a buffer used again.
extension Parameters {
    mutating func fill(_ rows: [BatchRow.Turn], _ settings: StoreSettings) {
        removeAll()
        beginArray(of: PostgresType.text)
        for row in rows { add(text: row.turn.userID) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for row in rows { add(row.turn.threadID) }
        endArray()
        beginArray(of: PostgresType.bool)
        for row in rows { add(bool: row.turn.isNewThread) }
        endArray()
        beginArray(of: PostgresType.text)
        for row in rows { add(text: row.turn.title) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for row in rows { add(row.turn.messageID) }
        endArray()
        beginArray(of: PostgresType.text)
        for row in rows { add(text: row.turn.clientID) }
        endArray()
        beginArray(of: PostgresType.text)
        for row in rows { add(text: row.turn.content) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for row in rows { add(row.turn.runID) }
        endArray()
        beginArray(of: PostgresType.bool)
        for row in rows { if row.turn.waits { add(bool: row.turn.startsNow) } else { addNull() } }
        endArray()
        append(text: settings.node)
        append(int4: Int32(clamping: settings.messagesPerConversation))
        append(text: settings.contents.sealingKey)
        append(bool: settings.keepsSingleConversation)
    }

    mutating func fill(_ rows: [BatchRow.Ending], _ settings: StoreSettings) {
        removeAll()
        beginArray(of: PostgresType.text)
        for row in rows { add(text: row.ending.userID) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for row in rows { add(row.ending.threadID) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for row in rows { add(row.ending.runID) }
        endArray()
        beginArray(of: PostgresType.text)
        for row in rows { add(text: row.ending.status.rawValue) }
        endArray()
        beginArray(of: PostgresType.jsonb)
        for row in rows { add(jsonb: row.ending.usage.map(StoredJSON.usage)) }
        endArray()
        beginArray(of: PostgresType.jsonb)
        for row in rows { add(jsonb: row.ending.failure.map(StoredJSON.failure)) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for row in rows { add(row.ending.nextRunID) }
        endArray()
        fillMessages(rows)
        append(text: settings.contents.sealingKey)
        append(text: settings.node)
    }

    private mutating func fillMessages(_ rows: [BatchRow.Ending]) {
        beginArray(of: PostgresType.int4)
        for (index, row) in rows.enumerated() {
            for _ in row.ending.messages { add(int4: Int32(truncatingIfNeeded: index + 1)) }
        }
        endArray()
        beginArray(of: PostgresType.uuid)
        for row in rows { for message in row.ending.messages { add(message.id) } }
        endArray()
        beginArray(of: PostgresType.text)
        for row in rows { for message in row.ending.messages { add(text: message.role.rawValue) } }
        endArray()
        beginArray(of: PostgresType.text)
        for row in rows { for message in row.ending.messages { add(text: message.content) } }
        endArray()
        beginArray(of: PostgresType.jsonb)
        for row in rows {
            for message in row.ending.messages {
                add(jsonb: message.toolCalls.isEmpty ? nil : StoredJSON.toolCalls(message.toolCalls))
            }
        }
        endArray()
        beginArray(of: PostgresType.text)
        for row in rows { for message in row.ending.messages { add(text: message.toolCallID) } }
        endArray()
        beginArray(of: PostgresType.text)
        for row in rows { for message in row.ending.messages { add(text: message.status.rawValue) } }
        endArray()
    }

    /// The messages of one run that is stored by itself.
    mutating func fill(messages: [Message]) {
        beginArray(of: PostgresType.uuid)
        for message in messages { add(message.id) }
        endArray()
        beginArray(of: PostgresType.text)
        for message in messages { add(text: message.role.rawValue) }
        endArray()
        beginArray(of: PostgresType.text)
        for message in messages { add(text: message.content) }
        endArray()
        beginArray(of: PostgresType.jsonb)
        for message in messages {
            add(jsonb: message.toolCalls.isEmpty ? nil : StoredJSON.toolCalls(message.toolCalls))
        }
        endArray()
        beginArray(of: PostgresType.text)
        for message in messages { add(text: message.toolCallID) }
        endArray()
        beginArray(of: PostgresType.text)
        for message in messages { add(text: message.status.rawValue) }
        endArray()
    }

    mutating func fill(_ users: [PendingUser], _ settings: StoreSettings) {
        removeAll()
        beginArray(of: PostgresType.text)
        for user in users { add(text: user.record.id) }
        endArray()
        beginArray(of: PostgresType.text)
        for user in users { add(text: user.record.email) }
        endArray()
        beginArray(of: PostgresType.text)
        for user in users { add(text: user.record.name) }
        endArray()
        beginArray(of: PostgresType.bool)
        for user in users { add(bool: !user.claims.isEmpty) }
        endArray()
        append(text: settings.node)
    }

    mutating func fill(_ releases: [ReleasedUser], _ settings: StoreSettings) {
        removeAll()
        beginArray(of: PostgresType.text)
        for user in releases { add(text: user.id) }
        endArray()
        beginArray(of: PostgresType.int8)
        for user in releases { add(int8: user.epoch) }
        endArray()
        append(text: settings.node)
    }

    mutating func fill(_ checkpoints: [StoredCheckpoint], _ settings: StoreSettings) {
        removeAll()
        beginArray(of: PostgresType.text)
        for checkpoint in checkpoints { add(text: checkpoint.userID) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for checkpoint in checkpoints { add(checkpoint.runID) }
        endArray()
        beginArray(of: PostgresType.text)
        for checkpoint in checkpoints { add(text: checkpoint.text) }
        endArray()
        append(text: settings.contents.sealingKey)
        append(text: settings.node)
    }
}

/// A checkpoint as it is stored: its messages as JSON text.
struct StoredCheckpoint {
    var userID: String
    var runID: Identifier
    var text: String

    init(_ checkpoint: RunCheckpoint) {
        userID = checkpoint.userID
        runID = checkpoint.runID
        var bytes: [UInt8] = [UInt8(ascii: "[")]
        for message in checkpoint.messages {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes.append("{\"id\":\"")
            message.id.append(to: &bytes)
            bytes.append("\",\"content\":")
            bytes.append(jsonString: StorableText.clean(message.content))
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "]"))
        text = String(decoding: bytes, as: UTF8.self)
    }
}

/// Text that PostgreSQL can hold: any but NUL (U+0000).
enum StorableText {
    static func isClean(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { !$0.contains(0) }
    }

    /// What an assistant says is not refused for a NUL in it: each becomes U+FFFD.
    static func clean(_ text: String) -> String {
        if isClean(text) { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\u{0}" ? "\u{FFFD}" : $0 }))
    }

    static func clean(_ value: JSON) -> JSON {
        switch value {
        case .string(let text): .string(clean(text))
        case .array(let elements): .array(elements.map { clean($0) })
        case .object(let object):
            .object(
                JSONObject(members: object.members.map { .init(key: clean($0.key), value: clean($0.value)) }))
        default: value
        }
    }
}
