package import JSON

/// What a run asks a person before it goes on, as it is stored (Data-model.md, approvals).
package struct Approval: Sendable, Equatable {
    package enum Status: String, Sendable {
        case open, approved, declined, expired
    }

    /// The `reason` of an interrupt for one of our own tools.
    package static let toolReason = "tool_approval"

    /// Names the interrupt on the wire.
    package var id: Identifier
    /// The run that waits for it.
    package var runID: Identifier
    /// Of the operation that is to be carried out, in that run, from 1.
    package var ordinal: Int
    /// `nil`: a question of the upstream's, whose answer is the upstream's matter.
    package var tool: String?
    package var callID: String?
    package var parameters: JSON = .null
    package var reason = Approval.toolReason
    package var message: String?
    package var responseSchema: JSON?
    /// What the upstream calls it, and what it wants back with the answer.
    package var upstreamID: String?
    package var state: JSON?
    package var status = Status.open
    /// Microseconds since 1970, UTC; 0 before it is stored.
    package var expiresAt: Int64 = 0

    // MARK: Once it is decided

    /// The person's own words for a no.
    package var answerReason: String?
    /// The arguments as the person has corrected them.
    package var correction: JSON?
    /// For an upstream, as it was given.
    package var payload: JSON?
    /// What came of the call that was approved.
    package var result: JSON?

    package init(
        id: Identifier, runID: Identifier, ordinal: Int, tool: String?, callID: String?
    ) {
        self.id = id
        self.runID = runID
        self.ordinal = ordinal
        self.tool = tool
        self.callID = callID
    }

    /// The result of its call as the assistant sees it and the history has it; `nil`: it is the upstream's to give.
    package var callResult: String? {
        guard tool != nil else { return nil }
        if status == .approved { return (result ?? .null).description }
        var error: JSONObject = ["code": "declined", "message": "The person did not agree to this. Nothing was done."]
        if let answerReason { error["reason"] = .string(answerReason) }
        return JSON.object(["error": .object(error)]).description
    }
}

/// What a run leaves that waits for a person, and what it asks.
package struct RunSuspension: Sendable {
    package var ending: RunEnding
    package var approvals: [Approval]
    /// Seconds for which they stay open.
    package var expiresAfter: Int

    package init(ending: RunEnding, approvals: [Approval], expiresAfter: Int) {
        self.ending = ending
        self.approvals = approvals
        self.expiresAfter = expiresAfter
    }
}

package enum SuspensionOutcome: Sendable, Equatable {
    /// Committed; until when it is open, microseconds since 1970.
    case stored(expiresAt: Int64)
    /// The conversation was deleted meanwhile and the run with it.
    case threadGone
}

/// What there is of a conversation's approvals: those that are open, and those that were asked for by name.
package struct ThreadApprovals: Sendable, Equatable {
    package var approvals: [Approval]
    /// The runs that went on, by those that had waited.
    package var followers: [Identifier: Identifier]
    /// The question of the run that waits; `nil`: none does.
    package var question: Message?

    package init(approvals: [Approval] = [], followers: [Identifier: Identifier] = [:], question: Message? = nil) {
        self.approvals = approvals
        self.followers = followers
        self.question = question
    }

    package var open: [Approval] { approvals.filter { $0.status == .open } }
}

/// The answers to all that a suspended run asks, and the run that goes on with them.
package struct NewResumption: Sendable {
    package var userID: String
    package var threadID: Identifier
    package var suspendedRunID: Identifier
    package var runID: Identifier
    /// The session.
    package var decidedBy: String
    /// Decided: `approved` or `declined`, with what belongs to it.
    package var approvals: [Approval]

    package init(
        userID: String, threadID: Identifier, suspendedRunID: Identifier, runID: Identifier, decidedBy: String,
        approvals: [Approval]
    ) {
        self.userID = userID
        self.threadID = threadID
        self.suspendedRunID = suspendedRunID
        self.runID = runID
        self.decidedBy = decidedBy
        self.approvals = approvals
    }
}

package enum ResumeOutcome: Sendable, Equatable {
    /// Committed, also where it was before; what came of each call that was approved, by its approval.
    case resumed(results: [Identifier: JSON])
    /// They were answered before, or declined; the run that followed, if one did.
    case duplicate(runID: Identifier?)
    /// What is open is not what was answered.
    case changed
}

/// What a run goes on with.
package struct Resumption: Sendable, Equatable {
    package var suspendedRunID: Identifier
    /// All decided, by their ordinals.
    package var approvals: [Approval]

    package init(suspendedRunID: Identifier, approvals: [Approval]) {
        self.suspendedRunID = suspendedRunID
        self.approvals = approvals
    }
}

/// A run that waits for a person.
package struct SuspendedRun: Sendable, Equatable {
    package var threadID: Identifier
    package var runID: Identifier

    package init(threadID: Identifier, runID: Identifier) {
        self.threadID = threadID
        self.runID = runID
    }
}
