import CLinux
import Dispatch
import Glibc
import Synchronization

/// A shard's loop: a serial queue whose one block stays in `epoll_wait`, a timer wheel, and a run queue behind an
/// eventfd for what other threads have to say.
///
/// A tick is: wait, hand out readiness, run the jobs, fire the timers, and last let everyone who enlisted with
/// `atEndOfTick` send what the tick produced. Staying in `epoll_wait` saves the wake-up through libdispatch's manager
/// thread that a dispatch source would cost for each tick.
///
/// `@unchecked Sendable`: the only state that other threads touch is behind `inbox` and atomics; all else is used
/// from the loop's own block only while it turns, which debug builds check at every entry (`checkCaller`) and
/// `assertCurrent` in all builds where values are handed over.
package final class EventLoop: @unchecked Sendable {
    package let label: String
    /// Reads of all sockets of the loop go here, one at a time: an idle socket keeps no buffer.
    let readBuffer: UnsafeMutableRawBufferPointer
    /// Where what the sockets could not send yet lies.
    let blocks = BlockPool()

    private struct Slot {
        var handler: (any ReadinessHandler)?
        var descriptor: Int32
        var generation: UInt32
        var interest: Interest
    }

    private struct Inbox {
        var jobs: [@Sendable () -> Void] = []
        var isAwake = false
        var isStopped = false
    }

    private let epoll: Int32
    private let wakeup: Int32
    private let queue: DispatchQueue
    private let inbox = Mutex(Inbox())
    private let thread = Atomic<UInt>(0)
    private var slots: [Slot] = []
    private var freeSlots: [UInt32] = []
    private var timers: TimerWheel
    // Looked at for each socket of a tick; nothing is called while one of them is in use.
    @exclusivity(unchecked) private var participants: [any TickParticipant] = []
    @exclusivity(unchecked) private var senders: [Socket] = []
    private var running = true
    private var gathering: Gathering
    /// The wakeup's place among the tokens; no slot has this index.
    private static let wakeupToken = UInt64.max
    private static let batch: Int32 = 256
    /// Sockets that have something to send before it is sent, in the middle of a tick: few enough that what the kernel and
    /// this program know of each is still in the processor's cache.
    package static let sendersAtOnce = 16

    /// What the loop's sockets have taken from and given to the system since the start, in bytes.
    @exclusivity(unchecked) package internal(set) var bytesReceived = 0
    @exclusivity(unchecked) package internal(set) var bytesSent = 0

    /// Monotonic nanoseconds at the beginning of the tick.
    package var now: UInt64 { time }
    @exclusivity(unchecked) private var time: UInt64

    /// What the TLS sockets of the loop share; made for the first of them.
    var tlsWire: TLSWire {
        if let wire { return wire }
        let wire = TLSWire()
        self.wire = wire
        return wire
    }
    @exclusivity(unchecked) private var wire: TLSWire?
    /// Sees to it that handshakes leave time for everybody else.
    package private(set) lazy var handshakeGate = HandshakeGate(self)

    /// Nanoseconds between ticks that are asked to take more at once (`gather`), unless said otherwise.
    package static let defaultGathering: UInt64 = 300_000

    /// - Parameter gathering: nanoseconds between the beginnings of ticks while `gather` is asked for; 0: it has no
    ///   effect.
    /// - Throws: when the process has no descriptors left.
    package init(label: String, gathering: UInt64 = EventLoop.defaultGathering) throws(SystemError) {
        self.label = label
        self.gathering = Gathering(interval: gathering)
        epoll = parley_epoll_create()
        guard epoll >= 0 else { throw SystemError("epoll_create1") }
        wakeup = parley_eventfd()
        guard wakeup >= 0 else {
            let error = SystemError("eventfd")
            close(epoll)
            throw error
        }
        guard
            parley_epoll_control(epoll, EPOLL_CTL_ADD, wakeup, UInt32(PARLEY_EPOLLIN), Self.wakeupToken) == 0
        else {
            let error = SystemError("epoll_ctl")
            close(epoll)
            close(wakeup)
            throw error
        }
        queue = DispatchQueue(label: label, qos: .userInitiated)
        readBuffer = .allocate(byteCount: 1 << 16, alignment: 64)
        time = monotonicNanoseconds()
        timers = TimerWheel(now: time / 1_000_000)
    }

    deinit {
        close(epoll)
        close(wakeup)
        readBuffer.deallocate()
    }

    /// Begins to turn; once.
    package func start() {
        queue.async { self.run() }
    }

    /// Ends the loop after its current tick and the jobs given before; from any thread.
    package func stop() {
        execute { self.running = false }
    }

    /// Whether the caller runs on this loop; from any thread.
    package var isCurrent: Bool {
        thread.load(ordering: .relaxed) == UInt(pthread_self())
    }

    /// Runs a job on the loop, after those given before; from any thread. Ignored once the loop has ended.
    package func execute(_ job: @escaping @Sendable () -> Void) {
        let mustWake = inbox.withLock { inbox in
            if inbox.isStopped { return false }
            inbox.jobs.append(job)
            defer { inbox.isAwake = true }
            return !inbox.isAwake
        }
        if mustWake {
            var one: UInt64 = 1
            _ = retrying { write(wakeup, &one, 8) }
        }
    }

    /// Runs `action` on the loop, not before `nanoseconds` have passed (a millisecond's granularity).
    package func schedule(after nanoseconds: UInt64, _ action: @escaping () -> Void) -> TimerToken {
        checkCaller()
        let (end, overflow) = now.addingReportingOverflow(nanoseconds)
        return timers.insert(deadline: overflow ? .max : end / 1_000_000 + (end % 1_000_000 == 0 ? 0 : 1), action)
    }

    package func cancel(_ token: TimerToken) {
        checkCaller()
        // What the action held may cancel timers of its own as it goes: not before the wheel is free again.
        let action = timers.cancel(token)
        withExtendedLifetime(action) {}
    }

    /// Hands `handler` the descriptor's readiness until `unwatch`. The loop keeps the handler alive as long.
    package func watch(
        _ descriptor: Int32, _ interest: Interest, _ handler: any ReadinessHandler
    ) throws(SystemError) -> WatchToken {
        checkCaller()
        let index: UInt32
        if let free = freeSlots.popLast() {
            index = free
        } else {
            index = UInt32(slots.count)
            slots.append(Slot(handler: nil, descriptor: -1, generation: 0, interest: []))
        }
        let token = WatchToken(index: index, generation: slots[Int(index)].generation)
        guard parley_epoll_control(epoll, EPOLL_CTL_ADD, descriptor, interest.epollEvents, token.packed) == 0 else {
            let error = SystemError("epoll_ctl")
            freeSlots.append(index)
            throw error
        }
        slots[Int(index)].handler = handler
        slots[Int(index)].descriptor = descriptor
        slots[Int(index)].interest = interest
        return token
    }

    package func change(_ token: WatchToken, to interest: Interest) {
        checkCaller()
        guard let index = index(of: token), slots[index].interest != interest else { return }
        slots[index].interest = interest
        _ = parley_epoll_control(epoll, EPOLL_CTL_MOD, slots[index].descriptor, interest.epollEvents, token.packed)
    }

    /// Ends the watch; before the descriptor is closed.
    package func unwatch(_ token: WatchToken) {
        checkCaller()
        guard let index = index(of: token) else { return }
        _ = parley_epoll_control(epoll, EPOLL_CTL_DEL, slots[index].descriptor, 0, 0)
        // The handler may go with this, and end watches of its own as it goes: not before the slots are free again.
        let handler = slots[index].handler
        slots[index].handler = nil
        slots[index].descriptor = -1
        slots[index].generation &+= 1
        freeSlots.append(token.index)
        withExtendedLifetime(handler) {}
    }

    /// Calls `participant` once when the current tick ends. It keeps its own note of being enlisted.
    package func atEndOfTick(_ participant: any TickParticipant) {
        checkCaller()
        participants.append(participant)
    }

    /// Asks for a larger next tick, for peers that send on without waiting for answers: see `Gathering`. All of the loop
    /// waits for it, for less than a millisecond.
    package func gather() {
        checkCaller()
        gathering.ask()
    }

    /// Whether the next tick was asked to be a larger one.
    package var gathers: Bool { gathering.isAsked }

    /// Calls the socket's `sendNow` once, at the end of the tick or earlier. It keeps its own note of being enlisted.
    func enlist(_ socket: Socket) {
        checkCaller()
        senders.append(socket)
    }

    package func assertCurrent() {
        precondition(isCurrent, "\(label): called from outside the loop")
    }

    /// What every entry of the loop's own asks for, in debug builds: that it is called from the loop. Before the loop turns
    /// and when it has ended, whoever made it may call.
    func checkCaller() {
        assert(mayCall, "\(label): called from outside the loop")
    }

    private var mayCall: Bool {
        let owner = thread.load(ordering: .relaxed)
        return owner == 0 || owner == UInt(pthread_self())
    }

    private func index(of token: WatchToken) -> Int? {
        let index = Int(token.index)
        guard index < slots.count, slots[index].generation == token.generation, slots[index].handler != nil else {
            return nil
        }
        return index
    }

    private func run() {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        withUnsafeTemporaryAllocation(of: parley_ready.self, capacity: Int(Self.batch)) { ready in
            while running { tick(ready) }
        }
        // What is still queued may hold the only reference to something that must be closed: it runs, then it is over.
        let rest = inbox.withLock { inbox in
            inbox.isStopped = true
            let jobs = inbox.jobs
            inbox.jobs = []
            return jobs
        }
        for job in rest { job() }
        endTick()
        letGo()
        thread.store(0, ordering: .relaxed)
    }

    /// Ends what is still watched or set, which mostly refers back to the loop.
    private func letGo() {
        for index in slots.indices {
            unwatch(WatchToken(index: UInt32(index), generation: slots[index].generation))
        }
        var timers = TimerWheel(now: now / 1_000_000)
        swap(&timers, &self.timers)
        var participants: [any TickParticipant] = []
        swap(&participants, &self.participants)
        var senders: [Socket] = []
        swap(&senders, &self.senders)
        blocks.clear()
    }

    private func tick(_ ready: UnsafeMutableBufferPointer<parley_ready>) {
        if gathering.isAsked {
            sleepNanoseconds(gathering.pause(since: now, at: monotonicNanoseconds()))
        }
        let count = parley_epoll_wait(epoll, ready.baseAddress, Self.batch, timeout())
        time = monotonicNanoseconds()
        if count > 0 {
            for position in 0..<Int(count) {
                let event = ready[position]
                if event.token == Self.wakeupToken {
                    var value: UInt64 = 0
                    _ = retrying { read(wakeup, &value, 8) }
                    continue
                }
                guard let index = index(of: WatchToken(packed: event.token)) else { continue }
                let handler = slots[index].handler
                handler?.ready(Readiness(epollEvents: event.events))
                if senders.count >= Self.sendersAtOnce { send() }
            }
        }
        runJobs()
        timers.advance(to: now / 1_000_000)
        while let action = timers.popDue() { action() }
        endTick()
    }

    private func timeout() -> Int32 {
        guard let wake = timers.nextWake else { return -1 }
        // The wheel counts whole milliseconds: the wait ends when the clock has reached that one.
        let target = wake &* 1_000_000
        let current = monotonicNanoseconds()
        if target <= current { return 0 }
        return Int32(clamping: (target - current + 999_999) / 1_000_000)
    }

    private func runJobs() {
        let jobs = inbox.withLock { inbox in
            let jobs = inbox.jobs
            inbox.jobs = []
            inbox.isAwake = false
            return jobs
        }
        for job in jobs { job() }
    }

    private func endTick() {
        send()
        while !participants.isEmpty {
            var current: [any TickParticipant] = []
            swap(&current, &participants)
            for participant in current { participant.tickEnded() }
            if participants.isEmpty {
                current.removeAll(keepingCapacity: true)
                swap(&current, &participants)
            }
            send()
        }
    }

    private func send() {
        while !senders.isEmpty {
            var current: [Socket] = []
            swap(&current, &senders)
            for socket in current { socket.sendNow() }
            if senders.isEmpty {
                current.removeAll(keepingCapacity: true)
                swap(&current, &senders)
            }
        }
    }
}

extension Interest {
    var epollEvents: UInt32 {
        var events: UInt32 = 0
        if contains(.read) { events |= UInt32(PARLEY_EPOLLIN) }
        if contains(.write) { events |= UInt32(PARLEY_EPOLLOUT) }
        return events
    }
}

extension Readiness {
    init(epollEvents events: UInt32) {
        var readiness: Readiness = []
        if events & UInt32(PARLEY_EPOLLIN) != 0 { readiness.insert(.read) }
        if events & UInt32(PARLEY_EPOLLOUT) != 0 { readiness.insert(.write) }
        if events & UInt32(PARLEY_EPOLLHUP) != 0 { readiness.insert(.hangup) }
        if events & UInt32(PARLEY_EPOLLERR) != 0 { readiness.insert(.error) }
        self = readiness
    }
}
