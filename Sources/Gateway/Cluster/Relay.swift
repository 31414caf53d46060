import Chat
import Cluster
import EventLoop
import Logging
import Store

/// A shard's part in the cluster: its link to the shards of other gateways, the sockets here whose sessions they have, and
/// the clients there whose sessions are here. For as long as the process has one name in the database.
final class Relay {
    struct Figures {
        var attaches = 0
        var bytes = 0
        var requests = 0
        var frames = 0
        var messages = 0
        var begun = 0
        var malformed = 0
        var strangers = 0
    }

    /// Nanoseconds after which the living gateways are asked for again, and between two questions for one that is not
    /// among them.
    private static let listInterval: UInt64 = 2_000_000_000
    private static let strangerInterval: UInt64 = 100_000_000
    /// Nanoseconds for which a gateway at which nobody listened is not tried again.
    private static let silenceInterval: UInt64 = 1_000_000_000
    /// Messages of gateways that are not known yet, and bytes of them.
    private static let heldMessages = 64
    private static let heldBytes = 4 << 20
    /// Nanoseconds between two looks for links that nobody needs any more.
    private static let sweepInterval: UInt64 = 10_000_000_000
    /// Nanoseconds for what is said last.
    private static let lastWords: UInt64 = 100_000_000

    unowned let shard: Shard
    let address: ClusterAddress
    private let options: CarrierOptions
    private(set) lazy var edges = EdgeSockets(self)
    private(set) lazy var requests = EdgeRequests(self)
    private(set) lazy var remotes = RemoteClients(self)
    private var carrier: Carrier?
    private var links: Links?
    private var named: UInt64 = 0
    private var living: Set<String> = []
    private var listedAt: UInt64?
    private var isListing = false
    private var held: [[UInt8]] = []
    private var silent: [String: UInt64] = [:]
    private var linked: Set<ClusterAddress> = []
    private var unused: Set<ClusterAddress> = []
    private var sweep: TimerToken?
    private var wasAway = false
    var figures: Figures {
        get { shard.relayFigures }
        _modify { yield &shard.relayFigures }
    }

    init(_ options: CarrierOptions, shard: Shard) {
        self.options = options
        self.shard = shard
        address = ClusterAddress(node: shard.chatStore.node, shard: UInt16(truncatingIfNeeded: shard.index))
    }

    func start() {
        let carrier = Carrier(
            options, as: address, on: shard.loop, received: { [weak self] in self?.received($0) },
            happened: { [weak self] in self?.happened($0) })
        let links = Links(
            as: address, on: shard.loop, last: UInt64(wallClockMicroseconds()),
            publish: { [weak self] bytes, other in
                self?.figures.messages += 1
                return carrier.publish(bytes, to: other)
            },
            isKnown: { [weak self] other in self?.living.contains(other.node) ?? false },
            happened: { [weak self] in self?.happened($0) })
        self.carrier = carrier
        self.links = links
        carrier.start()
        list()
        scheduleSweep()
    }

    /// Ends it, when what was said in this tick is on its way.
    func stop() {
        if let sweep { shard.loop.cancel(sweep) }
        sweep = nil
        remotes.stop()
        requests.stop()
        links?.stop()
        links = nil
        guard let carrier else { return }
        self.carrier = nil
        _ = shard.loop.schedule(after: Self.lastWords) { carrier.stop() }
    }

    var isUp: Bool { carrier?.isUp ?? false }

    /// Names a command that its client has not named.
    func hiddenID() -> String {
        named += 1
        return EdgeLedger.hiddenID("\(shard.epoch).\(shard.index)", named)
    }

    // MARK: Where others are

    /// Where the session of a user is spoken to at another gateway; nil: it can't be, as far as is known.
    func reach(_ node: String, _ userID: String) -> ClusterAddress? {
        guard isUp, node != address.node, let shards = MembershipService.shards(of: node) else { return nil }
        if let until = silent[node] {
            if shard.loop.now < until { return nil }
            silent[node] = nil
        }
        return ClusterAddress(node: node, shard: UInt16(ShardDirectory.home(of: userID, among: shards)))
    }

