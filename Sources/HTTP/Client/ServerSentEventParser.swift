import Glibc

/// One event of a stream (WHATWG HTML, section 9.2). Its parts lie in the reader's input or buffer and are valid during
/// the call that hands them out; none of them is checked for UTF-8.
package struct ServerSentEvent {
    /// The data lines, joined by LF.
    package let data: UnsafeRawBufferPointer
    /// Empty: an event of the type `message`.
    package let event: UnsafeRawBufferPointer
    /// The last id that the stream named; empty when there was none.
    package let id: UnsafeRawBufferPointer
}

/// Reads `text/event-stream` as it arrives, in any split of bytes.
///
/// Lines end with LF, CR or CRLF; a BOM at the beginning, comments, `retry` and unknown fields are skipped; an event
/// without data is none, and one that the stream's end cuts off is dropped, as the specification has it.
///
/// An event of one data line that lies whole in the input (the usual token of a model's stream) is handed out where it
/// lies: nothing is copied or allocated.
package struct ServerSentEventParser {
    package enum Outcome: Sendable, Equatable {
        /// All is consumed.
        case more
        /// The consumer had enough; the rest of the input was dropped, and so is further input.
        case stopped
        /// A line or an event is over the bound; nothing more is read.
        case tooLarge
    }

    private let eventBytes: Int
    private let skipping: Set<String>
    /// An event over the bound is under way, of which no more than its type is of interest.
    private var scanner: EventTypeScanner?
    private var outcome: Outcome = .more
    /// Bytes of an unfinished line.
    private var line: [UInt8] = []
    /// Data lines of an unfinished event, each with an LF behind it.
    private var data: [UInt8] = []
    private var hasData = false
    private var event: [UInt8] = []
    private var id: [UInt8] = []
    /// The last byte was a CR: an LF that follows belongs to it.
    private var afterCarriageReturn = false
    /// Bytes of a BOM that were seen at the very beginning; 3 and over: it is behind us.
    private var beginning = 0
    /// Bytes of a line's name that are left out, in an event that is scanned; and whether its line is empty so far.
    private var skippedPrefix = 0
    private var isScannedLineEmpty = false

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// - Parameters:
    ///   - eventBytes: the most bytes of one line and of one event's data.
    ///   - skipping: an event over the bound whose data is an object with one of these as its `type` is dropped and not
    ///     refused; nothing of it is kept.
    package init(eventBytes: Int = 1 << 20, skipping: Set<String> = []) {
        self.eventBytes = eventBytes
        self.skipping = skipping
    }

    /// Whether an event has begun that no blank line has ended.
    package var isInsideEvent: Bool { hasData || !line.isEmpty || scanner != nil }

    /// Reads `bytes` and calls `body` with each event they complete until it returns false.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer, _ body: (ServerSentEvent) -> Bool) -> Outcome {
        var input = bytes
        if beginning < Self.byteOrderMark.count { skipByteOrderMark(&input) }
        while outcome == .more, scanner == nil ? takeLine(&input, body) : scan(&input) {}
        return outcome
    }

    private mutating func skipByteOrderMark(_ input: inout UnsafeRawBufferPointer) {
        while beginning < Self.byteOrderMark.count, let byte = input.first {
            guard byte == Self.byteOrderMark[beginning] else {
                // What looked like one was the beginning of the first line.
                line.append(contentsOf: Self.byteOrderMark[..<beginning])
                beginning = Self.byteOrderMark.count
                return
            }
            _ = input.consume(1)
            beginning += 1
        }
    }

    // MARK: Lines

    /// Takes one line off the input and does what it says; false when there is no whole line left (what there is of it
    /// is kept).
    private mutating func takeLine(
        _ input: inout UnsafeRawBufferPointer, _ body: (ServerSentEvent) -> Bool
    ) -> Bool {
        if afterCarriageReturn, let first = input.first {
            afterCarriageReturn = false
            if first == HTTPByte.lineFeed { _ = input.consume(1) }
        }
        guard let base = input.baseAddress, !input.isEmpty else { return false }
        var size = input.count
        if let found = memchr(base, Int32(HTTPByte.lineFeed), size) { size = UnsafeRawPointer(found) - base }
        if let found = memchr(base, Int32(HTTPByte.carriageReturn), size) { size = UnsafeRawPointer(found) - base }
        guard size <= eventBytes - line.count else { return beginScan(input.part(0..<0), isLineOver: false) }
        let part = input.consume(size)
        guard !input.isEmpty else {
            line.append(contentsOf: part)
            return false
        }
        consumeLineEnd(&input)
        if line.isEmpty {
            process(part, &input, body)
        } else {
            line.append(contentsOf: part)
            var whole: [UInt8] = []
            swap(&whole, &line)
            whole.withUnsafeBytes { process($0, &input, body) }
            whole.removeAll(keepingCapacity: whole.capacity <= Self.keptCapacity)
            line = whole
        }
        return true
    }

    /// Takes LF, CR or CRLF off; one of them is there.
    private mutating func consumeLineEnd(_ input: inout UnsafeRawBufferPointer) {
        guard input.consume(1).first == HTTPByte.carriageReturn else { return }
        if let next = input.first {
            if next == HTTPByte.lineFeed { _ = input.consume(1) }
        } else {
            afterCarriageReturn = true
        }
    }

    // MARK: Events over the bound

    /// What there is of the event is looked at and let go. - Returns: whether it may be one that is skipped.
    private mutating func beginScan(_ value: UnsafeRawBufferPointer, isLineOver: Bool) -> Bool {
        let prefix = Array("data:".utf8)
        guard !skipping.isEmpty, line.starts(with: prefix) || prefix.starts(with: line) else {
            outcome = .tooLarge
            return false
        }
        var scan = EventTypeScanner()
        _ = data.withUnsafeBytes { scan.feed($0) }
        if line.count > prefix.count { _ = line.withUnsafeBytes { scan.feed($0.part(prefix.count..<$0.count)) } }
        _ = scan.feed(value)
        // What is still to come of the line's name.
        skippedPrefix = max(0, prefix.count - line.count)
        isScannedLineEmpty = isLineOver
        line = []
        data = []
        hasData = false
        scanner = scan
        return goesOn(scan.result)
    }

    private mutating func goesOn(_ result: EventTypeScanner.Result) -> Bool {
        switch result {
        case .unknown: return true
        case .found(let type) where skipping.contains(type): return true
        case .found, .none:
            outcome = .tooLarge
            scanner = nil
            return false
        }
    }

    /// Reads on in an event over the bound, to the blank line that ends it. False when more must come first, or it is
    /// none that is skipped.
    private mutating func scan(_ input: inout UnsafeRawBufferPointer) -> Bool {
        if afterCarriageReturn, let first = input.first {
            afterCarriageReturn = false
            if first == HTTPByte.lineFeed { _ = input.consume(1) }
        }
        guard let base = input.baseAddress, !input.isEmpty else { return false }
        var size = input.count
        if let found = memchr(base, Int32(HTTPByte.lineFeed), size) { size = UnsafeRawPointer(found) - base }
        if let found = memchr(base, Int32(HTTPByte.carriageReturn), size) { size = UnsafeRawPointer(found) - base }
        var part = input.consume(size)
        if !part.isEmpty { isScannedLineEmpty = false }
        let skipped = min(skippedPrefix, part.count)
        part = part.part(skipped..<part.count)
        skippedPrefix -= skipped
        guard var scan = scanner, goesOn(scan.feed(part)) else { return false }
        scanner = scan
        guard !input.isEmpty else { return false }
        consumeLineEnd(&input)
        guard isScannedLineEmpty else {
            // The next line has a name of its own, or is the end.
            skippedPrefix = "data:".utf8.count
            isScannedLineEmpty = true
            return true
        }
        // The end has come, and no type.
        guard case .found = scan.result else {
            outcome = .tooLarge
            return false
        }
        scanner = nil
        event.removeAll(keepingCapacity: true)
        return true
    }

    // MARK: Fields

    private mutating func process(
        _ line: UnsafeRawBufferPointer, _ input: inout UnsafeRawBufferPointer, _ body: (ServerSentEvent) -> Bool
    ) {
        guard !line.isEmpty else {
            endEvent(body)
            return
        }
        var split = 0
        while split < line.count, line[split] != UInt8(ascii: ":") { split += 1 }
        let name = line.part(0..<split)
        var start = min(split + 1, line.count)
        if start < line.count, line[start] == HTTPByte.space { start += 1 }
        let value = line.part(start..<line.count)
        if Self.equal(name, "data") {
            addData(value, &input, body)
        } else if Self.equal(name, "event") {
            event.removeAll(keepingCapacity: true)
            event.append(contentsOf: value)
        } else if Self.equal(name, "id"), !value.contains(0) {
            id.removeAll(keepingCapacity: true)
            id.append(contentsOf: value)
        }
    }

    private mutating func addData(
        _ value: UnsafeRawBufferPointer, _ input: inout UnsafeRawBufferPointer, _ body: (ServerSentEvent) -> Bool
    ) {
        if !hasData, let next = input.first, next == HTTPByte.lineFeed || next == HTTPByte.carriageReturn {
            // The blank line is there already: the event goes out from where it lies.
            consumeLineEnd(&input)
            dispatch(value, body)
            return
        }
        guard data.count + value.count < eventBytes else {
            _ = beginScan(value, isLineOver: true)
            return
        }
        data.append(contentsOf: value)
        data.append(HTTPByte.lineFeed)
        hasData = true
    }

    private mutating func endEvent(_ body: (ServerSentEvent) -> Bool) {
        guard hasData else {
            event.removeAll(keepingCapacity: true)
            return
        }
        var whole: [UInt8] = []
        swap(&whole, &data)
        hasData = false
        whole.withUnsafeBytes { dispatch($0.part(0..<$0.count - 1), body) }
        whole.removeAll(keepingCapacity: whole.capacity <= Self.keptCapacity)
        data = whole
    }

    private mutating func dispatch(_ data: UnsafeRawBufferPointer, _ body: (ServerSentEvent) -> Bool) {
        let goesOn = event.withUnsafeBytes { event in
            id.withUnsafeBytes { id in body(ServerSentEvent(data: data, event: event, id: id)) }
        }
        event.removeAll(keepingCapacity: true)
        if !goesOn { outcome = .stopped }
    }

    /// A larger buffer is let go after use: one large event should not stay for the length of a stream.
    private static let keptCapacity = 4 << 10

    @inline(__always)
    private static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where bytes[index] != text.utf8Start[index] { return false }
        return true
    }
}
