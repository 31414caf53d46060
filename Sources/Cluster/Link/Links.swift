package import EventLoop

/// The links of a shard to the shards of other gateways: what is to be said to one of them in a tick is one message, and
/// what arrives is used where it is in order and whole, as `LinkMachine` decides. Used on its loop.
///
/// Two shards may have two links with one another: each is the edge of its own sockets.
package final class Links: TickParticipant {
    /// One end of a link: with whom, and as what.
    package struct End: Sendable, Hashable {
        package let other: ClusterAddress
        package let role: LinkMachine.Role

        package init(_ role: LinkMachine.Role, _ other: ClusterAddress) {
            self.role = role
            self.other = other
        }
    }

    package enum Event: Sendable, Equatable {
        /// As the edge: say what sockets there are. As the owner: forget those that were said before.
        case begins(End)
        case frame(LinkFrame, End)
        /// The link is no more: nobody is there, or has been silent for too long.
        case ends(End, isNobody: Bool)
        /// Something came that no gateway of ours writes; nothing of it is used.
        case malformed(WireError)
    }

    /// Links at once, as the edge and as the owner.
    package static let limit = 4_096
    /// Nanoseconds between two looks at the clock, while there are links.
    package static let clock: UInt64 = 250_000_000
    /// Bytes of a message beside its frames, at most.
    private static let headBytes = 64 + LinkFrame.textLimit

    private struct Link {
        var machine: LinkMachine
        var frames: [LinkFrame] = []
        var bytes = 0
        var isEnlisted = false
    }

    private let own: ClusterAddress
    private let loop: EventLoop
    private let publish: (UnsafeRawBufferPointer, ClusterAddress) -> Bool
    private let isKnown: (ClusterAddress) -> Bool
    private let happened: (Event) -> Void
    private var links: [End: Link] = [:]
    private var toSend: [End] = []
    private var isEnlisted = false
    private var last: UInt64
    private var timer: TimerToken?

    /// - Parameters:
    ///   - last: a number that rises from one incarnation of a gateway to the next, such as the time.
    ///   - publish: `Carrier.publish`; where it refuses, the gap that follows begins the link anew.
    ///   - isKnown: whether that is a living gateway of this cluster.
    package init(
        as own: ClusterAddress, on loop: EventLoop, last: UInt64,
        publish: @escaping (UnsafeRawBufferPointer, ClusterAddress) -> Bool,
        isKnown: @escaping (ClusterAddress) -> Bool, happened: @escaping (Event) -> Void
    ) {
        self.own = own
        self.loop = loop
        self.last = last
        self.publish = publish
        self.isKnown = isKnown
        self.happened = happened
    }

    /// There is a socket here whose owner is `other`.
    ///
    /// - Returns: false: there are too many links.
    package func open(_ other: ClusterAddress) -> Bool {
        let end = End(.edge, other)
        guard links[end] == nil else { return true }
        guard links.count < Self.limit else { return false }
        var machine = LinkMachine(.edge, last: last)
        let actions = machine.open(at: loop.now)
        links[end] = Link(machine: machine)
        carryOut(actions, end)
        return true
    }

    /// Whether there is a link to it already.
    package func isOpen(_ other: ClusterAddress) -> Bool { links[End(.edge, other)] != nil }

    /// There is none any more. The owner hears of it by silence, or by what was sent before.
    package func close(_ other: ClusterAddress) {
        let end = End(.edge, other)
        send(end)
        links[end] = nil
    }

    /// For good. What was to be said in this tick is said.
    package func stop() {
        for end in toSend { send(end) }
        links = [:]
        toSend = []
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    /// It goes at the end of the tick. Nothing is sent where there is no link.
    package func send(_ frame: LinkFrame, to end: End) {
        guard links[end] != nil else { return }
        let count = frame.countAtMost
        if links[end].map({ $0.bytes + count > LinkMessage.limit - Self.headBytes }) == true { send(end) }
        links[end]?.frames.append(frame)
        links[end]?.bytes += count
        enlist(end)
    }

    private func enlist(_ end: End) {
        guard links[end]?.isEnlisted == false else { return }
        links[end]?.isEnlisted = true
        toSend.append(end)
        guard !isEnlisted else { return }
        isEnlisted = true
        loop.atEndOfTick(self)
    }

    package func tickEnded() {
        isEnlisted = false
        let ends = toSend
        toSend = []
        for end in ends {
            links[end]?.isEnlisted = false
            send(end)
        }
    }

    private func send(_ end: End) {
        guard let frames = links[end]?.frames, !frames.isEmpty, let next = links[end]?.machine.next() else { return }
        links[end]?.frames = []
        links[end]?.bytes = 0
        let message = LinkMessage(
            node: own.node, shard: own.shard, link: next.link, number: next.number, isOfEdge: end.role == .edge,
            frames: frames)
        // What isn't taken is a gap, which the other end finds with the next message or probe.
        _ = message.bytes.withUnsafeBytes { publish($0, end.other) }
    }

    /// What the carrier brings.
    package func received(_ bytes: UnsafeRawBufferPointer) {
        let message: LinkMessage
        do throws(WireError) {
            message = try LinkMessage(bytes)
        } catch {
            happened(.malformed(error))
            return
        }
        let other = ClusterAddress(node: message.node, shard: message.shard)
        guard isKnown(other) else { return }
        let end = End(message.isOfEdge ? .owner : .edge, other)
        if links[end] == nil {
            guard end.role == .owner, links.count < Self.limit else { return }
            links[end] = Link(machine: LinkMachine(.owner, last: 0))
        }
        let actions =
            links[end]?.machine.received(link: message.link, message: message.number, at: loop.now) ?? []
        carryOut(actions, end, message)
    }

    /// The carrier says that nobody listens there.
    package func nobody(at other: ClusterAddress) {
        for end in [End(.edge, other), End(.owner, other)] where links.removeValue(forKey: end) != nil {
            happened(.ends(end, isNobody: true))
        }
    }

    private func carryOut(_ actions: [LinkMachine.Action], _ end: End, _ message: LinkMessage? = nil) {
        setClock()
        for action in actions {
            switch action {
            case .begin(let number):
                links[end]?.frames = []
                links[end]?.bytes = 0
                if end.role == .edge {
                    last = max(last, number)
                    // The first message is sent also where it says nothing else, and is answered.
                    send(.probe, to: end)
                }
                happened(.begins(end))
            case .take: for frame in message?.frames ?? [] { take(frame, end, message?.link ?? 0) }
            case .probe: send(.probe, to: end)
            case .reset: send(.reset, to: end)
            case .end:
                links[end] = nil
                happened(.ends(end, isNobody: false))
            }
        }
    }

    private func take(_ frame: LinkFrame, _ end: End, _ link: UInt64) {
        // A frame before it may have ended the link, or begun another.
        guard links[end]?.machine.number == link else { return }
        switch frame {
        case .probe: send(.pulse, to: end)
        case .pulse: break
        case .reset: carryOut(links[end]?.machine.reset(link: link, at: loop.now) ?? [], end)
        default:
            // What only the other role says is not believed.
            guard frame.isOfEdge == (end.role == .owner) else { return }
            happened(.frame(frame, end))
        }
    }

    private func setClock() {
        guard timer == nil, !links.isEmpty else { return }
        timer = loop.schedule(after: Self.clock) { [weak self] in self?.look() }
    }

    private func look() {
        timer = nil
        for end in Array(links.keys) { carryOut(links[end]?.machine.tick(at: loop.now) ?? [], end) }
        // A link that the other end has never begun is none.
        for (end, link) in links where !link.machine.isOpen { links[end] = nil }
        setClock()
    }
}

extension LinkFrame {
    /// Whether the edge says it; nil: either.
    var isOfEdge: Bool? {
        switch self {
        case .attach, .follow, .command, .taken, .detach: true
        case .output, .close, .refuse, .reset: false
        case .probe, .pulse: nil
        }
    }

    /// Bytes that it takes in a message, or a few more.
    var countAtMost: Int {
        switch self {
        case .attach(_, let attachment):
            64
                + [attachment.userID, attachment.address, attachment.userAgent].reduce(0) {
                    $0 + min($1.utf8.count, Self.textLimit)
                }
        case .follow(_, let thread, let cursor):
            32 + min(thread.utf8.count, Self.textLimit) + min(cursor.utf8.count, Self.textLimit)
        case .command(_, _, let bytes), .output(_, _, let bytes): 32 + bytes.count
        case .close(_, _, let reason): 32 + min(reason.utf8.count, Self.textLimit)
        case .taken, .detach, .refuse, .probe, .pulse, .reset: 32
        }
    }
}
