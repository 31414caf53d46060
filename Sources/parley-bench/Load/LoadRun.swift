import JSON
import Chat
import EventLoop
import WebSocket

/// A load test under way: opens the sockets, sets the pace, measures for a time, lets what runs end, compares what was
/// stored, and closes. Confined to its loop.
///
/// ```
///   opening ─▶ warming up ─▶ measuring ─▶ draining ─▶ verifying ─▶ closing ─▶ done
/// ```
final class LoadRun {
    enum Stage: Comparable {
        case opening, warmingUp, measuring, draining, verifying, closing, done
    }

    let loop: EventLoop
    let plan: LoadPlan
    let hub: WebSocketHub
    var measures = LoadMeasures()
    /// What the ids of messages begin with, so that no two tests share one.
    let prefix: [UInt8]
    /// Contents as JSON, without quotes.
    let turnContent: [UInt8]
    let streamContent: [UInt8]

    private(set) var stage = Stage.opening
    private var clients: [LoadClient] = []
    private var queue: [LoadClient] = []
    private var queueHead = 0
    private var dialing = 0
    private var dialed = 0
    private var open = 0
    private var neverOpened = 0
    private var unclosed = 0
    private var unverified = 0
    private var buffer: [UInt8] = []
    private var beganAt: UInt64 = 0
    private var wasStormed = false
    private var stormedAt: UInt64 = 0
    private var cutDebt = 0.0
    private var cutRotation = 0
    private var stageDeadline: UInt64?
    private var outcome: LoadOutcome
    private var before: [ProcessUsage?] = []
    private var ownBefore = 0.0
    private var measuredSince: UInt64 = 0
    private var tokensSeen = 0
    private var live: LiveLine
    private var completion: ((LoadOutcome) -> Void)?

    init(_ plan: LoadPlan, on loop: EventLoop, showsLiveLine: Bool) {
        self.plan = plan
        self.loop = loop
        hub = WebSocketHub(
            loop: loop,
            options: WebSocketOptions(
                maxMessageBytes: 16 << 20, pingInterval: 0, closeTimeout: 3_000_000_000,
                maxControlFramesPerSecond: 10_000))
        prefix = Array((String(UInt64.random(in: 0 ... .max), radix: 36) + ".").utf8)
        var content: [UInt8] = []
        content.append(jsonEscaped: plan.content)
        turnContent = content
        streamContent =
            plan.dialect == .parley ? Array("!tokens \(plan.streamTokens) \(plan.pace)".utf8) : content
        outcome = LoadOutcome(plan: plan)
        live = LiveLine(isShown: showsLiveLine)
    }

    func begin(_ completion: @escaping (LoadOutcome) -> Void) {
        self.completion = completion
        beganAt = monotonicNanoseconds()
        outcome.watched = plan.watched.map { process in
            LoadOutcome.Watched(name: process.name, residentBefore: ProcessUsage.of(process.pid)?.resident ?? 0)
        }
        clients.reserveCapacity(plan.sockets)
        for index in 0..<plan.sockets {
            let token = plan.tokens.isEmpty ? nil : plan.tokens[index % plan.tokens.count]
            clients.append(LoadClient(index: index, role: role(of: index), token: token, run: self))
        }
        queue = clients
        tick()
    }

    /// Ends early, with a report of what there is.
    func interrupt() {
        switch stage {
        case .opening, .warmingUp, .measuring: endMeasurement()
        case .draining, .verifying: beginClosing()
        case .closing, .done: break
        }
    }

    private func role(of index: Int) -> LoadClient.Role {
        switch plan.scenario {
        case .idle: .idle
        case .turns: .turns
        case .paced, .reconnect: .streams
        case .storm: index < plan.streams ? .streams : .idle
        case .mixed:
            switch index % 10 {
            case 0: .streams
            case 1...3: .occasional
            default: .idle
            }
        }
    }

    var isEnding: Bool { stage >= .draining }

    // MARK: Opening

    /// Wants a socket opened; at the plan's pace.
    func enqueue(_ client: LoadClient) {
        guard stage < .closing else { return }
        queue.append(client)
        pump()
    }

    private func pump() {
        var allowed = Int.max
        if plan.connectRate > 0, stage == .opening {
            let elapsed = Double(monotonicNanoseconds() &- beganAt) / 1e9
            allowed = Int(elapsed * Double(plan.connectRate)) + 1 - dialed
        }
        while queueHead < queue.count, dialing < LoadPlan.mostDialing, allowed > 0 {
            let client = queue[queueHead]
            queueHead += 1
            allowed -= 1
            dialed += 1
            dialing += 1
            client.dial()
        }
        if queueHead == queue.count, queueHead > 0 {
            queue.removeAll(keepingCapacity: true)
            queueHead = 0
        }
    }

