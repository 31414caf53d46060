import Chat
import Gateway
import Testing

@Suite("What an event stream keeps")
struct StreamLogTests {
    private static let id =
        Identifier("018f6a1e-0000-7000-8000-00000000abcd") ?? .init(version7: 0, sequence: 0, random: 0)

    private static func log(keptBytes: Int = 1_000, keptFor: UInt64 = 100) -> StreamLog {
        var limits = StreamLog.Limits()
        limits.keptBytes = keptBytes
        limits.keptFor = keptFor
        return StreamLog(id: id, limits: limits)
    }

    private static func add(_ texts: String..., to log: inout StreamLog, at now: UInt64 = 0) {
        for text in texts { Array(text.utf8).withUnsafeBytes { log.append($0, at: now) } }
    }

    /// All that the connection is handed, in pieces of so many bytes.
    private static func rest(of log: inout StreamLog, by piece: Int = .max) -> String {
        var bytes: [UInt8] = []
        while log.hand(
            atMost: piece,
            {
                bytes.append(contentsOf: $0)
                return true
            })
        {}
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func event(_ number: Int, _ text: String) -> String { "id: \(id).\(number)\ndata: \(text)\n\n" }

    @Test("events are handed out once, whatever the pieces", arguments: [1, 7, 64, 10_000])
    func pieces(_ piece: Int) {
        var log = Self.log()
        Self.add("{}", #"{"a":1}"#, to: &log)
        #expect(Self.rest(of: &log, by: piece) == Self.event(1, "{}") + Self.event(2, #"{"a":1}"#))
        #expect(log.unsentCount == 0 && log.newest == 2)
        Self.add("3", to: &log)
        #expect(Self.rest(of: &log, by: piece) == Self.event(3, "3"))
    }

    @Test("a connection that takes nothing leaves everything")
    func refused() {
        var log = Self.log()
        Self.add("1", to: &log)
        let refused = log.hand(atMost: 5) { _ in false }
        #expect(!refused)
        #expect(Self.rest(of: &log) == Self.event(1, "1"))
    }

    @Test("a client that comes back gets what follows what it has", arguments: 0...3)
    func goOn(_ after: Int) {
        var log = Self.log()
        Self.add("1", "2", to: &log)
        _ = Self.rest(of: &log)
        Self.add("3", to: &log)
        let goesOn = log.goOn(after: UInt64(after))
        #expect(goesOn)
        #expect(Self.rest(of: &log) == (after..<3).map { Self.event($0 + 1, "\($0 + 1)") }.joined())
    }

    @Test("and none that says it has what was never said")
    func beyond() {
        var log = Self.log()
        Self.add("1", to: &log)
        let goesOn = log.goOn(after: 2)
        #expect(!goesOn && log.unsentCount == Self.event(1, "1").utf8.count)
    }

    @Test("what waits is never let go of, and counts once")
    func waiting() {
        var log = Self.log(keptBytes: 0, keptFor: 0)
        Self.add("1", "2", to: &log)
        log.trim(at: 1_000)
        #expect(log.canGoOn(after: 0) && log.waitingCount == log.keptCount)
        _ = Self.rest(of: &log)
        #expect(log.waitingCount == 0)
        let goesOn = log.goOn(after: 1)
        #expect(goesOn && log.waitingCount == 0 && log.unsentCount > 0)
        log.trim(at: 1_000)
        #expect(log.canGoOn(after: 1) && !log.canGoOn(after: 0))
        #expect(Self.rest(of: &log) == Self.event(2, "2"))
        log.trim(at: 1_000)
        #expect(log.keptCount == 0 && log.newest == 2 && log.canGoOn(after: 2) && !log.canGoOn(after: 1))
        Self.add("3", to: &log)
        #expect(Self.rest(of: &log) == Self.event(3, "3"))
    }

    @Test("what was handed out is kept for a time and to a size")
    func bounds() {
        let size = Self.event(1, "0").utf8.count
        var log = Self.log(keptBytes: 5 * size, keptFor: 100)
        for number in 0..<8 {
            Self.add("\(number)", to: &log, at: UInt64(number) * 10)
            _ = Self.rest(of: &log)
            log.trim(at: UInt64(number) * 10)
        }
        #expect(log.keptCount == 5 * size && log.canGoOn(after: 3) && !log.canGoOn(after: 2))
        log.trim(at: 159)
        #expect(log.canGoOn(after: 6) && !log.canGoOn(after: 5))
        log.trim(at: 170)
        #expect(log.keptCount == 0 && log.canGoOn(after: 8))
    }

    @Test("a long stream keeps no more, and hands out the same")
    func long() {
        var log = Self.log(keptBytes: 2_000, keptFor: .max)
        var shadow: [String] = []
        for number in 1...5_000 {
            let text = String(repeating: "x", count: number % 97)
            Self.add(text, to: &log)
            shadow.append(Self.event(number, text))
            if number % 50 == 0 {
                let back = UInt64(number - 3)
                let goesOn = log.goOn(after: back)
                #expect(goesOn)
                #expect(Self.rest(of: &log) == shadow[Int(back)...].joined())
            } else if number % 3 == 0 {
                _ = Self.rest(of: &log)
            }
            log.trim(at: 1)
            #expect(log.keptCount <= 2_000 + 3 * 200)
        }
    }

    @Test(
        "cursors",
        arguments: [
            ("018f6a1e-0000-7000-8000-00000000abcd.7", true), ("018f6a1e-0000-7000-8000-00000000abcd.0", true),
            ("018f6a1e-0000-7000-8000-00000000abcd.-1", false), ("018f6a1e-0000-7000-8000-00000000abcd.", false),
            ("018f6a1e-0000-7000-8000-00000000abcd", false), (".7", false), ("", false), ("x.7", false),
            ("018f6a1e-0000-7000-8000-00000000abcd.99999999999999999999", false),
        ])
    func cursors(_ text: String, isOne: Bool) {
        #expect((StreamCursor(text) != nil) == isOne)
    }
}
