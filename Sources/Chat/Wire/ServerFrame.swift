import JSON

/// The frames of ours that a server sends (Protocol.md section 2), as JSON text.
package enum ServerFrame {
    package struct UnfinishedRun {
        package var threadID: Identifier
        package var runID: Identifier
        package var status: RunStatus
    }

    /// The event stream that a `ready` is of, where the socket is none (Protocol.md section 12).
    package struct Stream {
        package var id: Identifier
        /// It was cut, and goes on here.
        package var isResumed: Bool

        package init(id: Identifier, isResumed: Bool) {
            self.id = id
            self.isResumed = isResumed
        }
    }

    package enum AckStatus: String {
        case running, queued, duplicate, cancelled, idle, unsubscribed, selected
    }

    static func ready(
        sessionID: Identifier, userID: String, epoch: String, expiresAt: Int64, limits: ChatLimits,
        runs: [UnfinishedRun], stream: Stream?
    ) -> [UInt8] {
        var frame: [UInt8] = []
        frame.append(#"{"op":"ready","sessionId":""#)
        sessionID.append(to: &frame)
        frame.append("\"")
        if let stream {
            frame.append(#","streamId":""#)
            stream.id.append(to: &frame)
            frame.append("\"")
            if stream.isResumed { frame.append(#","resumed":true"#) }
        }
        frame.append(#","userId":"#)
        frame.append(jsonString: userID)
        frame.append(#","epoch":"#)
        frame.append(jsonString: epoch)
        frame.append(#","expiresAt":"#)
        frame.append(jsonString: Timestamp.rfc3339(microseconds: expiresAt))
        frame.append(#","limits":{"maxMessageBytes":"#)
        frame.append(decimal: limits.messageBytes)
        frame.append(#","maxContentLength":"#)
        frame.append(decimal: limits.contentLength)
        frame.append(#","maxQueuedTurns":"#)
        frame.append(decimal: limits.queuedTurns)
        frame.append(#","maxSubscriptions":"#)
        frame.append(decimal: limits.subscriptionsPerSocket)
        frame.append(#"},"runs":["#)
        for (index, run) in runs.enumerated() {
            if index > 0 { frame.append(",") }
            frame.append(#"{"threadId":""#)
            run.threadID.append(to: &frame)
            frame.append(#"","runId":""#)
            run.runID.append(to: &frame)
            frame.append(#"","status":""#)
            frame.append(contentsOf: run.status.rawValue.utf8)
            frame.append(#""}"#)
        }
        frame.append("]}")
        return frame
    }

    /// To `send`: with a message and a run, and a position while queued.
    static func ack(
        id: String?, threadID: Identifier, messageID: Identifier, runID: Identifier, status: AckStatus,
        position: Int? = nil
    ) -> [UInt8] {
        var frame = begin("ack", id: id)
        frame.append(#","threadId":""#)
        threadID.append(to: &frame)
        frame.append(#"","messageId":""#)
        messageID.append(to: &frame)
        frame.append(#"","runId":""#)
        runID.append(to: &frame)
        frame.append(#"","status":""#)
        frame.append(contentsOf: status.rawValue.utf8)
        frame.append("\"")
        if let position {
            frame.append(#","position":"#)
            frame.append(decimal: position)
        }
        frame.append("}")
        return frame
    }

    /// To `cancel` and `unsubscribe`.
    static func ack(id: String?, threadID: Identifier, runID: Identifier?, status: AckStatus) -> [UInt8] {
        var frame = begin("ack", id: id)
        frame.append(#","threadId":""#)
        threadID.append(to: &frame)
        frame.append("\"")
        if let runID {
            frame.append(#","runId":""#)
            runID.append(to: &frame)
            frame.append("\"")
        }
        frame.append(#","status":""#)
        frame.append(contentsOf: status.rawValue.utf8)
        frame.append(#""}"#)
        return frame
    }

    package static func error(id: String?, _ error: ClientError) -> [UInt8] {
        var frame = begin("error", id: id)
        frame.append(#","code":""#)
        frame.append(contentsOf: error.code.rawValue.utf8)
        frame.append(#"","message":"#)
        frame.append(jsonString: error.message)
        if let seconds = error.retryAfter {
            frame.append(#","retryAfter":"#)
            frame.append(decimal: seconds)
        }
        frame.append("}")
        return frame
    }

    static func snapshot(
        threadID: Identifier, messages: some Collection<Message>, hasMore: Bool, cursor: UInt64, epoch: String,
        interrupts: [Approval] = []
    ) -> [UInt8] {
        var frame: [UInt8] = []
        frame.append(#"{"op":"snapshot","threadId":""#)
        threadID.append(to: &frame)
        frame.append(#"","messages":["#)
        for (index, message) in messages.enumerated() {
            if index > 0 { frame.append(",") }
            frame.append(message: message)
        }
        frame.append(#"],"hasMore":"#)
        hasMore ? frame.append("true") : frame.append("false")
        frame.append(#","cursor":""#)
        frame.append(cursor: cursor, epoch: epoch)
        frame.append(#"","interrupts":"#)
        frame.append(interrupts: interrupts)
        frame.append("}")
        return frame
    }

    static func subscribed(
        id: String?, threadID: Identifier, isResumed: Bool, cursor: UInt64, epoch: String
    ) -> [UInt8] {
        var frame = begin("subscribed", id: id)
        frame.append(#","threadId":""#)
        threadID.append(to: &frame)
        isResumed ? frame.append(#"","mode":"resumed","cursor":""#) : frame.append(#"","mode":"snapshot","cursor":""#)
        frame.append(cursor: cursor, epoch: epoch)
        frame.append(#""}"#)
        return frame
    }

    static func thread(_ conversation: Conversation) -> [UInt8] {
        var frame = begin("thread", id: nil)
        frame.append(#","threadId":""#)
        conversation.id.append(to: &frame)
        frame.append(#"","title":"#)
        if let title = conversation.title { frame.append(jsonString: title) } else { frame.append("null") }
        frame.append(#","status":""#)
        frame.append(contentsOf: conversation.status.rawValue.utf8)
        frame.append(#"","updatedAt":"#)
        frame.append(jsonString: Timestamp.rfc3339(microseconds: conversation.updatedAt))
        frame.append("}")
        return frame
    }

    /// The last of an event stream: why it ends, with a code of Protocol.md section 5.
    package static func closing(code: Int, reason: String) -> [UInt8] {
        var frame = begin("closing", id: nil)
        frame.append(#","code":"#)
        frame.append(decimal: code)
        frame.append(#","reason":"#)
        frame.append(jsonString: reason)
        frame.append("}")
        return frame
    }

    /// `authenticated` and `authExpiring`; microseconds since 1970.
    package static func token(_ operation: StaticString, id: String? = nil, expiresAt: Int64) -> [UInt8] {
        var frame = begin(operation, id: id)
        frame.append(#","expiresAt":"#)
        frame.append(jsonString: Timestamp.rfc3339(microseconds: expiresAt))
        frame.append("}")
        return frame
    }

    package static func pong(id: String?) -> [UInt8] {
        var frame = begin("pong", id: id)
        frame.append("}")
        return frame
    }

    /// - Parameter reconnectAfter: seconds.
    package static func draining(reconnectAfter: Int) -> [UInt8] {
        var frame = begin("draining", id: nil)
        frame.append(#","reconnectAfter":"#)
        frame.append(decimal: reconnectAfter)
        frame.append("}")
        return frame
    }

    private static func begin(_ operation: StaticString, id: String?) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(256)
        frame.append(#"{"op":""#)
        frame.append(operation)
        frame.append("\"")
        if let id {
            frame.append(#","id":"#)
            frame.append(jsonString: id)
        }
        return frame
    }
}
