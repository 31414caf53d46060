/// Makes whole frames as a server sends them: unmasked, unfragmented, not compressed. Such a frame is legal on every
/// connection, also on a compressed one, so it can be made once and given to many.
package enum FrameEncoder {
    /// A text frame around bytes that are there already.
    package static func text(_ payload: UnsafeRawBufferPointer) -> [UInt8] {
        frame(.text, payload)
    }

    package static func text(_ payload: [UInt8]) -> [UInt8] {
        payload.withUnsafeBytes { frame(.text, $0) }
    }

    package static func binary(_ payload: UnsafeRawBufferPointer) -> [UInt8] {
        frame(.binary, payload)
    }

    /// A text frame whose payload `write` appends: no second copy up to 64 KiB.
    ///
    /// - Parameter capacity: the payload bytes that are expected.
    package static func text<E: Error>(
        capacity: Int, _ write: (inout [UInt8]) throws(E) -> Void
    ) throws(E) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(capacity + gap)
        let start = open(&frame)
        try write(&frame)
        seal(.text, from: start, in: &frame)
        return frame
    }

    /// Begins a frame at the end of `buffer`; the payload is appended next, then `seal` is called with the result.
    /// Any number of frames may be put into one buffer, one after the other.
    package static func open(_ buffer: inout [UInt8]) -> Int {
        let start = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: gap))
        return start
    }

    /// Puts the header before the payload that was appended since `open` returned `start`.
    package static func seal(_ opcode: Opcode, from start: Int, in buffer: inout [UInt8]) {
        let header = FrameHeader(opcode: opcode, payloadCount: buffer.count - start - gap)
        // The gap is right for 126 to 65535 bytes; smaller payloads move by two bytes, which is cheap for so few, and
        // larger ones by six.
        if header.count < gap {
            buffer.removeSubrange(start..<(start + gap - header.count))
        } else if header.count > gap {
            buffer.insert(contentsOf: repeatElement(0, count: header.count - gap), at: start)
        }
        buffer.withUnsafeMutableBytes { bytes in
            _ = header.write(to: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
        }
    }

    private static let gap = 4

    private static func frame(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) -> [UInt8] {
        let header = FrameHeader(opcode: opcode, payloadCount: payload.count)
        let count = header.count
        return [UInt8](unsafeUninitializedCapacity: count + payload.count) { buffer, initialized in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            header.write(to: bytes)
            UnsafeMutableRawBufferPointer(rebasing: bytes[count...]).copyMemory(from: payload)
            initialized = count + payload.count
        }
    }
}
