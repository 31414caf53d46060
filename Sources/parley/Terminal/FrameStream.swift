import EventLoop
import HTTP
import HTTPTypes
import JSON

/// A gateway's event stream (Protocol.md, section 12) as a chat needs it: kept open, taken up where it was cut, with
/// requests beside it. On its loop only.
final class FrameStream: HTTPClientReceiver {
    enum News {
        case frame(JSON)
        /// It was cut, and is opened again; so many attempts since it was open last.
        case lost(attempts: Int)
        /// Something was not done; in words for the person.
        case refused(String)
        /// It can't be had again.
        case over(String)
    }

    /// Seconds between two attempts to open it, at most; and between two to send.
    private static let longestPause: UInt64 = 10
    private static let sendPause: UInt64 = 1
    /// Bytes of an answer that are kept.
    private static let answerLimit = 4 << 20

    private let client: HTTPClient
    private let base: HTTPURL
    private let token: String
    private let news: (News) -> Void
    private var parser = ServerSentEventParser()
    private var lastID: String?
    private var streamID: String?
    private var status = 0
    private var pause: UInt64 = 1
    private var attempts = 0
    private var isOver = false
    private var wasOpen = false
    private var problem: [UInt8] = []
    /// Frames that the gateway has not taken, in their order; those of the request under way come first.
    private var outbox: [JSON] = []
    private var isSending = false

    init(_ client: HTTPClient, at base: HTTPURL, token: String, news: @escaping (News) -> Void) {
        self.client = client
        self.base = base
        self.token = token
        self.news = news
    }

    func open() {
        guard !isOver else { return }
        parser = ServerSentEventParser(eventBytes: Self.answerLimit)
        status = 0
        problem = []
        var headers = authorization + [("Accept", "text/event-stream")]
        if let lastID { headers.append(("Last-Event-ID", lastID)) }
        client.start(HTTPClientRequest(.get, base.appending(path: "events"), headers: headers), self)
    }

    func close() {
        isOver = true
        client.close()
    }

    private var authorization: [(String, String)] { [("Authorization", "Bearer \(token)")] }

    // MARK: Sending

    /// Sent when there is a stream to send to; what a lost stream did not take is for the caller to send again.
    func send(_ frame: JSON) {
        outbox.append(frame)
        flush()
    }

    private func flush() {
        guard let streamID, !isSending, !outbox.isEmpty, !isOver else { return }
        isSending = true
        let count = outbox.count
        let request = HTTPClientRequest(
            .post, base.appending(path: "events/\(streamID)"),
            headers: authorization + [("Content-Type", "application/json")],
            body: Array(JSON.array(outbox).description.utf8))
        client.start(
            request,
            AnswerReceiver { [weak self] status, body in self?.sent(count, status, body, to: streamID) })
    }

    private func sent(_ count: Int, _ status: Int?, _ body: JSON?, to stream: String) {
        isSending = false
        // A new stream has come meanwhile, and with it everything is sent anew.
        guard stream == streamID else { return flush() }
        switch status {
        case nil, 503, 429:
            _ = client.loop.schedule(after: Self.sendPause * 1_000_000_000) { [weak self] in self?.flush() }
        case 404:
            // The stream is gone; the next one begins with everything that is not answered.
            outbox.removeFirst(count)
        case let status?:
            outbox.removeFirst(count)
            if status >= 300 { news(.refused("\(body?["error"]?["message"]?.string ?? "not sent") (HTTP \(status))")) }
            flush()
        }
    }

    /// Reads something beside the stream; `nil` where it can't be had.
    func read(_ path: String, _ done: @escaping (JSON?) -> Void) {
        guard let url = try? HTTPURL("\(base.appending(path: ""))\(path)") else { return done(nil) }
        client.start(
            HTTPClientRequest(.get, url, headers: authorization),
            AnswerReceiver { status, body in done(status == 200 ? body : nil) })
    }

    // MARK: HTTPClientReceiver

    func exchange(_ exchange: HTTPExchange, head: HTTPClientHead) { status = head.status }

    func exchange(_ exchange: HTTPExchange, body: UnsafeRawBufferPointer) {
        guard status == 200 else {
            problem.append(contentsOf: body.prefix(4_096 - min(problem.count, 4_096)))
            return
        }
        _ = parser.feed(body) { event in
            if !event.id.isEmpty { lastID = String(decoding: event.id, as: UTF8.self) }
            guard let frame = try? JSON(parsing: event.data) else { return true }
            take(frame)
            return !isOver
        }
    }

    private func take(_ frame: JSON) {
        switch frame["op"]?.string {
        case "ready":
            pause = 1
            attempts = 0
            wasOpen = true
            streamID = frame["streamId"]?.string
            if frame["resumed"]?.bool != true { outbox = [] }
        case "draining":
            pause = max(pause, min(Self.longestPause, UInt64(max(0, frame["reconnectAfter"]?.integer ?? 0))))
        case "closing":
            // Section 5: the others are reasons to come again.
            switch frame["code"]?.integer ?? 0 {
            case 4401: return end("the token has ended: with a new one the chat goes on")
            case 1002, 1003, 1007, 1009, 4429: return end(frame["reason"]?.string ?? "the gateway ended it")
            default: return
            }
        default: break
        }
        news(.frame(frame))
        flush()
    }

    private func end(_ problem: String) {
        isOver = true
        news(.over(problem))
    }

    func exchangeEnded(_ exchange: HTTPExchange) {
        // A gateway that starts, drains or is asked too often answers otherwise later.
        if status == 200 || wasOpen && (status == 503 || status == 429) { return again() }
        guard !isOver else { return }
        let said = (try? JSON(parsing: problem))?["error"]?["message"]?.string
        let hint = status == 401 ? ": AUTH_JWT_SECRET must be the gateway's own, or --token one that it takes" : ""
        end("\(said ?? "the gateway answered") (HTTP \(status))\(hint)")
    }

    func exchange(_ exchange: HTTPExchange, failed failure: HTTPClientFailure) {
        guard !isOver else { return }
        guard wasOpen else { return end("the gateway \(base) can't be reached: \(failure)") }
        again()
    }

    private func again() {
        guard !isOver else { return }
        attempts += 1
        news(.lost(attempts: attempts))
        _ = client.loop.schedule(after: pause * 1_000_000_000) { [weak self] in self?.open() }
        pause = min(pause * 2, Self.longestPause)
    }
}

/// One request and its whole answer: no status where there was none.
final class AnswerReceiver: HTTPClientReceiver {
    private static let limit = 4 << 20
    private let done: (Int?, JSON?) -> Void
    private var status = 0
    private var body: [UInt8] = []

    init(done: @escaping (Int?, JSON?) -> Void) { self.done = done }

    func exchange(_ exchange: HTTPExchange, head: HTTPClientHead) { status = head.status }
    func exchange(_ exchange: HTTPExchange, body: UnsafeRawBufferPointer) {
        self.body.append(contentsOf: body.prefix(Self.limit - min(self.body.count, Self.limit)))
    }
    func exchangeEnded(_ exchange: HTTPExchange) { done(status, try? JSON(parsing: body)) }
    func exchange(_ exchange: HTTPExchange, failed failure: HTTPClientFailure) { done(nil, nil) }
}
