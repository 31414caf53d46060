import Foundation
import Store
import Testing

/// Which process a gateway is, and whether another one is gone.
@Suite struct ProcessIdentityTests {
    @Test(arguments: [
        ("7 (parley) S 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 4 0 12345 9 9", false, 12_345),
        ("7 (a) Z 1) (b) R 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 4 0 99 9", false, 99),
        ("7 (parley) Z 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 4 0 5 0", true, 5),
        ("7 (parley) X 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 4 0 5 0", true, 5),
    ])
    func reads(_ line: String, hasEnded: Bool, started: Int) throws {
        let status = try #require(ProcessIdentity.Status(line))
        #expect((status.hasEnded, Int(status.started)) == (hasEnded, started))
    }

    @Test(arguments: [
        "", ")", "7 (parley) S 1 7", "7 parley S 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 4 0 5 0",
        "7 (parley) S 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 4 0 soon 9",
    ])
    func refuses(_ line: String) {
        #expect(ProcessIdentity.Status(line) == nil)
    }

    @Test func thisOneIsThere() throws {
        let here = try #require(ProcessIdentity.current)
        #expect(here == ProcessIdentity.current)
        #expect(here.pid == ProcessInfo.processInfo.processIdentifier && here.bootID.utf8.count == 36)
        #expect(!ProcessIdentity.isGone(pid: here.pid, started: here.started))
        // Its number was another's before.
        #expect(ProcessIdentity.isGone(pid: here.pid, started: here.started - 1))
        for nonsense: Int32 in [0, -1, .min] { #expect(!ProcessIdentity.isGone(pid: nonsense, started: 0)) }
    }

    @Test func oneThatHasEndedIsGone() throws {
        let sleeper = Process()
        sleeper.executableURL = URL(fileURLWithPath: "/bin/sleep")
        sleeper.arguments = ["60"]
        try sleeper.run()
        // Another user's can't be looked into by everybody, and is there all the same.
        #expect(!ProcessIdentity.isGone(pid: 1, started: try #require(Self.started(1))))
        let pid = sleeper.processIdentifier
        let started = try #require(Self.started(pid))
        #expect(!ProcessIdentity.isGone(pid: pid, started: started))
        sleeper.terminate()
        sleeper.waitUntilExit()
        #expect(ProcessIdentity.isGone(pid: pid, started: started))
    }

    private static func started(_ pid: Int32) -> Int64? {
        (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)).flatMap {
            ProcessIdentity.Status($0)?.started
        }
    }
}
