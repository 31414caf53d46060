package import EventLoop

/// What the WebSocket connections of one loop share: their options, one codec for all that compress without context
/// takeover, and one timer that looks after all of them.
///
/// Confined to its loop. Connections hold the hub, not the other way round: a connection lives as long as its socket
/// is open or somebody holds it.
package final class WebSocketHub {
    package let loop: EventLoop
    package let options: WebSocketOptions
    /// Connections that are not closed yet.
    package private(set) var count = 0

    let codec = DeflateCodec()
    private var checks = DeadlineQueue(.checks)
    private var closings = DeadlineQueue(.closings)
    private var isArmed = false

    package init(loop: EventLoop, options: WebSocketOptions = WebSocketOptions()) {
        self.loop = loop
        self.options = options
    }

    func opened(_ connection: WebSocketConnection) {
        count += 1
        connection.nextPing = loop.now &+ options.pingInterval
        scheduleCheck(connection)
    }

    /// The connection waits for the peer's Close, for `closeTimeout`.
    func closing(_ connection: WebSocketConnection) {
        checks.remove(connection)
        closings.append(connection, deadline: loop.now &+ options.closeTimeout)
        arm()
    }

    /// The connection is left to its socket, or is gone.
    func forget(_ connection: WebSocketConnection) {
        checks.remove(connection)
        closings.remove(connection)
    }

    func closed(_ connection: WebSocketConnection) {
        forget(connection)
        count -= 1
    }

    private func scheduleCheck(_ connection: WebSocketConnection) {
        guard options.pingInterval > 0 else { return }
        checks.append(connection, deadline: loop.now &+ options.pingInterval / 4)
        arm()
    }

    private func arm() {
        guard !isArmed, !checks.isEmpty || !closings.isEmpty else { return }
        isArmed = true
        // The timer goes at a fixed pace while there is anything to look after, and connections wait in the order of
        // their deadlines: however many there are, a turn touches those that are due.
        let shortest =
            options.pingInterval > 0 ? min(options.pingInterval / 4, options.closeTimeout) : options.closeTimeout
        let pace = min(1_000_000_000, max(shortest / 2, 1_000_000))
        _ = loop.schedule(after: pace) { [weak self] in self?.look() }
    }

    private func look() {
        isArmed = false
        let now = loop.now
        while let connection = closings.popDue(now) { connection.closeTimedOut() }
        while let connection = checks.popDue(now) {
            if connection.isAlive(now) { scheduleCheck(connection) }
        }
        arm()
    }
}

/// Connections in the order of their deadlines, which holds because one queue's deadlines are all equally far away
/// when they are set. Linked through the connections themselves, so that a place in it costs no memory of its own.
///
/// The links do not retain: a connection takes itself out before it goes.
struct DeadlineQueue {
    enum Name: UInt8 {
        case checks
        case closings
    }

    private let name: Name
    private var first: Unmanaged<WebSocketConnection>?
    private var last: Unmanaged<WebSocketConnection>?

    /// The links that a connection carries.
    struct Links {
        fileprivate var next: Unmanaged<WebSocketConnection>?
        fileprivate var previous: Unmanaged<WebSocketConnection>?
        fileprivate var deadline: UInt64 = 0
        /// The queue that the connection waits in: one at a time.
        fileprivate var queue: Name?
    }

    init(_ name: Name) {
        self.name = name
    }

    var isEmpty: Bool { first == nil }

    mutating func append(_ connection: WebSocketConnection, deadline: UInt64) {
        guard connection.links.queue == nil else { return }
        let this = Unmanaged.passUnretained(connection)
        connection.links = Links(next: nil, previous: last, deadline: deadline, queue: name)
        if let last {
            last._withUnsafeGuaranteedRef { $0.links.next = this }
        } else {
            first = this
        }
        last = this
    }

    /// Does nothing when the connection is not in this queue.
    mutating func remove(_ connection: WebSocketConnection) {
        let links = connection.links
        guard links.queue == name else { return }
        connection.links = Links()
        if let previous = links.previous {
            previous._withUnsafeGuaranteedRef { $0.links.next = links.next }
        } else {
            first = links.next
        }
        if let next = links.next {
            next._withUnsafeGuaranteedRef { $0.links.previous = links.previous }
        } else {
            last = links.previous
        }
    }

    mutating func popDue(_ now: UInt64) -> WebSocketConnection? {
        guard let connection = first?.takeUnretainedValue(), connection.links.deadline <= now else { return nil }
        remove(connection)
        return connection
    }
}