    func dialEnded() {
        dialing -= 1
        if queueHead < queue.count { pump() }
    }

    func opened(_ client: LoadClient) {
        open += 1
        checkOpened()
    }

    func reopened() {
        open += 1
        if wasStormed, open + neverOpened == clients.count, outcome.stormSeconds == nil {
            outcome.stormSeconds = Double(loop.now &- stormedAt) / 1e9
        }
    }

    func lost() { open -= 1 }

    func gaveUp(_ client: LoadClient) {
        neverOpened += 1
        if stage == .opening { checkOpened() }
        if stage == .draining { checkDrained() }
    }

    private func checkOpened() {
        guard stage == .opening, open + neverOpened >= clients.count else { return }
        outcome.openSeconds = Double(monotonicNanoseconds() &- beganAt) / 1e9
        outcome.opened = open
        for (index, process) in plan.watched.enumerated() {
            outcome.watched[index].residentOpen = ProcessUsage.of(process.pid)?.resident ?? 0
        }
        guard open > 0 else {
            finish()
            return
        }
        stage = .warmingUp
        startLoad()
        let warmUp = plan.turns == nil ? plan.warmUp : 0
        if warmUp == 0 { beginMeasurement() } else { stageDeadline = loop.now &+ warmUp }
    }

    // MARK: Load

    private func startLoad() {
        let now = loop.now
        let active = clients.filter { $0.role != .idle && $0.phase == .open }
        for (number, client) in active.enumerated() {
            switch client.role {
            case .idle: break
            case .turns:
                if let rate = plan.rate {
                    client.nextDue = now &+ UInt64(Double(number) / rate * 1e9)
                    schedule(client)
                } else {
                    client.startTurn()
                }
            case .streams, .occasional:
                // Spread over a second, so that their tokens are not all due in the same millisecond.
                let delay = UInt64(Double(number) / Double(active.count) * 1e9)
                _ = loop.schedule(after: delay) { client.startTurn() }
            }
        }
    }

    private func schedule(_ client: LoadClient) {
        guard !client.isScheduled else { return }
        let now = loop.now
        if client.nextDue <= now {
            sendDue(client)
        } else {
            client.isScheduled = true
            _ = loop.schedule(after: client.nextDue - now) { [self] in
                client.isScheduled = false
                sendDue(client)
            }
        }
    }

    /// In the open loop a turn that could not be sent in time is sent as soon as it can, and its times count from when
    /// it was due: a slow answer is not hidden by the questions that were not asked meanwhile.
    private func sendDue(_ client: LoadClient) {
        // Who is between two processes is asked again when its socket is back.
        guard stage < .draining, let rate = plan.rate, client.canSend else { return }
        client.startTurn(due: client.nextDue)
        client.nextDue = client.nextDue &+ UInt64(Double(clients.count) / rate * 1e9)
    }

    func countToken() {
        tokensSeen += 1
        if measures.isMeasuring { measures.tokens += 1 }
    }

    func turnEnded(_ client: LoadClient) {
        if stage == .draining {
            checkDrained()
            return
        }
        if let turns = plan.turns, measures.turns >= turns, stage == .measuring {
            endMeasurement()
            return
        }
        guard stage < .draining, client.canSend else { return }
        switch client.role {
        case .idle: break
        case .turns: plan.rate == nil ? client.startTurn() : schedule(client)
        case .streams: client.startTurn()
        case .occasional:
            _ = loop.schedule(after: UInt64.random(in: 1_000_000_000...5_000_000_000)) { [self] in
                if stage < .draining { client.startTurn() }
            }
        }
    }

    /// Some time is left to a server that said no.
    func turnRefused(_ client: LoadClient) {
        _ = loop.schedule(after: 200_000_000) { [self] in turnEnded(client) }
    }

