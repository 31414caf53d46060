import Dispatch
package import EventLoop
import Synchronization

/// Looks names up for one loop without ever blocking it: `getaddrinfo` runs on a few background threads that all loops
/// share, and what it says is kept for a short while.
package final class NameResolver {
    package typealias Answer = Result<[SocketAddress], HTTPClientFailure>

    private struct Entry {
        var addresses: [SocketAddress]
        var until: UInt64
    }

    private struct Name: Hashable {
        var host: String
        var port: UInt16
    }

    private let loop: EventLoop
    private let lookUp: @Sendable (String, UInt16) -> [SocketAddress]
    private var cache: [Name: Entry] = [:]
    private var waiting: [Name: [Int: (Answer) -> Void]] = [:]
    private var nextTicket = 1

    /// How long an answer is used, and how many are kept.
    package static let cacheTime: UInt64 = 30_000_000_000
    package static let cacheSize = 64

    /// - Parameter lookUp: asks the system, from a background thread; an empty answer is a failure.
    package init(
        on loop: EventLoop,
        lookUp: @escaping @Sendable (String, UInt16) -> [SocketAddress] = { host, port in
            (try? SocketAddress.resolve(host: host, port: port)) ?? []
        }
    ) {
        self.loop = loop
        self.lookUp = lookUp
    }

    /// What is known at once: a numeric address, or a name that was asked for lately.
    package func known(_ host: String, _ port: UInt16) -> [SocketAddress]? {
        if let address = SocketAddress(ip: host, port: port) { return [address] }
        guard let entry = cache[Name(host: host, port: port)], loop.now < entry.until else { return nil }
        return entry.addresses
    }

    /// Asks; `done` comes later, on the loop. Those who ask for the same name share one question.
    ///
    /// - Returns: a ticket for `cancel`.
    package func resolve(_ host: String, _ port: UInt16, _ done: @escaping (Answer) -> Void) -> Int {
        let name = Name(host: host, port: port)
        let ticket = nextTicket
        nextTicket += 1
        if waiting[name] != nil {
            waiting[name]?[ticket] = done
            return ticket
        }
        waiting[name] = [ticket: done]
        let bound = LoopBound(self, on: loop)
        let (loop, lookUp) = (loop, lookUp)
        let isTaken = ResolverThreads.shared.run {
            let addresses = lookUp(host, port)
            loop.execute { bound.value.answered(Name(host: host, port: port), addresses) }
        }
        if !isTaken {
            loop.execute { bound.value.answered(Name(host: host, port: port), []) }
        }
        return ticket
    }

    /// Forgets one who asked; the question itself can't be taken back.
    package func cancel(_ ticket: Int) {
        for name in waiting.keys where waiting[name]?[ticket] != nil { waiting[name]?[ticket] = nil }
    }

    /// The next request asks again: none of the addresses could be reached.
    package func forget(_ host: String, _ port: UInt16) {
        cache[Name(host: host, port: port)] = nil
    }

    private func answered(_ name: Name, _ addresses: [SocketAddress]) {
        let waiters = waiting.removeValue(forKey: name) ?? [:]
        if !addresses.isEmpty {
            if cache.count >= Self.cacheSize {
                cache = cache.filter { loop.now < $0.value.until }
                if cache.count >= Self.cacheSize { cache.removeAll() }
            }
            cache[name] = Entry(addresses: addresses, until: loop.now &+ Self.cacheTime)
        }
        for ticket in waiters.keys.sorted() {
            waiters[ticket]?(addresses.isEmpty ? .failure(.unresolved) : .success(addresses))
        }
    }
}

/// The threads on which names are looked up: few, for all loops together, since a resolver that hangs must not take
/// threads without end.
private final class ResolverThreads: Sendable {
    static let shared = ResolverThreads()

    private struct State {
        var running = 0
        var waiting: [@Sendable () -> Void] = []
    }

    private static let most = 4
    private static let mostWaiting = 256
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "parley.resolver", attributes: .concurrent)

    /// False: too many questions are waiting already.
    func run(_ job: @escaping @Sendable () -> Void) -> Bool {
        enum Place { case runs, waits, refused }
        let place: Place = state.withLock { state in
            if state.running < Self.most {
                state.running += 1
                return .runs
            }
            guard state.waiting.count < Self.mostWaiting else { return .refused }
            state.waiting.append(job)
            return .waits
        }
        if place == .runs { queue.async { self.work(job) } }
        return place != .refused
    }

    private func work(_ first: @escaping @Sendable () -> Void) {
        var job: (@Sendable () -> Void)? = first
        while let current = job {
            current()
            job = state.withLock { state in
                if state.waiting.isEmpty {
                    state.running -= 1
                    return nil
                }
                return state.waiting.removeFirst()
            }
        }
    }
}
