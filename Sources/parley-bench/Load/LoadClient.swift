import JSON
import Chat
import EventLoop
import WebSocket

/// One socket of a load test and the user behind it: sends, checks what comes, and measures.
final class LoadClient: WebSocketDelegate {
    enum Role {
        case idle
        /// One turn after the other.
        case turns
        /// One long stream after the other.
        case streams
        /// A turn every few seconds.
        case occasional
    }

    enum Phase {
        case waiting
        case dialing
        /// The handshake is over; `ready` is awaited.
        case opening
        case open
        case closing
        case closed
        /// Given up: it could not be opened, or showed a violation.
        case dead
    }

    let index: Int
    let role: Role
    private(set) var phase = Phase.waiting
    private unowned let run: LoadRun
    private let token: String?
    private var connection: WebSocketConnection?
    private var check = TurnCheck()

    private var attempt = 0
    private var dialedAt: UInt64 = 0
    /// When the socket was lost that is being replaced; 0: none was.
    private var lostAt: UInt64 = 0
    private var isResuming = false
    private var isVerifying = false
    /// Nanoseconds after which to come back, since the server said that it is about to restart; nil: it did not.
    private var returnDelay: UInt64?
    /// Its socket is one of another process than the one that the turn under way was sent to.
    private var hasMoved = false

    private var turnNumber = 0
    private var turnsInThread = 0
    private var messageID: [UInt8] = []
    private var sentAt: UInt64 = 0
    private var wasResent = false
    private var firstTokenAt: UInt64 = 0
    private var lastTokenAt: UInt64 = 0
    private var tokens = 0
    /// A peer's turn is under way.
    private var peerWaits = false
    /// In an open loop: when the next turn is to be sent.
    var nextDue: UInt64 = 0
    /// It waits for that.
    var isScheduled = false

    init(index: Int, role: Role, token: String?, run: LoadRun) {
        self.index = index
        self.role = role
        self.token = token
        self.run = run
    }

    /// Whether a turn may be sent: not to a server that said that it takes none any more.
    var canSend: Bool { phase == .open && returnDelay == nil && !isBusy }
    var isBusy: Bool { check.state != .idle || peerWaits }
    /// Whether its last reply can be compared with what was stored.
    var canBeVerified: Bool { phase == .open && check.state == .idle && check.hasReply }

    // MARK: Opening and closing

    func dial() {
        phase = .dialing
        attempt += 1
        dialedAt = monotonicNanoseconds()
        LoadDial.start(
            on: run.loop, to: run.plan.target, source: index / LoadPlan.socketsPerAddress, token: token,
            dialect: run.plan.dialect, offersDeflate: run.plan.offersDeflate
        ) { [self] result in
            switch result {
            case .success(let opened): self.opened(opened)
            case .failure(let failure): notOpened(failure)
            }
        }
    }

    private func opened(_ opened: LoadDial.Opened) {
        phase = .opening
        let connection = WebSocketConnection(
            opened.socket, hub: run.hub, role: .client, deflate: opened.deflate, delegate: self)
        self.connection = connection
        if run.plan.dialect == .peer { becameReady() }
        var leftover = opened.leftover
        leftover.withUnsafeMutableBytes { connection.start(leftover: $0) }
    }

    private func notOpened(_ failure: LoadDial.Failure) {
        run.measures.error(failure.name)
        run.dialEnded()
        // Who was sent away by a restart has been let in before; all others are refused for good.
        if case .status = failure, !hasMoved { attempt = LoadPlan.attempts }
        guard attempt < LoadPlan.attempts, !run.isEnding else {
            die()
            return
        }
        phase = .waiting
        _ = run.loop.schedule(after: UInt64(attempt) * 200_000_000) { [self] in
            run.enqueue(self)
        }
    }

    private func becameReady() {
        phase = .open
        attempt = 0
        let now = run.loop.now
        run.dialEnded()
        if lostAt > 0 {
            run.measures.record(\.reconnect, now &- lostAt)
            lostAt = 0
            resume()
            run.reopened()
        } else {
            run.measures.record(\.connect, now &- min(now, dialedAt))
            run.opened(self)
        }
    }

    /// Takes up what the lost socket was doing.
    private func resume() {
        switch check.state {
        case .sent:
            wasResent = true
            sendMessage()
        case .idle, .acknowledged, .started:
            guard !check.thread.isEmpty else {
                run.turnEnded(self)
                return
            }
            isResuming = true
            sendSubscribe(after: check.position > 0)
        }
    }

    /// Drops the socket as a lost network would, to open another.
    func cut() {
        guard phase == .open, let connection else { return }
        lostAt = monotonicNanoseconds()
        phase = .waiting
        isResuming = false
        self.connection = nil
        connection.delegate = nil
        connection.abort()
        run.lost()
        run.enqueue(self)
    }