    private func cutSome(_ seconds: Double) {
        guard stage == .measuring || stage == .warmingUp else { return }
        if plan.scenario == .storm {
            let half = (plan.duration ?? 0) / 3
            guard stage == .measuring, !wasStormed, loop.now &- measuredSince >= half else { return }
            wasStormed = true
            stormedAt = monotonicNanoseconds()
            outcome.runsInStorm = clients.count { $0.isBusy }
            for client in clients { client.cut() }
            return
        }
        guard plan.scenario == .reconnect || plan.scenario == .mixed else { return }
        cutDebt += seconds * plan.share * Double(clients.count)
        while cutDebt >= 1 {
            cutDebt -= 1
            // A prime's steps through all sockets, so that everyone is cut in turn and neighbours are not.
            cutRotation = (cutRotation + 7_919) % clients.count
            clients[cutRotation].cut()
        }
    }

    // MARK: Stages

    private func tick() {
        guard stage != .done else { return }
        pump()
        cutSome(0.02)
        live.update(
            now: monotonicNanoseconds(), open: open, sockets: clients.count, turns: measures.allTurns,
            tokens: tokensSeen, errors: measures.errorCount, violations: measures.violationCount)
        if let deadline = stageDeadline, loop.now >= deadline {
            stageDeadline = nil
            switch stage {
            case .warmingUp: beginMeasurement()
            case .measuring: endMeasurement()
            case .draining: drained(inTime: false)
            case .verifying: beginClosing()
            case .closing: finish()
            case .opening, .done: break
            }
        }
        _ = loop.schedule(after: 20_000_000) { [self] in tick() }
    }

    private func beginMeasurement() {
        stage = .measuring
        before = plan.watched.map { ProcessUsage.of($0.pid) }
        ownBefore = ProcessUsage.ownCPU()
        measuredSince = monotonicNanoseconds()
        measures.isMeasuring = true
        measures.bytesReceived = 0
        measures.bytesSent = 0
        measures.frames = 0
        if let duration = plan.duration { stageDeadline = loop.now &+ duration }
    }

    private func endMeasurement() {
        if measures.isMeasuring {
            measures.isMeasuring = false
            outcome.seconds = Double(monotonicNanoseconds() &- measuredSince) / 1e9
            outcome.ownCPU = ProcessUsage.ownCPU() - ownBefore
            outcome.openAtEnd = open
            outcome.bytesReceived = measures.bytesReceived
            outcome.bytesSent = measures.bytesSent
            for (index, process) in plan.watched.enumerated() {
                guard let now = ProcessUsage.of(process.pid), let then = before[index] else { continue }
                outcome.watched[index].cpu = now.cpu - then.cpu
                outcome.watched[index].residentEnd = now.resident
            }
        }
        stage = .draining
        stageDeadline = loop.now &+ LoadPlan.drainTimeout
        checkDrained()
    }

    private func checkDrained() {
        // A socket that is being replaced still has to see its turn's end.
        guard !clients.contains(where: { $0.isBusy || $0.phase == .dialing || $0.phase == .opening }) else { return }
        drained(inTime: true)
    }

    private func drained(inTime: Bool) {
        guard stage == .draining else { return }
        if !inTime { outcome.unfinished = clients.count { $0.isBusy } }
        stage = .verifying
        var candidates: [LoadClient] = []
        if plan.dialect == .parley, plan.verified > 0 {
            candidates = Array(clients.lazy.filter(\.canBeVerified).prefix(plan.verified))
        }
        unverified = candidates.count
        guard unverified > 0 else {
            beginClosing()
            return
        }
        stageDeadline = loop.now &+ 10_000_000_000
        for client in candidates { client.verify() }
    }

    func verified() {
        unverified -= 1
        if unverified == 0, stage == .verifying { beginClosing() }
    }

    private func beginClosing() {
        if unverified > 0 {
            measures.violations[TurnCheck.Violation.noSnapshot.rawValue, default: 0] += unverified
        }
        stage = .closing
        stageDeadline = loop.now &+ 5_000_000_000
        unclosed = clients.count { $0.phase == .open || $0.phase == .opening }
        guard unclosed > 0 else {
            finish()
            return
        }
        for client in clients { client.close() }
    }

    func closed() {
        guard stage == .closing else { return }
        unclosed -= 1
        if unclosed == 0 { finish() }
    }

    private func finish() {
        guard stage != .done else { return }
        stage = .done
        live.end()
        outcome.measures = measures
        outcome.neverOpened = neverOpened
        let completion = completion
        self.completion = nil
        completion?(outcome)
    }

    // MARK: Buffers

    /// An empty buffer to write a frame in; one is enough, since frames are copied when they are sent.
    func takeBuffer() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &buffer)
        taken.removeAll(keepingCapacity: true)
        return taken
    }

    func giveBack(_ buffer: consuming [UInt8]) {
        self.buffer = buffer
    }
}
