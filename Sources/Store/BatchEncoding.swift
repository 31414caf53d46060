import Chat
import Postgres

/// The rows of a batch as the arrays that the batch functions take: one pass a column, into a buffer used again.
extension Parameters {
    mutating func fill(_ turns: [NewTurn], _ settings: StoreSettings) {
        removeAll()
        beginArray(of: PostgresType.text)
        for index in turns.indices { add(text: turns[index].userID) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for index in turns.indices { add(turns[index].threadID) }
        endArray()
        beginArray(of: PostgresType.bool)
        for index in turns.indices { add(bool: turns[index].isNewThread) }
        endArray()
        beginArray(of: PostgresType.text)
        for index in turns.indices { add(text: turns[index].title) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for index in turns.indices { add(turns[index].messageID) }
        endArray()
        beginArray(of: PostgresType.text)
        for index in turns.indices { add(text: turns[index].clientID) }
        endArray()
        beginArray(of: PostgresType.text)
        for index in turns.indices { add(text: turns[index].content) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for index in turns.indices { add(turns[index].runID) }
        endArray()
        beginArray(of: PostgresType.bool)
        for index in turns.indices { add(bool: turns[index].startsNow) }
        endArray()
        append(text: settings.node)
        append(int4: Int32(clamping: settings.messagesPerConversation))
    }

    mutating func fill(_ endings: [RunEnding]) {
        removeAll()
        beginArray(of: PostgresType.text)
        for index in endings.indices { add(text: endings[index].userID) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for index in endings.indices { add(endings[index].threadID) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for index in endings.indices { add(endings[index].runID) }
        endArray()
        beginArray(of: PostgresType.text)
        for index in endings.indices { add(text: endings[index].status.rawValue) }
        endArray()
        beginArray(of: PostgresType.jsonb)
        for index in endings.indices { add(jsonb: endings[index].usage.map(StoredJSON.usage)) }
        endArray()
        beginArray(of: PostgresType.jsonb)
        for index in endings.indices { add(jsonb: endings[index].failure.map(StoredJSON.failure)) }
        endArray()
        beginArray(of: PostgresType.uuid)
        for index in endings.indices { add(endings[index].nextRunID) }
        endArray()
        fillMessages(endings)
    }

    private mutating func fillMessages(_ endings: [RunEnding]) {
        beginArray(of: PostgresType.int4)
        for index in endings.indices {
            for _ in endings[index].messages { add(int4: Int32(truncatingIfNeeded: index + 1)) }
        }
        endArray()
        beginArray(of: PostgresType.uuid)
        for index in endings.indices { for message in endings[index].messages { add(message.id) } }
        endArray()
        beginArray(of: PostgresType.text)
        for index in endings.indices { for message in endings[index].messages { add(text: message.role.rawValue) } }
        endArray()
        beginArray(of: PostgresType.text)
        for index in endings.indices { for message in endings[index].messages { add(text: message.content) } }
        endArray()
        beginArray(of: PostgresType.jsonb)
        for index in endings.indices {
            for message in endings[index].messages {
                add(jsonb: message.toolCalls.isEmpty ? nil : StoredJSON.toolCalls(message.toolCalls))
            }
        }
        endArray()
        beginArray(of: PostgresType.text)
        for index in endings.indices { for message in endings[index].messages { add(text: message.toolCallID) } }
        endArray()
        beginArray(of: PostgresType.text)
        for index in endings.indices { for message in endings[index].messages { add(text: message.status.rawValue) } }
        endArray()
    }

    mutating func fill(_ users: [UserRecord]) {
        removeAll()
        beginArray(of: PostgresType.text)
        for user in users { add(text: user.id) }
        endArray()
        beginArray(of: PostgresType.text)
        for user in users { add(text: user.email) }
        endArray()
        beginArray(of: PostgresType.text)
        for user in users { add(text: user.name) }
        endArray()
    }

    mutating func fill(_ checkpoints: [StoredCheckpoint]) {
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
