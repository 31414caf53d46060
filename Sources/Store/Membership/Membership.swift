package import EventLoop
package import Logging
package import Postgres

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

    private let loop: EventLoop
    private let pool: PostgresPool
    private let settings: StoreSettings
    private let logger: Logger
    private var machine: MembershipMachine
    private var timer: TimerToken?
    private var parameters = Parameters()
    private var joined: ((Bool) -> Void)?

    /// - Parameter connection: how to reach the database; one connection is made.
    package init(_ settings: StoreSettings, _ connection: PostgresSettings, on loop: EventLoop, logger: Logger) {
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
        pool.transaction({ $0.send(Statements.enlist, parameters) }) { [weak self] outcome in
            guard let self else { return }
            let isMember: Bool
            switch outcome {
            case .success:
                isMember = true
                carryOut(machine.enlisted(sentAt: sent))
            case .failure(let error):
                isMember = false
                machine.failed()
                logger.warning("this gateway could not be enlisted", metadata: ["cause": "\(error)"])
            }
            let told = joined
            joined = nil
            told?(isMember)
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
            carryOut(machine.beaten(sentAt: sent, isMember: isMember, seesStale: seesStale))
        }
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
