import Chat
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
    /// Interrupts that are answered: nobody can decide here, so each is declined.
    package var declined: [String]
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
        if !declined.isEmpty {
            let entries = declined.map { id -> JSON in ["interruptId": .string(id), "status": "cancelled"] }
            body.append(#","resume":"#)
            body.append(json: .array(entries))
        }
        body.append("}")
        return body
    }
}
