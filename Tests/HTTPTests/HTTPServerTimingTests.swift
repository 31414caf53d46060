import HTTP
import HTTPTypes
import Testing

/// Time-outs, by a clock that only the test moves.
@Suite struct HTTPServerTimingTests {
    @Test func aSilentConnectionIsClosedSilently() {
        let bench = Bench()
        bench.transport.advance(9.9, bench.connection)
        #expect(!bench.transport.isLingering)
        bench.transport.advance(0.2, bench.connection)
        #expect(bench.transport.isLingering && bench.transport.text == "")
    }

    @Test func theFirstHeadCountsFromTheAccept() {
        let bench = Bench()
        bench.transport.advance(8, bench.connection)
        // Bytes that trickle in buy no time.
        for byte in get("/").dropLast(2) {
            bench.receive(String(byte))
            bench.transport.advance(0.05, bench.connection)
        }
        bench.transport.advance(2, bench.connection)
        #expect(bench.transport.text.hasPrefix("HTTP/1.1 408 Request Timeout\r\n") && bench.transport.isLingering)
    }

    @Test func aLaterHeadCountsFromItsFirstByte() {
        let bench = Bench()
        bench.receive(get("/"))
        bench.transport.advance(70, bench.connection)
        _ = bench.transport.takeText()
        bench.receive("G")
        bench.transport.advance(9.9, bench.connection)
        bench.receive("E")
        #expect(bench.transport.text == "")
        bench.transport.advance(0.2, bench.connection)
        #expect(bench.transport.text.hasPrefix("HTTP/1.1 408 "))
    }

    @Test func aBodyHasItsOwnTime() {
        let bench = Bench()
        bench.receive("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
        for _ in 0..<29 {
            bench.transport.advance(1, bench.connection)
            bench.receive("x")
        }
        #expect(bench.transport.text == "")
        bench.transport.advance(2, bench.connection)
        #expect(bench.transport.text.hasPrefix("HTTP/1.1 408 ") && bench.handler.requests.isEmpty)
    }

    @Test func anIdleConnectionIsKeptAWhile() {
        let bench = Bench()
        for _ in 0..<10 {
            bench.receive(get("/"))
            bench.transport.advance(74, bench.connection)
            #expect(!bench.transport.isLingering)
        }
        _ = bench.transport.takeText()
        bench.transport.advance(2, bench.connection)
        #expect(bench.transport.isLingering && bench.transport.text == "")
    }

    @Test func aHandlerMayTakeItsTime() {
        let bench = Bench(echo: false)
        bench.receive(get("/"))
        bench.transport.advance(1000, bench.connection)
        #expect(!bench.transport.isLingering && bench.transport.isOpen)
        bench.handler.waiting[0].respond(HTTPResponse(status: .ok), body: [49])
        #expect(bench.transport.text == ok("1"))
    }

    /// A busy connection does not touch the timers with every request.
    @Test func requestsSetNoAlarms() {
        let bench = Bench()
        bench.receive(get("/"))
        let before = bench.transport.alarmsSet
        for _ in 0..<100 { bench.receive(get("/")) }
        #expect(bench.transport.alarmsSet == before)
    }
}
