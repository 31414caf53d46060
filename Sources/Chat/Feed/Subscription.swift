/// A client that wants a conversation's events, and how far it has got.
struct Subscription {
    let client: any SessionClient
    /// Everything up to here was given to the client.
    var position: UInt64
    /// Everything from here on was given to it on this socket.
    let start: UInt64
    /// Events up to here were streamed before it subscribed, and are marked as a replay.
    var replayEnd: UInt64 = 0
    /// How often the log had let go of tool calls when the replay began: it may not happen in the middle of one.
    var drops = 0
    /// What it asked for and is not told the end of yet, in order.
    var catchUps: [CatchUp] = []

    init(client: any SessionClient, position: UInt64, replayEnd: UInt64 = 0, drops: Int = 0) {
        self.client = client
        self.position = position
        start = position
        self.replayEnd = replayEnd
        self.drops = drops
    }

    /// An answer that is due when everything up to a position was given to the client, however slow it is.
    struct CatchUp {
        enum Answer {
            case subscribed(isResumed: Bool)
            /// To a cancel: the run's own end goes before it.
            case ended(Identifier, ServerFrame.AckStatus)
        }

        /// Of the request; `nil`: nobody asked, the history has changed, or it has none.
        let id: String?
        let answer: Answer
        let target: UInt64

        /// The same behind a snapshot, which has all that came before it.
        func behindSnapshot(at newest: UInt64) -> CatchUp {
            if case .subscribed = answer {
                return CatchUp(id: id, answer: .subscribed(isResumed: false), target: newest)
            }
            return CatchUp(id: id, answer: answer, target: newest)
        }
    }
}

/// A subscriber whose history is being read. One that leaves meanwhile is taken from its feed's list.
final class Reader {
    let answer: Answer
    /// It has sent to the thread meanwhile: from here on it wants the events, whatever else is over by then.
    var start: UInt64?
    /// The history has changed, and it did not ask.
    let isUnasked: Bool
    /// What it asked for before, and is told behind the history.
    var catchUps: [Subscription.CatchUp] = []

    init(_ answer: Answer, isUnasked: Bool = false) {
        self.answer = answer
        self.isUnasked = isUnasked
    }
}
