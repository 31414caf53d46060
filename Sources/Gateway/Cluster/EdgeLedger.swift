package import Chat
import Glibc
import JSON
import Strings

/// What a gateway keeps of a socket whose session another one has, so that whoever has it next can go on: pure.
///
/// The client is sent the owner's frames to the byte, but for those that belong to the owner's end alone.
package struct EdgeLedger: Sendable {
    /// What becomes of a frame of the owner's.
    package enum Told: Sendable, Equatable {
        case pass, drop
        case instead([UInt8])
    }

    /// Up to where the client was shown a conversation.
    package struct Place: Sendable, Equatable {
        var thread: [UInt8]
        var text: [UInt8]

        package var threadID: Identifier {
            Identifier(String(decoding: thread, as: UTF8.self)) ?? Identifier(high: 0, low: 0)
        }
        package var cursor: String { String(decoding: text, as: UTF8.self) }
    }

    private struct Pending: Sendable {
        /// How it is named; nil: not at all, and it is forgotten when it was said.
        var id: String?
        var frame: [UInt8]
    }

    /// Commands of a socket that wait for their answer, and bytes of them, unless it is one alone.
    package static let pendingLimit = 256
    package static let pendingBytes = 1 << 20
    /// Conversations whose places are kept.
    package static let placeLimit = 1_024
    /// What a gateway's own names for its clients' commands begin with.
    private static let hiddenPrefix = "~parley~"

    package private(set) var places: [Place] = []
    private var pending: [Pending] = []
    private var bytes = 0
    /// The client knows whose session it has.
    package private(set) var isReady = false
    /// Where its last message went.
    package private(set) var lastThread: Identifier?

    /// What is to be offered again, in its order.
    package var unanswered: [[UInt8]] { pending.map(\.frame) }

    package static func hiddenID(_ place: String, _ number: UInt64) -> String {
        "\(hiddenPrefix)\(place).\(String(number, radix: 36))"
    }

    package static func isHidden(_ id: String) -> Bool { id.hasPrefix(hiddenPrefix) }

    package init() {}

    // MARK: What the client says

    /// - Parameters:
    ///   - frame: as the client wrote it; nil: as a person did.
    ///   - hiddenID: names it, where the client did not.
    ///   - isReached: it goes to an owner at once.
    /// - Returns: what the owner is told; nil: too much waits already.
    package mutating func said(
        _ command: ClientCommand, _ frame: UnsafeRawBufferPointer?, hiddenID: () -> String, isReached: Bool
    ) -> [UInt8]? {
        var frame = frame.map { Array($0) } ?? Self.encoded(command)
        var id = command.id
        if id == nil, command.isAnswered, let end = frame.lastIndex(of: UInt8(ascii: "}")) {
            // Of a repeated name the last one counts, also where the client has written a null.
            let hidden = hiddenID()
            frame.replaceSubrange(end..., with: ",\"id\":\"\(hidden)\"}".utf8)
            id = hidden
        }
        guard id != nil || !isReached else { return frame }
        guard pending.count < Self.pendingLimit, pending.isEmpty || bytes + frame.count <= Self.pendingBytes else {
            return nil
        }
        pending.append(Pending(id: id, frame: frame))
        bytes += frame.count
        return frame
    }

    /// All that waits was said to an owner: what has no name is not said again.
    package mutating func offered() {
        pending.removeAll { $0.id == nil }
        bytes = pending.reduce(0) { $0 + $1.frame.count }
    }

    private static func encoded(_ command: ClientCommand) -> [UInt8] {
        guard case .send(_, let thread, let content, _, _) = command else { return [] }
        var frame: [UInt8] = []
        frame.append(#"{"op":"send","content":"#)
        frame.append(jsonString: content)
        if case .known(let id)? = thread {
            frame.append(#","threadId":"#)
            frame.append(jsonString: "\(id)")
        }
        frame.append("}")
        return frame
    }

    // MARK: What the owner says

    private static let beginning = Array(#"{"op":""#.utf8)
    private static let place = Array(#""metadata":{"parley":{"threadId":""#.utf8)
    private static let history = Array(#","hasMore":"#.utf8)
    private static let cursorName = Array(#""cursor":""#.utf8)
    private static let threadCount = 36
    /// Bytes at an event's end in which its place is.
    private static let tail = 384

    package mutating func told(_ frame: UnsafeRawBufferPointer) -> Told {
        guard frame.begins(with: Self.beginning) else {
            noteEvent(frame)
            return .pass
        }
        let name = UnsafeRawBufferPointer(rebasing: frame[Self.beginning.count...])
        if name.begins(with: Self.ready) {
            defer { isReady = true }
            return isReady ? .drop : .pass
        }
        // The owner's matter: this gateway stays.
        if name.begins(with: Self.draining) { return .drop }
        if name.begins(with: Self.snapshot) {
            noteSnapshot(frame)
            return .pass
        }
        guard var object = (try? JSON(parsing: frame))?.object else { return .pass }
        note(object)
        guard let id = object["id"]?.string else { return .pass }
        if let index = pending.firstIndex(where: { $0.id?.isExactly(id) == true }) {
            bytes -= pending[index].frame.count
            pending.remove(at: index)
        }
        guard Self.isHidden(id) else { return .pass }
        object["id"] = nil
        var bare: [UInt8] = []
        bare.append(json: object)
        return .instead(bare)
    }

    private static let ready = Array(#"ready""#.utf8)
    private static let draining = Array(#"draining""#.utf8)
    private static let snapshot = Array(#"snapshot""#.utf8)

    private mutating func note(_ frame: JSONObject) {
        guard let thread = frame["threadId"]?.string else { return }
        let bytes = Array(thread.utf8)
        switch frame["op"]?.string {
        case "subscribed":
            if let cursor = frame["cursor"]?.string { keep(bytes[...], Array(cursor.utf8)[...]) }
        case "ack":
            if frame["status"]?.string == "unsubscribed" {
                forget(bytes)
            } else if frame["messageId"] != nil {
                lastThread = Identifier(thread)
            }
        case "thread": if frame["status"]?.string == "deleted" { forget(bytes) }
        default: break
        }
    }

    private mutating func forget(_ thread: [UInt8]) { places.removeAll { $0.thread == thread } }

    private mutating func noteEvent(_ frame: UnsafeRawBufferPointer) {
        let start = max(frame.count - Self.tail, 0)
        let end = UnsafeRawBufferPointer(rebasing: frame[start...])
        guard let found = end.last(Self.place), let (thread, rest) = Self.thread(end, at: found + Self.place.count),
            let cursor = Self.cursor(end, at: rest)
        else { return }
        keep(thread, cursor)
    }

    private mutating func noteSnapshot(_ frame: UnsafeRawBufferPointer) {
        let head = UnsafeRawBufferPointer(rebasing: frame.prefix(Self.tail))
        // No text of a message has these bytes: its quotes are escaped.
        guard let found = frame.first(Self.history),
            let named = head.first(Self.threadName),
            let (thread, _) = Self.thread(head, at: named + Self.threadName.count)
        else { return }
        let rest = UnsafeRawBufferPointer(rebasing: frame[found...])
        guard let cursor = Self.cursor(rest, at: 0) else { return }
        keep(thread, cursor)
    }

    private static let threadName = Array(#""threadId":""#.utf8)

    private static func thread(
        _ bytes: UnsafeRawBufferPointer, at start: Int
    ) -> (Slice<UnsafeRawBufferPointer>, end: Int)? {
        guard start + threadCount < bytes.count, bytes[start + threadCount] == UInt8(ascii: "\"") else { return nil }
        return (bytes[start..<(start + threadCount)], start + threadCount)
    }

    private static func cursor(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Slice<UnsafeRawBufferPointer>? {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
        guard let found = rest.first(cursorName) else { return nil }
        let from = start + found + cursorName.count
        guard let end = bytes[from...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        return bytes[from..<end]
    }

    private mutating func keep(_ thread: some Collection<UInt8>, _ cursor: some Collection<UInt8>) {
        if let index = places.firstIndex(where: { $0.thread.elementsEqual(thread) }) {
            places[index].text.replaceSubrange(0..., with: cursor)
        } else if places.count < Self.placeLimit {
            places.append(Place(thread: Array(thread), text: Array(cursor)))
        }
    }
}

extension ClientCommand {
    /// Whether it is answered by its name and nothing else, so that it may be given one.
    fileprivate var isAnswered: Bool {
        switch self {
        case .send, .edit, .regenerate, .select, .cancel, .resume, .unsubscribe: true
        case .subscribe, .auth, .ping: false
        }
    }

    /// Whether it begins a turn.
    var beginsTurn: Bool {
        switch self {
        case .send, .edit, .regenerate, .resume: true
        case .select, .cancel, .subscribe, .unsubscribe, .auth, .ping: false
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func begins(with bytes: [UInt8]) -> Bool { has(bytes, at: 0) }

    private func has(_ bytes: [UInt8], at index: Int) -> Bool {
        guard let start = baseAddress, index + bytes.count <= count else { return false }
        return bytes.withUnsafeBytes { wanted in
            guard let base = wanted.baseAddress else { return true }
            return memcmp(start + index, base, wanted.count) == 0
        }
    }

    fileprivate func first(_ bytes: [UInt8]) -> Int? {
        guard let start = baseAddress, let first = bytes.first else { return nil }
        var index = 0
        while index + bytes.count <= count, let found = memchr(start + index, Int32(first), count - index) {
            index = UnsafeRawPointer(found) - start
            if has(bytes, at: index) { return index }
            index += 1
        }
        return nil
    }

    fileprivate func last(_ bytes: [UInt8]) -> Int? {
        var index = count - bytes.count
        while index >= 0 {
            if has(bytes, at: index) { return index }
            index -= 1
        }
        return nil
    }
}
