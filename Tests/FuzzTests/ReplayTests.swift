import Foundation
import FuzzTargets
import Testing

/// What the fuzzers keep goes through their targets again: a broken rule traps and ends the run.
@Suite("Inputs of the fuzzers", .serialized)
struct ReplayTests {
    private static let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Tests/Fuzz")

    private static func inputs(_ folder: String, _ prefix: String = "") throws -> [Data] {
        let place = top.appending(path: folder)
        let names = try FileManager.default.contentsOfDirectory(atPath: place.path)
        return try names.filter { $0.hasPrefix(prefix) && !$0.hasPrefix(".") }.sorted().map {
            try Data(contentsOf: place.appending(path: $0))
        }
    }

    private static func run(_ target: FuzzTarget, _ input: Data) {
        input.withUnsafeBytes { target.run($0) }
    }

    @Test("the corpus", arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let inputs = try Self.inputs("Corpus/\(target.rawValue)")
        #expect(inputs.count > 20, "the corpus has gone")
        for input in inputs { Self.run(target, input) }
    }

    @Test("what ever failed", arguments: FuzzTarget.allCases)
    func failures(_ target: FuzzTarget) throws {
        for input in try Self.inputs("Failures", target.rawValue + "-") { Self.run(target, input) }
    }

    @Test("inputs cut short and with a byte changed", arguments: FuzzTarget.allCases)
    func changed(_ target: FuzzTarget) throws {
        for input in try Self.inputs("Corpus/\(target.rawValue)") where !input.isEmpty {
            Self.run(target, input.prefix(input.count / 2))
            var other = input
            other[other.startIndex + input.count / 3] ^= 0x41
            Self.run(target, other)
        }
    }
}
