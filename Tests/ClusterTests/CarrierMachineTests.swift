import Cluster
import Testing

/// When the carrier connects, as a table of what happens and what follows. Times are milliseconds; chance is in the middle.
@Suite struct CarrierMachineTests {
    enum Step: Sendable { case start, connected(at: UInt64), failed, lost(at: UInt64), due, stop }

    static let rows: [(String, [(Step, [CarrierMachine.Action])])] = [
        ("it connects once", [(.start, [.connect]), (.start, []), (.connected(at: 0), [.up]), (.start, [])]),
        (
            "pauses grow up to their bound",
            [
                (.start, [.connect]), (.failed, [.wait(100_000_000)]), (.due, [.connect]),
                (.failed, [.wait(200_000_000)]), (.due, [.connect]), (.failed, [.wait(400_000_000)]),
                (.due, [.connect]),
                (.failed, [.wait(800_000_000)]), (.due, [.connect]), (.failed, [.wait(1_600_000_000)]),
                (.due, [.connect]), (.failed, [.wait(2_000_000_000)]), (.due, [.connect]),
                (.failed, [.wait(2_000_000_000)]),
            ]
        ),
        (
            "one that was steady is followed by the first pause",
            [
                (.start, [.connect]), (.failed, [.wait(100_000_000)]), (.due, [.connect]), (.connected(at: 0), [.up]),
                (.lost(at: 2_000), [.disconnect, .away, .wait(100_000_000)]),
            ]
        ),
        (
            "one that is lost at once is followed by a longer one",
            [
                (.start, [.connect]), (.connected(at: 0), [.up]),
                (.lost(at: 1), [.disconnect, .away, .wait(100_000_000)]), (.due, [.connect]),
                (.connected(at: 200), [.up]), (.lost(at: 201), [.disconnect, .away, .wait(200_000_000)]),
                (.lost(at: 202), []),
            ]
        ),
        (
            "stopped while it connects: what comes is closed",
            [(.start, [.connect]), (.stop, []), (.connected(at: 0), [.disconnect]), (.start, []), (.due, [])]
        ),
        ("stopped while it connects, in vain", [(.start, [.connect]), (.stop, []), (.failed, [])]),
        (
            "stopped while it waits, and while it is up",
            [(.start, [.connect]), (.failed, [.wait(100_000_000)]), (.stop, []), (.due, [])]
        ),
        (
            "stopped while it is up",
            [(.start, [.connect]), (.connected(at: 0), [.up]), (.stop, [.disconnect]), (.lost(at: 1), []), (.stop, [])]
        ),
    ]

    @Test(arguments: rows.indices) func follows(_ row: Int) {
        let (title, steps) = Self.rows[row]
        var machine = CarrierMachine()
        for (index, (step, expected)) in steps.enumerated() {
            let actions =
                switch step {
                case .start: machine.start()
                case .connected(let at): machine.connected(at: at * 1_000_000)
                case .failed: machine.failed(chance: 0.5)
                case .lost(let at): machine.lost(at: at * 1_000_000, chance: 0.5)
                case .due: machine.due()
                case .stop: machine.stop()
                }
            #expect(actions == expected, "\(title), step \(index)")
        }
    }

    @Test("chance moves a pause by a quarter", arguments: [(0, 75_000_000), (1, 125_000_000), (-3, 75_000_000)])
    func chance(_ chance: Double, _ pause: UInt64) {
        var machine = CarrierMachine()
        _ = machine.start()
        let actions = machine.failed(chance: chance)
        #expect(actions == [.wait(pause)])
    }
}

@Suite struct ClusterAddressTests {
    @Test(arguments: [
        ("gateway-1", "parley.main.gateway-1.3"), ("host:8080/ab", "parley.main.host=3A8080=2Fab.3"),
        ("a.b", "parley.main.a=2Eb.3"), ("a b>*", "parley.main.a=20b=3E=2A.3"), ("é", "parley.main.=C3=A9.3"),
        ("=3A", "parley.main.=3D3A.3"), ("", "parley.main.=.3"),
    ])
    func subject(_ node: String, _ subject: String) {
        #expect(ClusterAddress(node: node, shard: 3).subject(in: "main") == subject)
    }

    @Test(arguments: [
        ("main", true), ("A-1_b", true), ("", false), ("a.b", false), ("a b", false), ("*", false), (">", false),
        ("é", false), (String(repeating: "a", count: 64), true), (String(repeating: "a", count: 65), false),
    ])
    func cluster(_ name: String, _ isOne: Bool) {
        #expect(ClusterAddress.isCluster(name) == isOne)
    }
}

@Suite struct CarrierOptionsTests {
    @Test(arguments: [
        ("nats://127.0.0.1", ["nats://127.0.0.1"], false), ("tls://a.example:4443", ["tls://a.example:4443"], true),
        (
            " nats://a:4222 , nats://user:pass@b,", ["nats://a:4222", "nats://user:pass@b"], false
        ), ("nats://[::1]:4222", ["nats://[::1]:4222"], false), ("nats://u:p@ss@h:1", ["nats://u:p@ss@h:1"], false),
    ])
    func valid(_ urls: String, _ servers: [String], _ isSecure: Bool) throws {
        let options = try CarrierOptions(urls: urls, cluster: "main")
        #expect(options.servers == servers && options.isSecure == isSecure)
    }

    static let refused: [(String, CarrierOptions.Invalid)] = [
        ("", .noServer), (" , ", .noServer), ("127.0.0.1:4222", .server(1)), ("http://a", .server(1)),
        ("nats://", .server(1)), ("nats://a,nats://:4222", .server(2)), ("nats://a:0", .server(1)),
        ("nats://a:65536", .server(1)), ("nats://a:", .server(1)), ("nats://a:+1", .server(1)),
        ("nats://a:1:2", .server(1)), ("nats://u:p@", .server(1)), ("nats://[]", .server(1)),
        ("nats://[::1", .server(1)),
        ("nats://[::1]1", .server(1)), ("nats://a/b", .server(1)), ("nats://a b", .server(1)), ("nats://é", .server(1)),
        ("nats://a,tls://b", .mixed), (Array(repeating: "nats://a", count: 9).joined(separator: ","), .tooManyServers),
    ]

    @Test(arguments: refused.indices) func invalid(_ index: Int) {
        let (urls, error) = Self.refused[index]
        #expect(throws: error, "\(urls)") {
            _ = try CarrierOptions(urls: urls, cluster: "main")
        }
    }

    @Test func clusterThatIsNone() {
        #expect(throws: CarrierOptions.Invalid.cluster) {
            _ = try CarrierOptions(urls: "nats://a", cluster: "a.b")
        }
    }
}
