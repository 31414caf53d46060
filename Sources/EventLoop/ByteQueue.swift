/// Bytes that wait for a peer, in memory of a pool: none is held while there are none.
package struct ByteQueue: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private var start = 0
    private var end = 0

    package init() {}

    deinit { base?.deallocate() }

    package var count: Int { end &- start }
    package var isEmpty: Bool { start == end }

    /// Valid until the queue is changed.
    package var bytes: UnsafeRawBufferPointer {
        guard let base else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: UnsafeRawPointer(base) + start, count: end &- start)
    }

    /// Puts bytes behind those that wait; not bytes of this queue.
    ///
    /// - Parameter pool: asked for only when there is no room.
    package mutating func append(_ bytes: UnsafeRawBufferPointer, _ pool: @autoclosure () -> BlockPool) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if bytes.count > capacity &- end { makeRoom(bytes.count, pool()) }
        guard let base else { return }
        (base + end).copyMemory(from: source, byteCount: bytes.count)
        end &+= bytes.count
    }

    /// Takes `count` bytes, at most those that wait, from the front.
    package mutating func drop(_ count: Int) {
        precondition(count >= 0 && count <= self.count)
        start &+= count
    }

    /// Lets go of what waits and keeps the memory.
    package mutating func clear() {
        (start, end) = (0, 0)
    }

    /// Lets go of what waits, and of the memory.
    package mutating func release(to pool: BlockPool) {
        if let base { pool.give(UnsafeMutableRawBufferPointer(start: base, count: capacity)) }
        base = nil
        (capacity, start, end) = (0, 0, 0)
    }

    /// Moves what waits to the front if at least as much has left, or else to a block of which half is free then: so a
    /// byte moves once on the average, and the block is at most twice as large as what waits.
    private mutating func makeRoom(_ needed: Int, _ pool: BlockPool) {
        let waiting = count
        if let base, start >= waiting, waiting + needed <= capacity {
            base.copyMemory(from: base + start, byteCount: waiting)
        } else {
            let block = pool.take(atLeast: base == nil ? needed : 2 * (waiting + needed))
            if let base {
                block.baseAddress?.copyMemory(from: base + start, byteCount: waiting)
                pool.give(UnsafeMutableRawBufferPointer(start: base, count: capacity))
            }
            base = block.baseAddress
            capacity = block.count
        }
        (start, end) = (0, waiting)
    }
}

/// Blocks of memory that the sockets of a loop lend each other. Confined to its loop.
package final class BlockPool {
    /// Blocks of this size are what most need, and are kept: that many.
    package static let (usual, keptUsual) = (2 << 10, 1_024)
    /// So many larger ones are kept, of at most this size.
    package static let (largest, keptLarger) = (64 << 10, 64)

    // The usual blocks that are free, each with the address of the next one at its beginning.
    @exclusivity(unchecked) private var free: UnsafeMutableRawPointer?
    @exclusivity(unchecked) private var freeCount = 0
    @exclusivity(unchecked) private var larger: [UnsafeMutableRawBufferPointer] = []

    package init() {}

    deinit { clear() }

    /// Blocks that are kept.
    package var count: Int { freeCount + larger.count }

    /// A block of `count` bytes or more.
    package func take(atLeast count: Int) -> UnsafeMutableRawBufferPointer {
        if count <= Self.usual {
            guard let block = free else { return .allocate(byteCount: Self.usual, alignment: 16) }
            free = block.load(as: UnsafeMutableRawPointer?.self)
            freeCount &-= 1
            return UnsafeMutableRawBufferPointer(start: block, count: Self.usual)
        }
        if let last = larger.last, last.count >= count { return larger.removeLast() }
        return .allocate(byteCount: count, alignment: 16)
    }

    /// Takes back a block that `take` gave.
    package func give(_ block: UnsafeMutableRawBufferPointer) {
        if block.count == Self.usual, freeCount < Self.keptUsual {
            block.baseAddress?.storeBytes(of: free, as: UnsafeMutableRawPointer?.self)
            free = block.baseAddress
            freeCount &+= 1
        } else if block.count > Self.usual, block.count <= Self.largest, larger.count < Self.keptLarger {
            larger.append(block)
        } else {
            block.deallocate()
        }
    }

    /// Lets go of all that is kept.
    package func clear() {
        while let block = free {
            free = block.load(as: UnsafeMutableRawPointer?.self)
            block.deallocate()
        }
        freeCount = 0
        for block in larger { block.deallocate() }
        larger = []
    }
}
