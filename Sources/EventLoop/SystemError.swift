import Glibc

/// A system call that failed, with its errno. What is retried and what is not is decided here, in one place:
/// EINTR is repeated by `retrying`, EAGAIN is a value for the caller, everything else is an error of the descriptor.
package struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    package let call: String
    package let code: Int32

    package init(_ call: String, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    package var description: String {
        "\(call): \(String(cString: strerror(code)))"
    }
}

/// Repeats a call that a signal interrupted.
@inline(__always)
package func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

/// CLOCK_MONOTONIC in nanoseconds.
package func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// CLOCK_REALTIME in microseconds since 1970, UTC.
package func wallClockMicroseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1_000
}

/// Holds the thread up for about so long, less than a second; not at all for 0.
func sleepNanoseconds(_ count: UInt64) {
    guard count > 0 else { return }
    var time = timespec()
    time.tv_nsec = Int(min(count, 999_999_999))
    nanosleep(&time, nil)
}
