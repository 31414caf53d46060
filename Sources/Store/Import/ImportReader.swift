import Chat
import COpenSSL
import JSON
import Postgres

/// Reads the lines of an export, or of its plain form, for one user: checks them and makes of each what the database is
/// given. No I/O.
///
/// In the plain form ids may be any text and may be left out, and so may all but role and content of a message: what
/// is missing is made up from what is there, the same each time, so that the same lines are the same things again.
package struct ImportReader {
    /// Why a line is not taken.
    struct Refusal: Error {
        var reason: String

        init(_ reason: String) { self.reason = reason }
    }

    /// Bytes of a line.
    package static let lineBytes = 8 << 20
    /// The largest position: far beyond all that can be in a conversation.
    private static let maximumPosition: Int64 = 1_000_000
    /// Ids of tasks that JSON's readers hold without loss; the database counts on from the largest.
    private static let maximumTask: Int64 = 1 << 53
    private static let contentLength = 200_000
    private static let otherBytes = 1 << 20

    private let userID: String
    private let contents: ContentCipher
    /// RFC 3339: of what brings no time.
    private let now: String
    /// Conversations of the plain form: how far each is, and the run that answers its last question.
    private var places: [Identifier: (position: Int64, run: Identifier?)] = [:]

    package init(userID: String, contents: ContentCipher, now: Int64) {
        self.userID = userID
        self.contents = contents
        self.now = Timestamp.rfc3339(microseconds: now)
    }

    /// - Returns: what the line is, without its number; none for one that only ends the export.
    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(Refusal) -> [JSONObject] {
        guard bytes.count <= Self.lineBytes else { throw Refusal("the line is longer than \(Self.lineBytes) bytes") }
        let value: JSON
        do {
            value = try JSON(parsing: bytes)
        } catch {
            throw Refusal("not valid JSON: \(error)")
        }
        guard let line = value.object else { throw Refusal("not a JSON object") }
        switch line["type"]?.string {
        case "user": return [try user(line)]
        case "conversation": return [try conversation(line)]
        case "message": return try message(line)
        case "run": return [try run(line)]
        case "operation": return [try operation(line)]
        case "approval": return [try approval(line)]
        case "task": return [try task(line)]
        case "end": return []
        case let type?: throw Refusal("lines of type \"\(type.prefix(40))\" are not known")
        case nil: throw Refusal("\"type\" is required")
        }
    }

    // MARK: Kinds of lines

    private func user(_ line: JSONObject) throws(Refusal) -> JSONObject {
        [
            "type": "user", "email": try text(line, "email", limit: 320), "name": try text(line, "name", limit: 255),
            "created_at": try time(line, "created_at"), "last_seen_at": try time(line, "last_seen_at"),
        ]
    }

    private func conversation(_ line: JSONObject) throws(Refusal) -> JSONObject {
        let id = try id(line, "id", "conversation")
        let title = try text(line, "title", limit: 255)
        let status = line["status"]?.string ?? "active"
        guard ["active", "dormant", "archived"].contains(status) else {
            throw Refusal("\"status\" is active, dormant or archived")
        }
        let metadata = line["metadata"] ?? .null
        guard metadata.isNull || metadata.object != nil else { throw Refusal("\"metadata\" must be an object") }
        let created = try time(line, "created_at", orElse: now)
        return [
            "type": "conversation", "id": .string(id.description), "title": try sealed(title, of: id),
            "status": .string(status), "metadata": metadata.isNull ? .object([:]) : try stored(metadata, "metadata"),
            "head_run_id": try optionalID(line, "head_run_id", "run").map { .string($0.description) } ?? .null,
            "created_at": created, "updated_at": try time(line, "updated_at", orElse: created.string ?? now),
        ]
    }

    private mutating func message(_ line: JSONObject) throws(Refusal) -> [JSONObject] {
        let thread = try id(line, "conversation_id", "conversation")
        guard let role = line["role"]?.string.flatMap({ Role(rawValue: $0) }) else {
            throw Refusal("\"role\" is user, assistant or tool")
        }
        guard let content = try text(line, "content", limit: Self.contentLength).string else {
            throw Refusal("\"content\" is required")
        }
        guard role != .user || !content.isEmpty else { throw Refusal("a user's message must not be empty") }
        let place = places[thread] ?? (position: 0, run: nil)
        let position = line["position"]?.integer ?? place.position + 1
        guard (1...Self.maximumPosition).contains(position) else { throw Refusal("\"position\" is a number from 1") }
        let isPlain = line["id"] == nil
        let id =
            isPlain
            ? Self.derived("message", "\(thread) \(position)", of: userID) : try self.id(line, "id", "message")
        guard let status = MessageStatus(rawValue: line["status"]?.string ?? "complete") else {
            throw Refusal("\"status\" is complete, cancelled, interrupted or failed")
        }
        var run = try optionalID(line, "run_id", "run")
        let makesRun = role == .user && run == nil
        if run == nil { run = role == .user ? Self.derived("run", id.description, of: userID) : place.run }
        places[thread] = (position: max(position, place.position), run: role == .user ? run : place.run)
        if places.count > 100_000 { places = [thread: places[thread] ?? place] }
        let created = try time(line, "created_at", orElse: now)
        var message: JSONObject = [
            "type": "message", "id": .string(id.description), "conversation_id": .string(thread.description),
            "position": .integer(position), "role": .string(role.rawValue),
            "content": .string(try seal(content, .content, thread, id)),
            "tool_calls": try calls(line["tool_calls"] ?? .null, role, thread, id),
            "tool_call_id": role == .tool ? try text(line, "tool_call_id", limit: 255) : .null,
            "run_id": run.map { .string($0.description) } ?? .null, "status": .string(status.rawValue),
            "client_id": role == .user ? try text(line, "client_id", limit: 64) : .null, "created_at": created,
        ]
        // Without it a question follows the one before it.
        if role == .user, line["parent_run_id"] != nil {
            let parent = try optionalID(line, "parent_run_id", "run")
            message["parent_run_id"] = parent.map { .string($0.description) } ?? .null
        }
        guard makesRun, let run else { return [message] }
        // The plain form has no runs: each question has one that went well.
        return [
            message,
            [
                "type": "run", "id": .string(run.description), "conversation_id": .string(thread.description),
                "user_message_id": .string(id.description), "status": "completed", "usage": .null, "error": .null,
                "created_at": created, "started_at": created, "finished_at": created,
            ],
        ]
    }

    private func run(_ line: JSONObject) throws(Refusal) -> JSONObject {
        let created = try time(line, "created_at", orElse: now)
        var status = line["status"]?.string ?? ""
        var error = try stored(line["error"] ?? .null, "error", isObject: true)
        guard ["queued", "running", "suspended", "completed", "cancelled", "failed", "interrupted"].contains(status)
        else { throw Refusal("\"status\" is not one of a run's") }
        var finished = try time(line, "finished_at")
        if ["queued", "running", "suspended"].contains(status) {
            // Nothing runs it here.
            status = RunStatus.interrupted.rawValue
            error = ["code": "interrupted", "message": "The run was under way when it was exported."]
            if finished.isNull { finished = created }
        }
        var run: JSONObject = [
            "type": "run", "id": .string(try id(line, "id", "run").description),
            "conversation_id": .string(try id(line, "conversation_id", "conversation").description),
            "user_message_id": .string(try id(line, "user_message_id", "message").description),
            "client_id": try text(line, "client_id", limit: 64),
            "status": .string(status), "usage": try stored(line["usage"] ?? .null, "usage", isObject: true),
            "error": error, "created_at": created, "started_at": try time(line, "started_at"), "finished_at": finished,
        ]
        // Without it a run follows what its question follows.
        for name in ["parent_run_id", "resumed_run_id"] where line[name] != nil {
            run[name] = try optionalID(line, name, "run").map { .string($0.description) } ?? .null
        }
        return run
    }

    private func operation(_ line: JSONObject) throws(Refusal) -> JSONObject {
        guard let ordinal = line["ordinal"]?.integer, (1...Self.maximumPosition).contains(ordinal) else {
            throw Refusal("\"ordinal\" is a number from 1")
        }
        guard let type = line["operation_type"]?.string, ToolArguments.Operation(rawValue: type) != nil else {
            throw Refusal("\"operation_type\" is not one")
        }
        guard let status = line["status"]?.string, ["pending", "success", "failed"].contains(status) else {
            throw Refusal("\"status\" is pending, success or failed")
        }
        let message = try optionalID(line, "user_message_id", "message")
        return [
            "type": "operation", "operation_id": .string(try id(line, "operation_id", "operation").description),
            "conversation_id": .string(try id(line, "conversation_id", "conversation").description),
            "user_message_id": message.map { .string($0.description) } ?? .null,
            "run_id": .string(try id(line, "run_id", "run").description), "ordinal": .integer(ordinal),
            "operation_type": .string(type), "input_params": try stored(line["input_params"] ?? [:], "input_params"),
            "result": try stored(line["result"] ?? .null, "result"), "status": .string(status),
            "created_at": try time(line, "created_at", orElse: now), "finished_at": try time(line, "finished_at"),
        ]
    }

    private func approval(_ line: JSONObject) throws(Refusal) -> JSONObject {
        guard let ordinal = line["ordinal"]?.integer, (1...Self.maximumPosition).contains(ordinal) else {
            throw Refusal("\"ordinal\" is a number from 1")
        }
        let created = try time(line, "created_at", orElse: now)
        var decided = try time(line, "decided_at")
        guard var status = line["status"]?.string.flatMap({ Approval.Status(rawValue: $0) }) else {
            throw Refusal("\"status\" is open, approved, declined or expired")
        }
        if status == .open {
            // Its run is none that waits here.
            status = .declined
            decided = created
        }
        let thread = try self.id(line, "conversation_id", "conversation")
        let id = try self.id(line, "id", "approval")
        var approval: JSONObject = [
            "type": "approval", "id": .string(id.description), "conversation_id": .string(thread.description),
            "run_id": .string(try self.id(line, "run_id", "run").description), "ordinal": .integer(ordinal),
            "tool": try text(line, "tool", limit: 255), "call_id": try text(line, "call_id", limit: 255),
            "status": .string(status.rawValue), "decided_at": decided,
            "decided_by": try text(line, "decided_by", limit: 255),
            "reason": try text(line, "reason", limit: Self.contentLength),
            "correction": try stored(line["correction"] ?? .null, "correction"),
            "payload": try stored(line["payload"] ?? .null, "payload"), "created_at": created,
            "expires_at": try time(line, "expires_at", orElse: created.string ?? now),
        ]
        for name in ["parameters", "interrupt"] {
            var value = try stored(line[name] ?? .null, name)
            if contents.sealingKey != nil, !value.isNull {
                value = .string(try seal(value.description, .toolCalls, thread, id))
            }
            approval[name] = value
        }
        return approval
    }

    private func task(_ line: JSONObject) throws(Refusal) -> JSONObject {
        guard let title = try text(line, "title", limit: ToolArguments.titleLength).string,
            title.unicodeScalars.contains(where: { !$0.properties.isWhitespace })
        else { throw Refusal("\"title\" must not be blank") }
        var id = JSON.null
        if let value = line["id"], !value.isNull {
            guard let number = value.integer, (1...Self.maximumTask).contains(number) else {
                throw Refusal("\"id\" of a task is a number from 1")
            }
            id = .integer(number)
        }
        var number = JSON.null
        if let value = line["number"], !value.isNull {
            guard let integer = value.integer, (1...Self.maximumPosition).contains(integer) else {
                throw Refusal("\"number\" is a number from 1")
            }
            number = .integer(integer)
        }
        let created = try time(line, "created_at", orElse: now)
        let interaction = try optionalID(line, "last_interaction_id", "message")
        return [
            "type": "task", "id": id, "number": number, "title": .string(title),
            "due_at": try time(line, "due_at"), "recurrence": try text(line, "recurrence", limit: 200),
            "description": try text(line, "description", limit: ToolArguments.descriptionLength),
            "is_completed": .bool(line["is_completed"]?.bool ?? false),
            "ai_generated": .bool(line["ai_generated"]?.bool ?? false),
            "last_interaction_id": interaction.map { .string($0.description) } ?? .null, "created_at": created,
            "updated_at": try time(line, "updated_at", orElse: created.string ?? now),
        ]
    }

    // MARK: Fields

    private func text(_ line: JSONObject, _ name: String, limit: Int) throws(Refusal) -> JSON {
        guard let value = line[name], !value.isNull else { return .null }
        guard let text = value.string else { throw Refusal("\"\(name)\" must be a string") }
        guard text.unicodeScalars.count <= limit else { throw Refusal("\"\(name)\" has at most \(limit) characters") }
        guard StorableText.isClean(text) else { throw Refusal("\"\(name)\" holds a NUL character") }
        return value
    }

    /// `YYYY-MM-DDThh:mm:ss[.ffffff](Z|±hh:mm)`; what is no date all the same the database refuses.
    private func time(_ line: JSONObject, _ name: String, orElse missing: String? = nil) throws(Refusal) -> JSON {
        guard let value = line[name], !value.isNull else { return missing.map { .string($0) } ?? .null }
        guard let text = value.string, Self.isTime(text) else { throw Refusal("\"\(name)\" is a time of RFC 3339") }
        return value
    }

    private static func isTime(_ text: String) -> Bool {
        var rest = Substring(text)
        func takes(_ pattern: String) -> Bool {
            guard rest.utf8.count >= pattern.utf8.count else { return false }
            for (found, wanted) in zip(rest.utf8, pattern.utf8) {
                let isFit =
                    wanted == UInt8(ascii: "9") ? (0x30...0x39).contains(found) : found | 0x20 == wanted | 0x20
                guard isFit else { return false }
            }
            rest = rest.dropFirst(pattern.utf8.count)
            return true
        }
        guard text.utf8.allSatisfy({ $0 < 0x80 }), text.utf8.count <= 40, takes("9999-99-99t99:99:99") else {
            return false
        }
        if rest.first == "." {
            rest = rest.dropFirst()
            let digits = rest.prefix { $0.isNumber }.count
            guard (1...9).contains(digits) else { return false }
            rest = rest.dropFirst(digits)
        }
        if takes("z") { return rest.isEmpty }
        guard let sign = rest.first, sign == "+" || sign == "-" else { return false }
        rest = rest.dropFirst()
        return takes("99:99") && rest.isEmpty
    }

    private func id(_ line: JSONObject, _ name: String, _ kind: String) throws(Refusal) -> Identifier {
        guard let id = try optionalID(line, name, kind) else { throw Refusal("\"\(name)\" is required") }
        return id
    }

    private func optionalID(_ line: JSONObject, _ name: String, _ kind: String) throws(Refusal) -> Identifier? {
        guard let value = line[name], !value.isNull else { return nil }
        let text = value.string ?? value.integer.map { String($0) }
        guard let text, !text.isEmpty, text.unicodeScalars.count <= 255 else {
            throw Refusal("\"\(name)\" is a text of 1 to 255 characters")
        }
        return Identifier(text) ?? Self.derived(kind, text, of: userID)
    }

    /// The id of what brings one that is none of ours, or none: always the same for the same (RFC 9562, version 8).
    private static func derived(_ kind: String, _ text: String, of userID: String) -> Identifier {
        var digest = [UInt8](repeating: 0, count: 32)
        let bytes = Array("parley import\u{0}\(userID)\u{0}\(kind)\u{0}\(text)".utf8)
        _ = SHA256(bytes, bytes.count, &digest)
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return Identifier(
            high: word(digest[0..<8]) & ~0xF000 | 0x8000, low: word(digest[8..<16]) & (~0 >> 2) | 1 << 63)
    }

    private func stored(_ value: JSON, _ name: String, isObject: Bool = false) throws(Refusal) -> JSON {
        guard !isObject || value.isNull || value.object != nil else { throw Refusal("\"\(name)\" must be an object") }
        let clean = StorableText.clean(value)
        guard clean.description.utf8.count <= Self.otherBytes else { throw Refusal("\"\(name)\" is too large") }
        return clean
    }

    private func calls(
        _ value: JSON, _ role: Role, _ thread: Identifier, _ id: Identifier
    ) throws(Refusal) -> JSON {
        if value.isNull { return .null }
        guard role == .assistant, value["tools"]?.array != nil else {
            throw Refusal("\"tool_calls\" is an object with \"tools\", of an assistant's message")
        }
        let calls = StoredJSON.toolCalls(parsing: value.description)
        if calls.isEmpty { return .null }
        var text = StoredJSON.toolCalls(calls)
        if contents.sealingKey != nil {
            text = StoredJSON.toolCalls([StoredJSON.sealedCalls(try seal(text, .toolCalls, thread, id))])
        }
        return (try? JSON(parsing: text)) ?? .null
    }

    private func seal(
        _ text: String, _ kind: ContentCipher.Kind, _ thread: Identifier, _ id: Identifier
    ) throws(Refusal) -> String {
        do throws(PostgresError) {
            return try contents.seal(text, kind, thread: thread, id: id)
        } catch {
            throw Refusal("it could not be encrypted")
        }
    }

    private func sealed(_ title: JSON, of thread: Identifier) throws(Refusal) -> JSON {
        guard let text = title.string else { return .null }
        return .string(try seal(text, .title, thread, thread))
    }
}
