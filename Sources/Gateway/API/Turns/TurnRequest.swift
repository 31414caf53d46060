import JSON
package import Chat

/// A turn that was asked for over HTTP.
struct TurnRequest: Sendable {
    var user: UserRecord
    var thread: ThreadReference
    var content: String
    var clientID: String?
    var policy: ClientCommand.QueuePolicy
}

/// What the session said to it, read from the frame that a socket would have got.
package enum TurnAnswer: Sendable, Equatable {
    package struct Acknowledgement: Sendable, Equatable {
        var threadID: Identifier
        var messageID: Identifier
        var runID: Identifier
        /// `running`, `queued` or `duplicate`.
        var status: String
        var position: Int?
    }

    case acknowledged(Acknowledgement)
    case refused(ClientError)

    /// Nil for frames that answer nothing.
    package init?(frame: UnsafeRawBufferPointer) {
        guard let frame = try? JSON(parsing: frame) else { return nil }
        switch frame["op"]?.string {
        case "ack":
            guard let thread = frame["threadId"]?.string.flatMap({ Identifier($0) }),
                let message = frame["messageId"]?.string.flatMap({ Identifier($0) }),
                let run = frame["runId"]?.string.flatMap({ Identifier($0) }), let status = frame["status"]?.string
            else { return nil }
            self = .acknowledged(
                Acknowledgement(
                    threadID: thread, messageID: message, runID: run, status: status,
                    position: frame["position"]?.integer.map { Int($0) }))
        case "error":
            guard let code = frame["code"]?.string.flatMap({ ErrorCode(rawValue: $0) }) else { return nil }
            self = .refused(
                ClientError(
                    code, frame["message"]?.string ?? "", retryAfter: frame["retryAfter"]?.integer.map { Int($0) }))
        default: return nil
        }
    }
}

extension TurnAnswer.Acknowledgement {
    /// As the HTTP API shows it.
    var json: [UInt8] {
        var body: [UInt8] = []
        body.append(#"{"conversation_id":""#)
        threadID.append(to: &body)
        body.append(#"","message_id":""#)
        messageID.append(to: &body)
        body.append(#"","run_id":""#)
        runID.append(to: &body)
        body.append(#"","status":"#)
        body.append(jsonString: status)
        body.append(#","position":"#)
        if let position { body.append(decimal: position) } else { body.append("null") }
        body.append("}")
        return body
    }
}
