package import Chat
import DequeModule

/// What an event stream says (Protocol.md section 12), as its events: numbered from 1, kept until it is sure enough that
/// the client has them, and until there is a connection that takes them. No I/O and no clock.
///
///     base             sent                        end
///      ├── may be asked for again ──┤── waits for the connection ──┤
///
/// A connection that is lost may have taken with it what was handed to it, so a client that comes back says what it has,
/// and all that followed is handed out again.
package struct StreamLog {
    /// The bounds of one stream. Bytes; nanoseconds.
    package struct Limits: Sendable {
        /// Of what was handed to a connection and may be asked for again.
        package var keptBytes = 1 << 20
        /// After which what was handed to a connection is taken to have arrived: longer than a connection that takes
        /// nothing lives, and the return together.
        package var keptFor: UInt64 = 150_000_000_000

        package init() {}
    }

    private struct Mark {
        /// Where the event ends, counted from the beginning of the stream.
        var end: Int
        var time: UInt64
    }

    private let id: Identifier
    private let limits: Limits
    private var bytes: [UInt8] = []
    /// Where in `bytes` the first event begins that is kept; before it is what may be overwritten.
    private var start = 0
    private var marks: Deque<Mark> = []
    /// Of the event before the first that is kept: where it ends, and its number.
    private var base = 0
    private var baseNumber: UInt64 = 0
    /// Up to where the present connection was handed it, and up to where any ever was.
    private var sent = 0
    private var everSent = 0

    package init(id: Identifier, limits: Limits = Limits()) {
        self.id = id
        self.limits = limits
    }

    private var end: Int { marks.last?.end ?? base }

    /// The number of the newest event; 0: there was none.
    package var newest: UInt64 { baseNumber + UInt64(marks.count) }
    /// Bytes that the present connection was not handed yet.
    package var unsentCount: Int { end - sent }
    /// Bytes that no connection was handed yet.
    package var waitingCount: Int { end - everSent }
    /// Bytes in memory.
    package var keptCount: Int { end - base }

    // MARK: Adding

    package mutating func append(_ json: UnsafeRawBufferPointer, at now: UInt64) {
        let before = bytes.count
        Self.append(json, number: newest + 1, of: id, to: &bytes)
        marks.append(Mark(end: end + bytes.count - before, time: now))
    }

    /// One event as it goes over the wire. JSON text has no line ends of its own.
    static func append(_ json: UnsafeRawBufferPointer, number: UInt64, of id: Identifier, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "id: ".utf8)
        id.append(to: &bytes)
        bytes.append(UInt8(ascii: "."))
        bytes.append(contentsOf: String(number).utf8)
        bytes.append(contentsOf: "\ndata: ".utf8)
        bytes.append(contentsOf: json)
        bytes.append(contentsOf: "\n\n".utf8)
    }

    // MARK: Handing out

    /// Hands what waits to the present connection, at most so much of it.
    ///
    /// - Parameter body: whether it was taken.
    /// - Returns: what `body` says; false when nothing waits.
    package mutating func hand(atMost limit: Int, _ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        let count = min(unsentCount, limit)
        guard count > 0 else { return false }
        let from = start + sent - base
        guard bytes.withUnsafeBytes({ body(UnsafeRawBufferPointer(rebasing: $0[from..<from + count])) }) else {
            return false
        }
        sent += count
        everSent = max(everSent, sent)
        return true
    }

    /// Whether all that follows this event is still here.
    package func canGoOn(after number: UInt64) -> Bool {
        number >= baseNumber && number <= newest
    }

    /// A new connection, whose client has everything up to this event.
    ///
    /// - Returns: false where what follows is not kept any more; nothing has changed then.
    package mutating func goOn(after number: UInt64) -> Bool {
        guard canGoOn(after: number) else { return false }
        sent = number == baseNumber ? base : marks[Int(number - baseNumber) - 1].end
        return true
    }

    // MARK: Letting go

    /// Lets go of what the present connection was handed and need not be kept.
    package mutating func trim(at now: UInt64) {
        var kept = sent - base
        while let first = marks.first, first.end <= sent,
            kept > limits.keptBytes || now >= first.time &+ limits.keptFor
        {
            marks.removeFirst()
            kept -= first.end - base
            start += first.end - base
            base = first.end
            baseNumber += 1
        }
        if marks.isEmpty {
            bytes = []
            start = 0
        } else if start > 4_096, start > bytes.count / 2 {
            bytes.removeFirst(start)
            start = 0
        }
    }
}

/// What a client says it has of a stream: the `id:` of an event, sent back in `Last-Event-ID`.
package struct StreamCursor: Sendable, Equatable {
    package var stream: Identifier
    package var number: UInt64

    package init?(_ text: String) {
        guard let dot = text.lastIndex(of: "."), let stream = Identifier(String(text[..<dot])),
            let number = UInt64(text[text.index(after: dot)...])
        else { return nil }
        self.stream = stream
        self.number = number
    }
}
