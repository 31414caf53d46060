package import JSON

/// A person's answer to one interrupt, as a client gave it.
package struct InterruptAnswer: Sendable, Equatable {
    package var interruptID: String
    package var isResolved: Bool
    package var payload: JSON?

    package init(interruptID: String, isResolved: Bool, payload: JSON?) {
        self.interruptID = interruptID
        self.isResolved = isResolved
        self.payload = payload
    }
}

extension InterruptAnswer {
    /// The answers of a request: of a socket, the HTTP API or AG-UI.
    ///
    /// - Parameter idName: what the interrupt's id is called there.
    package static func read(_ value: JSON?, idName: String) throws(ClientError) -> [InterruptAnswer] {
        guard case .array(let entries)? = value, !entries.isEmpty else {
            throw ClientError(.invalidField, "\"resume\" is an array of answers to all open interrupts.")
        }
        guard entries.count <= ResumeRules.mostAnswers else {
            throw ClientError(.invalidField, "\"resume\" has at most \(ResumeRules.mostAnswers) answers.")
        }
        var answers: [InterruptAnswer] = []
        for entry in entries {
            guard let id = entry[idName]?.string else {
                throw ClientError(.invalidField, "Each answer names its interrupt in \"\(idName)\".")
            }
            guard let status = entry["status"]?.string, status == "resolved" || status == "cancelled" else {
                throw ClientError(.invalidField, "The \"status\" of an answer is resolved or cancelled.")
            }
            answers.append(
                InterruptAnswer(interruptID: id, isResolved: status == "resolved", payload: entry["payload"]))
        }
        return answers
    }
}

/// Which answers can be used (Protocol.md section 10).
package enum ResumeRules {
    /// Answers of one request, and code points of the reason for a no.
    package static let mostAnswers = 256
    package static let reasonLength = 2_000

    package enum Verdict: Sendable, Equatable {
        /// All that is open, decided.
        case decide(run: Identifier, [Approval])
        /// They were answered before.
        case duplicate(run: Identifier?)
    }

    /// - Parameter accepts: whether a tool takes these arguments.
    package static func judge(
        _ answers: [InterruptAnswer], _ known: ThreadApprovals, accepts: (String, JSON) -> Bool
    ) throws(ClientError) -> Verdict {
        var byID: [Identifier: InterruptAnswer] = [:]
        for answer in answers {
            guard let id = Identifier(answer.interruptID), known.approvals.contains(where: { $0.id == id }) else {
                throw invalid("There is no such interrupt in this conversation.")
            }
            guard byID.updateValue(answer, forKey: id) == nil else {
                throw invalid("An interrupt is answered more than once.")
            }
        }
        let named = known.approvals.filter { byID[$0.id] != nil }
        guard let first = named.first else { throw invalid("\"resume\" answers nothing.") }
        if named.allSatisfy({ $0.status != .open }) {
            return .duplicate(run: known.followers[first.runID])
        }
        let open = known.open
        guard named.count == open.count, open.allSatisfy({ byID[$0.id] != nil }) else {
            throw invalid("\"resume\" has to answer all open interrupts of the conversation, and no others.")
        }
        var decided: [Approval] = []
        for approval in open.sorted(by: { $0.ordinal < $1.ordinal }) {
            guard let answer = byID[approval.id] else { continue }
            decided.append(try decide(approval, answer, accepts))
        }
        return .decide(run: first.runID, decided)
    }

    private static func decide(
        _ approval: Approval, _ answer: InterruptAnswer, _ accepts: (String, JSON) -> Bool
    ) throws(ClientError) -> Approval {
        var approval = approval
        guard let tool = approval.tool else {
            approval.status = answer.isResolved ? .approved : .declined
            approval.payload = answer.payload
            return approval
        }
        approval.status = .declined
        guard answer.isResolved else {
            approval.answerReason = try reason(answer.payload?["reason"])
            return approval
        }
        guard case .object(let payload)? = answer.payload, case .bool(let isApproved)? = payload["approved"] else {
            throw invalid("The \"payload\" of an answer has \"approved\": true or false.")
        }
        guard isApproved else {
            approval.answerReason = try reason(payload["reason"])
            return approval
        }
        approval.status = .approved
        switch payload["parameters"] {
        case nil, .null?: break
        case .object(let parameters)?:
            guard accepts(tool, .object(parameters)) else {
                throw invalid("The tool \(tool) can't use these parameters.")
            }
            approval.correction = .object(parameters)
        default: throw invalid("\"parameters\" is an object.")
        }
        return approval
    }

    private static func reason(_ value: JSON?) throws(ClientError) -> String? {
        switch value {
        case nil, .null?: return nil
        case .string(let text)?
        where text.utf8.count <= 4 * reasonLength && text.unicodeScalars.count <= reasonLength
            && !text.unicodeScalars.contains("\0"):
            return text.isEmpty ? nil : text
        default: throw invalid("\"reason\" is a text of at most \(reasonLength) characters.")
        }
    }

    private static func invalid(_ message: String) -> ClientError { ClientError(.invalidField, message) }
}
