package import JSON
package import Chat
import HTTP
import Strings

/// AG-UI's RunAgentInput, as far as Parley uses it: the thread, the run, which user's message is the new one, and those
/// before it that may not be stored yet.
///
/// Parley keeps the history itself. Other messages of the input are only compared with it by their ids; state, tools,
/// context and forwarded properties are accepted and not used.
package struct AGUIRunInput: Sendable {
    /// Code points of an id of the client's.
    static let idLength = 255
    /// Messages of one input.
    static let maximumMessages = 2_000

    var threadID: String
    var runID: String
    /// The last message of the user's.
    package var messageID: String
    package var content: String
    /// The user's messages before it, in their order, with contents that are read when they are needed.
    var earlier: [(id: String, content: JSON?)]
    /// The ids of all messages that the client has.
    package var knownIDs: Set<String>
    /// Answers to what the conversation asks; `nil`: it is a message.
    package var answers: [InterruptAnswer]?

    package init(_ object: JSONObject, limits: ChatLimits) throws(APIFailure) {
        threadID = try Self.id(object, "threadId")
        runID = try Self.id(object, "runId")
        guard let messages = try object.given("messages", "an array", \.array).value else {
            throw APIFailure(.invalidField, "\"messages\" is required.")
        }
        guard messages.count <= Self.maximumMessages else {
            throw APIFailure(.invalidField, "\"messages\" has at most \(Self.maximumMessages) elements.")
        }
        var known: Set<String> = []
        var last: JSONObject?
        var earlier: [(id: String, content: JSON?)] = []
        for message in messages {
            guard let message = message.object, let role = message["role"]?.string else {
                throw APIFailure(.invalidField, "Each of \"messages\" is an object with a role.")
            }
            let id = try Self.id(message, "id")
            known.insert(id)
            guard role == "user" else { continue }
            earlier.append((id, message["content"]))
            last = message
        }
        if case .array(let entries)? = object["resume"], !entries.isEmpty {
            do throws(ClientError) {
                answers = try InterruptAnswer.read(object["resume"], idName: "interruptId")
            } catch {
                throw APIFailure(error)
            }
            // The messages are those that are known.
            (messageID, content, self.earlier, knownIDs) = ("", "", [], known)
            return
        }
        guard let last else { throw APIFailure(.invalidField, "\"messages\" has no message of the user's.") }
        messageID = try Self.id(last, "id")
        content = try Self.checked(last["content"], limits)
        // Sent again within the same list it is one message.
        self.earlier = earlier.dropLast().filter { [messageID] in !$0.id.isExactly(messageID) }
        knownIDs = known
    }

    /// A message's content, which is one that can be stored.
    static func checked(_ value: JSON?, _ limits: ChatLimits) throws(APIFailure) -> String {
        let content = try content(value)
        do {
            try ContentRules.check(content, limits: limits)
        } catch {
            throw APIFailure(error)
        }
        return content
    }

    private static func id(_ object: JSONObject, _ name: String) throws(APIFailure) -> String {
        let id = try object.text(name, limit: idLength).value ?? ""
        guard !id.isEmpty else {
            throw APIFailure(.invalidField, "\"\(name)\" must be a string of 1 to \(idLength) characters.")
        }
        return id
    }

    /// Plain text, or parts of which all are text.
    private static func content(_ value: JSON?) throws(APIFailure) -> String {
        if let text = value?.string { return text }
        guard let parts = value?.array else {
            throw APIFailure(.invalidField, "\"content\" must be a string or an array of parts.")
        }
        var texts: [String] = []
        for part in parts {
            guard part["type"]?.string == "text", let text = part["text"]?.string else {
                throw APIFailure(.invalidField, "Only parts of type \"text\" can be read.")
            }
            texts.append(text)
        }
        return texts.joined(separator: "\n")
    }

    // MARK: Ids of ours for ids of the client's

    /// The conversation that stands for a thread of this user which is none of ours: always the same one, and never
    /// one that another user could name. A version 8 UUID (RFC 9562 section 5.8).
    package func conversationID(of userID: String) -> Identifier {
        let digest = Digest.sha256(Array("agui\0\(userID)\0\(threadID)".utf8))
        var words: (UInt64, UInt64) = (0, 0)
        for byte in digest[0..<8] { words.0 = words.0 << 8 | UInt64(byte) }
        for byte in digest[8..<16] { words.1 = words.1 << 8 | UInt64(byte) }
        return Identifier(
            high: words.0 & 0xFFFF_FFFF_FFFF_0FFF | 0x8000, low: words.1 & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        )
    }

    /// The idempotency key of the new message. Clients count their messages within a thread, so the thread is in it.
    package func clientID(in conversation: Identifier) -> String {
        clientID(of: messageID, in: conversation)
    }

    func clientID(of messageID: String, in conversation: Identifier) -> String {
        let digest = Digest.sha256(Array("\(conversation)\0\(messageID)".utf8))
        return "agui:" + Digest.hex(digest.prefix(20))
    }
}
