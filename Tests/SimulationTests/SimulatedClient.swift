import Chat
import JSON

/// A socket: what the gateway sends arrives later, in order, or not at all.
final class Connection: SessionClient {
    unowned let world: World
    unowned let gateway: SimulatedGateway
    private weak var client: SimulatedClient?
    private(set) var isCut = false
    /// Bytes on their way, above which the gateway has to wait.
    private var underWay = 0
    private var owesDrained = false
    /// Of whichever conversation.
    private var active: Identifier?
    private let window: Int
    private let delay: UInt64
    private var arrival: UInt64 = 0
    private var departure: UInt64 = 0

    init(_ world: World, _ gateway: SimulatedGateway, _ client: SimulatedClient) {
        self.world = world
        self.gateway = gateway
        self.client = client
        window = world.scheduler.oneIn(3) ? 400 : 64 << 10
        delay = world.scheduler.pick(0...80)
    }

    // MARK: The gateway's side

    var isGone: Bool { isCut }

    var isWritable: Bool {
        if underWay < window { return true }
        owesDrained = true
        return false
    }

    func send(_ json: UnsafeRawBufferPointer) {
        guard !isCut else { return }
        let text = String(decoding: json, as: UTF8.self)
        guard let frame = try? JSON(parsing: json) else {
            return world.database.note("a frame that is no JSON: \(text)")
        }
        if frame["type"]?.string == "RUN_STARTED" { active = frame["runId"]?.string.flatMap { Identifier($0) } }
        world.judge(frame, of: active, from: gateway.node)
        let count = json.count
        underWay += count
        let now = world.scheduler.now
        arrival = max(arrival, now + world.scheduler.pick(0...delay))
        world.scheduler.after(arrival - now) { [self] in
            guard !isCut else { return }
            client?.receive(frame, on: self)
            gateway.enter { [self] in
                underWay -= count
                if owesDrained, underWay < window, !isCut {
                    owesDrained = false
                    gateway.sessions[client?.userID ?? ""]?.drained(self)
                }
            }
        }
    }

    func fellBehind() { cut() }

    // MARK: The client's side

    /// Something that the client does arrives at its session.
    func post(_ command: ClientCommand) {
        let now = world.scheduler.now
        departure = max(departure, now + world.scheduler.pick(0...delay))
        world.scheduler.after(departure - now) { [self] in
            gateway.enter { [self] in
                guard !isCut, let client, let session = gateway.sessions[client.userID] else { return }
                session.handle(command, from: self)
            }
        }
    }

    func cut() {
        guard !isCut else { return }
        isCut = true
        world.scheduler.after(world.scheduler.pick(0...100)) { [self] in client?.lost(self) }
        gateway.enter { [self] in
            gateway.connections.removeAll { $0 === self }
            if let client { gateway.sessions[client.userID]?.detach(self) }
        }
    }
}

/// Somebody at a browser, with the rules of a good client: what was not acknowledged is sent again with its id, what was
/// missed is asked for by its cursor, and events are applied once.
final class SimulatedClient {
    unowned let world: World
    let user: SimulatedUser
    var userID: String { user.id }
    private(set) var connection: Connection?
    /// By conversation. That of the user is looked at to the end; others are those that a `send` began which was sent
    /// again, or by two tabs at once.
    private(set) var views: [String: View] = [:]
    private var moves = 0
    var view: View { user.thread.flatMap { views[$0.description] } ?? View() }
    private var unacknowledged: [(id: String, content: String, policy: ClientCommand.QueuePolicy, isNew: Bool)] = []
    private var isConnecting = false
    var isQuiet = false

    init(_ world: World, _ user: SimulatedUser) {
        self.world = world
        self.user = user
    }

    func connect() {
        guard connection == nil, !isConnecting else { return }
        isConnecting = true
        world.scheduler.after(world.scheduler.pick(5...300)) { [self] in
            isConnecting = false
            guard connection == nil else { return }
            let gateway = user.gateway
            guard gateway.serves else { return connect() }
            let made = Connection(world, gateway, self)
            gateway.connections.append(made)
            gateway.enter { [self] in
                guard gateway.serves, !made.isCut else { return made.cut() }
                gateway.session(of: userID).attach(made, expiresAt: 0)
            }
            connection = made
            if let thread = user.thread {
                let after = user.moves == moves ? view.cursor : nil
                views = views.filter { $0.key == thread.description }
                views[thread.description]?.beginSocket()
                made.post(.subscribe(id: "s", threadID: .known(thread), after: after))
                moves = user.moves
            } else {
                views = [:]
            }
            for waiting in unacknowledged { offer(waiting) }
        }
    }

