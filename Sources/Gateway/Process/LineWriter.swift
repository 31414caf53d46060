package import Dispatch
import Glibc
import Synchronization

/// Takes lines from any thread and writes them on a queue of its own, so that a reader that stalls holds nobody up.
///
/// What waits is bounded in bytes. A line that finds no room is dropped and counted, and once the reader takes lines again
/// one of them says how many were lost.
package final class LineWriter: Sendable {
    /// Bytes that may wait, unless said otherwise: some thousand lines.
    package static let defaultCapacity = 1 << 20
    /// Bytes of one write. A pipe takes so many whole or not at all, so that lines of several processes do not mix.
    private static let pieceLength = 4_096

    private struct State {
        var waiting: [UInt8] = []
        /// Bytes that were handed to the system and not taken yet.
        var underWay = 0
        var isWriting = false
        var dropped = 0
        /// Of those, what no line has told yet.
        var untold = 0
    }

    private let descriptor: Int32
    private let capacity: Int
    private let lost: @Sendable (_ count: Int) -> [UInt8]
    private let queue: DispatchQueue
    private let state = Mutex(State())

    /// - Parameters:
    ///   - descriptor: stays open as long as this is used; not closed.
    ///   - capacity: bytes that may wait.
    ///   - lost: makes the line that says how many were dropped.
    package init(
        descriptor: Int32, capacity: Int = LineWriter.defaultCapacity,
        lost: @escaping @Sendable (_ count: Int) -> [UInt8] = { Array("\($0) lines dropped\n".utf8) }
    ) {
        self.descriptor = descriptor
        self.capacity = capacity
        self.lost = lost
        queue = DispatchQueue(label: "parley.lines.\(descriptor)")
    }

    /// Lines that found no room since the start.
    package var dropped: Int { state.withLock { $0.dropped } }

    /// - Parameter line: with its end.
    package func write(_ line: [UInt8]) {
        let begins = state.withLock { state in
            if state.waiting.count + state.underWay + line.count <= capacity {
                state.waiting += line
            } else {
                state.dropped += 1
                state.untold += 1
            }
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins { queue.async { self.writeAll() } }
    }

    package func write(_ text: String) { write(Array(text.utf8)) }

    /// Waits until what was given before is written, but not for ever.
    ///
    /// - Returns: whether it was.
    @discardableResult
    package func flush(within limit: DispatchTimeInterval) -> Bool {
        let written = DispatchSemaphore(value: 0)
        queue.async { written.signal() }
        return written.wait(timeout: .now() + limit) == .success
    }

    private func writeAll() {
        while let lines = next() { put(lines) }
    }

    private func next() -> [UInt8]? {
        state.withLock { state in
            // The reader has taken all of the last ones: it is there (again), and may hear what it has missed.
            state.underWay = 0
            if state.untold > 0 {
                state.waiting += lost(state.untold)
                state.untold = 0
            }
            guard !state.waiting.isEmpty else {
                state.isWriting = false
                return nil
            }
            var lines: [UInt8] = []
            swap(&lines, &state.waiting)
            state.underWay = lines.count
            return lines
        }
    }

    private func put(_ lines: [UInt8]) {
        lines.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                var end = min(start + Self.pieceLength, bytes.count)
                if end < bytes.count, let last = bytes[start..<end].lastIndex(of: 0x0A) { end = last + 1 }
                let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: start), end - start)
                if count >= 0 {
                    start += count
                } else if errno == EAGAIN {
                    // Somebody else made it non-blocking; this queue has the time to wait.
                    var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&room, 1, -1)
                } else if errno != EINTR {
                    // A closed pipe is nobody's business any more.
                    return
                }
            }
        }
    }
}
