/// What two gateways tell each other about the sockets of a user whose session one of them has (the *owner*) and who are
/// connected to the other (the *edge*).
///
/// A frame of a socket that is longer than a message may be comes in parts, of which the last says so. Sockets have
/// numbers, which the edge gives and uses once on a link.
package enum LinkFrame: Sendable, Equatable {
    /// Edge: a socket is there, and whose it is.
    case attach(socket: UInt32, LinkAttachment)
    /// Edge, behind `attach`: up to where the socket was shown a conversation. An empty cursor: it was not.
    case follow(socket: UInt32, threadID: String, cursor: String)
    /// Edge: what the client said, to the byte.
    case command(socket: UInt32, isLast: Bool, bytes: [UInt8])
    /// Edge: so many bytes of all that the owner has sent for this socket were taken.
    case taken(socket: UInt32, total: UInt64)
    /// Edge: the socket is closed.
    case detach(socket: UInt32)
    /// Owner: what the client is to be sent, to the byte.
    case output(socket: UInt32, isLast: Bool, bytes: [UInt8])
    /// Owner: the socket is to be closed.
    case close(socket: UInt32, code: UInt16, reason: String)
    /// Owner: the session is not here; milliseconds after which it is worth another try.
    case refuse(socket: UInt32, retryAfter: UInt32)
    /// Either: is anybody there?
    case probe
    /// Either: yes.
    case pulse
    /// Owner: something of this link is missing: it is to be begun anew, under a higher number.
    case reset

    fileprivate enum Kind: UInt8 {
        case attach = 1, follow, command, taken, detach, output, close, refuse, probe, pulse, reset
    }

    /// Bytes of the texts of a frame, each: a user's id has at most 255 code points.
    package static let textLimit = 1_024
    /// Bytes of a part of what a client said or is sent.
    package static let partLimit = 128 << 10
}

/// What an owner is told of a socket at an edge.
package struct LinkAttachment: Sendable, Equatable {
    package var userID: String
    /// It is an HTTP request and its answer, and no chat.
    package var isRequest = false
    /// When it was opened, and when its token ends: microseconds since 1970.
    package var since: Int64 = 0
    package var expiresAt: Int64 = 0
    /// The client's; empty: unknown.
    package var address = ""
    /// The program of the client, as it names itself; empty: it does not.
    package var userAgent = ""

    package init(userID: String) {
        self.userID = userID
    }
}

/// Why a message can't be what a gateway of ours has sent.
package enum WireError: Error, Sendable, Equatable {
    /// It ends in the middle of something.
    case truncated
    /// A length or number beyond its bound.
    case outOfBounds
    /// It was written for gateways of a later version.
    case tooNew
    /// Text that is not UTF-8.
    case notText
}

