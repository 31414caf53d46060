import JSON
import Chat
import EventLoop
import Store
import Strings
import Tracing

/// What a turn's answer needs of the connection that waits for it. Called on the user's shard.
struct TurnReceiver: Sendable {
    var refused: @Sendable (ClientError) -> Void
    /// - Parameter isOver: the run ended long ago: no events follow.
    var accepted: @Sendable (TurnAcknowledgement, _ isOver: Bool) -> Void
    /// A part of the event stream; its size is to be told with `TurnClient.taken`.
    var events: @Sendable ([UInt8]) -> Void
    /// After the last event; not whole: the stream has to be cut.
    var ended: @Sendable (_ isWhole: Bool) -> Void
}

/// Somebody who sends over HTTP, as the user's session sees him: a socket for the length of one turn. Lives on the
/// user's shard; the connection may be on another.
final class TurnClient: SessionClient {
    /// Bytes on their way to the connection above which no events are added: then it gets the merged rest.
    static let window = 64 << 10
    /// How often a turn without events is looked after, milliseconds.
    private static let watchInterval: UInt64 = 1_000

    private let shard: Shard
    private let session: Session
    private let receiver: TurnReceiver
    private let writer: (any RunEventWriter)?
    /// Of its request.
    var trace: TraceContext?
    private var filter: RunEventFilter?
    private var acknowledgement: TurnAcknowledgement?
    /// What is yet to be sent, while messages go before it.
    private var request: TurnRequest?
    /// Written, and not handed over yet.
    private var waiting: [UInt8] = []
    private var inFlight = 0
    private var owesDrained = false
    private var isEnlisted = false
    private var isAccepted = false
    private var isOver = false
    private var watch: TimerToken?
    /// Milliseconds of the shard's clock until which it may stay unknown what became of a repeated turn.
    private var patience: UInt64?

    /// - Parameter writer: nil when only the ids are wanted.
    init(_ userID: String, shard: Shard, writer: (any RunEventWriter)?, receiver: TurnReceiver) {
        self.shard = shard
        session = shard.session(of: userID)
        self.writer = writer
        self.receiver = receiver
    }

    /// Keeps itself until the turn is answered.
    func start(_ request: TurnRequest) {
        guard shard.turnClients.add(self, of: session.userID) else {
            isOver = true
            receiver.refused(
                ClientError(.rateLimited, "Too many requests of this user are under way.", retryAfter: 5))
            settle()
            return
        }
        if let answers = request.answers, case .known(let thread) = request.thread {
            return session.resume(thread, answers, id: nil, from: self)
        }
        sendNext(of: request)
    }

    /// What goes before the message is sent first, each when the one before it is stored.
    private func sendNext(of request: TurnRequest) {
        guard let earlier = request.earlier.first else {
            self.request = nil
            return sendLast(request)
        }
        self.request = request
        session.send(
            earlier.content, to: request.thread, policy: .enqueue, id: earlier.clientID, from: self,
            expectsAnswer: false)
    }

    private func sendLast(_ request: TurnRequest) {
        switch (request.branch, request.thread) {
        case (.behind(let parent)?, .known(let threadID)):
            session.edit(
                request.content, behind: parent.map { .known($0) }, in: threadID, policy: request.policy,
                id: request.clientID, from: self)
        case (.again(let message)?, .known(let threadID)):
            session.regenerate(
                .known(message), in: threadID, policy: request.policy, id: request.clientID, from: self)
        default:
            session.send(
                request.content, to: request.thread, policy: request.policy, id: request.clientID, from: self)
        }
    }

    /// A message that goes before is stored.
    private func stored(in threadID: Identifier, of request: TurnRequest) {
        var request = request
        request.earlier.removeFirst()
        // The first of them has made it.
        request.thread = .known(threadID)
        self.request = request
        // Not from within the session's call.
        shard.loop.execute { [bound = LoopBound(self, on: shard.loop)] in
            guard !bound.value.isOver, let request = bound.value.request else { return }
            bound.value.sendNext(of: request)
        }
    }

