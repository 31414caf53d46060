import Histogram

/// What a load test counts. Times go in as nanoseconds and are kept as microseconds, to three digits.
struct LoadMeasures: Sendable {
    typealias Latencies = Histogram<UInt32>

    /// The measurement runs; before and after it only errors and violations are counted.
    var isMeasuring = false

    var connect = Self.latencies()
    var ack = Self.latencies()
    var firstToken = Self.latencies()
    var turn = Self.latencies()
    /// Between one text event and the next of the same run.
    var interToken = Self.latencies()
    /// Of a token of a paced stream, against the first one's time plus its number of paces.
    var lateness = Self.latencies()
    /// From the loss of a socket to `ready` on the next.
    var reconnect = Self.latencies()

    var turns = 0
    var tokens = 0
    var bytesReceived = 0
    var bytesSent = 0
    var frames = 0

    /// All turns that ended well, also outside the measurement.
    var allTurns = 0
    var resumed = 0
    var snapshots = 0
    /// Sockets that came back to another process, because theirs was about to restart.
    var moved = 0
    /// Messages that the old process took no more, and the next one was sent.
    var sentAgain = 0
    /// Runs that had ended when their socket was back.
    var unseen = 0
    var verified = 0
    var errors: [String: Int] = [:]
    var violations: [String: Int] = [:]
    /// The first violations with the frame that showed them.
    var examples: [String] = []

    /// Ten minutes at most: a longer time is counted as that.
    private static let longest: UInt64 = 600_000_000

    private static func latencies() -> Latencies {
        Latencies(lowestDiscernibleValue: 1, highestTrackableValue: longest, numberOfSignificantValueDigits: .three)
    }

    mutating func record(_ path: WritableKeyPath<LoadMeasures, Latencies>, _ nanoseconds: UInt64) {
        self[keyPath: path].record(min(nanoseconds / 1_000, Self.longest))
    }

    mutating func record(interToken nanoseconds: UInt64) {
        interToken.record(min(nanoseconds / 1_000, Self.longest))
    }

    mutating func error(_ name: String) {
        errors[name, default: 0] += 1
    }

    mutating func violation(_ violation: TurnCheck.Violation, socket: Int, frame: UnsafeRawBufferPointer) {
        violations[violation.rawValue, default: 0] += 1
        guard examples.count < 5 else { return }
        let text = UnsafeRawBufferPointer(rebasing: frame.prefix(400)).text
        examples.append("socket \(socket): \(violation.rawValue): \(text)")
    }

    var violationCount: Int { violations.values.reduce(0, +) }
    var errorCount: Int { errors.values.reduce(0, +) }
}