    func isLinked(to other: ClusterAddress) -> Bool { links?.isOpen(other) ?? false }

    func link(to other: ClusterAddress) -> Bool {
        guard links?.open(other) == true else { return false }
        linked.insert(other)
        return true
    }

    func send(_ frame: LinkFrame, to end: Links.End) {
        figures.frames += 1
        links?.send(frame, to: end)
    }

    private func scheduleSweep() {
        sweep = shard.loop.schedule(after: Self.sweepInterval) { [weak self] in
            guard let self else { return }
            let idle = linked.filter { !self.edges.uses($0) && !self.requests.uses($0) }
            for other in idle where unused.contains(other) {
                links?.close(other)
                carrier?.forget(other)
                linked.remove(other)
            }
            unused = idle
            silent = silent.filter { $0.value > self.shard.loop.now }
            scheduleSweep()
        }
    }

    // MARK: What comes

    private func happened(_ event: Carrier.Event) {
        switch event {
        case .up:
            if wasAway {
                shard.logger.notice("the cluster's servers are there again", metadata: ["shard": "\(shard.index)"])
            }
            wasAway = false
        case .away(let cause):
            if !wasAway {
                shard.logger.warning(
                    "the cluster's servers are away: sessions of other gateways can't be reached",
                    metadata: [
                        "shard": "\(shard.index)", "cause": "\(cause.map { "\($0)" } ?? "the connection was lost")",
                    ])
            }
            wasAway = true
        case .nobody(let other):
            silent[other.node] = shard.loop.now + Self.silenceInterval
            links?.nobody(at: other)
        }
    }

    private func received(_ bytes: UnsafeRawBufferPointer) {
        if let listedAt, shard.loop.now &- listedAt > Self.listInterval { list() }
        guard let node = LinkMessage.node(of: bytes) else { return figures.malformed += 1 }
        guard living.contains(node) else { return hold(bytes) }
        links?.received(bytes)
    }

    /// It may have joined just now.
    private func hold(_ bytes: UnsafeRawBufferPointer) {
        guard held.count < Self.heldMessages,
            held.reduce(0, { $0 + $1.count }) + bytes.count <= Self.heldBytes
        else { return figures.strangers += 1 }
        held.append(Array(bytes))
        list()
    }

    private func list() {
        guard !isListing else { return }
        if let listedAt, shard.loop.now &- listedAt < Self.strangerInterval, held.isEmpty { return }
        isListing = true
        shard.chatStore.livingNodes { [weak self] result in
            guard let self else { return }
            isListing = false
            listedAt = shard.loop.now
            if case .success(let nodes) = result { living = Set(nodes) }
            let messages = held
            held = []
            for message in messages {
                message.withUnsafeBytes { bytes in
                    if let node = LinkMessage.node(of: bytes), living.contains(node) {
                        links?.received(bytes)
                    } else {
                        figures.strangers += 1
                    }
                }
            }
        }
    }

    private func happened(_ event: Links.Event) {
        switch event {
        case .begins(let end):
            figures.begun += 1
            guard end.role == .edge else { return remotes.begin(with: end.other) }
            requests.lose(at: end.other)
            edges.begin(at: end.other)
        case .frame(let frame, let end):
            guard end.role == .edge else { return remotes.take(frame, end) }
            if requests.take(frame) { return }
            switch frame {
            case .output(let number, let isLast, let bytes): edges.output(number, bytes, isLast: isLast)
            case .close(let number, let code, let reason): edges.close(number, code, reason)
            case .refuse(let number, let pause): edges.refuse(number, from: end.other, after: pause)
            default: break
            }
        case .ends(let end, let isNobody):
            guard end.role == .edge else { return remotes.end(with: end.other) }
            linked.remove(end.other)
            requests.lose(at: end.other)
            edges.end(at: end.other, isNobody: isNobody)
        case .malformed: figures.malformed += 1
        }
    }
}
