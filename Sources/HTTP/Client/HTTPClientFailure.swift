import EventLoop
import Glibc

/// Why an exchange failed. Fit for a log: no header, no body, no credential.
package enum HTTPClientFailure: Error, Sendable, Equatable {
    /// A header can't be sent, or TLS is asked for where it is not set up.
    case invalidRequest
    /// The name has no address, or could not be looked up now.
    case unresolved
    case refused
    /// Every other failure to connect.
    case unreachable(String)
    case connectTimedOut
    /// The handshake or the verification of the certificate failed.
    case tls(String)
    /// The proxy answered CONNECT with this status, or not in HTTP (0).
    case proxy(Int)
    /// The connection ended or broke before a byte of the answer.
    case closedBeforeResponse
    case firstByteTimedOut
    /// Nothing came for the idle time in the middle of an answer.
    case idleTimedOut
    case totalTimedOut
    case malformed(HTTPResponseRefusal)
    /// The answer is encoded (gzip…) although that was not accepted.
    case encoded
    /// Status line and headers are over the bound.
    case headerTooLarge
    case bodyTooLarge
    /// The connection ended in the middle of the answer.
    case truncated
    /// A redirect, which is not followed, and where to.
    case redirected(Int, to: String)
    case tooManyConnections
    /// The client was closed.
    case closed

    init(_ refusal: HTTPResponseRefusal) {
        switch refusal {
        case .truncated: self = .truncated
        case .bodyTooLarge: self = .bodyTooLarge
        case .headerTooLarge, .tooManyHeaders: self = .headerTooLarge
        default: self = .malformed(refusal)
        }
    }
}

extension HTTPClientFailure {
    init(_ failure: ConnectFailure) {
        switch failure {
        case .timedOut: self = .connectTimedOut
        case .tls(let failure): self = .tls("\(failure)")
        case .system(let error):
            self = error.code == ECONNREFUSED ? .refused : .unreachable(error.description)
        }
    }
}

extension HTTPClientFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidRequest: "the request can't be sent"
        case .unresolved: "the name can't be resolved"
        case .refused: "the connection was refused"
        case .unreachable(let reason): "can't connect (\(reason))"
        case .connectTimedOut: "no connection in time"
        case .tls(let reason): "TLS failed (\(reason))"
        case .proxy(let status): status == 0 ? "the proxy gave no answer" : "the proxy answered \(status)"
        case .closedBeforeResponse: "the connection was closed before an answer"
        case .firstByteTimedOut: "no answer in time"
        case .idleTimedOut: "the answer stalled"
        case .totalTimedOut: "the answer took too long"
        case .malformed(let refusal): "the answer is malformed (\(refusal.rawValue))"
        case .encoded: "the answer is encoded in a way that was not accepted"
        case .headerTooLarge: "the headers of the answer are too large"
        case .bodyTooLarge: "the answer is too large"
        case .truncated: "the connection was lost in the middle of the answer"
        case .redirected(let status, _): "redirected (\(status)), which is not followed"
        case .tooManyConnections: "too many connections"
        case .closed: "the client is closed"
        }
    }
}
