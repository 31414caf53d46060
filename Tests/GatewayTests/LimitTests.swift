import Gateway
import Testing

@Suite("Limits by rate")
struct RateTests {
    private let second: UInt64 = 1_000_000_000

    @Test("a burst, then the rate; the wait is the true one")
    func bucket() {
        var table = RateTable(capacity: 64)
        let rate = Rate(perMinute: 60, burst: 3)
        for _ in 0..<3 { #expect(table.take(7, rate, at: 100) == nil) }
        #expect(table.take(7, rate, at: 100) == second)
        #expect(table.wait(7, rate, at: 100) == second)
        #expect(table.take(7, rate, at: 100 + second / 2) == second / 2)
        #expect(table.take(7, rate, at: 99 + second) == 1)
        #expect(table.take(7, rate, at: 100 + second) == nil)
        #expect(table.take(7, rate, at: 100 + second) == second)
        // Whoever waits as long as was said gets in; a full pause gives the whole burst back.
        for _ in 0..<3 { #expect(table.take(7, rate, at: 100 + 9 * second) == nil) }
        #expect(table.take(7, rate, at: 100 + 9 * second) != nil)
    }

    @Test("keys do not disturb each other, and refusals cost nothing")
    func keys() {
        var table = RateTable(capacity: 1_024)
        let rate = Rate(perMinute: 60, burst: 1)
        for key: UInt64 in 1...64 { #expect(table.take(key &* 0x9E37_79B9_7F4A_7C15, rate, at: 5) == nil) }
        for _ in 0..<100 { #expect(table.take(0x9E37_79B9_7F4A_7C15, rate, at: 5) == second) }
        #expect(table.wait(12_345, rate, at: 5) == nil)
    }

    @Test("a flood of fresh keys adds no memory and does not free the one that owes most")
    func flood() {
        var table = RateTable(capacity: 256)
        let rate = Rate(perMinute: 6, burst: 10)
        let attacker: UInt64 = 0xABCD_EF01_2345_6789
        while table.take(attacker, rate, at: 0) == nil {}
        var key: UInt64 = 1
        for _ in 0..<100_000 {
            key = key &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            _ = table.take(key, rate, at: 1)
        }
        #expect(table.capacity == 256)
        #expect(table.wait(attacker, rate, at: 1) != nil)
    }

    @Test(
        "whole seconds are never too few",
        arguments: [(0, 0), (1, 1), (1_000_000_000, 1), (1_000_000_001, 2)] as [(UInt64, Int)])
    func seconds(_ nanoseconds: UInt64, _ seconds: Int) {
        #expect(nanoseconds.wholeSeconds == seconds)
    }

    @Test("addresses: an IPv6 network counts as one, one that is not known is not limited, 0 is off")
    func addresses() {
        let limits = AddressLimits(handshakes: 2, failedSignIns: 1)
        let first = IPAddress("2001:db8:1:2::1"), second = IPAddress("2001:db8:1:2:ffff::9")
        #expect(limits.handshake(from: first, at: 0) == nil)
        #expect(limits.handshake(from: second, at: 0) == nil)
        #expect(limits.handshake(from: first, at: 0) == 30)
        #expect(limits.handshake(from: IPAddress("2001:db8:1:3::1"), at: 0) == nil)
        for _ in 0..<9 { #expect(limits.handshake(from: nil, at: 0) == nil) }
        #expect(limits.signIn(from: first, at: 0) == nil)
        limits.signInFailed(from: first, at: 0)
        #expect(limits.signIn(from: second, at: 0) == 60)
        let off = AddressLimits(handshakes: 0, failedSignIns: 0)
        for _ in 0..<9 { #expect(off.handshake(from: first, at: 0) == nil) }
    }
}

@Suite("Addresses")
struct AddressTests {
    @Test(
        "what is an address",
        arguments: [
            ("192.0.2.1", true), ("::1", true), ("2001:db8::1", true), ("::ffff:192.0.2.1", true), ("", false),
            ("192.0.2", false), ("192.0.2.256", false), ("1.2.3.4:80", false), ("[::1]", false),
            ("fe80::1%eth0", false),
            ("localhost", false), (String(repeating: "1", count: 200), false), ("unknown", false), ("1.2.3.4 ", false),
        ])
    func parsing(_ text: String, _ isAddress: Bool) {
        #expect((IPAddress(text) != nil) == isAddress)
    }

    @Test(
        "networks",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false), ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
            ("fd00::/8", "fd12::1", true), ("fd00::/8", "fe80::1", false), ("2001:db8::/64", "2001:db8::ffff", true),
            ("2001:db8::/65", "2001:db8::8000:0:0:0", false), ("::/0", "2001:db8::1", true),
            ("::1/128", "::1", true), ("::1/128", "::2", false), ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ])
    func networks(_ network: String, _ address: String, _ isIn: Bool) throws {
        let network = try #require(IPNetwork(network))
        #expect(network.contains(try #require(IPAddress(address))) == isIn)
    }

    @Test(
        "what is no network",
        arguments: ["", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129", "x/8", "10.0.0.0/"])
    func noNetwork(_ text: String) {
        #expect(IPNetwork(text) == nil)
    }

    struct Hop: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var peer: String
        var forwarded: [String]
        var client: String
    }

    static let hops = [
        Hop(testDescription: "direct", peer: "203.0.113.9", forwarded: [], client: "203.0.113.9"),
        Hop(
            testDescription: "a stranger's claim is not believed", peer: "203.0.113.9", forwarded: ["192.0.2.1"],
            client: "203.0.113.9"),
        Hop(testDescription: "one proxy", peer: "10.0.0.1", forwarded: ["192.0.2.1"], client: "192.0.2.1"),
        Hop(
            testDescription: "what the client wrote itself is not read", peer: "10.0.0.1",
            forwarded: ["127.0.0.1, 192.0.2.1"], client: "192.0.2.1"),
        Hop(
            testDescription: "a stranger can't glue itself to the comma behind it", peer: "10.0.0.1",
            forwarded: ["6.6.6.6\u{600}, 192.0.2.1"], client: "192.0.2.1"),
        Hop(
            testDescription: "two proxies, two fields", peer: "10.0.0.1",
            forwarded: ["6.6.6.6, 192.0.2.1", "10.0.0.2"],
            client: "192.0.2.1"),
        Hop(
            testDescription: "nonsense ends the chain", peer: "10.0.0.1", forwarded: ["192.0.2.1, unknown, 10.0.0.2"],
            client: "10.0.0.2"),
        Hop(testDescription: "empty", peer: "10.0.0.1", forwarded: [""], client: "10.0.0.1"),
        Hop(testDescription: "with a port", peer: "10.0.0.1", forwarded: ["192.0.2.1:4711"], client: "192.0.2.1"),
        Hop(testDescription: "IPv6", peer: "10.0.0.1", forwarded: ["2001:db8::7"], client: "2001:db8::7"),
        Hop(
            testDescription: "IPv6 with a port", peer: "fd00::1", forwarded: ["[2001:db8::7]:1"], client: "2001:db8::7"),
        Hop(testDescription: "only proxies", peer: "10.0.0.1", forwarded: ["10.0.0.3, 10.0.0.2"], client: "10.0.0.3"),
        Hop(
            testDescription: "a list without end", peer: "10.0.0.1",
            forwarded: [Array(repeating: "10.0.0.2", count: 1_000).joined(separator: ",")], client: "10.0.0.2"),
    ]

    @Test("through proxies", arguments: hops)
    func forwarded(_ hop: Hop) throws {
        let trusted = [try #require(IPNetwork("10.0.0.0/8")), try #require(IPNetwork("fd00::/8"))]
        let client = ClientAddress(peer: hop.peer, forwarded: hop.forwarded, trusted: trusted)
        #expect(client.text == hop.client)
        #expect(client.address == IPAddress(hop.client))
        #expect(client.isForwarded == !hop.forwarded.isEmpty)
        #expect(ClientAddress(peer: hop.peer, forwarded: hop.forwarded, trusted: []).text == hop.peer)
    }
}
