import JSON
import CoreMetrics
import Gateway
import Logging
import Synchronization
import Testing

@Suite("Figures and log lines")
struct MetricsTests {
    private func lines(_ registry: MetricsRegistry) -> [Substring] {
        String(decoding: registry.text(), as: UTF8.self).split(separator: "\n")
    }

    @Test("the text of each kind")
    func text() {
        let registry = MetricsRegistry()
        Counter(label: "parley_x_total", dimensions: [("shard", "0"), ("why", "a\"b\\c\nd")], factory: registry)
            .increment(by: 3)
        Meter(label: "parley_y", dimensions: [], factory: registry).set(2.5)
        let timer = Timer(label: "parley_z_seconds", dimensions: [("shard", "1")], factory: registry)
        timer.recordMilliseconds(2)
        timer.recordSeconds(400)
        let text = lines(registry)
        #expect(text.contains(#"parley_x_total{shard="0",why="a\"b\\c\nd"} 3"#))
        #expect(text.contains("# TYPE parley_y gauge"))
        #expect(text.contains("parley_y 2.5"))
        #expect(text.contains(#"parley_z_seconds_bucket{shard="1",le="0.001"} 0"#))
        #expect(text.contains(#"parley_z_seconds_bucket{shard="1",le="0.0025"} 1"#))
        #expect(text.contains(#"parley_z_seconds_bucket{shard="1",le="300.0"} 1"#))
        #expect(text.contains(#"parley_z_seconds_bucket{shard="1",le="+Inf"} 2"#))
        #expect(text.contains(#"parley_z_seconds_count{shard="1"} 2"#))
    }

    @Test("the same handle twice is one series; another kind under its name counts nothing")
    func same() {
        let registry = MetricsRegistry()
        for _ in 0..<2 { Counter(label: "parley_x", dimensions: [], factory: registry).increment() }
        Meter(label: "parley_x", dimensions: [], factory: registry).set(9)
        #expect(lines(registry).filter { $0.hasPrefix("parley_x") } == ["parley_x 2"])
    }

    @Test("series are bounded")
    func bounded() {
        let registry = MetricsRegistry()
        for index in 0..<MetricsRegistry.maximumSeries + 10 {
            Counter(label: "parley_\(index)", dimensions: [], factory: registry).increment()
        }
        #expect(lines(registry).count { $0.hasPrefix("parley_") } == MetricsRegistry.maximumSeries)
    }

    @Test("a log line can't be forged", arguments: [GatewayConfiguration.LogFormat.text, .json])
    func forging(_ format: GatewayConfiguration.LogFormat) throws {
        let written = Mutex<[UInt8]>([])
        let logger = Logger(label: "test") { _ in
            LineLogHandler(format: format, level: .info) { line in written.withLock { $0 += line } }
        }
        logger.info("a\nb", metadata: ["user": "eve\n2026 error \"x\"", "time": "never", "run": "r1"])
        logger.debug("not this")
        let bytes = written.withLock { $0 }
        #expect(bytes.count { $0 == 0x0A } == 1 && bytes.last == 0x0A)
        guard format == .json else { return }
        let json = try JSON(parsing: Array(bytes.dropLast()))
        #expect(json["message"]?.string == "a\nb")
        #expect(json["user"]?.string == "eve\n2026 error \"x\"")
        #expect(json["_time"]?.string == "never")
        #expect(json["run"]?.string == "r1")
        #expect(json["level"]?.string == "info")
    }

    @Test(
        "a process's line in /proc",
        arguments: [
            ("7 (parley) S 1 7 7 0 -1 4 1 0 0 0 250 50 0 0 20 0 9 0 4000 900000 25 18446744073709551615", true),
            ("7 (a) b (c)) S 1 7 7 0 -1 4 1 0 0 0 250 50 0 0 20 0 9 0 4000 900000 25 0", true),
            ("7 (parley) S 1 7 7 0 -1 4 1 0 0 0 250 50 0 0 20 0 9 0 4000 900000", false),
            ("7 parley S 1", false), ("", false), (")", false),
        ])
    func status(line: String, isRead: Bool) {
        let status = ProcessFigures.Status(line, ticksPerSecond: 100, pageSize: 4_096, bootTime: 1_000)
        #expect((status != nil) == isRead)
        guard let status else { return }
        #expect(status.cpuSeconds == 3)
        #expect(status.startTime == 1_040)
        #expect(status.virtualBytes == 900_000)
        #expect(status.residentBytes == 102_400)
    }
}
