import HTTP
import Testing

private let second: UInt64 = 1_000_000_000

@Suite struct UpstreamRulesTests {
    // MARK: Failures

    @Test(
        arguments: [
            (400, .error, false, false), (401, .error, false, false), (403, .error, false, false),
            (404, .error, false, false),
            (408, .timeout, true, false), (413, .error, false, false), (422, .error, false, false),
            (429, .unavailable, true, true), (500, .error, true, false), (501, .error, false, false),
            (502, .unavailable, true, true), (503, .unavailable, true, true), (504, .timeout, true, false),
            (529, .error, true, false),
        ] as [(Int, UpstreamFailure.Code, Bool, Bool)])
    func statuses(_ status: Int, _ code: UpstreamFailure.Code, _ isRetryable: Bool, _ counts: Bool) {
        let failure = UpstreamFailure(status: status, retryAfter: 3, detail: Array("sk-secret".utf8))
        #expect(failure.code == code)
        #expect(failure.isRetryable == isRetryable)
        #expect(failure.countsAgainstUpstream == counts)
        #expect(failure.status == status)
        #expect(!failure.message.contains("secret"))
    }

    @Test(
        arguments: [
            (.refused, .unavailable, true), (.unresolved, .unavailable, true), (.unreachable("x"), .unavailable, true),
            (.connectTimedOut, .unavailable, true), (.closedBeforeResponse, .unavailable, true),
            (.tls("expired"), .unavailable, false), (.proxy(407), .unavailable, false),
            (.proxy(502), .unavailable, true),
            (.proxy(0), .unavailable, true), (.tooManyConnections, .unavailable, false), (.closed, .unavailable, false),
            (.firstByteTimedOut, .timeout, false), (.idleTimedOut, .timeout, false), (.totalTimedOut, .timeout, false),
            (.truncated, .truncated, true), (.bodyTooLarge, .truncated, false),
            (.malformed(.malformedChunk), .error, true),
            (.headerTooLarge, .error, false), (.encoded, .error, false), (.redirected(302, to: ""), .error, false),
            (.invalidRequest, .error, false),
        ] as [(HTTPClientFailure, UpstreamFailure.Code, Bool)])
    func failures(_ cause: HTTPClientFailure, _ code: UpstreamFailure.Code, _ isRetryable: Bool) {
        let failure = UpstreamFailure(cause, hasAnswer: true)
        #expect(failure.code == code)
        #expect(failure.isRetryable == isRetryable)
    }

    @Test(
        arguments: [
            ("0", 0), ("7", 7), ("99999999999999999999999", 86_400), ("90000", 86_400), ("", nil), ("-1", nil),
            ("1.5", nil),
            ("soon", nil), ("Sun, 06 Nov 1994 08:49:40 GMT", 3), ("Sun, 06 Nov 1994 08:49:30 GMT", 0),
        ] as [(String, Int?)])
    func retryAfter(_ text: String, _ expected: Int?) {
        #expect(RetryAfter.seconds(text, now: 784_111_777) == expected)
    }

    // MARK: Repetition

    private func settings(retries: Int = 3) -> UpstreamSettings {
        var settings = UpstreamSettings()
        settings.retries = retries
        settings.backoff = 8
        settings.backoffLimit = 20
        settings.retryAfterLimit = 5 * second
        return settings
    }

    private func failing(_ isRetryable: Bool, retryAfter: Int? = nil) -> UpstreamFailure {
        UpstreamFailure(.unavailable, "", retryAfter: retryAfter, isRetryable: isRetryable)
    }

    @Test(
        arguments: [(0.0, [4, 8, 10, nil]), (0.5, [6, 12, 15, nil]), (1.0, [8, 16, 20, nil])] as [(Double, [UInt64?])])
    func backsOff(_ random: Double, _ expected: [UInt64?]) {
        var rules = RetryRules(settings())
        let pauses = expected.map { _ in rules.pause(after: failing(true), isCommitted: false, random: random) }
        #expect(pauses == expected)
    }

    @Test func repeatsOnlyWhatMayBe() {
        var rules = RetryRules(settings())
        #expect(rules.pause(after: failing(true), isCommitted: true, random: 0) == nil)
        #expect(rules.pause(after: failing(false), isCommitted: false, random: 0) == nil)
        #expect(rules.pause(after: failing(true, retryAfter: 6), isCommitted: false, random: 0) == nil)
        #expect(rules.pause(after: failing(true, retryAfter: .max), isCommitted: false, random: 0) == nil)
        #expect(rules.pause(after: failing(true, retryAfter: 5), isCommitted: false, random: 0.5) == 5 * second + 4)
        #expect(rules.pause(after: failing(true, retryAfter: 0), isCommitted: false, random: 0) == 0)
        var none = RetryRules(settings(retries: 0))
        #expect(none.pause(after: failing(true), isCommitted: false, random: 0) == nil)
    }

