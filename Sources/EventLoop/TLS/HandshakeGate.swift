/// Shares a loop's time between handshakes and everybody else. A step of a server's handshake costs up to a
/// millisecond, a hundred times what an open socket's message does; so a tick takes steps for `workPerTick` only, and
/// the other sockets wait in line, unread.
///
/// Confined to its loop.
package final class HandshakeGate {
    private unowned let loop: EventLoop
    private var waiting: [Socket] = []
    private var taken = 0
    private var tick: UInt64 = 0
    private var spent: UInt64 = 0
    private var isArmed = false

    /// Nanoseconds of a tick that handshakes may take; the step that passes it is the tick's last. 0: one step a tick.
    package var workPerTick: UInt64 = 2_000_000

    init(_ loop: EventLoop) {
        self.loop = loop
    }

    /// Sockets that wait for their turn.
    package var count: Int { waiting.count - taken }

    /// Takes a step now, or when it is the socket's turn.
    func perform(_ socket: Socket) {
        if tick != loop.now {
            tick = loop.now
            spent = 0
        }
        if count == 0, hasTime {
            step(socket)
        } else {
            socket.queueHandshake(true)
            waiting.append(socket)
            arm()
        }
    }

    private var hasTime: Bool { spent == 0 || spent < workPerTick }

    private func step(_ socket: Socket) {
        let start = monotonicNanoseconds()
        socket.stepHandshake()
        spent += max(monotonicNanoseconds() - start, 1)
    }

    private func arm() {
        guard !isArmed else { return }
        isArmed = true
        let this = LoopBound(self, on: loop)
        loop.execute { this.value.turn() }
    }

    private func turn() {
        isArmed = false
        if tick != loop.now {
            tick = loop.now
            spent = 0
        }
        while taken < waiting.count, hasTime {
            let socket = waiting[taken]
            taken += 1
            guard socket.isOpen else { continue }
            socket.queueHandshake(false)
            step(socket)
        }
        if taken == waiting.count {
            waiting.removeAll(keepingCapacity: waiting.capacity <= 256)
            taken = 0
        } else {
            if taken > 1_024 {
                waiting.removeFirst(taken)
                taken = 0
            }
            arm()
        }
    }
}
