package import JSON
import HTTP
import HTTPTypes

/// Reading of request bodies: content type, JSON, and fields of the right kind.
package enum RequestBody {
    package static func object(_ body: [UInt8], contentType: String?) throws(APIFailure) -> JSONObject {
        guard case .object(let object) = try json(body, contentType: contentType) else {
            throw APIFailure(.invalidJSON, "The body must be a JSON object.")
        }
        return object
    }

    /// The frames of a client whose socket only speaks: one object, or an array of what should be objects.
    ///
    /// - Parameter frameLimit: bytes of one, as over a socket.
    package static func frames(
        _ body: [UInt8], contentType: String?, frameLimit: Int
    ) throws(APIFailure) -> [JSON] {
        let frames: [JSON]
        switch try json(body, contentType: contentType) {
        case .object(let object): frames = [.object(object)]
        case .array(let elements): frames = elements
        default: throw APIFailure(.invalidJSON, "The body must be a frame, or an array of frames.")
        }
        // The body has room for several.
        guard body.count <= frameLimit || frames.allSatisfy({ $0.description.utf8.count <= frameLimit }) else {
            throw APIFailure(.contentTooLong, "A frame has at most \(frameLimit) bytes.")
        }
        return frames
    }

    private static func json(_ body: [UInt8], contentType: String?) throws(APIFailure) -> JSON {
        guard isJSON(contentType) else {
            throw APIFailure(
                .invalidField, "The body must be application/json.", status: .unsupportedMediaType)
        }
        do {
            return try JSON(parsing: body)
        } catch {
            throw APIFailure(.invalidJSON, "The body is not valid JSON: \(error).")
        }
    }

    /// The media type without its parameters (RFC 9110 section 8.3.1).
    package static func isJSON(_ contentType: String?) -> Bool { mediaType(contentType) == "application/json" }

    /// JSON lines have several names, and none that is registered.
    package static func isJSONLines(_ contentType: String?) -> Bool {
        ["application/jsonl", "application/x-ndjson", "application/ndjson", "application/json-lines"]
            .contains(mediaType(contentType))
    }

    private static func mediaType(_ contentType: String?) -> String? {
        contentType?.prefix(while: { $0 != ";" }).filter { $0 != " " && $0 != "\t" }.lowercased()
    }
}

/// A field that may be left out, set to null, or given.
package enum Given<Value: Sendable & Equatable>: Sendable, Equatable {
    case absent
    case null
    case value(Value)

    var value: Value? { if case .value(let value) = self { value } else { nil } }
    var isAbsent: Bool { self == .absent }
}

extension JSONObject {
    func given<Value>(
        _ name: String, _ kind: String, _ read: (JSON) -> Value?
    ) throws(APIFailure) -> Given<Value> {
        guard let member = self[name] else { return .absent }
        if member.isNull { return .null }
        guard let value = read(member) else { throw APIFailure(.invalidField, "\"\(name)\" must be \(kind).") }
        return .value(value)
    }

    /// A string of at most `limit` code points without NUL, which the database can't hold.
    func text(_ name: String, limit: Int) throws(APIFailure) -> Given<String> {
        let text = try given(name, "a string", \.string)
        guard let value = text.value else { return text }
        guard value.unicodeScalars.count <= limit else {
            throw APIFailure(.invalidField, "\"\(name)\" has at most \(limit) characters.")
        }
        guard !value.unicodeScalars.contains("\0") else {
            throw APIFailure(.invalidField, "\"\(name)\" holds a NUL character, which can't be stored.")
        }
        return text
    }
}
