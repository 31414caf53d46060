package import EventLoop
import JSON
package import Logging
package import Postgres
import Strings

/// This process among the gateways of a database: enlists it, tells each second that it lives, on a connection that is
/// used for nothing else, and hears when it was fenced. Confined to one loop.
package final class Membership {
    /// The name under which the process writes at present.
    package private(set) var node: String
    /// Events may be handed out up to then, on the clock of the loop.
    package var onLease: ((_ end: UInt64) -> Void)?
    /// The process was taken for dead: what it has under way is to be let go. To be answered with a new name, under which
    /// nothing is written until `onMember`.
    package var onFenced: ((_ rejoin: @escaping (_ node: String) -> Void) -> Void)?
    /// The database knows the name: what is done under it begins. Before the first `onLease` of the name.
    package var onMember: ((_ node: String) -> Void)?
    /// Another gateway is silent: what it left may be taken over.
    package var onStale: (() -> Void)?
    /// The processes of other gateways on this machine are gone, and so is their right to write.
    package var onGone: (() -> Void)?
    /// With each sign of life that was stored.
    package var onNews: ((News) -> Void)?

    /// What a gateway hears of the others.
    package struct News: Sendable, Equatable {
        /// How many there are beside this one.
        package var others: Int
        /// Users whose sessions this one has, as that epoch, and another wants.
        package var wished: [(userID: String, epoch: Int64)]

        package static func == (left: Self, right: Self) -> Bool {
            left.others == right.others
                && left.wished.elementsEqual(right.wished) { $0.userID.isExactly($1.userID) && $0.epoch == $1.epoch }
        }
    }

    private let loop: EventLoop
    private let pool: PostgresPool
    private let settings: StoreSettings
    private let process: ProcessIdentity?
    private let logger: Logger
    private var machine: MembershipMachine
    private var timer: TimerToken?
    private var parameters = Parameters()
    private var joined: ((Bool) -> Void)?
    private var isLooking = false
    /// How often the rights of processes that are gone are asked for, and the pause between: what they were storing ends
    /// first.
    private static let fencings = 20
    private static let fencingPause: UInt64 = 50_000_000

    /// - Parameters:
    ///   - connection: how to reach the database; one connection is made.
    ///   - process: which process this is, for the other gateways of the machine; nil: it can't be told.
    package init(
        _ settings: StoreSettings, _ connection: PostgresSettings, process: ProcessIdentity? = nil, on loop: EventLoop,
        logger: Logger
    ) {
        self.process = process
        node = settings.node
        self.settings = settings
        self.loop = loop
        self.logger = logger
        var limits = PoolSettings()
        limits.minimum = 1
        limits.maximum = 1
        limits.overflow = 0
        limits.waiting = 4
        pool = PostgresPool(connection, limits, on: loop)
        machine = MembershipMachine(lease: settings.lease)
    }

    /// Begins; `completion` hears once whether the first attempt has made this process a member.
    package func join(_ completion: @escaping (Bool) -> Void) {
        joined = completion
        pool.start()
        beat()
    }

    /// A write was refused because `node` was fenced.
    package func fenced(_ node: String) {
        guard node == self.node else { return }
        carryOut(machine.fenced())
    }

    /// Ends the membership, with nothing left to write: what still waits in the queue of a conversation is the next
    /// gateway's at once.
    package func leave(_ completion: @escaping () -> Void) {
        if let timer { loop.cancel(timer) }
        timer = nil
        machine.leave()
        let finish = { [pool] in pool.close(within: 1_000_000_000, completion) }
        guard pool.isAvailable else { return finish() }
        parameters.removeAll()
        parameters.append(text: node)
        let leaving = parameters
        pool.transaction({ $0.send(Statements.leave, leaving) }, completion: { _ in finish() })
    }

    private func beat() {
        timer = loop.schedule(after: settings.heartbeat) { [weak self] in self?.beat() }
        switch machine.tick() {
        case .enlist: enlist()
        case .beat: sendBeat()
        default: break
        }
    }

    private func enlist() {
        let (sent, node) = (loop.now, node)
        var parameters = Parameters()
        parameters.append(text: node)
        if let process {
            parameters.append(text: process.bootID)
            parameters.append(int8: process.namespace)
            parameters.append(int4: process.pid)
            parameters.append(int8: process.started)
        } else {
            for _ in 0..<4 { parameters.appendNull() }
        }
        let endpoints = settings.endpoints
        pool.transaction({ connection in
            connection.send(Statements.enlist, parameters)
            guard !endpoints.isEmpty else { return }
            var told = Parameters()
            told.append(text: node)
            told.beginArray(of: PostgresType.text)
            for endpoint in endpoints { told.add(text: endpoint) }
            told.endArray()
            connection.send(Statements.tellEndpoints, told)
        }) { [weak self] outcome in
            guard let self else { return }
            switch outcome {
            case .success:
                carryOut(machine.enlisted(sentAt: sent))
                lookAround { [weak self] in self?.tellJoined(true) }
            case .failure(let error):
                machine.failed()
                logger.warning("this gateway could not be enlisted", metadata: ["cause": "\(error)"])
                tellJoined(false)
            }
        }
    }

    private func tellJoined(_ isMember: Bool) {
        let told = joined
        joined = nil
        told?(isMember)
    }

    // MARK: the other gateways of this machine

    /// Fences those of them whose processes are gone, which needs no silence to be known. One look at a time: asked for
    /// while another is under way, it does nothing.
    ///
    /// - Parameter completion: is told when that is done, or can't be.
    package func lookAround(_ completion: @escaping () -> Void = {}) {
        guard process != nil, !isLooking, machine.state == .member else { return completion() }
        isLooking = true
        var parameters = Parameters()
        parameters.append(text: node)
        pool.transaction({ $0.send(Statements.neighbours, parameters) }) { [weak self] outcome in
            guard let self else { return completion() }
            var gone: [String] = []
            if case .success(let answers) = outcome, let rows = answers.first {
                for row in 0..<rows.count {
                    guard let id = try? rows.text(row, 0), let pid = try? rows.int4(row, 1),
                        let started = try? rows.int8(row, 2), ProcessIdentity.isGone(pid: pid, started: started)
                    else { continue }
                    gone.append(id)
                }
            }
            guard !gone.isEmpty else {
                isLooking = false
                return completion()
            }
            logger.notice(
                "gateways of this machine are gone without having stopped",
                metadata: ["nodes": "\(gone.joined(separator: " "))"])
            fence(gone, tries: Self.fencings, completion)
        }
    }

    private func fence(_ gone: [String], tries: Int, _ completion: @escaping () -> Void) {
        var parameters = Parameters()
        parameters.append(text: node)
        parameters.beginArray(of: PostgresType.text)
        for id in gone { parameters.add(text: id) }
        parameters.endArray()
        pool.transaction({ $0.send(Statements.fenceGone, parameters) }) { [weak self] outcome in
            guard let self else { return completion() }
            var left: Int32?
            if case .success(let answers) = outcome { left = try? answers.first?.int4(0, 0) }
            if let left, left > 0, tries > 1 {
                _ = loop.schedule(after: Self.fencingPause) { [weak self] in
                    guard let self else { return completion() }
                    fence(gone, tries: tries - 1, completion)
                }
                return
            }
            isLooking = false
            if left != nil { onGone?() }
            completion()
        }
    }

    private func sendBeat() {
        let sent = loop.now
        var parameters = Parameters()
        parameters.append(text: node)
        parameters.append(int4: Int32(clamping: settings.staleAfter))
        parameters.append(int4: Int32(clamping: settings.steadyAfter))
        pool.transaction({ $0.send(Statements.beat, parameters) }) { [weak self] outcome in
            guard let self else { return }
            guard case .success(let answers) = outcome, let rows = answers.first, rows.count == 1,
                let isMember = try? rows.bool(0, 0), let seesStale = try? rows.bool(0, 1)
            else { return machine.failed() }
            if isMember, let news = Self.news(rows) { onNews?(news) }
            carryOut(machine.beaten(sentAt: sent, isMember: isMember, seesStale: seesStale))
        }
    }

    private static func news(_ rows: Rows) -> News? {
        guard let others = try? rows.int4(0, 2) else { return nil }
        var wished: [(userID: String, epoch: Int64)] = []
        if let text = try? rows.optionalJSONB(0, 3), let list = try? JSON(parsing: text).array {
            wished = list.compactMap { entry in
                guard let pair = entry.array, pair.count == 2, let user = pair[0].string, let epoch = pair[1].integer
                else { return nil }
                return (user, epoch)
            }
        }
        return News(others: Int(others), wished: wished)
    }

    private func carryOut(_ actions: [MembershipMachine.Action]) {
        for action in actions {
            switch action {
            case .extend(let end): onLease?(end)
            case .begin: onMember?(node)
            case .recover: onStale?()
            case .letGo:
                logger.error(
                    "this gateway was taken for dead and begins again: it stood still, or could not reach the database",
                    metadata: ["node": "\(node)"])
                onFenced? { [weak self] node in
                    guard let self else { return }
                    self.node = node
                    machine.rejoin()
                    if machine.tick() == .enlist { enlist() }
                }
            case .enlist, .beat: break
            }
        }
    }
}
