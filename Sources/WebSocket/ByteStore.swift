/// The bytes of a message that has not come whole, on the heap only while there are any.
struct ByteStore: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    private static let firstCapacity = 1024

    init() {}

    deinit {
        base?.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    /// Valid until the store is changed.
    var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base, count: count)
    }

    /// Adds bytes. Room grows with what has come, by doubling, and not beyond `expected`, the count that is
    /// announced, unless more does come.
    mutating func append(_ bytes: UnsafeMutableRawBufferPointer, expected: Int) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        let needed = count + bytes.count
        if needed > capacity {
            let larger = max(needed, min(expected, max(2 * capacity, Self.firstCapacity)))
            let place = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
            if let base {
                place.copyMemory(from: base, byteCount: count)
                base.deallocate()
            }
            base = place
            capacity = larger
        }
        (base.unsafelyUnwrapped + count).copyMemory(from: source, byteCount: bytes.count)
        count = needed
    }

    mutating func release() {
        base?.deallocate()
        base = nil
        capacity = 0
        count = 0
    }
}
