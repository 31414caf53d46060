import Foundation
import Histogram

/// A load test's outcome as a JSON object and as a table for people. Times are in microseconds.
struct LoadReport: Encodable {
    /// What must be known to read the figures; nil when they speak for themselves.
    var remark: String?

    struct Percentiles: Encodable {
        var count: UInt64
        var min: UInt64
        var mean: Double
        var p50: UInt64
        var p90: UInt64
        var p99: UInt64
        var p999: UInt64
        var max: UInt64

        init?(_ histogram: LoadMeasures.Latencies) {
            guard histogram.totalCount > 0 else { return nil }
            count = histogram.totalCount
            min = histogram.min
            mean = histogram.mean
            p50 = histogram.valueAtPercentile(50)
            p90 = histogram.valueAtPercentile(90)
            p99 = histogram.valueAtPercentile(99)
            p999 = histogram.valueAtPercentile(99.9)
            max = histogram.max
        }
    }

    struct Process: Encodable {
        var name: String
        var cpuSeconds: Double
        /// Of one core.
        var cpuPercent: Double
        var cpuMicrosecondsPerTurn: Double?
        var cpuMicrosecondsPerToken: Double?
        var residentBytesBefore: Int
        var residentBytesOpen: Int
        var residentBytesEnd: Int
        /// What the sockets added, with all of them open and nothing else done.
        var residentBytesPerSocket: Double?
    }

    struct Storm: Encodable {
        var secondsUntilAllWereBack: Double?
        var runsUnderWay: Int
    }

    var scenario: String
    var sockets: Int
    var socketsOpened: Int
    var socketsOpenAtEnd: Int
    var openSeconds: Double
    var seconds: Double
    var openLoopRate: Double?
    var turns: Int
    var turnsPerSecond: Double
    var tokens: Int
    var tokensPerSecond: Double
    var bytesReceived: Int
    var bytesSent: Int
    var latencyMicroseconds: [String: Percentiles]
    var loadCPUMicrosecondsPerTurn: Double?
    var loadCPUPercent: Double
    var processes: [Process]
    var resumed: Int
    var snapshots: Int
    var socketsMovedByRestarts: Int
    var messagesSentAgain: Int
    var runsEndedUnseen: Int
    var verifiedReplies: Int
    var unfinishedTurns: Int
    var storm: Storm?
    var errors: [String: Int]
    var violations: [String: Int]
    var violationExamples: [String]

    init(_ outcome: LoadOutcome) {
        let measures = outcome.measures
        scenario = outcome.plan.scenario.rawValue
        sockets = outcome.plan.sockets
        socketsOpened = outcome.opened
        socketsOpenAtEnd = outcome.openAtEnd
        openSeconds = outcome.openSeconds
        seconds = outcome.seconds
        openLoopRate = outcome.plan.rate
        turns = measures.turns
        turnsPerSecond = outcome.turnsPerSecond
        tokens = measures.tokens
        tokensPerSecond = outcome.tokensPerSecond
        bytesReceived = outcome.bytesReceived
        bytesSent = outcome.bytesSent
        latencyMicroseconds = [:]
        for (name, path) in Self.latencies { latencyMicroseconds[name] = Percentiles(measures[keyPath: path]) }
        let perTurn = { (cpu: Double) in measures.turns > 0 ? cpu / Double(measures.turns) : nil }
        let percent = { (cpu: Double) in outcome.seconds > 0 ? cpu / outcome.seconds / 10_000 : 0 }
        loadCPUMicrosecondsPerTurn = perTurn(outcome.ownCPU)
        loadCPUPercent = percent(outcome.ownCPU)
        processes = outcome.watched.map { process in
            Process(
                name: process.name, cpuSeconds: process.cpu / 1e6, cpuPercent: percent(process.cpu),
                cpuMicrosecondsPerTurn: perTurn(process.cpu),
                cpuMicrosecondsPerToken: measures.tokens > 0 ? process.cpu / Double(measures.tokens) : nil,
                residentBytesBefore: process.residentBefore, residentBytesOpen: process.residentOpen,
                residentBytesEnd: process.residentEnd,
                residentBytesPerSocket: outcome.opened > 0
                    ? Double(process.residentOpen - process.residentBefore) / Double(outcome.opened) : nil)
        }
        resumed = measures.resumed
        snapshots = measures.snapshots
        socketsMovedByRestarts = measures.moved
        messagesSentAgain = measures.sentAgain
        runsEndedUnseen = measures.unseen
        verifiedReplies = measures.verified
        unfinishedTurns = outcome.unfinished
        if outcome.plan.scenario == .storm {
            storm = Storm(secondsUntilAllWereBack: outcome.stormSeconds, runsUnderWay: outcome.runsInStorm)
        }
        errors = measures.errors
        violations = measures.violations
        violationExamples = measures.examples
        let isPaced = outcome.plan.scenario == .paced && outcome.plan.pace > 0
        if isPaced, let pause = latencyMicroseconds["inter-token"]?.p50, pause < UInt64(outcome.plan.pace) * 250 {
            remark = "the assistant does not pace its words, so that no lateness can be seen: AGENT=scripted does"
        }
    }

