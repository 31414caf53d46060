import JSON
import Chat
import HTTP
import HTTPTypes
import Store

/// `/api/messages/{id}/feedback` and `/api/conversations/{id}/feedback`: what a user thinks of answers.
enum JudgedMessages {
    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .post, "/api/messages/{id}/feedback", .user,
            APIOperation(
                id: "judgeMessage", tag: "messages", summary: "Says whether an answer was good.",
                detail: "One judgement an answer; the newest counts. `rating` null takes it back.",
                body: APISchemas.reference("NewFeedback"),
                answers: [
                    APIOperation.json(200, "The judgement as it is stored.", APISchemas.reference("Feedback"))
                ]),
            body: judge),
        Endpoint(
            api: .get, "/api/conversations/{id}/feedback", .user,
            APIOperation(
                id: "listFeedback", tag: "messages", summary: "What the user thinks of a conversation's answers.",
                answers: APIOperation.tagged("All of it, newest answer first.", APISchemas.reference("FeedbackPage"))),
            body: list),
    ]

    private static func judge(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noMessage)
        let object = try call.object()
        let rating = try object.given("rating", "\"up\", \"down\" or null") { value in
            value.string.flatMap { Feedback.Rating(rawValue: $0) }
        }
        guard !rating.isAbsent else {
            throw APIFailure(.invalidField, "\"rating\" is required: \"up\", \"down\" or null.")
        }
        let comment = try object.text("comment", limit: Feedback.commentLength).value
        // A row each, like what is made: one rate for all.
        call.admitCreation {
            call.store.judge(
                userID: call.userID, messageID: id, rating: rating.value, comment: comment == "" ? nil : comment
            ) { result in
                call.answer(result) { outcome throws(APIFailure) in
                    var body: [UInt8] = []
                    switch outcome {
                    case .notFound: throw .noMessage
                    case .notAnAnswer: throw APIFailure(.invalidField, "Only an answer can be judged.")
                    case .none: body.append(contentsOf: #"{"message_id":"\#(id)","rating":null,"comment":null}"#.utf8)
                    case .stored(let feedback): body.append(object: { $0.append(feedback: feedback) })
                    }
                    return .done(body)
                }
            }
        }
    }

    private static func list(_ call: APICall) throws(APIFailure) {
        let id = try call.identifier(orElse: .noConversation)
        call.store.conversation(userID: call.userID, threadID: id) { result in
            call.proceed(result) { conversation throws(APIFailure) in
                guard conversation != nil else { throw .noConversation }
                call.store.feedback(userID: call.userID, threadID: id) { result in
                    call.answer(result) { list in
                        .read(.page(of: list, next: nil) { $0.append(feedback: $1) })
                    }
                }
            }
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(feedback: Feedback) {
        append(#""message_id":""#)
        feedback.messageID.append(to: &self)
        append(contentsOf: #"","rating":"\#(feedback.rating.rawValue)","comment":"#.utf8)
        append(optional: feedback.comment)
        append(#","created_at":"#)
        append(time: feedback.createdAt)
        append(#","updated_at":"#)
        append(time: feedback.updatedAt)
    }
}
