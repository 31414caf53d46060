/// One message between the shards of two gateways: all frames of one tick, in one direction of one link.
///
/// ```
/// ┌─────────┬────────┬──────┬────────┬────────┬───────┬──────────┬─────────┐
/// │ version │ oldest │ link │ number │ of the │ shard │ node     │ frames… │
/// │ u8      │ u8     │ u64  │ u64    │ edge u8│ u16   │ u16 text │         │
/// └─────────┴────────┴──────┴────────┴────────┴───────┴──────────┴─────────┘
/// ```
/// `oldest` is the first version whose gateways can do with it: a version adds kinds of frames and fields at their ends,
/// which older ones pass over, so that a cluster is upgraded gateway by gateway.
package struct LinkMessage: Sendable, Equatable {
    package static let version: UInt8 = 1
    /// The first version that can read what this one writes.
    package static let oldest: UInt8 = 1
    /// Bytes of a message: a NATS server takes 1 MiB unless it is told otherwise.
    package static let limit = 768 << 10
    /// Frames of a message.
    package static let frameLimit = 65_536

    /// Who has sent it: the gateway as it is named among the nodes, and its shard.
    package var node: String
    package var shard: UInt16
    /// Counts the beginnings of a link.
    package var link: UInt64
    /// Counts the messages of a link in this direction, from 0.
    package var number: UInt64
    /// Whether the link's edge has sent it: two gateways may each be the edge of a link with the other.
    package var isOfEdge: Bool
    package var frames: [LinkFrame]

    package init(node: String, shard: UInt16, link: UInt64, number: UInt64, isOfEdge: Bool, frames: [LinkFrame] = []) {
        self.node = node
        self.shard = shard
        self.link = link
        self.number = number
        self.isOfEdge = isOfEdge
        self.frames = frames
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = [Self.version, Self.oldest]
        bytes.put(link)
        bytes.put(number)
        bytes.append(isOfEdge ? 1 : 0)
        bytes.put(shard)
        bytes.put(text: node)
        for frame in frames { frame.append(to: &bytes) }
        return bytes
    }

    /// Who says to have sent it, before anything else of it is read; nil: it is no message.
    package static func node(of bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count <= limit, bytes.count >= 21 else { return nil }
        var reader = WireReader(UnsafeRawBufferPointer(rebasing: bytes[21...]))
        return try? reader.text()
    }

    /// - Throws: where it is not what a gateway of this or the next version writes; then nothing of it is used.
    package init(_ bytes: UnsafeRawBufferPointer) throws(WireError) {
        guard bytes.count <= Self.limit else { throw .outOfBounds }
        var reader = WireReader(bytes)
        _ = try reader.byte()
        guard try reader.byte() <= Self.version else { throw .tooNew }
        link = try reader.number()
        number = try reader.number()
        isOfEdge = try reader.flag()
        shard = try reader.number()
        node = try reader.text()
        frames = []
        var count = 0
        while !reader.isAtEnd {
            count += 1
            guard count <= Self.frameLimit else { throw .outOfBounds }
            if let frame = try LinkFrame.read(&reader) { frames.append(frame) }
        }
    }
}
