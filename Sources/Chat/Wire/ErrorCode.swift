/// The codes of Protocol.md section 6, for sockets and HTTP alike.
package enum ErrorCode: String, Sendable, CaseIterable {
    case unauthenticated, forbidden
    case notFound = "not_found"
    case threadNotFound = "thread_not_found"
    case invalidJSON = "invalid_json"
    case invalidOperation = "invalid_op"
    case invalidField = "invalid_field"
    case emptyContent = "empty_content"
    case contentTooLong = "content_too_long"
    case conversationFull = "conversation_full"
    case busy
    case queueFull = "queue_full"
    case rateLimited = "rate_limited"
    case unavailable
    case `internal`
}

/// An error for the client: the operation did nothing.
package struct ClientError: Error, Sendable, Equatable {
    package var code: ErrorCode
    package var message: String
    /// Seconds.
    package var retryAfter: Int?

    package init(_ code: ErrorCode, _ message: String, retryAfter: Int? = nil) {
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
    }
}
