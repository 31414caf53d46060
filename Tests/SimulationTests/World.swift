import Chat
import JSON

/// One seed is one world: gateways, users and their sockets, a database, and what goes wrong with all of them.
final class World {
    let seed: UInt64
    let scheduler: Scheduler
    let database: SimulatedDatabase
    var limits = ChatLimits()
    private(set) var gateways: [SimulatedGateway] = []
    private(set) var users: [SimulatedUser] = []
    var incarnations = 0
    var identifiers: UInt64 = 0
    var positions: UInt64 = 0
    var incidents: [String] = []
    private var isFair = false
    /// Until then the database answers nobody, or one gateway cannot reach it.
    private var awayUntil: UInt64 = 0
    private var cutOff: [Int: UInt64] = [:]
    private var problems: [String] = []
    /// Processes that have died: what they had under way still names them.
    private var graveyard: [SimulatedGateway] = []
    /// What happens, line by line, for who looks into a seed.
    var trace: ((String) -> Void)?

    init(seed: UInt64, fault: Fault? = nil) {
        self.seed = seed
        scheduler = Scheduler(seed: seed)
        database = SimulatedDatabase(scheduler, fault: fault)
        limits.approvalExpires = scheduler.oneIn(3) ? 4 : 86_400
        limits.coalescingWindow = scheduler.oneIn(3) ? 20 : 0
        for place in 0...scheduler.pick(4) { gateways.append(SimulatedGateway(self, place: place)) }
        for number in 0...scheduler.pick(3) {
            let user = SimulatedUser("u\(number)", gateways[scheduler.pick(gateways.count)])
            for _ in 0...scheduler.pick(3) {
                let client = SimulatedClient(self, user)
                user.clients.append(client)
                client.connect()
            }
            users.append(user)
        }
    }

    // MARK: The way to the database

    /// A request on its way: it arrives after a while, or is told to have not.
    func database(there place: Int, _ arrived: @escaping (Bool) -> Void) {
        let isReached = isFair || scheduler.now >= max(awayUntil, cutOff[place] ?? 0)
        let delay = isReached ? scheduler.pick(isFair ? 1...4 : 1...30) : scheduler.pick(1...500)
        let isDropped = !isFair && scheduler.oneIn(60)
        scheduler.after(delay) { arrived(isReached && !isDropped) }
    }

    /// The answer on its way back: it may be lost.
    func database(back place: Int, _ arrived: @escaping (_ isLost: Bool) -> Void) {
        let isLost = !isFair && (scheduler.oneIn(60) || scheduler.now < max(awayUntil, cutOff[place] ?? 0))
        scheduler.after(scheduler.pick(isFair ? 1...4 : 1...30)) { arrived(isLost) }
    }

    // MARK: What happens

    /// - Returns: what is wrong; empty where everything holds.
    func run(weather: UInt64 = 25_000) -> [String] {
        happen()
        scheduler.run(until: scheduler.now + weather) {}
        clear()
        scheduler.run(until: scheduler.now + 40_000) {}
        converge()
        check()
        end()
        return problems
    }

    private func happen() {
        scheduler.after(scheduler.pick(20...400)) { [self] in
            guard !isFair else { return }
            step()
            happen()
        }
    }

    private func step() {
        let user = users[scheduler.pick(users.count)]
        let client = user.clients[scheduler.pick(user.clients.count)]
        switch scheduler.pick(40) {
        case 0...11: client.say("say \(user.keys)", [.enqueue, .enqueue, .interrupt, .reject][scheduler.pick(4)])
        case 12...13: client.cancel()
        case 14...16: client.disconnect()
        case 17: user.move(to: gateways[scheduler.pick(gateways.count)])
        case 18: gateways[scheduler.pick(gateways.count)].stall(for: scheduler.pick(200...12_000))
        case 19: restart(scheduler.pick(gateways.count))
        case 20: goAway(for: scheduler.pick(500...12_000))
        case 22...25: client.decide()
        case 21: cutOff[scheduler.pick(gateways.count)] = scheduler.now + scheduler.pick(500...12_000)
        default: break
        }
    }

    private func goAway(for time: UInt64) {
        let from = scheduler.now < awayUntil ? database.outage.from : scheduler.now
        awayUntil = scheduler.now + time
        database.outage = (from, awayUntil)
    }

    private func restart(_ place: Int) {
        let old = gateways[place]
        trace?("g\(place) dies")
        old.die()
        graveyard.append(old)
        scheduler.after(scheduler.pick(50...3_000)) { [self] in
            guard gateways[place] === old else { return }
            gateways[place] = SimulatedGateway(self, place: place)
            for user in users where user.gateway === old {
                user.gateway = gateways[place]
                user.moves += 1
            }
        }
    }

    /// The weather clears: everything answers, nobody stands still.
    private func clear() {
        isFair = true
        database.outage.until = min(database.outage.until, scheduler.now)
        for (place, gateway) in gateways.enumerated() {
            gateway.resume()
            if gateway.isDead {
                gateways[place] = SimulatedGateway(self, place: place)
                for user in users where user.gateway === gateway {
                    user.gateway = gateways[place]
                    user.moves += 1
                }
            }
        }
        for user in users { for client in user.clients { client.connect() } }
    }

