import Cluster
import EventLoop
import Foundation
import Synchronization
import Testing

/// A carrier on a loop of its own, and what it was told.
///
/// `@unchecked Sendable`: `carrier` is used on the loop; what is told is behind a mutex.
final class TestCarrier: @unchecked Sendable {
    let loop: EventLoop
    let address: ClusterAddress
    private var carrier: Carrier?
    private let heard = Mutex((events: [Carrier.Event](), messages: [[UInt8]]()))

    init(_ options: CarrierOptions, node: String, shard: UInt16 = 0) throws {
        loop = try EventLoop(label: node)
        address = ClusterAddress(node: node, shard: shard)
        loop.start()
        onLoop {
            self.carrier = Carrier(
                options, as: self.address, on: self.loop,
                received: { [unowned self] bytes in heard.withLock { $0.messages.append(Array(bytes)) } },
                happened: { [unowned self] event in heard.withLock { $0.events.append(event) } })
            self.carrier?.start()
        }
    }

    func stop() {
        onLoop {
            self.carrier?.stop()
            self.carrier = nil
        }
        loop.stop()
    }

    var events: [Carrier.Event] { heard.withLock { $0.events } }
    var isUp: Bool { events.last(where: { if case .nobody = $0 { false } else { true } }) == .up }
    var messages: [[UInt8]] { heard.withLock { $0.messages } }

    /// All in one tick.
    func publish(_ messages: [[UInt8]], to other: ClusterAddress) -> [Bool] {
        onLoop { messages.map { $0.withUnsafeBytes { self.carrier?.publish($0, to: other) ?? false } } }
    }

    @discardableResult
    private func onLoop<Value: Sendable>(_ job: @escaping @Sendable () -> Value) -> Value {
        let box = Box<Value?>(nil)
        let done = DispatchSemaphore(value: 0)
        loop.execute {
            box.value = job()
            done.signal()
        }
        done.wait()
        guard let value = box.value else { preconditionFailure("the loop has ended") }
        return value
    }

    private final class Box<Value>: @unchecked Sendable {
        var value: Value

        init(_ value: Value) { self.value = value }
    }
}

/// Looks until it is so, or 10 s have passed.
func eventually(_ comment: Comment? = nil, _ location: SourceLocation = #_sourceLocation, _ isSo: () -> Bool) {
    for _ in 0..<2_000 {
        if isSo() { return }
        usleep(5_000)
    }
    Issue.record(comment ?? "not within 10 s", sourceLocation: location)
}
