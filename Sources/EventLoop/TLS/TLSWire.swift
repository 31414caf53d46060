import COpenSSL

/// What the TLS sockets of a loop share: the records that have just come, the room for what is decrypted and the
/// records that have just been made. OpenSSL reads and writes here through a BIO of its own kind, so that a loop's
/// `recv` takes many records at once, its `send` sends many, and an idle socket keeps no buffer.
package final class TLSWire {
    /// What came and has not been taken by OpenSSL.
    @exclusivity(unchecked) var input = UnsafeRawBufferPointer(start: nil, count: 0)
    /// What OpenSSL wants to be sent; valid until it writes again.
    package var output: UnsafeRawBufferPointer { made.bytes }
    // OpenSSL changes this and `input` while it is called, when nobody else uses them.
    @exclusivity(unchecked) private var made = ByteQueue()
    private let blocks = BlockPool()
    /// Decrypted bytes, valid until the next call.
    package let plain: UnsafeMutableRawBufferPointer

    /// Records that are read at once: with the rest of one that OpenSSL may hold, they decrypt to 64 KiB at most. There
    /// is room for one more, so that all that was read is decrypted in one step.
    static let readLimit = 48 << 10
    /// Bytes encrypted at once: four full records.
    static let sealLimit = 64 << 10

    package init() {
        plain = .allocate(byteCount: Self.readLimit + 2 * (16 << 10), alignment: 64)
    }

    deinit { plain.deallocate() }

    /// Takes what has been written since the last time, keeping the room.
    package func clearOutput() { made.clear() }

    // MARK: The BIO

    /// A BIO over a wire; owned by the SSL that it is given to.
    static func makeBIO() -> OpaquePointer? {
        guard let method, let bio = BIO_new(method.pointer) else { return nil }
        BIO_set_init(bio, 1)
        return bio
    }

    /// Lets a BIO read and write here. The wire must outlive its use.
    func attach(_ bio: OpaquePointer) {
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
    }

    /// `@unchecked Sendable`: made once and never changed.
    private struct Method: @unchecked Sendable { let pointer: OpaquePointer }

    private static let method: Method? = {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "parley wire") else { return nil }
        BIO_meth_set_read(method) { bio, place, room in
            guard let bio, let place, room > 0, let data = BIO_get_data(bio) else { return 0 }
            return Unmanaged<TLSWire>.fromOpaque(data)._withUnsafeGuaranteedRef { wire in
                let count = min(Int(room), wire.input.count)
                guard count > 0, let start = wire.input.baseAddress else {
                    parley_bio_set_retry_read(bio)
                    return -1
                }
                UnsafeMutableRawPointer(place).copyMemory(from: start, byteCount: count)
                wire.input = UnsafeRawBufferPointer(rebasing: wire.input[count...])
                return Int32(count)
            }
        }
        BIO_meth_set_write(method) { bio, bytes, count in
            guard let bio, let bytes, count > 0, let data = BIO_get_data(bio) else { return 0 }
            Unmanaged<TLSWire>.fromOpaque(data)._withUnsafeGuaranteedRef { wire in
                wire.made.append(UnsafeRawBufferPointer(start: bytes, count: Int(count)), wire.blocks)
            }
            return count
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return Method(pointer: method)
    }()
}
