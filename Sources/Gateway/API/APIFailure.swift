import Chat
package import HTTP
package import HTTPTypes
import Store

/// Why a request of the API did nothing.
package struct APIFailure: Error, Sendable, Equatable {
    package var code: APIErrorCode
    package var message: String
    /// Where it is not the code's own.
    package var status: HTTPResponse.Status?
    /// Seconds.
    package var retryAfter: Int?

    init(_ code: APIErrorCode, _ message: String, status: HTTPResponse.Status? = nil, retryAfter: Int? = nil) {
        self.code = code
        self.message = message
        self.status = status
        self.retryAfter = retryAfter
    }

    /// What the rules of the chat refused.
    init(_ error: ClientError) {
        self.init(
            APIErrorCode(rawValue: error.code.rawValue) ?? .internal, error.message, retryAfter: error.retryAfter)
    }

    init(_ error: StoreError) {
        switch error {
        case .rejected: self.init(.internal, "The request could not be carried out.")
        case .unavailable(let seconds): self.init(.unavailable, "The database is away.", retryAfter: seconds)
        case .fenced: self.init(.unavailable, "The gateway begins again.", retryAfter: 1)
        case .unknown: self.init(.unavailable, "The database is away.", retryAfter: 1)
        }
    }

    static let noConversation = APIFailure(.threadNotFound, "There is no such conversation.")
    static let noMessage = APIFailure(.notFound, "There is no such message.")
    static let noTask = APIFailure(.notFound, "There is no such task.")
    static let noUser = APIFailure(.notFound, "There is no such user.")
    static let forbidden = APIFailure(.forbidden, "This is another user's.")
    static let preconditionFailed = APIFailure(
        .invalidField, "It has changed since: \"If-Match\" is not its ETag.", status: .preconditionFailed)
}
