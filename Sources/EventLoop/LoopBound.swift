/// A value that lives on a loop, in the hands of code that may run elsewhere: it can be carried anywhere and opened
/// only on its loop.
///
/// `@unchecked Sendable`: `value` is reached after a check that the caller runs on the loop.
package final class LoopBound<Value>: @unchecked Sendable {
    package let loop: EventLoop
    private let stored: Value

    package init(_ value: Value, on loop: EventLoop) {
        stored = value
        self.loop = loop
    }

    package var value: Value {
        loop.assertCurrent()
        return stored
    }
}