    /// Everybody looks once more, as after a reload.
    private func converge() {
        for user in users {
            user.moves += 1
            for client in user.clients { client.disconnect() }
        }
        scheduler.run(until: scheduler.now + 30_000) {}
    }

    // MARK: What must hold

    /// A frame that a gateway sends, at the moment at which it does: nothing in it contradicts what is stored.
    ///
    /// - Parameter active: the run whose events these are, as the socket has been told.
    func judge(_ frame: JSON, of active: Identifier?, from node: String) {
        func run(_ field: String) -> SimulatedDatabase.Run? {
            frame[field]?.string.flatMap { Identifier($0) }.flatMap { database.runs[$0] }
        }
        switch frame["type"]?.string ?? frame["op"]?.string ?? "" {
        case "ack":
            guard let id = frame["messageId"]?.string else { return }
            if run("runId")?.message.id.description != id { database.note("an ack of what is not stored: \(frame)") }
        case "RUN_FINISHED":
            let type = frame["outcome"]?["type"]?.string
            let status: RunStatus = type == "cancelled" ? .cancelled : .completed
            if type == "interrupt" {
                // It may have been answered or declined since, at another gateway or on another socket.
                let fates: [RunStatus] = [.suspended, .completed, .cancelled]
                if let stored = run("runId"), !fates.contains(stored.status) {
                    database.note("told to wait, stored \(stored.status)")
                }
                return
            }
            if let stored = run("runId"), stored.status != status {
                database.note("told \(status), stored \(stored.status)")
            }
        case "RUN_STARTED":
            if let stored = run("runId"), stored.status == .queued {
                database.note("begun, stored as queued: \(frame)")
            }
        case "TEXT_MESSAGE_CONTENT":
            if let stored = active.flatMap({ database.runs[$0] }), stored.node != node {
                database.note("\(node) tells of a run that \(stored.node) has")
            }
        default: break
        }
    }

    private func check() {
        problems += database.violations
        for (id, run) in database.runs {
            if !run.status.isTerminal { problems.append("run \(id) is \(run.status) at the end, of \(run.node)") }
            if run.ends > 1 { problems.append("run \(id) has \(run.ends) ends") }
        }
        for (run, asked) in database.approvals { check(asked, of: run) }
        for user in users {
            for (key, message) in user.acknowledged {
                let run = database.clientIDs["\(user.id)/\(key)"].flatMap { database.runs[$0] }
                if run?.message.id.description != message {
                    problems.append("\(key) of \(user.id) was acknowledged otherwise")
                }
            }
            for client in user.clients { check(client) }
        }
    }

    /// What was approved was done, and nothing else; what is open waits for somebody.
    private func check(_ asked: [Approval], of run: Identifier) {
        let status = database.runs[run]?.status
        for approval in asked {
            let isDone = database.operations["\(approval.runID)/\(approval.ordinal)"] != nil
            if isDone != (approval.status == .approved) {
                problems.append("\(approval.id) is \(approval.status), and was \(isDone ? "" : "not ")carried out")
            }
            if (approval.status == .open) != (status == .suspended) {
                problems.append("\(approval.id) is \(approval.status), its run \(status.map { "\($0)" } ?? "gone")")
            }
        }
    }

    private func check(_ client: SimulatedClient) {
        for view in client.views.values { problems += view.problems.map { "\(client.userID): \($0)" } }
        guard let thread = client.user.thread else { return }
        if !client.isSettled { problems.append("\(client.userID): a message waits for ever, or nobody is connected") }
        if client.view.run != nil { problems.append("\(client.userID): shows a run for ever") }
        let messages = database.conversations[thread]?.messages ?? []
        let open = database.approvals(thread, of: client.userID, ids: [])?.open.map { "\($0.id)" } ?? []
        if Set(client.view.interrupts) != Set(open) {
            problems.append("\(client.userID) shows \(client.view.interrupts) as open, stored is \(open)")
        }
        let stored = messages.filter { $0.role != .tool && !$0.content.isEmpty }
        // What a snapshot holds at most.
        let page = database.newestMessages(thread, of: client.userID, limit: limits.snapshotMessages)
        let newest = (page?.messages ?? []).filter { $0.role != .tool && !$0.content.isEmpty }
        let contents = Dictionary(stored.map { ($0.id.description, $0.content) }) { first, _ in first }
        let shown = Dictionary(client.view.texts.map { ($0.id, $0.text) }) { _, last in last }
        for (id, text) in shown where !text.isEmpty && contents[id] != text {
            problems.append("\(client.userID) shows \(id) as \(text), stored is \(contents[id] ?? "nothing")")
        }
        for message in newest where shown[message.id.description] == nil {
            problems.append("\(client.userID) does not show \(message.id)")
        }
    }

    private func end() {
        for user in users {
            for client in user.clients { client.forget() }
            user.clients = []
        }
        for gateway in gateways + graveyard { gateway.letGo() }
        scheduler.forgetAll()
    }
}
