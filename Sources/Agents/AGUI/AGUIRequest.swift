package import Chat
package import JSON

/// A `RunAgentInput` of AG-UI 1.0: what an upstream is told for one run. A turn may take several, each with the
/// messages and results of those before it.
package struct AGUIRequest: Sendable {
    package var threadID: String
    package var runID: String
    package var parentRunID: String?
    package var messages: [AGUIMessage]
    /// What the upstream said its state is, given back unread.
    package var state: JSON
    /// Interrupts that can't be put to a person: each is declined.
    package var declined: [String]
    /// And those that a person has answered.
    package var answers: [Approval] = []
    package var offersTools: Bool

    package init(
        threadID: String, runID: String, parentRunID: String? = nil, messages: [AGUIMessage], state: JSON = [:],
        declined: [String] = [], offersTools: Bool = true
    ) {
        self.threadID = threadID
        self.runID = runID
        self.parentRunID = parentRunID
        self.messages = messages
        self.state = state
        self.declined = declined
        self.offersTools = offersTools
    }

    package var body: [UInt8] {
        var body: [UInt8] = []
        body.append(#"{"threadId":"#)
        body.append(jsonString: threadID)
        body.append(#","runId":"#)
        body.append(jsonString: runID)
        if let parentRunID {
            body.append(#","parentRunId":"#)
            body.append(jsonString: parentRunID)
        }
        body.append(#","protocolVersion":"1.0","state":"#)
        body.append(json: state)
        body.append(#","messages":["#)
        let ordered = ToolExchange.ordered(messages, calls: { $0.toolCalls.map(\.id) }, answers: \.toolCallID)
        for (index, message) in ordered.enumerated() {
            if index > 0 { body.append(",") }
            body.append(agui: message)
        }
        body.append(#"],"tools":"#)
        if offersTools { body.append(contentsOf: ToolSchema.agui) } else { body.append("[]") }
        body.append(#","context":[],"forwardedProps":{}"#)
        if !declined.isEmpty || !answers.isEmpty {
            let entries =
                answers.compactMap(\.upstreamAnswer)
                + declined.map { id -> JSON in ["interruptId": .string(id), "status": "cancelled"] }
            body.append(#","resume":"#)
            body.append(json: .array(entries))
        }
        body.append("}")
        return body
    }
}

extension Approval {
    /// As the upstream is told of it, with the payload as the person's client gave it.
    fileprivate var upstreamAnswer: JSON? {
        guard let upstreamID else { return nil }
        var entry: JSONObject = [
            "interruptId": .string(upstreamID), "status": status == .approved ? "resolved" : "cancelled",
        ]
        if let payload { entry["payload"] = payload }
        return .object(entry)
    }
}
