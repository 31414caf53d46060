import EventLoop
import HTTP
import Testing

@Suite("Places for connections")
struct ConnectionLimiterTests {
    private func address(_ text: String) throws -> NetworkAddress { try #require(NetworkAddress(text)) }

    @Test("so many from one address, and so many in all; a place that is let go is free")
    func limits() throws {
        let limiter = ConnectionLimiter(total: 3, perAddress: 2)
        let (one, other) = (try address("192.0.2.1"), try address("192.0.2.2"))
        var places = [limiter.admit(one), limiter.admit(one), limiter.admit(one)]
        #expect(places.map { $0 != nil } == [true, true, false])
        let last = limiter.admit(other)
        #expect(last != nil)
        #expect(limiter.admit(other) == nil, "three in all")
        places[0] = nil
        #expect(limiter.count == 2)
        #expect(limiter.admit(other) != nil, "and given back at once")
        withExtendedLifetime(last) {}
    }

    @Test(
        "who counts as one",
        arguments: [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true), ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("192.0.2.1", "::1", false),
        ])
    func sites(_ one: String, _ other: String, _ same: Bool) throws {
        #expect((try address(one).site == address(other).site) == same)
        let limiter = ConnectionLimiter(total: 10, perAddress: 1)
        let first = limiter.admit(try address(one))
        #expect(first != nil)
        #expect((limiter.admit(try address(other)) == nil) == same)
        withExtendedLifetime(first) {}
    }

    @Test("what is kept goes with the connections, however many addresses there were")
    func bounded() {
        let limiter = ConnectionLimiter(total: 100, perAddress: 1)
        for number in 0..<10_000 as Range<UInt64> {
            let place = limiter.admit(NetworkAddress(high: number, low: 1))
            #expect(place != nil)
            #expect(limiter.siteCount == 1)
            withExtendedLifetime(place) {}
        }
        #expect(limiter.siteCount == 0)
        #expect(limiter.count == 0)
    }

    @Test("an address that stands for many counts in all only")
    func exempt() throws {
        let proxy = try address("10.0.0.1")
        let limiter = ConnectionLimiter(total: 3, perAddress: 1) { $0 == proxy }
        let places = (0..<4).map { _ in limiter.admit(proxy) }
        #expect(places.map { $0 != nil } == [true, true, true, false])
        #expect(limiter.siteCount == 0)
    }

    @Test("no address at all", arguments: ["", "256.0.0.1", "host", "1.2.3", "::g"])
    func noAddress(_ text: String) {
        #expect(NetworkAddress(text) == nil)
    }
}