    func lost(_ old: Connection) {
        guard connection === old else { return }
        connection = nil
        connect()
    }

    func disconnect() { connection?.cut() }

    func say(_ content: String, _ policy: ClientCommand.QueuePolicy) {
        user.keys += 1
        let message = (id: "k\(user.keys)", content: content, policy: policy, isNew: user.thread == nil)
        unacknowledged.append(message)
        offer(message)
    }

    private func offer(_ message: (id: String, content: String, policy: ClientCommand.QueuePolicy, isNew: Bool)) {
        guard let connection else { return }
        // Who begins a conversation names it, so that both of two tabs mean the same one.
        let reference = user.thread.map { ThreadReference.known($0) }
        connection.post(.send(id: message.id, threadID: reference, content: message.content, policy: message.policy))
    }

    func cancel() {
        guard let thread = user.thread else { return }
        connection?.post(.cancel(id: "x", threadID: .known(thread), runID: nil))
    }

    /// Answers all that is asked, if anything is: yes to some, no to others.
    func decide() {
        guard let thread = user.thread, !view.interrupts.isEmpty else { return }
        let answers = view.interrupts.map { id in
            InterruptAnswer(
                interruptID: id, isResolved: true, payload: ["approved": .bool(!world.scheduler.oneIn(3))])
        }
        connection?.post(.resume(id: "r", threadID: .known(thread), answers: answers))
    }

    func receive(_ frame: JSON, on old: Connection) {
        guard connection === old else { return }
        if let trace = world.trace {
            trace(
                "\(world.scheduler.now) \(userID)#\(user.clients.firstIndex { $0 === self } ?? 9) from \(old.gateway.node): \("\(frame)".prefix(330))"
            )
        }
        if frame["type"] != nil {
            views[frame["metadata"]?["parley"]?["threadId"]?.string ?? "", default: View()].apply(frame)
            return
        }
        switch frame["op"]?.string {
        case "ack":
            guard let id = frame["id"]?.string, let index = unacknowledged.firstIndex(where: { $0.id == id }) else {
                return
            }
            unacknowledged.remove(at: index)
            if let thread = frame["threadId"]?.string.flatMap({ Identifier($0) }) {
                user.thread = user.thread ?? thread
                if let message = frame["messageId"]?.string { user.acknowledged.append((id, message)) }
            }
        case "error" where frame["id"]?.string == "s":
            world.scheduler.after(world.scheduler.pick(200...1_500)) { [self] in
                guard let connection, let thread = user.thread, connection === old else { return }
                connection.post(.subscribe(id: "s", threadID: .known(thread), after: view.cursor))
            }
        case "error":
            guard let id = frame["id"]?.string, let index = unacknowledged.firstIndex(where: { $0.id == id }) else {
                return
            }
            let message = unacknowledged[index]
            switch frame["code"]?.string {
            case "unavailable", "rate_limited":
                world.scheduler.after(world.scheduler.pick(200...1_500)) { [self] in
                    if unacknowledged.contains(where: { $0.id == id }) { offer(message) }
                }
            default: unacknowledged.remove(at: index)
            }
        case "snapshot": views[frame["threadId"]?.string ?? "", default: View()].begin(frame)
        case "subscribed": views[frame["threadId"]?.string ?? "", default: View()].subscribed(frame)
        default: break
        }
    }

    var isSettled: Bool { unacknowledged.isEmpty && connection != nil }
    func forget() { connection = nil }
}

/// What a client shows of the conversation, and what it finds wrong with the events.
struct View {
    private(set) var problems: [String] = []
    /// Text by message, in the order in which it came.
    private(set) var texts: [(id: String, text: String)] = []
    private(set) var cursor: String?
    private(set) var run: String?
    /// What a person is asked.
    private(set) var interrupts: [String] = []
    private var open: Set<String> = []
    private var position: (epoch: String, n: UInt64)?
    private var isFirst = true

