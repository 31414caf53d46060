import Glibc

/// What a load test looks at in a server's frame: slices of the frame, found in one pass without a tree.
///
/// A value that is not there, or is no string, is empty. The slices are valid as long as the frame's bytes.
package struct FrameFields {
    package var type = UnsafeRawBufferPointer(start: nil, count: 0)
    package var operation = UnsafeRawBufferPointer(start: nil, count: 0)
    package var id = UnsafeRawBufferPointer(start: nil, count: 0)
    package var threadID = UnsafeRawBufferPointer(start: nil, count: 0)
    package var runID = UnsafeRawBufferPointer(start: nil, count: 0)
    package var messageID = UnsafeRawBufferPointer(start: nil, count: 0)
    package var toolCallID = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Still with JSON's escapes.
    package var delta = UnsafeRawBufferPointer(start: nil, count: 0)
    package var status = UnsafeRawBufferPointer(start: nil, count: 0)
    package var mode = UnsafeRawBufferPointer(start: nil, count: 0)
    package var code = UnsafeRawBufferPointer(start: nil, count: 0)
    package var epoch = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Of `outcome`.
    package var outcome = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Of `metadata.parley`, as are the thread and the replay mark.
    package var cursor = UnsafeRawBufferPointer(start: nil, count: 0)
    package var eventThreadID = UnsafeRawBufferPointer(start: nil, count: 0)
    package var isReplay = false

    /// Nil when the frame is no JSON object as far as its structure was followed.
    package init?(_ frame: UnsafeRawBufferPointer) {
        var scanner = Scanner(bytes: frame)
        guard scanner.object(.top, into: &self), scanner.isAtEnd else { return nil }
    }

    fileprivate mutating func take(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, at level: Scanner.Level
    ) {
        switch (level, key.count) {
        case (.top, 4):
            if key.equals("type") {
                type = value
            } else if key.equals("code") {
                code = value
            } else if key.equals("mode") {
                mode = value
            }
        case (.top, 2):
            if key.equals("op") { operation = value } else if key.equals("id") { id = value }
        case (.top, 8):
            if key.equals("threadId") { threadID = value }
        case (.top, 5):
            if key.equals("delta") {
                delta = value
            } else if key.equals("runId") {
                runID = value
            } else if key.equals("epoch") {
                epoch = value
            }
        case (.top, 9):
            if key.equals("messageId") { messageID = value }
        case (.top, 10):
            if key.equals("toolCallId") { toolCallID = value }
        case (.top, 6):
            if key.equals("status") { status = value }
        case (.outcome, 4):
            if key.equals("type") { outcome = value }
        case (.parley, 6):
            if key.equals("cursor") { cursor = value }
        case (.parley, 8):
            if key.equals("threadId") { eventThreadID = value }
        default: break
        }
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && memcmp(baseAddress.unsafelyUnwrapped, text.utf8Start, count) == 0
    }

    var text: String { String(decoding: self, as: UTF8.self) }
}

/// Goes through an object once: members of the levels that matter are handed over, all else is passed over.
private struct Scanner {
    enum Level: UInt8 {
        case top, metadata, parley, outcome
    }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return position == bytes.count
        }
    }

    mutating func object(_ level: Level, into fields: inout FrameFields) -> Bool {
        guard take(UInt8(ascii: "{")) else { return false }
        if take(UInt8(ascii: "}")) { return true }
        repeat {
            guard let key = string(), take(UInt8(ascii: ":")) else { return false }
            skipSpace()
            guard position < bytes.count else { return false }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                guard let value = string() else { return false }
                fields.take(key, value, at: level)
            case UInt8(ascii: "{"):
                if level == .top, key.equals("metadata") {
                    guard object(.metadata, into: &fields) else { return false }
                } else if level == .metadata, key.equals("parley") {
                    guard object(.parley, into: &fields) else { return false }
                } else if level == .top, key.equals("outcome") {
                    guard object(.outcome, into: &fields) else { return false }
                } else {
                    guard skipNested() else { return false }
                }
            case UInt8(ascii: "["):
                guard skipNested() else { return false }
            default:
                let scalar = skipScalar()
                guard !scalar.isEmpty else { return false }
                if level == .parley, key.equals("replay") { fields.isReplay = scalar.equals("true") }
            }
        } while take(UInt8(ascii: ","))
        return take(UInt8(ascii: "}"))
    }

    @inline(__always)
    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == byte else { return false }
        position &+= 1
        return true
    }

    @inline(__always)
    private mutating func skipSpace() {
        while position < bytes.count, bytes[position] <= 0x20 { position &+= 1 }
    }

    /// The string that begins here, without its quotes.
    private mutating func string() -> UnsafeRawBufferPointer? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position &+= 1
                return UnsafeRawBufferPointer(rebasing: bytes[start..<position - 1])
            }
            position &+= byte == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }

    /// An object or array, with all that is in it.
    private mutating func skipNested() -> Bool {
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position &+= 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                position &+= 1
                if depth == 0 { return true }
            case UInt8(ascii: "\""):
                guard string() != nil else { return false }
            default:
                position &+= 1
            }
        }
        return false
    }

    private mutating func skipScalar() -> UnsafeRawBufferPointer {
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 0...0x20:
                return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
            default:
                position &+= 1
            }
        }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    }
}