    /// The server restarts: comes back when it was asked to, and goes on there.
    private func move(from before: Phase) {
        let delay = returnDelay ?? LoadPlan.returnDelay
        returnDelay = nil
        hasMoved = true
        phase = .waiting
        isResuming = false
        if before == .opening {
            run.dialEnded()
        } else {
            lostAt = monotonicNanoseconds()
            run.measures.moved += 1
            run.lost()
        }
        if isVerifying {
            isVerifying = false
            run.verified()
        }
        _ = run.loop.schedule(after: delay) { [self] in run.enqueue(self) }
    }

    func close() {
        guard let connection, phase == .open || phase == .opening else { return }
        phase = .closing
        connection.close()
    }

    func webSocketClosed(_ connection: WebSocketConnection, code: CloseCode, reason: String, clean: Bool) {
        guard connection === self.connection else { return }
        self.connection = nil
        let before = phase
        if code == .serviceRestart, before == .open || before == .opening {
            move(from: before)
            return
        }
        phase = .closed
        guard before != .closing else {
            run.closed()
            return
        }
        if before == .opening { run.dialEnded() } else { run.lost() }
        run.measures.error("close \(code.rawValue)")
        check.refused()
        peerWaits = false
        run.closed()
        run.turnEnded(self)
    }

    private func die() {
        if phase == .open { run.lost() }
        phase = .dead
        check.refused()
        peerWaits = false
        if let connection {
            self.connection = nil
            connection.delegate = nil
            connection.abort()
        }
        run.gaveUp(self)
    }

    // MARK: Sending