    // MARK: Breaker

    @Test func breakerOpensProbesAndCloses() {
        var breaker = CircuitBreaker(failures: 3, pause: 10)
        for _ in 0..<2 { breaker.failed(probe: false, at: 0) }
        breaker.succeeded()
        for _ in 0..<2 { breaker.failed(probe: false, at: 0) }
        #expect(breaker.ask(at: 0) == .go)
        breaker.failed(probe: false, at: 5)
        #expect(breaker.phase(at: 5) == .open)
        #expect(breaker.ask(at: 5) == .refused(10))
        #expect(breaker.ask(at: 14) == .refused(1))
        // Those that began before do not count any more.
        breaker.failed(probe: false, at: 14)
        #expect(breaker.phase(at: 15) == .halfOpen)
        #expect(breaker.peek(at: 15) == .probe)
        #expect(breaker.ask(at: 15) == .probe)
        #expect(breaker.ask(at: 15) == .refused(second))
        // The next pauses are longer, up to eight times.
        var now: UInt64 = 15
        for pause: UInt64 in [20, 40, 80, 80] {
            breaker.failed(probe: true, at: now)
            #expect(breaker.ask(at: now) == .refused(pause))
            now += pause
            #expect(breaker.ask(at: now) == .probe)
        }
        breaker.succeeded()
        #expect(breaker.phase(at: now) == .closed)
        #expect(breaker.ask(at: now) == .go)
        #expect(breaker.opened == 1)
    }

    @Test func breakerBelievesAProbeThatAnswers() {
        var breaker = CircuitBreaker(failures: 2, pause: 10)
        breaker.failed(probe: false, at: 0)
        breaker.failed(probe: false, at: 0)
        #expect(breaker.ask(at: 10) == .probe)
        breaker.probeAnswered()
        #expect(breaker.ask(at: 10) == .go)
        // It breaks off in the middle: one is enough now.
        breaker.failed(probe: false, at: 11)
        #expect(breaker.ask(at: 12) == .refused(19))
        #expect(breaker.ask(at: 31) == .probe)
        breaker.probeAbandoned()
        #expect(breaker.ask(at: 31) == .probe)
    }

    @Test func breakerCountsAConversationOnce() {
        var breaker = CircuitBreaker(failures: 2, pause: 10)
        for _ in 0..<5 { breaker.failed(probe: false, source: 7, at: 0) }
        #expect(breaker.ask(at: 0) == .go)
        breaker.failed(probe: false, source: 8, at: 0)
        #expect(breaker.ask(at: 0) == .refused(10))
        breaker.succeeded()
        breaker.failed(probe: false, source: 8, at: 0)
        #expect(breaker.ask(at: 0) == .go)
    }

    @Test func breakerOff() {
        var breaker = CircuitBreaker(failures: 0, pause: 10)
        for _ in 0..<100 { breaker.failed(probe: false, at: 0) }
        #expect(breaker.ask(at: 0) == .go)
    }

    // MARK: Queue