    private static var latencies: [(String, KeyPath<LoadMeasures, LoadMeasures.Latencies>)] {
        [
            ("connect", \.connect), ("ack", \.ack), ("first token", \.firstToken), ("turn", \.turn),
            ("inter-token", \.interToken), ("lateness", \.lateness), ("reconnect", \.reconnect),
        ]
    }

    var json: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return try encoder.encode(self) + Data("\n".utf8)
        }
    }

    // MARK: Table

    var table: String {
        var lines: [String] = []
        lines.append(
            "\(scenario): \(socketsOpened) of \(sockets) sockets open after \(Self.fixed(openSeconds, 2)) s,"
                + " measured for \(Self.fixed(seconds, 1)) s"
                + (openLoopRate.map { ", \(Self.fixed($0, 0)) turns/s asked for" } ?? ""))
        if turns > 0 || tokens > 0 {
            lines.append(
                "  turns   \(turns), \(Self.fixed(turnsPerSecond, 1))/s"
                    + "   tokens \(tokens), \(Self.fixed(tokensPerSecond, 0))/s")
        }
        lines.append("  bytes   \(Self.bytes(bytesReceived)) received, \(Self.bytes(bytesSent)) sent")
        let rows = Self.latencies.compactMap { name, _ in latencyMicroseconds[name].map { (name, $0) } }
        if !rows.isEmpty {
            lines.append("")
            lines.append(Self.row("ms", ["p50", "p90", "p99", "p99.9", "max", "count"]))
            for (name, row) in rows {
                lines.append(
                    Self.row(
                        name,
                        [row.p50, row.p90, row.p99, row.p999, row.max].map { Self.fixed(Double($0) / 1_000, 3) }
                            + ["\(row.count)"]))
            }
        }
        lines.append("")
        lines.append(
            "  load generator: \(Self.fixed(loadCPUPercent, 1)) % of a core"
                + (loadCPUMicrosecondsPerTurn.map { ", \(Self.fixed($0, 1)) µs a turn" } ?? ""))
        for process in processes { lines.append("  " + Self.line(process)) }
        if resumed + snapshots > 0 {
            lines.append("  sockets replaced: \(resumed) resumed, \(snapshots) with a snapshot")
        }
        if socketsMovedByRestarts > 0 {
            lines.append(
                "  the server restarted: \(socketsMovedByRestarts) times a socket went to the next process,"
                    + " \(messagesSentAgain) messages sent again there, \(runsEndedUnseen) runs ended unseen")
        }
        if let storm {
            let seconds = storm.secondsUntilAllWereBack
            let time = seconds.map { "all back after \(Self.fixed($0, 2)) s" } ?? "not all came back"
            lines.append("  storm: \(time), \(storm.runsUnderWay) runs under way")
        }
        if verifiedReplies > 0 { lines.append("  \(verifiedReplies) stored replies are what was streamed") }
        if unfinishedTurns > 0 { lines.append("  \(unfinishedTurns) turns did not end") }
        for (name, count) in errors.sorted(by: { $0.value > $1.value }) { lines.append("  error: \(name): \(count)") }
        for (name, count) in violations.sorted(by: { $0.value > $1.value }) {
            lines.append("  VIOLATION: \(name): \(count)")
        }
        for example in violationExamples { lines.append("    \(example)") }
        return lines.joined(separator: "\n")
    }

    private static func line(_ process: Process) -> String {
        var line = "\(process.name): \(fixed(process.cpuPercent, 1)) % of a core"
        if let cpu = process.cpuMicrosecondsPerTurn { line += ", \(fixed(cpu, 1)) µs a turn" }
        if let cpu = process.cpuMicrosecondsPerToken { line += ", \(fixed(cpu, 2)) µs a token" }
        line += ", \(bytes(process.residentBytesEnd)) resident"
        if let memory = process.residentBytesPerSocket { line += ", \(fixed(memory / 1_024, 2)) KiB a socket" }
        return line
    }

    private static func row(_ name: String, _ cells: [String]) -> String {
        let first = "  " + name + String(repeating: " ", count: max(1, 14 - name.count))
        return first + cells.map { String(repeating: " ", count: max(1, 11 - $0.count)) + $0 }.joined()
    }

    private static func fixed(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    private static func bytes(_ count: Int) -> String {
        count < 10 << 20 ? "\(count >> 10) KiB" : "\(count >> 20) MiB"
    }
}
