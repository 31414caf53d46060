import JSON
import Chat
import EventLoop
import Glibc
import HTTP
import HTTPTypes

extension GatewayHandler {
    /// `POST /dev/token`: a token for anybody who asks, which is why it exists with `serve --dev` only and answers
    /// this machine only. The `Host` must be the machine's own too, so that no name of a stranger's that was pointed
    /// here gets one, and neither must anything show a proxy: whoever asks through it is somewhere else.
    func makeToken(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        guard isThisMachine(request), judgeOrigin(of: request) != .refused,
            DevelopmentAccess.allows(owner: responder.peerOwner)
        else {
            responder.respond(error: .forbidden, "Development tokens are for this machine only.")
            return
        }
        guard let body = try? JSON(parsing: request.body), case .object(let object) = body else {
            responder.respond(error: .invalidJSON, "The body must be a JSON object.")
            return
        }
        guard let userID = object["user_id"]?.string, (1...255).contains(userID.unicodeScalars.count),
            !userID.unicodeScalars.contains("\0")
        else {
            responder.respond(error: .invalidField, "\"user_id\" must have 1 to 255 characters.")
            return
        }
        var role: String?
        if let value = object["role"], !value.isNull {
            guard value.string == "admin" || value.string == "user" else {
                responder.respond(error: .invalidField, "\"role\" is admin or absent.")
                return
            }
            role = value.string == "admin" ? "admin" : nil
        }
        let loop = shard.loop
        let pending = LoopBound(PendingToken(handler: self, responder: responder), on: loop)
        let request = TokenRequest(userID: userID, role: role, configuration: shard.configuration)
        Task {
            let signed = await request.sign()
            loop.execute { pending.value.answer(signed) }
        }
    }
}

/// Whose programs may ask for development tokens.
package enum DevelopmentAccess {
    /// User ids of people on Linux (login.defs(5), UID_MIN and UID_MAX).
    private static let people: ClosedRange<UInt32> = 1_000...60_000

    /// A person's, the gateway's own and root's. A service has a user id below or above these (`www-data`, `nobody`):
    /// what it asks, as a proxy that says nothing of itself, is asked by somebody else.
    ///
    /// - Parameter owner: see `Socket.peerOwner`; `nil` where that is not known.
    package static func allows(owner: UInt32?, own: UInt32 = geteuid()) -> Bool {
        guard let owner else { return true }
        return owner == own || owner == 0 || people.contains(owner)
    }
}

private struct TokenRequest: Sendable {
    /// Seconds that a token of the development page lives.
    private static let lifetime: Double = 12 * 3_600

    let userID: String
    let role: String?
    let configuration: GatewayConfiguration

    /// The body of the answer.
    func sign() async -> [UInt8]? {
        let now = Double(wallClockMicroseconds()) / 1_000_000
        let signer = TokenSigner(secret: configuration.jwtSecret)
        guard
            let signed = try? await signer.sign(
                userID: userID, role: role, issuer: configuration.issuer, audience: configuration.audience, now: now,
                lifetime: Self.lifetime)
        else { return nil }
        var body: [UInt8] = []
        body.append(#"{"token":"#)
        body.append(jsonString: signed.token)
        body.append(#","expires_at":"#)
        body.append(jsonString: Timestamp.rfc3339(microseconds: Int64(signed.expiresAt * 1_000_000)))
        body.append("}")
        return body
    }
}

/// Somebody who waits for a token to be signed.
private final class PendingToken {
    private let handler: GatewayHandler
    private let responder: HTTPResponder

    init(handler: GatewayHandler, responder: HTTPResponder) {
        self.handler = handler
        self.responder = responder
    }

    func answer(_ body: [UInt8]?) {
        if let body {
            handler.respond(json: body, responder)
        } else {
            responder.respond(error: .internal, "The token could not be signed.")
        }
    }
}
