import JSON
import Testing
import Tracing

@Suite struct TracingTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test(
        "what is a traceparent",
        arguments: [
            parent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            // A later version, with more behind it, and flags that nobody knows yet.
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff",
        ])
    func parents(text: String) throws {
        let context = try #require(TraceContext(traceparent: text))
        #expect(context.traceID == "0af7651916cd43dd8448eb211c80319c" && context.spanID == "b7ad6b7169203331")
        #expect(context.isSampled == !text.hasSuffix("-00"))
        #expect(TraceContext(traceparent: context.traceparent) == context)
    }

    @Test(
        "what is none",
        arguments: [
            "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", "\(parent).", " \(parent)",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            String(repeating: "0", count: 100_000),
        ])
    func noParents(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test(
        "a tracestate is handed on as it is, or not at all",
        arguments: [
            ("congo=t61rcWkgMzE", "congo=t61rcWkgMzE"), ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", nil),
            (" a=1 ,\tb@c=2=3, ,", "a=1,b@c=2=3"), ("", ""), (",", ""), ("a", ""), ("=1", ""), ("a b=1", ""),
            ("a=é", ""),
            ("a=1\r\nx: y", ""), ("a=\(String(repeating: "x", count: 600))", ""),
            ((0..<33).map { "k\($0)=v" }.joined(separator: ","), ""),
            ((0..<32).map { "k\($0)=v" }.joined(separator: ","), nil),
        ] as [(String, String?)])
    func states(text: String, expected: String?) {
        // nil: as it came; empty: dropped.
        let wanted = expected ?? text
        #expect(TraceContext.state(text) == (wanted.isEmpty ? nil : wanted))
    }

    @Test(
        "which traces are recorded",
        arguments: [
            ("always_on", nil, false, true), ("always_off", nil, true, false),
            ("parentbased_always_on", nil, false, false), ("parentbased_always_off", nil, true, true),
            ("traceidratio", nil, false, true), ("traceidratio", "0", true, false),
            ("traceidratio", "1.0", false, true),
            ("parentbased_traceidratio", "0", true, true),
        ] as [(String, String?, Bool, Bool)])
    func samplers(name: String, argument: String?, parentIsSampled: Bool, expected: Bool) throws {
        let sampler = try #require(Sampler(name: name, argument: argument))
        let parent = TraceContext(traceHigh: 1, traceLow: 2, span: 3, isSampled: parentIsSampled)
        #expect(sampler.samples(traceLow: .max / 2, parent: parent) == expected)
    }

    @Test(
        "what is no sampler", arguments: [("", nil), ("sometimes", nil), ("traceidratio", "2"), ("traceidratio", "x")])
    func noSamplers(name: String, argument: String?) {
        #expect(Sampler(name: name, argument: argument) == nil)
    }

    @Test func aRatioTakesAboutSoMany() throws {
        let sampler = try #require(Sampler(name: "traceidratio", argument: "0.25"))
        let step = UInt64.max / 1_000
        let taken = (0..<1_000).count { sampler.samples(traceLow: UInt64($0) * step, parent: nil) }
        #expect((250...251).contains(taken))
    }

    @Test func whatFindsNoRoomIsCounted() {
        let queue = SpanQueue(capacity: 3, batch: 2)
        let tracer = Tracer(Sampler(ratio: 1, heedsParent: true), queue)
        for number in 0..<5 {
            let span = tracer.start("\(number)")
            span.end()
            span.end()
        }
        #expect(queue.dropped == 2)
        #expect(queue.take().map(\.name) == ["0", "1"])
        #expect(queue.take().map(\.name) == ["2"])
        #expect(queue.take().isEmpty)
    }

    @Test func theRequestIsOTLPsJSON() throws {
        let queue = SpanQueue(capacity: 3, batch: 3)
        let parent = try #require(TraceContext(traceparent: Self.parent))
        let span = Tracer(Sampler(ratio: 0, heedsParent: true), queue).start("a \"name\"", .server, parent: parent)
        span.set("a", .text("b\n"))
        span.set("n", .number(-5))
        span.end(failure: "broken")
        let record = try #require(queue.take().first)
        let json = try JSON(parsing: OTLP.request([record], resource: [("service.name", "x")]))
        let written = try #require(
            json["resourceSpans"]?.array?.first?["scopeSpans"]?.array?.first?["spans"]?.array?.first)
        #expect(written["traceId"]?.string == "0af7651916cd43dd8448eb211c80319c")
        #expect(written["parentSpanId"]?.string == "b7ad6b7169203331")
        #expect(written["name"]?.string == "a \"name\"" && written["kind"]?.integer == 2)
        #expect(written["startTimeUnixNano"]?.string == "\(record.start)")
        #expect(written["attributes"]?.array?.map { $0["key"]?.string } == ["a", "n", "error.type"])
        #expect(written["attributes"]?.array?[1]["value"]?["intValue"]?.string == "-5")
        #expect(written["status"]?["code"]?.integer == 2)
    }
}