    /// On a new socket the rules of order begin anew, but that a resumed run goes on.
    mutating func beginSocket() { isFirst = true }

    mutating func begin(_ snapshot: JSON) {
        texts = []
        for message in snapshot["messages"]?.array ?? [] {
            let (id, role) = (message["id"]?.string ?? "", message["role"]?.string)
            if role == "assistant" || role == "user" { texts.append((id, message["content"]?.string ?? "")) }
        }
        run = nil
        interrupts = Self.ids(snapshot["interrupts"])
        open = []
        position = nil
        isFirst = false
        cursor = snapshot["cursor"]?.string
        follow(cursor)
    }

    mutating func subscribed(_ frame: JSON) {
        guard let told = frame["cursor"]?.string else { return }
        // All up to there has come before it.
        if let at = Self.place(told), let position, at.epoch == position.epoch, at.n != position.n {
            problems.append("subscribed at \(told), behind what came (\(position.n))")
        }
        cursor = told
        position = Self.place(told)
    }

    mutating func apply(_ event: JSON) {
        let type = event["type"]?.string ?? ""
        if isFirst, type == "RUN_STARTED" {
            run = nil
            open = []
            position = nil
        }
        isFirst = false
        follow(event["metadata"]?["parley"]?["cursor"]?.string)
        let message = event["messageId"]?.string ?? ""
        switch type {
        case "RUN_STARTED":
            if run != nil { problems.append("a run starts while another is active") }
            run = event["runId"]?.string
            interrupts = []
            if let asked = event["input"]?["messages"]?.array?.first, let id = asked["id"]?.string {
                set(id, asked["content"]?.string ?? "")
            }
            return
        case "RUN_FINISHED", "RUN_ERROR":
            if run == nil { problems.append("\(type) without a run") }
            if type == "RUN_FINISHED", !open.isEmpty { problems.append("finished with open items") }
            run = nil
            interrupts = Self.ids(event["outcome"]?["interrupts"])
            open = []
            return
        case "TEXT_MESSAGE_START":
            if !open.insert(message).inserted { problems.append("a message opened twice") }
            set(message, "")
        case "TEXT_MESSAGE_CONTENT":
            guard let index = texts.lastIndex(where: { $0.id == message }), open.contains(message) else {
                return problems.append("text for a message that is not open")
            }
            texts[index].text += event["delta"]?.string ?? ""
        case "TEXT_MESSAGE_END":
            if open.remove(message) == nil { problems.append("an end of a message that is not open") }
        default: break
        }
        if run == nil { problems.append("\(type) outside a run") }
    }

    private static func ids(_ interrupts: JSON?) -> [String] {
        (interrupts?.array ?? []).compactMap { $0["id"]?.string }
    }

    private mutating func set(_ id: String, _ text: String) {
        if let index = texts.lastIndex(where: { $0.id == id }) {
            texts[index].text = text
        } else {
            texts.append((id, text))
        }
    }

    private mutating func follow(_ cursor: String?) {
        guard let cursor, let place = Self.place(cursor) else { return problems.append("no cursor") }
        if let position, position.epoch == place.epoch, place.n <= position.n {
            problems.append("the cursor did not rise: \(position.n), \(place.n)")
        }
        position = place
        self.cursor = cursor
    }

    private static func place(_ cursor: String) -> (epoch: String, n: UInt64)? {
        guard let dot = cursor.lastIndex(of: "."), let n = UInt64(cursor[cursor.index(after: dot)...]) else {
            return nil
        }
        return (String(cursor[..<dot]), n)
    }
}

/// Somebody with one conversation on any number of sockets, all of which reach one gateway at a time.
final class SimulatedUser {
    let id: String
    var thread: Identifier?
    var gateway: SimulatedGateway
    /// How often all sockets went to another gateway.
    var moves = 0
    var keys = 0
    var clients: [SimulatedClient] = []
    var acknowledged: [(key: String, message: String)] = []

    init(_ id: String, _ gateway: SimulatedGateway) {
        self.id = id
        self.gateway = gateway
    }

    func move(to gateway: SimulatedGateway) {
        guard gateway !== self.gateway else { return }
        self.gateway = gateway
        moves += 1
        for client in clients { client.disconnect() }
    }
}
