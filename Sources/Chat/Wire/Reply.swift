/// What a request of a client is answered with, as a value: the client's own encoding comes last.
package enum Reply: Sendable, Equatable {
    /// To `send`: with a message and a run, and a position while queued.
    case sent(
        threadID: Identifier, messageID: Identifier, runID: Identifier, ServerFrame.AckStatus, position: Int? = nil)
    /// To `cancel` and `unsubscribe`.
    case done(threadID: Identifier, runID: Identifier?, ServerFrame.AckStatus)
    /// To `resume`: the run that goes on, where one does.
    case resumed(threadID: Identifier, runID: Identifier?, ServerFrame.AckStatus)
    case refused(ClientError)

    /// As JSON text.
    ///
    /// - Parameter id: what the client has named its request.
    package func frame(id: String?) -> [UInt8] {
        switch self {
        case .sent(let threadID, let messageID, let runID, let status, let position):
            ServerFrame.ack(
                id: id, threadID: threadID, messageID: messageID, runID: runID, status: status, position: position)
        case .done(let threadID, let runID, let status):
            ServerFrame.ack(id: id, threadID: threadID, runID: runID, status: status)
        case .resumed(let threadID, let runID, let status):
            ServerFrame.ack(id: id, threadID: threadID, runID: runID, status: status)
        case .refused(let error): ServerFrame.error(id: id, error)
        }
    }
}

extension ClientError {
    static func notStored(retryAfter seconds: Int) -> ClientError {
        ClientError(.unavailable, "The message could not be stored. Please try again.", retryAfter: seconds)
    }

    static func notRead(_ error: StoreError) -> ClientError {
        var seconds = 1
        if case .unavailable(let retryAfter) = error { seconds = retryAfter }
        return ClientError(.unavailable, "The conversation could not be read. Please try again.", retryAfter: seconds)
    }

    static let tooManyRequests = ClientError(.rateLimited, "Too many requests wait for the same answer.", retryAfter: 1)
    static func noSuchPlace(for kind: NewBranch.Kind?) -> ClientError {
        if case .answer? = kind {
            return ClientError(.invalidField, "\"messageId\" is no message of this conversation that can be answered.")
        }
        return ClientError(.invalidField, "\"parentId\" is not the last message of a turn of this conversation.")
    }

    static let noMessage = ClientError(.invalidField, "\"messageId\" is no message of this conversation.")
    static let noThread = ClientError(.threadNotFound, "There is no such conversation.")
}
