import Chat
package import EventLoop

extension EventLoop: AgentClock {
    package func timer(after nanoseconds: UInt64, _ action: @escaping () -> Void) -> UInt64 {
        schedule(after: nanoseconds, action).packed
    }

    package func cancel(timer: UInt64) { cancel(TimerToken(packed: timer)) }
}
