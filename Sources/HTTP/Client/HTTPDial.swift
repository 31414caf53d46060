import EventLoop

/// Connects to the first address of a name that answers. Ends with one call of `done`, later, unless it is cancelled.
final class HTTPDial {
    private let addresses: [SocketAddress]
    private let loop: EventLoop
    private let deadline: UInt64
    private let tls: Connector.Encryption?
    private var race: AddressRace
    private var attempts: [Int: Connector] = [:]
    private var stagger: TimerToken?
    private var done: ((Result<Socket, HTTPClientFailure>) -> Void)?

    /// - Parameter deadline: when all attempts end, on the loop's clock.
    init(
        _ addresses: [SocketAddress], on loop: EventLoop, deadline: UInt64,
        tls: Connector.Encryption?, done: @escaping (Result<Socket, HTTPClientFailure>) -> Void
    ) {
        self.addresses = addresses
        self.loop = loop
        self.deadline = deadline
        self.tls = tls
        self.done = done
        race = AddressRace(addresses: addresses.count)
        // `done` must not come from within the call that begins, which an empty list would lead to.
        if addresses.isEmpty {
            stagger = loop.schedule(after: 0) { [weak self] in self?.end(.failure(.unresolved)) }
        } else {
            carryOut(race.advance())
        }
    }

    func cancel() {
        done = nil
        stop()
    }

    private func carryOut(_ step: AddressRace.Step) {
        switch step {
        case .attempt(let index):
            begin(index)
        case .wait: break
        case .fail(let failure): end(.failure(failure))
        }
    }

    private func begin(_ index: Int) {
        let left = deadline > loop.now ? deadline - loop.now : 1
        attempts[index] = Connector.connect(to: addresses[index], on: loop, timeout: left, tls: tls) { result in
            self.ended(index, result)
        }
        if let stagger { loop.cancel(stagger) }
        stagger = nil
        guard race.hasNext else { return }
        stagger = loop.schedule(after: AddressRace.stagger) { [weak self] in
            guard let self else { return }
            self.stagger = nil
            self.carryOut(self.race.advance())
        }
    }

    private func ended(_ index: Int, _ result: Result<Socket, ConnectFailure>) {
        attempts[index] = nil
        switch result {
        case .success(let socket):
            end(.success(socket))
        case .failure(let failure):
            carryOut(race.failed(HTTPClientFailure(failure)))
        }
    }

    private func end(_ result: Result<Socket, HTTPClientFailure>) {
        let done = done
        self.done = nil
        stop()
        done?(result)
    }

    private func stop() {
        if let stagger { loop.cancel(stagger) }
        stagger = nil
        let attempts = attempts
        self.attempts = [:]
        for attempt in attempts.values { attempt.cancel() }
    }
}
