import Gateway
import Testing

@Suite struct WebhookTests {
    @Test(
        "when an event is sent again",
        arguments: [
            (1, nil, 0.5, 5_000), (1, nil, 0, 4_000), (1, nil, 1, 6_000), (2, nil, 0.5, 15_000), (5, nil, 0.5, 405_000),
            (12, nil, 0.5, 21_600_000), (1_000_000, nil, 1, 21_600_000), (0, nil, 0.5, 5_000),
            (1, 60_000, 0.5, 60_000), (5, 60_000, 0.5, 405_000), (1, Int64.max, 0.5, 21_600_000),
        ] as [(Int, Int64?, Double, Int64)])
    func delays(attempts: Int, retryAfter: Int64?, chance: Double, expected: Int64) {
        #expect(WebhookRules.delay(attempts: attempts, retryAfter: retryAfter, chance: chance) == expected)
    }

    @Test(
        "what an answer means",
        arguments: [
            (200, .taken), (204, .taken), (299, .taken), (300, .failed(isIll: false)), (400, .failed(isIll: false)),
            (404, .failed(isIll: false)), (408, .failed(isIll: true)), (410, .gone), (429, .failed(isIll: true)),
            (500, .failed(isIll: true)), (599, .failed(isIll: true)),
        ] as [(Int, WebhookRules.Verdict)])
    func verdicts(status: Int, expected: WebhookRules.Verdict) {
        #expect(WebhookRules.verdict(status: status) == expected)
    }

    @Test func anEndpointThatIsIllIsTriedByOneAtATime() {
        var machine = WebhookMachine()
        #expect(machine.next(.tick, at: 0) == .claim(8))
        #expect(machine.next(.tick, at: 1) == .none)
        #expect(machine.next(.claimed(8), at: 2) == .none)
        #expect(machine.next(.settled(isIll: true), at: 10) == .none)
        for _ in 0..<6 { _ = machine.next(.settled(isIll: true), at: 10) }
        // Seven in a row, one is still on its way: nothing is begun beside it.
        #expect(machine.next(.tick, at: 100_000) == .none)
        #expect(machine.next(.settled(isIll: true), at: 100_000) == .wait(60_000))
        #expect(machine.next(.tick, at: 159_999) == .wait(1))
        #expect(machine.next(.tick, at: 160_000) == .claim(1))
        #expect(machine.next(.claimed(1), at: 160_000) == .none)
        #expect(machine.next(.settled(isIll: false), at: 160_001) == .claim(8))
        #expect(machine.next(.claimed(0), at: 160_002) == .wait(500))
    }

    @Test func nothingBeginsBehindAStop() {
        var machine = WebhookMachine()
        #expect(machine.next(.tick, at: 0) == .claim(8))
        #expect(machine.next(.stop, at: 0) == .none)
        #expect(machine.next(.claimed(2), at: 0) == .none)
        #expect(machine.underWay == 2)
        #expect(machine.next(.settled(isIll: false), at: 0) == .none)
        #expect(machine.next(.settled(isIll: true), at: 0) == .none)
        #expect(machine.next(.tick, at: 1_000_000) == .none)
        #expect(machine.underWay == 0)
    }

    @Test func aLookThatFailedIsMadeAgain() {
        var machine = WebhookMachine()
        _ = machine.next(.tick, at: 0)
        #expect(machine.next(.claimFailed, at: 5) == .wait(1_000))
        #expect(machine.next(.tick, at: 1_005) == .claim(8))
    }

    @Test(
        "addresses that are the internet's",
        arguments: ["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::101:101"])
    func publicAddresses(text: String) throws {
        #expect(PublicAddress.contains(try #require(IPAddress(text))))
    }

    @Test(
        "addresses that are not",
        arguments: [
            "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
            "192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
            "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
            "64:ff9b::a00:1", "64:ff9b:1::1", "2001:db8::1", "2002:7f00:1::", "2001::1",
        ])
    func privateAddresses(text: String) throws {
        #expect(!PublicAddress.contains(try #require(IPAddress(text))))
    }

    /// The example of the specification.
    @Test func theSignatureIsTheStandards() throws {
        let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        #expect(
            secret.signature(
                id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8)
            )
                == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test(
        "what is no key", arguments: ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!"])
    func noKeys(text: String) {
        #expect(WebhookSecret(text) == nil)
    }
}
