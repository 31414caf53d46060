import EventLoop
import HTTP
import Testing

private let millisecond: UInt64 = 1_000_000

/// Calls against a server of raw bytes: what is tried again, what becomes of it, and what the user is told.
@Suite struct UpstreamTests {
    @Test func streamsEventsAndKeepsTheConnection() throws {
        let server = try ScriptedServer { peer in
            while peer.request() != nil {
                peer.stream("one", "token", "[DONE]")
                peer.endChunks()
            }
        }
        let client = try TestClient()
        let expected: [CallHeard] = [.event("one"), .event("token"), .event("[DONE]"), .end]
        for _ in 0..<2 { #expect(try client.call(server.url) == expected) }
        let figures = try #require(client.upstreamFigures)
        #expect(figures.completed == 2 && figures.inUse == 0 && figures.breaker == .closed)
    }

    /// Each failure of a first attempt that may pass is tried again, and the second attempt's stream is whole.
    @Test(arguments: [
        "500", "502", "503", "504", "429", "reset", "nothing", "cut", "reject", "chunk",
    ])
    func triesAgainBeforeTheFirstToken(_ behaviour: String) throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            if peer.number > 1 {
                peer.stream("token", "[DONE]")
                peer.endChunks()
                return
            }
            switch behaviour {
            case "reset": peer.reset()
            case "nothing": break
            case "cut": peer.stream("role")
            case "reject":
                peer.stream("error")
                _ = peer.waitForEnd()
            case "chunk":
                peer.stream("role")
                peer.write("nonsense\r\n")
            default:
                peer.write("HTTP/1.1 \(behaviour) X\r\nRetry-After: 0\r\nContent-Length: 2\r\n\r\n{}")
            }
        }
        let client = try TestClient()
        let heard = try client.stream(server.url) { call, text in
            if text == "error" { call.reject(UpstreamFailure(.error, "overloaded", isRetryable: true)) }
        }.wait { $0.last?.isLast == true }
        #expect(Array(heard.suffix(3)) == [.event("token"), .event("[DONE]"), .end])
        // Whoever saw something of the first attempt is told that it is void.
        let saw = heard.contains(.event("role")) || heard.contains(.event("error"))
        #expect(heard.contains(.restart) == saw)
        #expect(server.connections == 2)
        #expect(client.upstreamFigures?.retries == 1)
    }

    @Test(
        arguments: [
            ("400", .error, 400), ("401", .error, 401), ("403", .error, 403), ("404", .error, 404),
            ("302", .error, nil), ("html", .error, nil), ("huge event", .error, nil), ("large", .truncated, nil),
        ] as [(String, UpstreamFailure.Code, Int?)])
    func doesNotTryAgainWhatCanNotHelp(_ behaviour: String, _ code: UpstreamFailure.Code, _ status: Int?) throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            switch behaviour {
            case "html":
                peer.write("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\nContent-Length: 9\r\n\r\n<html>")
            case "huge event":
                peer.stream()
                peer.chunk("data: " + String(repeating: "x", count: 2_000))
            case "large":
                peer.stream()
                for _ in 0..<40 { peer.chunk(": " + String(repeating: "x", count: 500) + "\n") }
            default: peer.write("HTTP/1.1 \(behaviour) X\r\nContent-Length: 2\r\n\r\n{}")
            }
            _ = peer.waitForEnd()
        }
        let client = try TestClient({ $0.limits.bodyBytes = 10_000 }, upstream: { $0.eventBytes = 1_000 })
        #expect(try client.call(server.url) == [.failed(code, status)])
        #expect(server.connections == 1)
    }

    /// What is connected and silent is slow, and has begun: it is not asked again.
    @Test(arguments: ["silence", "stall"])
    func doesNotAskAgainWhatIsSlow(_ behaviour: String) throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            if behaviour == "stall" { peer.stream("role") }
            _ = peer.waitForEnd()
        }
        let client = try TestClient { settings in
            if behaviour == "silence" { settings.firstByteTimeout = 40 * millisecond }
            if behaviour == "stall" { settings.idleTimeout = 40 * millisecond }
        }
        #expect(try client.call(server.url).last == .failed(.timeout, nil))
        #expect(server.connections == 1)
    }

    @Test(arguments: [307, 308], ["/chat/", "chat/", "?a=b", "SELF/other"])
    func followsARedirectWithinTheOriginOnce(_ status: Int, _ place: String) throws {
        let asked = Heard<String>()
        let server = try ScriptedServer { peer in
            while let text = peer.request() {
                asked.append(text)
                if text.hasPrefix("POST / ") {
                    let origin = text.split(separator: "\r\n").first { $0.hasPrefix("Host: ") }?.dropFirst(6) ?? ""
                    let target = place.replacing("SELF", with: "http://\(origin)")
                    peer.write("HTTP/1.1 \(status) X\r\nLocation: \(target)\r\nContent-Length: 0\r\n\r\n")
                    return
                }
                peer.stream("token", "[DONE]")
                peer.endChunks()
            }
        }
        let client = try TestClient()
        for _ in 0..<2 { #expect(try client.call(server.url) == [.event("token"), .event("[DONE]"), .end]) }
        // It is remembered.
        #expect(asked.values.count { $0.hasPrefix("POST / ") } == 1 && asked.values.count == 3)
    }

    @Test(arguments: ["http://127.0.0.1:1/", "https://127.0.0.1/", "//other/x", "", "http://"])
    func followsNoRedirectToElsewhere(_ place: String) throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.write("HTTP/1.1 307 X\r\nLocation: \(place)\r\nContent-Length: 0\r\n\r\n")
        }
        let client = try TestClient()
        #expect(try client.call(server.url) == [.failed(.error, nil)])
        #expect(server.connections == 1)
    }

    /// Named so, or of another name, or of none.
    @Test(arguments: ["Content-Type: application/json\r\n", "Content-Type: text/event-stream\r\n", ""])
    func readsADocumentWhereAStreamWasAskedFor(_ header: String) throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.write("HTTP/1.1 200 OK\r\n\(header)Content-Length: 9\r\n\r\n {\"a\":")
            peer.write("1} ")
        }
        let client = try TestClient()
        #expect(try client.call(server.url) == [.event(#"document  {"a":1} "#), .end])
    }

    @Test func aDocumentHasABound() throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.write("HTTP/1.1 200 OK\r\n\r\n[\(String(repeating: "1,", count: 600))")
            _ = peer.waitForEnd()
        }
        let client = try TestClient(upstream: { $0.eventBytes = 1_000 })
        #expect(try client.call(server.url) == [.failed(.error, nil)])
    }

    /// The reply has ended, and the connection says on and on that it lives.
    @Test(arguments: [true, false])
    func aConcludedStreamEndsWithItsGrace(_ isWhole: Bool) throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.stream("token", isWhole ? "whole" : "half")
            _ = peer.waitForEnd()
        }
        let client = try TestClient(upstream: { $0.grace = 20 * millisecond })
        let heard = try client.stream(server.url) { call, text in
            if text != "token" { call.conclude() }
        }.wait { $0.last?.isLast == true }
        #expect(heard.last == (isWhole ? .end : .failed(.truncated, nil)))
        #expect(client.upstreamFigures?.inUse == 0)
    }

    /// What is skipped counts neither by its own size nor by that of all.
    @Test func whatIsSkippedDoesNotCount() throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.stream()
            for _ in 0..<4 {
                peer.chunk(#"data: {"value":{"type":"TEXT","x":""# + String(repeating: "x", count: 900))
                peer.chunk(String(repeating: "y", count: 900) + #""},"type":"RAW"}"# + "\n\n")
            }
            for _ in 0..<4 { peer.chunk("data: unused\n\n") }
            peer.chunk("data: token\n\ndata: [DONE]\n\n")
        }
        let client = try TestClient(upstream: { settings in
            settings.eventBytes = 1_000
            settings.replyBytes = 30
            settings.skippedTypes = ["RAW"]
        })
        let heard = try client.stream(server.url) { call, text in
            if text == "unused" { call.discount(text.utf8.count) }
        }.wait { $0.last?.isLast == true }
        #expect(Array(heard.suffix(3)) == [.event("token"), .event("[DONE]"), .end])
    }

    @Test func theReplyHasABound() throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.stream("twenty bytes of it...", "and twenty bytes more")
            _ = peer.waitForEnd()
        }
        let client = try TestClient(upstream: { $0.replyBytes = 30 })
        #expect(try client.call(server.url).last == .failed(.truncated, nil))
    }

    @Test(
        arguments: [
            ("cut", .truncated), ("reset", .truncated), ("chunk", .error), ("stall", .timeout), ("end", .truncated),
            ("reject", .error),
        ] as [(String, UpstreamFailure.Code)])
    func triesNothingAgainAfterTheFirstToken(_ behaviour: String, _ code: UpstreamFailure.Code) throws {
        let arrived = Heard<Bool>()
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.stream("token")
            arrived.wait { !$0.isEmpty }
            switch behaviour {
            case "reset": peer.reset()
            case "chunk": peer.write("nonsense\r\n")
            case "end": peer.endChunks()
            case "reject": peer.chunk("data: error\n\n")
            case "stall": break
            default: return
            }
            if behaviour != "reset" { _ = peer.waitForEnd() }
        }
        let client = try TestClient { if behaviour == "stall" { $0.idleTimeout = 60 * millisecond } }
        let heard = try client.stream(server.url) { call, text in
            arrived.append(true)
            if text == "error" { call.reject(UpstreamFailure(.error, "overloaded", isRetryable: true)) }
        }.wait { $0.last?.isLast == true }
        #expect(heard.first == .event("token"))
        #expect(heard.last == .failed(code, nil))
        #expect(server.connections == 1)
        #expect(client.upstreamFigures?.inUse == 0)
    }

    @Test func givesUpAfterSoManyAttempts() throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.write("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
        }
        let client = try TestClient(upstream: { $0.retries = 3 })
        #expect(try client.call(server.url) == [.failed(.unavailable, 503)])
        #expect(client.upstreamFigures?.retries == 3)
    }

    @Test func waitsNoLongerThanIsBearable() throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.write("HTTP/1.1 429 X\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n")
        }
        let client = try TestClient()
        #expect(try client.call(server.url) == [.failed(.unavailable, 429)])
        #expect(server.connections == 1)
    }

    @Test func theBreakerOpensAndProbes() throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            if peer.number <= 3 { return }
            peer.stream("token", "[DONE]")
            peer.endChunks()
        }
        let client = try TestClient(upstream: { settings in
            settings.retries = 0
            settings.breakerFailures = 3
            settings.breakerPause = 300 * millisecond
        })
        for _ in 0..<3 { #expect(try client.call(server.url) == [.failed(.unavailable, nil)]) }
        // Open: nothing reaches the server.
        #expect(try client.call(server.url) == [.failed(.unavailable, nil)])
        #expect(server.connections == 3)
        let figures = try #require(client.upstreamFigures)
        #expect(figures.opened == 1 && figures.rejected == 1 && figures.unavailable == 4)
        // Refused until the pause is over, then the probe closes it.
        var heard: [CallHeard] = []
        repeat { heard = try client.call(server.url) } while heard.last != .end
        #expect(server.connections == 4)
        #expect(client.upstreamFigures?.breaker == .closed)
    }

    @Test func theQueueIsBoundedFairAndLetsGo() throws {
        let release = Heard<Bool>()
        let server = try ScriptedServer { peer in
            while peer.request() != nil {
                peer.stream("token")
                release.wait { !$0.isEmpty }
                peer.chunk("data: [DONE]\n\n")
                peer.endChunks()
            }
        }
        let client = try TestClient(upstream: { settings in
            settings.streams = 1
            settings.waiting = 3
        })
        let first = try client.stream(server.url, user: "a")
        first.wait { !$0.isEmpty }
        let order = Heard<String>()
        let note: @Sendable (String) -> @Sendable (UpstreamCall, String) -> Void = { name in
            { _, text in if text == "token" { order.append(name) } }
        }
        let waiting = try ["a", "a", "b"].map { user in try client.stream(server.url, user: user, onEvent: note(user)) }
        #expect(try client.call(server.url) == [.failed(.unavailable, nil)])
        #expect(client.upstreamFigures?.waiting == 3)
        release.append(true)
        for heard in waiting { #expect(heard.wait { $0.last?.isLast == true }.last == .end) }
        #expect(order.values == ["a", "b", "a"])
        let figures = try #require(client.upstreamFigures)
        #expect(figures.crowdedOut == 1 && figures.completed == 4 && figures.inUse == 0 && figures.waiting == 0)
        // All over one connection.
        #expect(server.connections == 1)
    }

    @Test func whoWaitsTooLongIsTold() throws {
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.stream("token")
            _ = peer.waitForEnd()
        }
        let client = try TestClient(upstream: { settings in
            settings.streams = 1
            settings.waitLimit = 30 * millisecond
        })
        let first = try client.stream(server.url)
        first.wait { !$0.isEmpty }
        #expect(try client.call(server.url) == [.failed(.unavailable, nil)])
        #expect(first.values == [.event("token")])
    }

    @Test func cancelStopsTheUpstreamAndFreesThePlace() throws {
        let seen = Heard<Bool>()
        let server = try ScriptedServer { peer in
            guard peer.request() != nil else { return }
            peer.stream("token")
            seen.append(peer.waitForEnd())
        }
        let client = try TestClient()
        let heard = try client.stream(server.url) { call, _ in call.cancel() }
        #expect(seen.wait { !$0.isEmpty } == [true])
        let figures = try #require(client.upstreamFigures)
        #expect(figures.cancelled == 1 && figures.inUse == 0)
        #expect(heard.values == [.event("token")])
    }
}
