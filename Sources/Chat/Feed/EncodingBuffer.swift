/// A buffer to encode frames into, which all conversations of a user share. Who comes back in while it is in use gets
/// another.
final class EncodingBuffer {
    /// Bytes of it that are kept.
    private static let keptBytes = 1 << 16
    private var bytes: [UInt8] = []

    func withBytes(_ body: (inout [UInt8]) -> Void) {
        var buffer: [UInt8] = []
        swap(&buffer, &bytes)
        buffer.removeAll(keepingCapacity: true)
        body(&buffer)
        if buffer.capacity <= Self.keptBytes { swap(&buffer, &bytes) }
    }
}
