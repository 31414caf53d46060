import Cluster
import Testing

@Suite struct WireTests {
    static let frames: [LinkFrame] = [
        .attach(
            socket: 7,
            {
                var attachment = LinkAttachment(userID: "é好😀")
                attachment.isRequest = true
                attachment.since = 1_700_000_000_000_000
                attachment.expiresAt = -1
                attachment.address = "2001:db8::1"
                attachment.userAgent = "Mozilla/5.0"
                return attachment
            }()),
        .follow(socket: .max, threadID: "019a", cursor: "epoch.12"), .command(socket: 0, isLast: true, bytes: []),
        .command(socket: 1, isLast: false, bytes: Array(#"{"op":"ping"}"#.utf8)),
        .taken(socket: 1, total: .max), .detach(socket: 1),
        .output(socket: 1, isLast: true, bytes: Array(repeating: 0xFF, count: LinkFrame.partLimit)),
        .close(socket: 1, code: 1012, reason: ""), .refuse(socket: 1, retryAfter: 1_000), .probe, .pulse, .reset,
    ]

    private static func read(_ bytes: [UInt8]) throws(WireError) -> LinkMessage {
        var result: Result<LinkMessage, WireError> = .failure(.truncated)
        bytes.withUnsafeBytes { bytes in
            do throws(WireError) {
                result = .success(try LinkMessage(bytes))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    private let message = LinkMessage(
        node: "host:8080/abc", shard: 3, link: 5, number: 9, isOfEdge: true, frames: Self.frames)

    @Test func whatIsWrittenIsRead() throws {
        #expect(try Self.read(message.bytes) == message)
    }

    @Test func cutAnywhereItIsRefusedOrEndsWithAFrame() throws {
        let short = LinkMessage(
            node: "n", shard: 0, link: 1, number: 0, isOfEdge: false, frames: Array(Self.frames.prefix(5)))
        let bytes = short.bytes
        for count in 0..<bytes.count {
            guard let read = try? Self.read(Array(bytes[..<count])) else { continue }
            #expect(read.frames == Array(short.frames.prefix(read.frames.count)), "\(count)")
            #expect(read.bytes.count == count, "it ends with a frame")
        }
    }

    @Test func whatALaterVersionAddsIsPassedOver() throws {
        var bytes = message.bytes
        bytes[0] = 9
        bytes += [200, 0, 0, 0, 3, 1, 2, 3]
        // A field behind those of a frame that is known.
        bytes += [9, 0, 0, 0, 2, 1, 1]
        #expect(try Self.read(bytes).frames == message.frames + [.probe])
    }

    static let refused: [(String, [UInt8], WireError)] = [
        ("nothing", [], .truncated),
        ("of a version that this one can't do with", [9, 2] + zeros(21), .tooNew),
        ("a node whose name is not text", [1, 1] + zeros(19) + [0, 1, 0xFF], .notText),
        ("a name that is too long", [1, 1] + zeros(19) + [0xFF, 0xFF], .outOfBounds),
        ("of neither end", [1, 1] + zeros(16) + [2] + zeros(4), .outOfBounds),
        ("a frame without its length", [1, 1] + zeros(21) + [9, 0, 0], .truncated),
        ("a frame that is longer than what is there", [1, 1] + zeros(21) + [9, 0, 0, 0, 1], .truncated),
        ("a frame beyond its bound", [1, 1] + zeros(21) + [6, 0xFF, 0xFF, 0xFF, 0xFF], .outOfBounds),
        ("a flag that is none", [1, 1] + zeros(21) + [6, 0, 0, 0, 5, 0, 0, 0, 1, 2], .outOfBounds),
        ("a frame that lacks a field", [1, 1] + zeros(21) + [4, 0, 0, 0, 4, 0, 0, 0, 1], .truncated),
        ("more than a message may hold", [UInt8](repeating: 0, count: LinkMessage.limit + 1), .outOfBounds),
    ]

    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    @Test(arguments: refused.indices) func isRefused(_ index: Int) {
        let (title, bytes, error) = Self.refused[index]
        #expect(throws: error, "\(title)") { _ = try Self.read(bytes) }
    }

    @Test func noText() {
        let long = String(repeating: "好", count: 5_000)
        let frame = LinkFrame.close(socket: 1, code: 1012, reason: long)
        let read = try? Self.read(
            LinkMessage(node: "n", shard: 0, link: 1, number: 0, isOfEdge: false, frames: [frame]).bytes)
        guard case .close(_, _, let reason)? = read?.frames.first else {
            Issue.record("\(String(describing: read))")
            return
        }
        #expect(long.hasPrefix(reason) && reason.utf8.count <= LinkFrame.textLimit && !reason.isEmpty)
    }
}
