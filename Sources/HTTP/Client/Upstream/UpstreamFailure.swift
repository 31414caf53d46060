/// How a call to an upstream ended badly: what the user is told, and what the rules of repetition need to know.
package struct UpstreamFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The run error codes that an upstream can cause.
    package enum Code: String, Sendable, CaseIterable {
        case unavailable = "upstream_unavailable"
        case error = "upstream_error"
        case truncated = "upstream_truncated"
        case timeout = "upstream_timeout"
    }

    package var code: Code
    /// For the user; says nothing of credentials, headers or bodies.
    package var message: String
    /// The status of the answer, if there was one.
    package var status: Int?
    /// Seconds after which the upstream, or the gateway for it, may be asked again.
    package var retryAfter: Int?
    /// The beginning of an error answer's body, at most 4 KiB. It may hold anything: not for a log or a user as it is.
    package var detail: [UInt8]
    /// Whether sending the request again may help.
    package var isRetryable: Bool
    /// Whether it says that the upstream is ill, and not that this request was wrong.
    package var countsAgainstUpstream: Bool

    package init(
        _ code: Code, _ message: String, status: Int? = nil, retryAfter: Int? = nil, detail: [UInt8] = [],
        isRetryable: Bool = false, countsAgainstUpstream: Bool = true
    ) {
        self.code = code
        self.message = message
        self.status = status
        self.retryAfter = retryAfter
        self.detail = detail
        self.isRetryable = isRetryable
        self.countsAgainstUpstream = countsAgainstUpstream
    }

    package var description: String { "\(code.rawValue): \(message)" }

    /// - Parameter wait: nanoseconds until it may be asked again.
    static func breakerOpen(for wait: UInt64) -> UpstreamFailure {
        UpstreamFailure(
            .unavailable, "The assistant is not available at the moment.",
            retryAfter: Int((wait &+ 999_999_999) / 1_000_000_000), countsAgainstUpstream: false)
    }
    static let crowded = UpstreamFailure(
        .unavailable, "The assistant is busy; try again later.", countsAgainstUpstream: false)
    static let eventTooLarge = UpstreamFailure(
        .error, "The assistant sent an event that is too large.", countsAgainstUpstream: false)
    static let replyTooLarge = UpstreamFailure(
        .truncated, "The assistant's answer is too long.", countsAgainstUpstream: false)
    static let notAStream = UpstreamFailure(
        .error, "The assistant did not answer with a stream.", countsAgainstUpstream: false)
    static let incomplete = UpstreamFailure(
        .truncated, "The assistant's answer ended before it was complete.", isRetryable: true,
        countsAgainstUpstream: false)
}

// MARK: - From what happened

extension UpstreamFailure {
    /// An answer with a status outside 200 to 299.
    package init(status: Int, retryAfter: Int?, detail: [UInt8]) {
        switch status {
        case 429:
            self.init(
                .unavailable, "The assistant is over its rate limit.", status: status, retryAfter: retryAfter,
                detail: detail, isRetryable: true)
        case 502, 503:
            self.init(
                .unavailable, "The assistant is not available at the moment (\(status)).", status: status,
                retryAfter: retryAfter, detail: detail, isRetryable: true)
        case 504, 408:
            self.init(
                .timeout, "The assistant did not answer in time (\(status)).", status: status, retryAfter: retryAfter,
                detail: detail, isRetryable: true, countsAgainstUpstream: false)
        case 500...:
            // 501 and the like say that it will not do this, and will not the next time either.
            self.init(
                .error, "The assistant failed (\(status)).", status: status, retryAfter: retryAfter, detail: detail,
                isRetryable: status == 500 || status >= 520, countsAgainstUpstream: false)
        case 401, 403:
            self.init(
                .error, "The assistant refused the gateway's credentials (\(status)).", status: status, detail: detail,
                countsAgainstUpstream: false)
        default:
            self.init(
                .error, "The assistant refused the request (\(status)).", status: status, detail: detail,
                countsAgainstUpstream: false)
        }
    }

    /// - Parameter hasAnswer: whether the answer had begun.
    package init(_ failure: HTTPClientFailure, hasAnswer: Bool) {
        let unavailable = "The assistant can't be reached: \(failure)."
        switch failure {
        case .refused, .unresolved, .unreachable, .connectTimedOut, .closedBeforeResponse:
            self.init(.unavailable, unavailable, isRetryable: true)
        case .proxy(let status):
            self.init(.unavailable, unavailable, isRetryable: status == 0 || status >= 500)
        case .tls:
            self.init(.unavailable, unavailable)
        case .closed, .tooManyConnections:
            self.init(.unavailable, unavailable, countsAgainstUpstream: false)
        case .firstByteTimedOut:
            // It was connected and had begun: to ask again would throw away what it has done.
            self.init(.timeout, "The assistant did not answer in time.", countsAgainstUpstream: false)
        case .idleTimedOut:
            self.init(.timeout, "The assistant's answer stalled.", countsAgainstUpstream: false)
        case .totalTimedOut:
            self.init(.timeout, "The assistant's answer took too long.", countsAgainstUpstream: false)
        case .truncated:
            self = .incomplete
            countsAgainstUpstream = true
        case .bodyTooLarge:
            self.init(.truncated, "The assistant's answer is too long.", countsAgainstUpstream: false)
        case .malformed where hasAnswer:
            // A chunk that makes no sense in the middle: what came before it was understood.
            self.init(
                .error, "The assistant's answer is malformed.", isRetryable: true, countsAgainstUpstream: false)
        case .redirected(_, let target):
            self.init(
                .error, "The assistant's answer can't be used: \(failure).", detail: Array("to \(target)".utf8),
                countsAgainstUpstream: false)
        case .malformed, .encoded, .headerTooLarge:
            self.init(.error, "The assistant's answer can't be used: \(failure).", countsAgainstUpstream: false)
        case .invalidRequest:
            self.init(.error, "The request to the assistant can't be sent.", countsAgainstUpstream: false)
        }
    }
}

/// `Retry-After` (RFC 9110 section 10.2.3).
package enum RetryAfter {
    /// Seconds; a date is counted from `now` (seconds since 1970). nil for what is neither; at most a day.
    package static func seconds(_ text: String, now: Int) -> Int? {
        let most = 86_400
        if text.utf8.allSatisfy(HTTPByte.isDigit), !text.isEmpty { return min(Int(text) ?? most, most) }
        guard let date = HTTPDate.seconds(text) else { return nil }
        return min(max(date - now, 0), most)
    }
}