    /// The connection has sent so many bytes on.
    func taken(_ count: Int) {
        inFlight -= count
        tellDrained()
    }

    /// The connection is gone; the run goes on.
    func leave() {
        finish()
    }

    /// The gateway goes down: who waits to hear what became of a repeated turn is not kept.
    func drain() {
        if !isAccepted { flush() }
    }

    /// The session is another gateway's.
    func abandon() {
        if isAccepted { cut() } else { refuse("The gateway begins again. Please send again.") }
    }

    // MARK: SessionClient

    var isWritable: Bool {
        if inFlight + waiting.count < Self.window { return true }
        owesDrained = true
        return false
    }

    /// Frames of ours that answer nothing: not for it.
    func send(_ json: UnsafeRawBufferPointer) {}

    func send(_ event: PlacedEvent, _ json: UnsafeRawBufferPointer) { take(event, json) }

    func send(delta json: UnsafeRawBufferPointer) { take(nil, json) }

    private func take(_ event: PlacedEvent?, _ json: UnsafeRawBufferPointer) {
        guard !isOver, let writer, filter?.takes(event?.event) == true else { return }
        writer.append(event, json, to: &waiting)
        enlist()
    }

    var isGone: Bool { isOver }

    func fellBehind() {
        cut()
    }

    // MARK: The answer

    func answer(_ reply: Reply, id: String?) {
        guard !isOver, acknowledgement == nil else { return }
        switch reply {
        case .refused(let error):
            receiver.refused(error)
            finish()
        case .sent(let threadID, _, _, _, _) where request != nil:
            if let request { stored(in: threadID, of: request) }
        case .sent(let threadID, let messageID, let runID, let status, let position):
            acknowledge(
                TurnAcknowledgement(
                    threadID: threadID, messageID: messageID, runID: runID, status: status, position: position))
        case .resumed(let threadID, let runID?, let status):
            acknowledge(
                TurnAcknowledgement(threadID: threadID, messageID: nil, runID: runID, status: status, position: nil))
        case .resumed:
            // Declined, or expired: nothing has followed.
            receiver.refused(ClientError(.invalidField, "What was answered is not open any more."))
            finish()
        case .done: break
        }
    }

    private func acknowledge(_ acknowledgement: TurnAcknowledgement) {
        self.acknowledgement = acknowledgement
        guard writer != nil else {
            receiver.accepted(acknowledgement, true)
            finish()
            return
        }
        filter = RunEventFilter(runID: acknowledgement.runID)
        // What is still held of a repeated turn comes within this tick, so at its end it is known.
        enlist()
    }

    private func flush() {
        guard !isOver, let acknowledgement, let filter else { return }
        if !isAccepted {
            let isRepeated = acknowledgement.status == .duplicate
            if isRepeated, !filter.hasStarted, !isUnfinished(acknowledgement.runID) {
                answerWithoutRun(acknowledgement)
                return
            }
            isAccepted = true
            receiver.accepted(acknowledgement, false)
            if watch == nil { scheduleWatch() }
        }
        if !waiting.isEmpty {
            inFlight += waiting.count
            receiver.events(waiting)
            waiting = []
        }
        if filter.hasEnded {
            receiver.ended(true)
            finish()
        }
    }

    /// A repeated turn's run that is not here has ended, unless it is still to be found, or runs elsewhere: then the
    /// answer waits for its end.
    private func answerWithoutRun(_ acknowledgement: TurnAcknowledgement) {
        if shard.isDraining {
            refuse("The server is about to restart. Please send again.")
            return
        }
        switch session.whereabouts(of: acknowledgement.runID, in: acknowledgement.threadID) {
        case .over:
            receiver.accepted(acknowledgement, true)
            finish()
        case .unknown:
            refuse("What became of this message could not be read. Please send it again.")
        case .underWay:
            // Without an answer a client, or a proxy before it, waits no longer than it would for the next event.
            let now = shard.nowMilliseconds
            let limit = patience ?? now + UInt64(shard.configuration.streamKeepAliveSeconds) * 1_000
            patience = limit
            if now >= limit {
                refuse("The reply to this message is still under way. Please send it again.")
            } else if watch == nil {
                scheduleWatch()
            }
        }
    }

