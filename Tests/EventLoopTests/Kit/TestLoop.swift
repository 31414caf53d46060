import Dispatch
import EventLoop

struct Timeout: Error {}

/// A loop that turns as long as the test holds this.
final class TestLoop: Sendable {
    let loop: EventLoop

    init(gathering: UInt64 = EventLoop.defaultGathering) throws {
        loop = try EventLoop(label: "test", gathering: gathering)
        loop.start()
    }

    deinit { loop.stop() }

    /// Does something on the loop and waits for it.
    @discardableResult
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let result = Record<Result<Value, any Error>>()
        loop.execute { result.append(Result { try body() }) }
        guard result.wait(forCount: 1), let value = result.values.first else { throw Timeout() }
        return try value.get()
    }

    /// Lets the loop turn a few times, each with a look at the kernel's events.
    func turn(_ times: Int = 3) throws {
        for _ in 0..<times { try run {} }
    }
}
