import JSON
import Chat

/// A turn that was asked for over HTTP.
struct TurnRequest: Sendable {
    var user: UserRecord
    var thread: ThreadReference
    var content: String
    var clientID: String?
    var policy: ClientCommand.QueuePolicy
    /// Messages that go before it and are stored only, in their order.
    var earlier: [Earlier] = []
    /// Instead of a message: answers to what the conversation asks.
    var answers: [InterruptAnswer]?

    var branch: Branch?

    struct Earlier: Sendable {
        var content: String
        var clientID: String
    }

    /// Where it goes, when not behind what is shown.
    enum Branch: Sendable {
        case behind(Identifier?)
        case again(Identifier)
    }
}

/// What an accepted turn is answered with.
package struct TurnAcknowledgement: Sendable, Equatable {
    var threadID: Identifier
    /// `nil`: it answers what was asked.
    var messageID: Identifier?
    var runID: Identifier
    /// `running`, `queued` or `duplicate`.
    var status: ServerFrame.AckStatus
    var position: Int?
}

extension TurnAcknowledgement {
    /// As the HTTP API shows it.
    var json: [UInt8] {
        var body: [UInt8] = []
        body.append(#"{"conversation_id":""#)
        threadID.append(to: &body)
        body.append(#"","#)
        if let messageID {
            body.append(#""message_id":""#)
            messageID.append(to: &body)
            body.append(#"","#)
        }
        body.append(#""run_id":""#)
        runID.append(to: &body)
        body.append(#"","status":"#)
        body.append(jsonString: status.rawValue)
        guard messageID != nil else { return body + Array("}".utf8) }
        body.append(#","position":"#)
        if let position { body.append(decimal: position) } else { body.append("null") }
        body.append("}")
        return body
    }
}