    private func refuse(_ message: String) {
        receiver.refused(ClientError(.unavailable, message, retryAfter: 2))
        finish()
    }

    private func isUnfinished(_ runID: Identifier) -> Bool {
        session.unfinishedRuns.contains { $0.runID == runID && $0.status != .suspended }
    }

    /// A turn that is cancelled while it waits has no events, and one whose conversation is deleted may lack its end.
    private func scheduleWatch() {
        watch = shard.loop.schedule(after: Self.watchInterval * 1_000_000) { [weak self] in
            guard let self, !self.isOver else { return }
            self.watch = nil
            self.look()
        }
    }

    private func look() {
        guard isAccepted else { return flush() }
        guard let acknowledgement, let filter, let writer else { return }
        if filter.hasEnded || !waiting.isEmpty || owesDrained || isUnfinished(acknowledgement.runID)
            || session.whereabouts(of: acknowledgement.runID, in: acknowledgement.threadID) != .over
        {
            scheduleWatch()
        } else if filter.hasStarted || shard.isDraining {
            // What waits at a stop is not withdrawn: the next process runs it.
            cut()
        } else {
            var body: [UInt8] = []
            writer.appendWithdrawn(
                acknowledgement,
                at: EventPlace(
                    threadID: acknowledgement.threadID, epoch: shard.epoch,
                    position: session.beginning(in: acknowledgement.threadID), isReplay: true), to: &body)
            inFlight += body.count
            receiver.events(body)
            receiver.ended(true)
            finish()
        }
    }

    private func cut() {
        guard !isOver else { return }
        receiver.ended(false)
        finish()
    }

    private func finish() {
        guard !isOver else { return }
        isOver = true
        if let watch { shard.loop.cancel(watch) }
        watch = nil
        shard.turnClients.remove(self, of: session.userID)
        settle()
    }

    /// Not from within the session's call, which would subscribe it afterwards.
    private func settle() {
        shard.loop.execute { [bound = LoopBound(self, on: shard.loop)] in
            bound.value.session.detach(bound.value)
            bound.value.shard.ownership.left(bound.value.session.userID)
        }
    }

    // MARK: Room

    private func enlist() {
        guard !isEnlisted else { return }
        isEnlisted = true
        shard.loop.atEndOfTick(self)
    }

    private func tellDrained() {
        guard owesDrained, !isOver, inFlight + waiting.count < Self.window else { return }
        owesDrained = false
        session.drained(self)
    }
}

extension TurnClient: TickParticipant {
    func tickEnded() {
        isEnlisted = false
        flush()
    }
}

/// The turns of a shard that somebody waits for over HTTP.
final class TurnClients {
    /// Of one user at once.
    private let limit: Int
    private var clients: [ExactString: [ObjectIdentifier: TurnClient]] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: false when the user has too many already.
    func add(_ client: TurnClient, of userID: String) -> Bool {
        let userID = ExactString(userID)
        guard clients[userID, default: [:]].count < limit else { return false }
        clients[userID, default: [:]][ObjectIdentifier(client)] = client
        return true
    }

    func drain() {
        for client in clients.values.flatMap({ Array($0.values) }) { client.drain() }
    }

    /// What they wait for is another gateway's: they come back and ask.
    func cut() {
        for client in clients.values.flatMap({ Array($0.values) }) { client.abandon() }
    }

    /// The same for those of one user.
    func cut(_ userID: String) {
        for client in Array((clients[ExactString(userID)] ?? [:]).values) { client.abandon() }
    }

    func has(_ userID: ExactString) -> Bool { clients[userID] != nil }

    func remove(_ client: TurnClient, of userID: String) {
        let userID = ExactString(userID)
        clients[userID]?[ObjectIdentifier(client)] = nil
        if clients[userID]?.isEmpty == true { clients[userID] = nil }
    }
}
