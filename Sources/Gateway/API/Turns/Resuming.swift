import Chat
import EventLoop
import HTTP
import HTTPTypes
import JSON
import Store
import Strings

/// Answers to what a conversation asks, over HTTP: as the user's session sees it, a socket for the length of one answer.
enum Resuming {
    static func start(_ call: APICall, _ thread: Identifier, _ answers: [InterruptAnswer]) {
        guard let home = call.handler.siblings.home(of: call.userID) else {
            return call.fail(APIFailure(.unavailable, "The server is about to start.", retryAfter: 1))
        }
        let here = LoopBound(call, on: call.loop)
        let user = call.user
        home.loop.execute {
            home.value.ownership.claim(user) { verdict in
                guard case .granted(let hold) = verdict else {
                    return here.loop.execute { here.value.passOn(verdict, of: here.value.principal.userID) }
                }
                resume(thread, answers, in: home, of: user.id, hold) { reply in
                    here.loop.execute { answer(here.value, reply) }
                }
            }
        }
    }

    /// On the user's shard.
    private static func resume(
        _ thread: Identifier, _ answers: [InterruptAnswer], in home: LoopBound<Shard>, of userID: String,
        _ hold: OwnerHold, _ told: @escaping @Sendable (Reply) -> Void
    ) {
        let session = home.value.session(of: userID)
        let client = ReplyClient { reply in
            told(reply)
            // One that was made for this only is let go, not from within its own call.
            home.loop.execute {
                guard let session = home.value.sessions[ExactString(userID)], session.isIdle else { return }
                session.becameIdle?()
            }
            withExtendedLifetime(hold) {}
        }
        session.resume(thread, answers, id: nil, from: client)
    }

    private static func answer(_ call: APICall, _ reply: Reply) {
        switch reply {
        case .refused(let error): call.fail(APIFailure(error))
        case .resumed(let thread, let run, let status):
            var body: JSONObject = [
                "conversation_id": .string(thread.description), "status": .string(status.rawValue),
            ]
            body["run_id"] = run.map { .string($0.description) } ?? .null
            call.respond(
                .done(
                    Array(JSON.object(body).description.utf8), status: status == .duplicate ? .ok : .accepted))
        case .sent, .done: call.fail(APIFailure(.internal, "The answer could not be read."))
        }
    }
}

/// Takes one reply and is gone.
private final class ReplyClient: SessionClient {
    private var take: ((Reply) -> Void)?

    init(_ take: @escaping (Reply) -> Void) { self.take = take }

    var isWritable: Bool { true }
    var isGone: Bool { take == nil }
    func send(_ json: UnsafeRawBufferPointer) {}
    func fellBehind() {}

    func answer(_ reply: Reply, id: String?) {
        let told = take
        take = nil
        told?(reply)
    }
}

extension Approval {
    /// As the HTTP API shows it.
    var apiObject: JSON {
        var object: JSONObject = ["id": .string(id.description), "reason": .string(reason)]
        object["message"] = message.map { .string($0) } ?? .null
        object["tool_call_id"] = callID.map { .string($0) } ?? .null
        object["tool"] = tool.map { .string($0) } ?? .null
        object["parameters"] = tool == nil ? .null : parameters
        object["response_schema"] = responseSchema ?? .null
        object["expires_at"] = .string(Timestamp.rfc3339(microseconds: expiresAt))
        return .object(object)
    }
}
