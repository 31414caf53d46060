import Foundation
import Glibc

/// What Prometheus' client libraries tell of a process, under the names that they agreed on, so that dashboards and
/// alerts of other programs do for this one. Read from `/proc` when somebody asks.
///
/// Source: Prometheus, Writing client libraries, "Standard and runtime collectors"; proc(5).
package enum ProcessFigures {
    static func register(in registry: MetricsRegistry) {
        registry.makeReading(label: "process_cpu_seconds_total") { status()?.cpuSeconds }
        registry.makeReading(label: "process_start_time_seconds", .gauge) { status()?.startTime }
        registry.makeReading(label: "process_resident_memory_bytes", .gauge) { status()?.residentBytes }
        registry.makeReading(label: "process_virtual_memory_bytes", .gauge) { status()?.virtualBytes }
        registry.makeReading(label: "process_open_fds", .gauge) { openDescriptors() }
        registry.makeReading(label: "process_max_fds", .gauge) { Double(DescriptorLimit.current) }
    }

    /// One line of `/proc/PID/stat`.
    package struct Status: Equatable {
        /// User and system time of all threads, in seconds.
        package var cpuSeconds: Double
        /// Seconds since 1970.
        package var startTime: Double
        package var residentBytes: Double
        package var virtualBytes: Double

        /// - Parameters:
        ///   - line: the program's name stands in it in parentheses and may have any byte, also parentheses and spaces.
        ///   - bootTime: seconds since 1970.
        package init?(_ line: String, ticksPerSecond: Double, pageSize: Double, bootTime: Double) {
            guard let name = line.lastIndex(of: ")"), ticksPerSecond > 0 else { return nil }
            // The first field behind the name is the third.
            let fields = line[line.index(after: name)...].split(separator: " ")
            func field(_ number: Int) -> Double? {
                fields.indices.contains(number - 3) ? Double(fields[number - 3]) : nil
            }
            guard let user = field(14), let system = field(15), let start = field(22), let virtual = field(23),
                let resident = field(24)
            else { return nil }
            cpuSeconds = (user + system) / ticksPerSecond
            startTime = bootTime + start / ticksPerSecond
            virtualBytes = virtual
            residentBytes = resident * pageSize
        }
    }

    private static func status() -> Status? {
        guard let line = text(of: "/proc/self/stat"), let boot = bootTime else { return nil }
        return Status(
            line, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))),
            pageSize: Double(sysconf(Int32(_SC_PAGESIZE))), bootTime: boot)
    }

    /// Does not change while the machine runs.
    private static let bootTime: Double? = text(of: "/proc/stat")?
        .split(separator: "\n").first { $0.hasPrefix("btime ") }
        .flatMap { Double($0.dropFirst(6)) }

    /// Without the one that counts them.
    private static func openDescriptors() -> Double? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // The folder itself, its parent, and this descriptor.
        return Double(max(count - 3, 0))
    }

    private static func text(of path: String) -> String? {
        (try? Data(contentsOf: URL(fileURLWithPath: path))).map { String(decoding: $0, as: UTF8.self) }
    }
}