    @Test func queueTakesUsersInTurn() {
        var queue = FairQueue(limit: 2, waiting: 6, waitLimit: 10)
        #expect(queue.enter(1, user: "a", at: 0) == .go)
        #expect(queue.enter(2, user: "a", at: 0) == .go)
        for number in 3...6 { #expect(queue.enter(number, user: "a", at: 0) == .wait) }
        #expect(queue.enter(7, user: "b", at: 0) == .wait)
        #expect(queue.enter(8, user: "c", at: 0) == .wait)
        #expect(queue.enter(9, user: "d", at: 0) == .full)
        #expect(queue.waiting == 6)
        #expect((0..<6).map { _ in queue.leave() } == [3, 7, 8, 4, 5, 6])
        #expect(queue.inUse == 2)
        #expect(queue.leave() == nil)
        #expect(queue.leave() == nil)
        #expect(queue.inUse == 0)
        // Users whose ids only look alike have a line each.
        var alike = FairQueue(limit: 1, waiting: 6, waitLimit: 10)
        _ = alike.enter(1, user: "K", at: 0)
        for (number, user) in [(2, "K"), (3, "K"), (4, "\u{212A}")] { _ = alike.enter(number, user: user, at: 0) }
        #expect((0..<3).map { _ in alike.leave() } == [2, 4, 3])
    }

    @Test func queueLetsGo() {
        var queue = FairQueue(limit: 1, waiting: 10, waitLimit: 10)
        #expect(queue.enter(1, user: "a", at: 0) == .go)
        #expect(queue.deadline == nil)
        _ = queue.enter(2, user: "a", at: 1)
        _ = queue.enter(3, user: "b", at: 2)
        _ = queue.enter(4, user: "a", at: 3)
        #expect(queue.deadline == 11)
        #expect(queue.withdraw(2, user: "a") == true)
        #expect(queue.withdraw(2, user: "a") == false)
        #expect(queue.withdraw(1, user: "a") == false)
        #expect(queue.deadline == 12)
        #expect(queue.expire(at: 11) == [])
        #expect(queue.expire(at: 12) == [3])
        #expect(queue.expire(at: 100) == [4])
        #expect(queue.waiting == 0)
        #expect(queue.deadline == nil)
        #expect(queue.leave() == nil)
        #expect(queue.enter(5, user: "b", at: 0) == .go)
    }

    // MARK: Connections

    @Test func poolReusesTheNewestOfTheSameOrigin() throws {
        var settings = HTTPClientSettings()
        settings.idleConnections = 3
        settings.idleConnectionsPerOrigin = 2
        settings.idleConnectionTime = 100
        settings.connections = 4
        var pool = HTTPConnectionPool(settings)
        let a = HTTPOrigin(try HTTPURL("http://a"), proxy: nil)
        let b = HTTPOrigin(try HTTPURL("http://b"), proxy: nil)
        for number in 1...3 { #expect(pool.lease(a, at: 0) == .open(number, closing: nil)) }
        #expect(pool.lease(b, at: 0) == .open(4, closing: nil))
        #expect(pool.lease(b, at: 0) == .full)
        #expect(pool.release(1, at: 1) == nil)
        #expect(pool.release(2, at: 2) == nil)
        #expect(pool.release(3, at: 3) == 1)
        #expect(pool.count == 3)
        #expect(pool.deadline == 102)
        #expect(pool.lease(b, at: 3) == .open(5, closing: nil))
        #expect(pool.lease(a, at: 3) == .reuse(3))
        #expect(pool.lease(b, at: 3) == .open(6, closing: 2))
        #expect(pool.release(3, at: 4) == nil)
        #expect(pool.lease(a, fresh: true, at: 5) == .open(7, closing: 3))
        #expect(pool.release(7, at: 10) == nil)
        #expect(pool.expire(at: 109) == [])
        // One that is due but not yet collected is not used.
        var copy = pool
        #expect(copy.lease(a, at: 110) == .open(8, closing: 7))
        #expect(pool.expire(at: 110) == [7])
        pool.remove(4)
        pool.remove(4)
        #expect(pool.count == 2)
        #expect(pool.release(4, at: 0) == 4)
    }

    @Test func poolTellsOriginsApart() throws {
        let proxy = try HTTPURL("http://p:1"), other = try HTTPURL("http://u:p@p:1")
        let origins = try [
            HTTPOrigin(HTTPURL("http://a"), proxy: nil), HTTPOrigin(HTTPURL("https://a"), proxy: nil),
            HTTPOrigin(HTTPURL("http://a:81"), proxy: nil), HTTPOrigin(HTTPURL("https://a"), proxy: proxy),
            HTTPOrigin(HTTPURL("https://b"), proxy: proxy), HTTPOrigin(HTTPURL("https://a"), proxy: other),
            HTTPOrigin(HTTPURL("http://a"), proxy: proxy),
        ]
        #expect(Set(origins).count == origins.count)
        // Whatever http server is asked for through a proxy, the connection is to the proxy.
        #expect(try HTTPOrigin(HTTPURL("http://b"), proxy: proxy) == origins[6])
    }

    // MARK: Addresses

    @Test func addressesAreTriedInTurn() {
        var race = AddressRace(addresses: 3)
        #expect(race.advance() == .attempt(0))
        #expect(race.failed(.refused) == .attempt(1))
        #expect(race.advance() == .attempt(2))
        #expect(!race.hasNext)
        #expect(race.failed(.connectTimedOut) == .wait)
        #expect(race.failed(.unreachable("x")) == .fail(.refused))
        var wrong = AddressRace(addresses: 2)
        #expect(wrong.advance() == .attempt(0))
        #expect(wrong.failed(.tls("expired")) == .fail(.tls("expired")))
        var many = AddressRace(addresses: 100)
        for index in 0..<8 { #expect(many.advance() == .attempt(index)) }
        #expect(many.advance() == .wait)
    }
}
