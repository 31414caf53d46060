import Foundation
import Testing

/// Gateways, users and a database in one thread, in an order that a seed decides (Architecture.md, "Rules are pure").
///
/// `PARLEY_SIMULATION=first-count` runs other seeds: a million by hand. A seed is one world only with
/// `SWIFT_DETERMINISTIC_HASHING=1`, which `deploy/test` sets.
@Suite("Simulation") struct SimulationTests {
    /// Each failed once.
    private static let kept: [UInt64] = [2, 3, 148, 259, 266, 826, 1177, 1412, 2209, 3635, 5127, 5505, 6733, 6752]

    private static let parts = 8

    private static var seeds: (first: UInt64, count: UInt64) {
        let text = ProcessInfo.processInfo.environment["PARLEY_SIMULATION"] ?? "1-2000"
        let numbers = text.split(separator: "-").compactMap { UInt64($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : (1, 0)
    }

    @Test("nothing is lost, doubled, contradicted or left behind", arguments: 0..<parts)
    func worlds(part: Int) {
        let (first, count) = Self.seeds
        #expect(count > 0, "PARLEY_SIMULATION is first-count")
        var failed = 0
        var seed = first + UInt64(part)
        while seed < first + count, failed < 3 {
            let world = World(seed: seed)
            if count == 1 { world.trace = { print($0) } }
            let problems = world.run()
            if count == 1 { for problem in problems { print(problem) } }
            if !problems.isEmpty {
                failed += 1
                Issue.record("seed \(seed): \(problems.prefix(4).joined(separator: "\n"))")
            }
            seed += UInt64(Self.parts)
        }
    }

    @Test("seeds that failed once", arguments: kept)
    func again(seed: UInt64) {
        #expect(World(seed: seed).run() == [])
    }

    /// A simulation that finds nothing shows nothing: what it is there for is put back, one after the other.
    @Test("a fault that is put in is found", arguments: Fault.allCases)
    func finds(fault: Fault) {
        let found = (1...5_000).first { !World(seed: UInt64($0), fault: fault).run().isEmpty }
        #expect(found != nil)
    }
}
