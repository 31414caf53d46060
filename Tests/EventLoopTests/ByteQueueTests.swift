import EventLoop
import Testing

@Suite("ByteQueue")
struct ByteQueueTests {
    @Test("bytes leave in the order in which they came, whatever their number", arguments: [1, 2, 3] as [UInt64])
    func order(seed: UInt64) {
        var random = Numbers(state: seed)
        let pool = BlockPool()
        var queue = ByteQueue()
        var model: [UInt8] = []
        for round in 0..<600 {
            switch random.next(8) {
            case 0...3:
                let count = [0, 1, 66, 2_047, 2_048, 2_049, 5_000, 20_000][random.next(8)]
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ round) }
                bytes.withUnsafeBytes { queue.append($0, pool) }
                model += bytes
            case 4...6:
                let count = random.next(model.count + 1)
                queue.drop(count)
                model.removeFirst(count)
            default:
                if random.next(4) == 0 { queue.release(to: pool) } else { queue.clear() }
                model = []
            }
            let (count, isEmpty) = (queue.count, queue.isEmpty)
            let isEqual = queue.bytes.elementsEqual(model)
            #expect(count == model.count && isEmpty == model.isEmpty && isEqual, "round \(round)")
        }
    }

    @Test("blocks are used again, and no more of them are kept than said")
    func pool() {
        let pool = BlockPool()
        let first = pool.take(atLeast: 1)
        pool.give(first)
        #expect(pool.count == 1)
        let again = pool.take(atLeast: BlockPool.usual)
        #expect(again.baseAddress == first.baseAddress && pool.count == 0)
        // A larger block serves those that need no more than it has.
        let larger = pool.take(atLeast: BlockPool.usual + 100)
        pool.give(larger)
        let largest = pool.take(atLeast: BlockPool.usual + 101)
        let same = pool.take(atLeast: BlockPool.usual + 1)
        #expect(same.baseAddress == larger.baseAddress && pool.count == 0)
        for block in [again, largest, same] { pool.give(block) }
        #expect(pool.count == 3)
    }

    @Test(
        "what is kept is bounded",
        arguments: [
            (size: 1, kept: BlockPool.keptUsual), (BlockPool.usual, BlockPool.keptUsual),
            (BlockPool.usual + 1, BlockPool.keptLarger), (BlockPool.largest, BlockPool.keptLarger),
            (BlockPool.largest + 1, 0),
        ])
    func bound(size: Int, kept: Int) {
        let pool = BlockPool()
        let blocks = (0..<(kept + 3)).map { _ in pool.take(atLeast: size) }
        for block in blocks { pool.give(block) }
        #expect(pool.count == kept)
        pool.clear()
        #expect(pool.count == 0)
    }

    /// A small generator of the same numbers every time.
    private struct Numbers {
        var state: UInt64

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }
}
