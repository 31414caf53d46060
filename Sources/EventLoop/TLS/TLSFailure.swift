import COpenSSL

/// Why TLS did not come about or did not go on. Holds no secret, so that it may be logged.
package enum TLSFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The peer's certificate was not accepted: OpenSSL's words ("certificate has expired", "hostname mismatch").
    case certificate(String)
    /// The handshake failed: OpenSSL's reason ("wrong version number", "no shared cipher").
    case handshake(String)
    /// The peer said so: its alert's number (RFC 8446 section 6).
    case alert(UInt8)
    /// The handshake took too long.
    case timedOut
    /// The peer went away during the handshake.
    case closed
    /// The peer ended the connection without saying that it had sent everything (no close_notify).
    case truncated
    /// Cut during the handshake to make room for newer ones.
    case crowdedOut
    /// What came after the handshake was not TLS, or more of its own messages than anybody needs.
    case record(String)

    package var description: String {
        switch self {
        case .certificate(let reason): "the certificate was not accepted: \(reason)"
        case .handshake(let reason): "the handshake failed: \(reason)"
        case .alert(let number):
            "the peer ended TLS: \(SSL_alert_desc_string_long(Int32(number)).map { String(cString: $0) } ?? "alert \(number)")"
        case .timedOut: "the handshake timed out"
        case .closed: "closed during the handshake"
        case .truncated: "ended without close_notify"
        case .crowdedOut: "cut for newer handshakes"
        case .record(let reason): "a bad record: \(reason)"
        }
    }
}

/// Certificates, keys or authorities that can't be used; one line for the operator.
package struct TLSConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// The queue in which OpenSSL leaves the errors of a thread. It is emptied before an operation whose outcome is asked
/// for, since `SSL_get_error` looks at it too.
enum OpenSSLErrors {
    /// Empties the thread's queue of errors, which SSL_get_error looks at. It is mostly empty, and OpenSSL walks through all
    /// of it nevertheless.
    static func clear() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// The oldest error's reason in words, "unknown" where there is none.
    static var reason: String {
        let code = ERR_peek_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return "unknown" }
        return String(cString: text)
    }

    /// The number of the alert that the peer sent, if that is what the oldest error says.
    static var peerAlert: UInt8? {
        let code = ERR_peek_error()
        guard code != 0, parley_error_library(code) == ERR_LIB_SSL else { return nil }
        // Reasons from 1000 on stand for alerts (SSL_AD_REASON_OFFSET).
        return UInt8(exactly: parley_error_reason(code) - SSL_AD_REASON_OFFSET)
    }
}
