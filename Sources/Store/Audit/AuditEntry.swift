package import JSON

/// What is written into the audit trail.
package enum AuditAction: String, Sendable, CaseIterable {
    /// A socket was opened, or renewed its token, by somebody whose token was accepted.
    case signIn = "sign_in"
    case tokenRenewed = "token_renewed"
    /// A token, an origin or a right that was not good enough; `detail` says why.
    case refused
    case messageDeleted = "message_deleted"
    case conversationDeleted = "conversation_deleted"
    case userDeleted = "user_deleted"
    case exported
    case imported
    /// An admin's look at, or change of, what is somebody else's.
    case adminAccess = "admin_access"
    /// What a person was asked was decided, or not in time; written by the database with the decision.
    case approval
    /// Entries that were lost because the queue was full.
    case dropped = "audit_dropped"
}

/// Who did what, on what, from where, and whether that was allowed. No contents and no tokens.
package struct AuditEntry: Sendable, Equatable {
    package var action: AuditAction
    package var actor: String
    /// `message/<id>`, `user/<id>`…
    package var object: String?
    /// The client's address.
    package var origin: String?
    package var allowed: Bool
    package var detail: JSONObject
    /// Microseconds since 1970.
    package var at: Int64

    package init(
        _ action: AuditAction, by actor: String, on object: String? = nil, from origin: String?, allowed: Bool = true,
        detail: JSONObject = JSONObject(), at: Int64
    ) {
        self.action = action
        self.actor = actor
        self.object = object
        self.origin = origin
        self.allowed = allowed
        self.detail = detail
        self.at = at
    }
}
