import Chat
import JSON
import Store

/// The body of a webhook: `type`, `timestamp` and `data`, which is the object of the HTTP API that the event is about. Of
/// what was deleted meanwhile there is no more than what it was.
enum WebhookPayload {
    static func message(_ event: WebhookEvent, _ message: Message?, hasContents: Bool) -> [UInt8] {
        wrap(event) { bytes in
            guard let message, let threadID = event.threadID else { return gone(event, event.messageID, &bytes) }
            bytes.append(fieldsOf: message, of: threadID, userID: event.userID, hasContents: hasContents)
        }
    }

    static func run(_ event: WebhookEvent, _ run: StoredRun?) -> [UInt8] {
        wrap(event) { bytes in
            guard let run else { return gone(event, event.runID, &bytes) }
            bytes.append(fieldsOf: run, userID: event.userID)
        }
    }

    static func user(_ event: WebhookEvent) -> [UInt8] {
        wrap(event) { bytes in
            bytes.append(#""id":"#)
            bytes.append(jsonString: event.userID)
        }
    }

    private static func wrap(_ event: WebhookEvent, _ data: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(#"{"type":"#)
        bytes.append(jsonString: event.kind.rawValue)
        bytes.append(#","timestamp":"#)
        bytes.append(time: event.createdAt)
        bytes.append(#","data":{"#)
        data(&bytes)
        bytes.append("}}")
        return bytes
    }

    private static func gone(_ event: WebhookEvent, _ id: Identifier?, _ bytes: inout [UInt8]) {
        bytes.append(#""id":"#)
        bytes.append(optional: id.map { "\($0)" })
        bytes.append(#","conversation_id":"#)
        bytes.append(optional: event.threadID.map { "\($0)" })
        bytes.append(#","user_id":"#)
        bytes.append(jsonString: event.userID)
        bytes.append(#","deleted":true"#)
    }
}
