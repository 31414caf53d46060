import CZlib
import Glibc

/// Compresses and inflates messages for permessage-deflate (RFC 7692 section 7.2), over zlib's raw streams.
///
/// One codec serves all connections of a loop: what it is given is a whole message, and without context takeover it
/// is reset between messages. Confined to its loop; zlib's streams are not thread-safe. Results lie in
/// buffers of the codec's: one is valid until the next call of the same function.
package final class DeflateCodec {
    package enum Inflated {
        /// Valid until the next call of `inflate`; may be changed.
        case bytes(UnsafeMutableRawBufferPointer)
        case failed(Failure)
    }

    /// What a message may grow by when it can't be compressed, relative to its size: stored blocks have headers.
    /// A compressed message is refused beyond this, before it is collected.
    package static func compressedLimit(for messageLimit: Int) -> Int {
        messageLimit + messageLimit >> 6 + 64
    }

    /// Fast is right here: the fixed cost of a message outweighs the rest below some KiB, and level 6 takes half as
    /// much again for a few per cent.
    private static let level: Int32 = 1
    /// 2^13 hash heads of 2 bytes, cleared for each message, against 64 KiB at zlib's default of 8.
    private static let memoryLevel: Int32 = 6
    private let resets: Bool
    private let inflatingBits: Int32
    private let share: DeflateBudget.Share?
    private var inflater: UnsafeMutablePointer<z_stream>?
    /// By window bits, 9 first.
    private var deflaters = [UnsafeMutablePointer<z_stream>?](repeating: nil, count: 7)
    /// Two buffers, because what was inflated may be what is compressed next.
    private var inflated = ScratchBuffer()
    private var compressed = ScratchBuffer()

    /// - Parameters:
    ///   - contextTakeover: whether windows live on between messages. Then the codec is for one connection.
    ///   - inflatingBits: the largest window of what is inflated, 9 to 15.
    ///   - share: of a budget, held as long as the codec lives.
    package init(contextTakeover: Bool = false, inflatingBits: Int = 15, share: DeflateBudget.Share? = nil) {
        resets = !contextTakeover
        // zlib's own deflate takes 9 where 8 was agreed on, and so do other ends that use it.
        self.inflatingBits = Int32(min(15, max(9, inflatingBits)))
        self.share = share
    }

    /// What a server's windows take for one connection, in bytes, by zlib's own account (zconf.h): the compressor's
    /// window twice, its chain of positions and its table of hashes; the inflater's window and its tables. Only what
    /// lives on between messages is the connection's.
    package static func memory(for parameters: DeflateParameters) -> Int {
        var bytes = 0
        if !parameters.serverNoContextTakeover {
            bytes += 1 << (parameters.serverMaxWindowBits + 2) + 1 << (Int(memoryLevel) + 9) + 6 << 10
        }
        if !parameters.clientNoContextTakeover { bytes += 1 << max(9, parameters.clientMaxWindowBits) + 7 << 10 }
        return bytes
    }

    deinit {
        if let inflater {
            inflateEnd(inflater)
            inflater.deallocate()
        }
        for case let deflater? in deflaters {
            deflateEnd(deflater)
            deflater.deallocate()
        }
    }

    /// Working memory that is kept from one message to the next: none where there is a codec for each connection.
    private var keptCapacity: Int { resets ? ScratchBuffer.largestOnHeap : 0 }

    /// The result of `inflate` was used: what is large is given back.
    package func releaseInflated() {
        inflated.trim(to: keptCapacity)
    }

    /// The result of `compress` was used.
    package func releaseCompressed() {
        compressed.trim(to: keptCapacity)
    }

    // MARK: Inflating

    /// Inflates one message.
    ///
    /// - Parameters:
    ///   - payload: all of the message's payload, unmasked.
    ///   - limit: how many bytes the message may have. The buffer never gets larger, whatever the payload would
    ///     inflate to.
    package func inflate(_ payload: UnsafeRawBufferPointer, limit: Int) -> Inflated {
        guard let stream = readyInflater() else { return .failed(.outOfMemory) }
        var produced = 0
        // The sender has cut off the end of an empty stored block; it is put back (section 7.2.2).
        let tail: (UInt8, UInt8, UInt8, UInt8) = (0x00, 0x00, 0xFF, 0xFF)
        let failure = withUnsafeBytes(of: tail) { tail -> Failure? in
            inflatePart(payload, stream, &produced, limit)
                ?? inflatePart(tail, stream, &produced, limit)
        }
        if let failure { return .failed(failure) }
        // Bit 128: between two blocks. The low bits: left over in the last byte. A message cut short ends elsewhere.
        guard stream.pointee.data_type & 0x87 == 0x80 else { return .failed(.invalidDeflate) }
        return .bytes(UnsafeMutableRawBufferPointer(rebasing: inflated.bytes[..<produced]))
    }

    private func inflatePart(
        _ part: UnsafeRawBufferPointer, _ stream: UnsafeMutablePointer<z_stream>, _ produced: inout Int, _ limit: Int
    ) -> Failure? {
        guard let base = part.baseAddress, part.count <= Int(UInt32.max) else {
            return part.isEmpty ? nil : .messageTooBig
        }
        stream.pointee.next_in = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(part.count)
        var spare: UInt8 = 0
        while true {
            if produced == inflated.bytes.count, produced < limit {
                let wanted = min(limit, max(1024, 2 * produced, 4 * part.count))
                guard inflated.grow(to: wanted, limit: limit, keeping: produced) else { return .outOfMemory }
            }
            let isFull = produced == limit
            let room = isFull ? 1 : min(limit, inflated.bytes.count) - produced
            // A full message is tried against one spare byte: if that is taken, there was more.
            let status = withUnsafeMutablePointer(to: &spare) { spare -> Int32 in
                stream.pointee.next_out =
                    isFull
                    ? spare : (inflated.bytes.baseAddress.map { $0 + produced })?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(clamping: room)
                return CZlib.inflate(stream, Z_SYNC_FLUSH)
            }
            let written = min(room, Int(UInt32.max)) - Int(stream.pointee.avail_out)
            if isFull, written > 0 { return .messageTooBig }
            produced += written
            switch status {
            case Z_OK:
                if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return nil }
            case Z_BUF_ERROR:
                // No progress was possible, and there was room: the input is used up.
                return stream.pointee.avail_in == 0 ? nil : .invalidDeflate
            case Z_STREAM_END:
                // A block marked as the last is legal; what follows starts anew (section 7.2.3.5).
                guard inflateReset(stream) == Z_OK else { return .outOfMemory }
                if stream.pointee.avail_in == 0 { return nil }
            case Z_MEM_ERROR:
                return .outOfMemory
            default:
                return .invalidDeflate
            }
        }
    }

    private func readyInflater() -> UnsafeMutablePointer<z_stream>? {
        if let inflater {
            guard !resets || inflateReset(inflater) == Z_OK else { return nil }
            return inflater
        }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard inflateInit2_(stream, -inflatingBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deallocate()
            return nil
        }
        inflater = stream
        return stream
    }

    // MARK: Compressing

    /// Compresses one message.
    ///
    /// - Parameters:
    ///   - headroom: how many bytes to leave free before the result, for a frame header.
    ///   - windowBits: 9 to 15, as negotiated for this direction.
    ///   - always: also when it does not get smaller. So with context takeover, where the peer must see all.
    /// - Returns: the headroom and the payload, without the four bytes that section 7.2.1 cuts off. Nil when there is
    ///   no memory, or when it would not get smaller: the message goes as it is.
    package func compress(
        _ message: UnsafeRawBufferPointer, headroom: Int, windowBits: Int, always: Bool = false
    ) -> UnsafeMutableRawBufferPointer? {
        guard message.count <= Int(UInt32.max / 2), let stream = readyDeflater(windowBits) else { return nil }
        // zlib's bound holds for Z_FINISH; a flush adds an empty stored block of up to 6 bytes.
        let needed = headroom + Int(deflateBound(stream, UInt(message.count))) + 16
        if compressed.bytes.count < needed, !compressed.grow(to: needed, limit: needed, keeping: 0) { return nil }
        guard let start = compressed.bytes.baseAddress else { return nil }
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: message.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(message.count)
        stream.pointee.next_out = (start + headroom).assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: compressed.bytes.count - headroom)
        let status = deflate(stream, Z_SYNC_FLUSH)
        let left = Int(stream.pointee.avail_out)
        guard status == Z_OK, stream.pointee.avail_in == 0, left > 0 else {
            // What the peer will not see must not stay in a window that lives on.
            deflateReset(stream)
            return nil
        }
        let count = compressed.bytes.count - headroom - left - 4
        guard count > 0, always || !resets || count < message.count else { return nil }
        return UnsafeMutableRawBufferPointer(rebasing: compressed.bytes[..<(headroom + count)])
    }

    private func readyDeflater(_ windowBits: Int) -> UnsafeMutablePointer<z_stream>? {
        guard (9...15).contains(windowBits) else { return nil }
        if let deflater = deflaters[windowBits - 9] {
            guard !resets || deflateReset(deflater) == Z_OK else { return nil }
            return deflater
        }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = deflateInit2_(
            stream, Self.level, Z_DEFLATED, -Int32(windowBits), Self.memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            stream.deallocate()
            return nil
        }
        deflaters[windowBits - 9] = stream
        return stream
    }

}