    /// Sends a message.
    ///
    /// - Parameter due: when it was to be sent, from which the times count.
    func startTurn(due: UInt64? = nil) {
        guard canSend else { return }
        hasMoved = false
        sentAt = due ?? monotonicNanoseconds()
        tokens = 0
        turnNumber += 1
        if run.plan.dialect == .peer {
            peerWaits = true
            var frame = run.takeBuffer()
            frame.append(#"{"content":"#)
            frame.append(jsonString: run.plan.content)
            frame.append("}")
            transmit(frame)
            return
        }
        if turnsInThread >= run.plan.turnsPerThread {
            unsubscribe()
            check.forgetThread()
            turnsInThread = 0
        }
        turnsInThread += 1
        wasResent = false
        messageID.removeAll(keepingCapacity: true)
        messageID.append(contentsOf: run.prefix)
        messageID.append(decimal: index)
        messageID.append(".")
        messageID.append(decimal: turnNumber)
        check.send(id: messageID.withUnsafeBytes { FrameName($0) })
        sendMessage()
    }

    private func sendMessage() {
        var frame = run.takeBuffer()
        frame.append(#"{"op":"send","id":""#)
        frame.append(contentsOf: messageID)
        frame.append(#"","#)
        if !check.thread.isEmpty {
            frame.append(#""threadId":""#)
            check.thread.append(to: &frame)
            frame.append(#"","#)
        }
        frame.append(#""content":""#)
        frame.append(contentsOf: role == .streams ? run.streamContent : run.turnContent)
        frame.append(#""}"#)
        transmit(frame)
    }

    private func sendSubscribe(after hasCursor: Bool) {
        var frame = run.takeBuffer()
        frame.append(#"{"op":"subscribe","threadId":""#)
        check.thread.append(to: &frame)
        if hasCursor {
            frame.append(#"","after":""#)
            check.cursorEpoch.append(to: &frame)
            frame.append(".")
            frame.append(decimal: check.position)
        }
        frame.append(#""}"#)
        transmit(frame)
    }

    private func unsubscribe() {
        guard !check.thread.isEmpty else { return }
        var frame = run.takeBuffer()
        frame.append(#"{"op":"unsubscribe","threadId":""#)
        check.thread.append(to: &frame)
        frame.append(#""}"#)
        transmit(frame)
    }

    private func transmit(_ frame: consuming [UInt8]) {
        let count = frame.count
        let taken = frame.withUnsafeBytes { connection?.sendText($0) ?? false }
        if taken {
            // A client's header has a masking key.
            run.measures.bytesSent += count + 4 + (count < 126 ? 2 : 4)
        } else {
            run.measures.error("not sent")
        }
        run.giveBack(frame)
    }

    // MARK: Receiving

    func webSocket(_ connection: WebSocketConnection, text: UnsafeRawBufferPointer) {
        run.measures.frames += 1
        run.measures.bytesReceived += text.count + (text.count < 126 ? 2 : text.count < 65_536 ? 4 : 10)
        guard let fields = FrameFields(text) else {
            violation(.notJSON, text)
            return
        }
        if run.plan.dialect == .peer {
            peerFrame(fields)
            return
        }
        do throws(TurnCheck.Violation) {
            if !fields.type.isEmpty {
                try event(fields)
            } else if !fields.operation.isEmpty {
                try operation(fields, text)
            } else {
                throw .unknownFrame
            }
        } catch {
            violation(error, text)
        }
    }

    func webSocket(_ connection: WebSocketConnection, binary: UnsafeRawBufferPointer) {
        violation(.unknownFrame, UnsafeRawBufferPointer(start: nil, count: 0))
    }

    func webSocketDrained(_ connection: WebSocketConnection) {}

    /// What comes after a violation can't be judged: the socket has no more part in the test.
    private func violation(_ violation: TurnCheck.Violation, _ frame: UnsafeRawBufferPointer) {
        run.measures.violation(violation, socket: index, frame: frame)
        die()
    }

    private func event(_ fields: FrameFields) throws(TurnCheck.Violation) {
        switch try check.event(fields) {
        case .none, .acknowledged:
            break
        case .firstText:
            countToken(isFirst: true)
        case .text:
            countToken(isFirst: false)
        case .finished(let error):
            turnFinished(error)
        }
    }

    private func countToken(isFirst: Bool) {
        let now = run.loop.now
        if isFirst {
            firstTokenAt = now
            if run.measures.isMeasuring { run.measures.record(\.firstToken, now &- min(now, sentAt)) }
        } else if run.measures.isMeasuring {
            run.measures.record(interToken: now &- lastTokenAt)
            if role == .streams, run.plan.pace > 0 {
                // A merged delta stands for several tokens, of five bytes each in a scripted stream.
                let number = run.plan.dialect == .peer ? tokens : check.text.count / 5 - 1
                let due = firstTokenAt &+ UInt64(max(number, 0)) &* UInt64(run.plan.pace) &* 1_000_000
                run.measures.record(\.lateness, now > due ? now - due : 0)
            }
        }
        lastTokenAt = now
        tokens += 1
        run.countToken()
    }

    private func turnFinished(_ error: String?) {
        if let error {
            run.measures.error("run \(error)")
        } else {
            run.measures.allTurns += 1
            if run.measures.isMeasuring {
                let now = run.loop.now
                run.measures.turns += 1
                run.measures.record(\.turn, now &- min(now, sentAt))
            }
        }
        run.turnEnded(self)
    }

    private func peerFrame(_ fields: FrameFields) {
        guard peerWaits else { return }
        if fields.type.equals("TEXT_MESSAGE_CONTENT") {
            countToken(isFirst: tokens == 0)
        } else if fields.type.equals("RUN_FINISHED") {
            peerWaits = false
            turnFinished(tokens == run.plan.streamTokens ? nil : "with \(tokens) tokens")
        }
    }

    private func operation(_ fields: FrameFields, _ frame: UnsafeRawBufferPointer) throws(TurnCheck.Violation) {
        let name = fields.operation
        if name.equals("ack") {
            guard !fields.status.equals("unsubscribed") else { return }
            guard case .acknowledged = try check.ack(fields, mayBeDuplicate: wasResent) else { return }
            if run.measures.isMeasuring {
                let now = run.loop.now
                run.measures.record(\.ack, now &- min(now, sentAt))
            }
            if hasMoved, fields.status.equals("duplicate") {
                // Taken by the process before, where it may have ended.
                isResuming = true
                sendSubscribe(after: false)
            }
        } else if name.equals("ready") {
            check.epoch = FrameName(fields.epoch)
            if phase == .opening { becameReady() }
        } else if name.equals("snapshot") {
            if isVerifying { try compare(frame) } else if isResuming { check.restart() }
        } else if name.equals("subscribed") {
            subscribed(isResumed: fields.mode.equals("resumed"))
        } else if name.equals("draining") {
            let seconds = (try? JSON(parsing: frame))?["reconnectAfter"]?.integer ?? 1
            returnDelay = UInt64(min(max(seconds, 0), LoadPlan.longestReturn)) * 1_000_000_000
        } else if name.equals("error") {
            refused(fields.code.text)
        }
    }

    private func refused(_ code: String) {
        if returnDelay != nil, check.state == .sent, code == "unavailable" {
            // It crossed the server's word; it is sent again to the next one.
            run.measures.sentAgain += 1
            return
        }
        run.measures.error(code)
        if check.state == .sent {
            check.refused()
            run.turnRefused(self)
        } else if isResuming {
            isResuming = false
            check.refused()
            run.turnRefused(self)
        }
    }

    private func subscribed(isResumed: Bool) {
        guard isResuming else { return }
        isResuming = false
        if isResumed {
            run.measures.resumed += 1
        } else {
            run.measures.snapshots += 1
            if check.state == .acknowledged {
                check.endedUnseen()
                run.measures.unseen += 1
            }
        }
        if check.state == .idle { run.turnEnded(self) }
    }

    // MARK: The stored reply

    /// Asks for the conversation as it was stored, to compare its last reply.
    func verify() {
        isVerifying = true
        sendSubscribe(after: false)
    }

    private func compare(_ frame: UnsafeRawBufferPointer) throws(TurnCheck.Violation) {
        isVerifying = false
        defer { run.verified() }
        let messages = (try? JSON(parsing: frame))?["messages"]?.array ?? []
        guard var stored = messages.last(where: { $0["role"]?.string == "assistant" })?["content"]?.string else {
            throw .storedText
        }
        var hash = TextHash()
        stored.withUTF8 { hash.add(UnsafeRawBufferPointer($0)) }
        guard hash == check.text else { throw .storedText }
        run.measures.verified += 1
    }
}
