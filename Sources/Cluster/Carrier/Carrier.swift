import Dispatch
package import EventLoop

/// A shard's way to the shards of other gateways, through NATS: messages of which each arrives at most once, and nothing
/// of the past. Used on its loop.
///
/// It connects again by itself for as long as it is not stopped. What is published in a tick goes in one write at its end.
package final class Carrier {
    package enum Event: Sendable, Equatable {
        case up
        /// Why the last attempt failed; nil: a connection was lost.
        case away(CarrierError?)
        /// Nobody listens there.
        case nobody(ClusterAddress)
    }

    /// Bytes that may wait to be written; beyond them nothing is taken, and the link that misses it begins anew.
    package static let bufferLimit = 8 << 20
    /// Shards of others that are written to at once.
    package static let peerLimit = 4_096

    private let options: CarrierOptions
    private let address: ClusterAddress
    private let loop: EventLoop
    /// Connecting and closing block: they are done here.
    private let queue: DispatchQueue
    private let chance: () -> Double
    private var machine = CarrierMachine()
    private var connection: NatsConnection?
    private var timer: TimerToken?
    private let received: (UnsafeRawBufferPointer) -> Void
    private let happened: (Event) -> Void

    /// - Parameters:
    ///   - received: a message; its bytes are there for the call alone, and nothing in them was checked.
    ///   - happened: what users of it must know. Neither may be called back into `stop` before it returns.
    package init(
        _ options: CarrierOptions, as address: ClusterAddress, on loop: EventLoop,
        chance: @escaping () -> Double = { .random(in: 0..<1) },
        received: @escaping (UnsafeRawBufferPointer) -> Void, happened: @escaping (Event) -> Void
    ) {
        self.options = options
        self.address = address
        self.loop = loop
        self.chance = chance
        self.received = received
        self.happened = happened
        queue = DispatchQueue(label: "parley.cluster.\(address.shard)")
    }

    package var isUp: Bool { machine.isUp }

    package func start() { carryOut(machine.start()) }

    /// For good. What was published in this tick may be lost.
    package func stop() {
        if let timer { loop.cancel(timer) }
        timer = nil
        carryOut(machine.stop())
    }

    /// - Returns: false: it is not on its way, and who sent it begins anew.
    package func publish(_ bytes: UnsafeRawBufferPointer, to other: ClusterAddress) -> Bool {
        guard let connection, machine.isUp, bytes.count <= LinkMessage.limit,
            connection.buffered + bytes.count <= Self.bufferLimit, connection.peers < Self.peerLimit
        else { return false }
        return connection.publish(bytes, to: other)
    }

    /// Nothing is written there for now.
    package func forget(_ other: ClusterAddress) { connection?.forget(other) }

    private func carryOut(_ actions: [CarrierMachine.Action]) {
        for action in actions {
            switch action {
            case .connect: connect()
            case .wait(let nanoseconds):
                timer = loop.schedule(after: nanoseconds) { [weak self] in
                    guard let self else { return }
                    timer = nil
                    carryOut(machine.due())
                }
            case .up: happened(.up)
            case .away: happened(.away(nil))
            case .disconnect:
                connection?.close(on: queue)
                connection = nil
            }
        }
    }

    private func connect() {
        let (options, address, loop) = (options, address, loop)
        let own = LoopBound(self, on: loop)
        queue.async {
            do throws(CarrierError) {
                let connection = try NatsConnection(options, as: address, on: loop)
                loop.execute { own.value.connected(connection) }
            } catch {
                loop.execute { own.value.failed(error) }
            }
        }
    }

    private func connected(_ new: NatsConnection) {
        new.received = received
        new.nobody = { [happened] in happened(.nobody($0)) }
        new.lost = { [weak self, weak new] in
            guard let self, let new, new === connection else { return }
            carryOut(machine.lost(at: loop.now, chance: chance()))
        }
        do throws(CarrierError) {
            try new.begin()
        } catch {
            new.close(on: queue)
            failed(error)
            return
        }
        connection = new
        carryOut(machine.connected(at: loop.now))
    }

    private func failed(_ error: CarrierError) {
        let actions = machine.failed(chance: chance())
        if !actions.isEmpty { happened(.away(error)) }
        carryOut(actions)
    }
}
