package import JSON

/// Interrupts and their answers in the form of the AG-UI 1.0 models.
extension [UInt8] {
    package mutating func append(interrupts approvals: [Approval]) {
        append("[")
        for (index, approval) in approvals.enumerated() {
            if index > 0 { append(",") }
            append(json: approval.interrupt)
        }
        append("]")
    }

    package mutating func append(answers approvals: [Approval]) {
        append("[")
        for (index, approval) in approvals.enumerated() {
            if index > 0 { append(",") }
            append(json: approval.resumeEntry)
        }
        append("]")
    }
}

extension Approval {
    /// As it is shown to the person.
    package var interrupt: JSON {
        var object: JSONObject = ["id": .string(id.description), "reason": .string(reason)]
        if let message { object["message"] = .string(message) }
        if let callID { object["toolCallId"] = .string(callID) }
        if let responseSchema, case .object = responseSchema { object["responseSchema"] = responseSchema }
        if expiresAt > 0 { object["expiresAt"] = .string(Timestamp.rfc3339(microseconds: expiresAt)) }
        return .object(object)
    }

    /// As it was answered.
    package var resumeEntry: JSON {
        let isResolved = tool != nil || status == .approved
        var entry: JSONObject = [
            "interruptId": .string(id.description), "status": isResolved ? "resolved" : "cancelled",
        ]
        if tool == nil {
            if let payload, payload != .null { entry["payload"] = payload }
        } else {
            var payload: JSONObject = ["approved": .bool(status == .approved)]
            if let answerReason { payload["reason"] = .string(answerReason) }
            if let correction { payload["parameters"] = correction }
            entry["payload"] = .object(payload)
        }
        return .object(entry)
    }
}