extension LinkFrame {
    /// ```
    /// ┌──────┬────────────┬─────────────────────────────┐
    /// │ kind │ length u32 │ fields in their order, big- │
    /// │ u8   │            │ endian; texts behind a u16  │
    /// └──────┴────────────┴─────────────────────────────┘
    /// ```
    package func append(to bytes: inout [UInt8]) {
        bytes.append(kind.rawValue)
        let start = bytes.count
        bytes.append(contentsOf: [0, 0, 0, 0])
        switch self {
        case .attach(let socket, let attachment):
            bytes.put(socket)
            bytes.put(text: attachment.userID)
            bytes.append(attachment.isRequest ? 1 : 0)
            bytes.put(UInt64(bitPattern: attachment.since))
            bytes.put(UInt64(bitPattern: attachment.expiresAt))
            bytes.put(text: attachment.address)
            bytes.put(text: attachment.userAgent)
        case .follow(let socket, let thread, let cursor):
            bytes.put(socket)
            bytes.put(text: thread)
            bytes.put(text: cursor)
        case .command(let socket, let isLast, let part), .output(let socket, let isLast, let part):
            bytes.put(socket)
            bytes.append(isLast ? 1 : 0)
            bytes.append(contentsOf: part)
        case .taken(let socket, let total):
            bytes.put(socket)
            bytes.put(total)
        case .detach(let socket):
            bytes.put(socket)
        case .close(let socket, let code, let reason):
            bytes.put(socket)
            bytes.put(code)
            bytes.put(text: reason)
        case .refuse(let socket, let retryAfter):
            bytes.put(socket)
            bytes.put(retryAfter)
        case .probe, .pulse, .reset: break
        }
        let length = UInt32(truncatingIfNeeded: bytes.count - start - 4)
        for index in 0..<4 { bytes[start + index] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * index)) }
    }

    private var kind: Kind {
        switch self {
        case .attach: .attach
        case .follow: .follow
        case .command: .command
        case .taken: .taken
        case .detach: .detach
        case .output: .output
        case .close: .close
        case .refuse: .refuse
        case .probe: .probe
        case .pulse: .pulse
        case .reset: .reset
        }
    }

    /// The next frame; nil: one of a kind that a later version knows, which is passed over. Fields behind those that are
    /// known are a later version's too.
    static func read(_ reader: inout WireReader) throws(WireError) -> LinkFrame? {
        let kind = Kind(rawValue: try reader.byte())
        let length = Int(try reader.number(UInt32.self))
        guard length <= partLimit + 8 || kind == nil else { throw .outOfBounds }
        var fields = try reader.part(length)
        guard let kind else { return nil }
        switch kind {
        case .attach:
            let socket: UInt32 = try fields.number()
            var attachment = LinkAttachment(userID: try fields.text())
            attachment.isRequest = try fields.flag()
            attachment.since = Int64(bitPattern: try fields.number())
            attachment.expiresAt = Int64(bitPattern: try fields.number())
            attachment.address = try fields.text()
            attachment.userAgent = try fields.text()
            return .attach(socket: socket, attachment)
        case .follow:
            return .follow(socket: try fields.number(), threadID: try fields.text(), cursor: try fields.text())
        case .command:
            return .command(socket: try fields.number(), isLast: try fields.flag(), bytes: try fields.rest(partLimit))
        case .taken: return .taken(socket: try fields.number(), total: try fields.number())
        case .detach: return .detach(socket: try fields.number())
        case .output:
            return .output(socket: try fields.number(), isLast: try fields.flag(), bytes: try fields.rest(partLimit))
        case .close:
            return .close(socket: try fields.number(), code: try fields.number(), reason: try fields.text())
        case .refuse: return .refuse(socket: try fields.number(), retryAfter: try fields.number())
        case .probe: return .probe
        case .pulse: return .pulse
        case .reset: return .reset
        }
    }
}

extension [UInt8] {
    mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }

    /// A text that is too long is cut between two characters: what identifies something is never that long.
    mutating func put(text: String) {
        var text = text
        while text.utf8.count > LinkFrame.textLimit { text.removeLast(Swift.max(1, text.count / 8)) }
        put(UInt16(truncatingIfNeeded: text.utf8.count))
        append(contentsOf: text.utf8)
    }
}

/// Reads what came from outside: nothing is taken for longer than what is there, and no length is believed before it was
/// checked.
struct WireReader {
    private var bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { bytes.isEmpty }

    mutating func part(_ count: Int) throws(WireError) -> WireReader {
        guard count >= 0, count <= bytes.count else { throw .truncated }
        let part = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        bytes = UnsafeRawBufferPointer(rebasing: bytes[count...])
        return WireReader(part)
    }

    mutating func byte() throws(WireError) -> UInt8 { try number() }

    mutating func flag() throws(WireError) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw .outOfBounds
        }
    }

    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws(WireError) -> Number {
        let part = try part(MemoryLayout<Number>.size)
        return Number(bigEndian: part.bytes.loadUnaligned(as: Number.self))
    }

    mutating func text() throws(WireError) -> String {
        let count = Int(try number(UInt16.self))
        guard count <= LinkFrame.textLimit else { throw .outOfBounds }
        let part = try part(count)
        guard let text = String(validating: part.bytes, as: UTF8.self) else { throw .notText }
        return text
    }

    mutating func rest(_ limit: Int) throws(WireError) -> [UInt8] {
        guard bytes.count <= limit else { throw .outOfBounds }
        defer { bytes = UnsafeRawBufferPointer(rebasing: bytes[bytes.endIndex...]) }
        return [UInt8](bytes)
    }
}