/// Working memory that grows on demand and is let go when it was large.
///
/// What is small comes from the heap. What is large is mapped, all of it that may be needed at once: pages become
/// memory only where they are written to, so that nothing is copied as it grows, and never is more taken than was
/// produced.
private struct ScratchBuffer: ~Copyable {
    static let largestOnHeap = 64 * 1024

    private(set) var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var isMapped = false

    deinit {
        if isMapped { munmap(bytes.baseAddress, bytes.count) } else { bytes.deallocate() }
    }

    /// - Parameter limit: what may be needed later.
    /// - Returns: false when there is no memory; then nothing has changed.
    mutating func grow(to capacity: Int, limit: Int, keeping count: Int) -> Bool {
        let maps = capacity > Self.largestOnHeap
        let larger: UnsafeMutableRawBufferPointer
        if maps {
            let size = max(capacity, limit)
            let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
            guard let place = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), place != MAP_FAILED else {
                return false
            }
            larger = UnsafeMutableRawBufferPointer(start: place, count: size)
        } else {
            larger = .allocate(byteCount: capacity, alignment: 16)
        }
        if count > 0 { larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
        release()
        bytes = larger
        isMapped = maps
        return true
    }

    /// Lets it go if it is larger than that.
    mutating func trim(to capacity: Int) {
        if bytes.count > capacity { release() }
    }

    private mutating func release() {
        if isMapped { munmap(bytes.baseAddress, bytes.count) } else { bytes.deallocate() }
        bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        isMapped = false
    }
}
