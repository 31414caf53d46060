import Cluster
import EventLoop
import HTTP
import HTTPTypes

/// A request whose user's session another gateway has, which answers it: as HTTP there and back, and what the client of
/// this one is told is this one's answer.
///
/// On the loop of its connection. Where the session has moved before the other gateway had anything of it, or nobody is
/// there, the request is handled anew; for it what was done once is done.
final class EdgeRequest {
    /// Nanoseconds for which a request is handled again, and between two times.
    private static let patience: UInt64 = 3_000_000_000
    private static let pause: UInt64 = 100_000_000
    /// Bytes of an answer that has a length, and of a stream's that wait for the client.
    private static let bodyLimit = 16 << 20

    /// A stream has no length: its client takes what comes.
    private static let limits: HTTPResponseLimits = {
        var limits = HTTPResponseLimits()
        limits.bodyBytes = .max
        return limits
    }()

    private let handler: GatewayHandler
    private let request: HTTPServerRequest
    private let responder: HTTPResponder
    private let owner: ClusterAddress
    private unowned let relay: Relay
    private var number: UInt32?
    private var parser = HTTPResponseParser(limits: EdgeRequest.limits)
    private var head: HTTPResponse?
    private var body: [UInt8] = []
    private var stream: HTTPResponseStream?
    private var waiting: [UInt8] = []
    private var taken: UInt64 = 0
    private var toldTaken: UInt64 = 0
    private var isOver = false
    private var hasEnded = false

    private init(
        _ handler: GatewayHandler, _ request: HTTPServerRequest, _ responder: HTTPResponder, _ owner: ClusterAddress,
        _ relay: Relay
    ) {
        self.handler = handler
        self.request = request
        self.responder = responder
        self.owner = owner
        self.relay = relay
    }

    /// - Parameter userID: whose session it is about.
    /// - Returns: false: it can't be passed on.
    static func start(
        _ handler: GatewayHandler, _ request: HTTPServerRequest, _ responder: HTTPResponder, of userID: String,
        to owner: ClusterAddress
    ) -> Bool {
        guard !handler.isRelayed, let relay = handler.shard.relay, relay.isUp else { return false }
        let passed = EdgeRequest(handler, request, responder, owner, relay)
        if responder.passedOnAt == nil { responder.passedOnAt = handler.shard.loop.now }
        guard relay.requests.join(passed, at: owner) else { return false }
        responder.onClosed { [weak passed] in passed?.clientGone() }
        passed.ask(of: userID)
        return true
    }

    /// Where the request's answer comes in parts.
    func named(_ number: UInt32) { self.number = number }

    var place: ClusterAddress { owner }

    private func ask(of userID: String) {
        guard let number else { return }
        let end = Links.End(.edge, owner)
        var attachment = LinkAttachment(userID: userID)
        attachment.isRequest = true
        attachment.address = handler.origin(of: request)
        relay.send(.attach(socket: number, attachment), to: end)
        LinkFrame.inParts(RelayedRequest.encode(request, from: attachment.address)) { part, isLast in
            relay.send(.command(socket: number, isLast: isLast, bytes: part), to: end)
        }
    }

    // MARK: The answer

    func received(_ part: [UInt8], isLast: Bool) {
        guard !isOver else { return }
        taken += UInt64(part.count)
        part.withUnsafeBytes { bytes in
            var rest = bytes
            while !isOver, let event = parser.next(&rest) { take(event) }
        }
        if isLast, !isOver, let event = parser.connectionEnded() { take(event) }
        if isLast, !isOver, !hasEnded { fail() }
        tellTaken()
    }

    private func take(_ event: HTTPResponseParser.Event) {
        switch event {
        case .head(let head): begin(head)
        case .body(let bytes):
            if stream != nil {
                waiting.append(contentsOf: bytes)
                write()
            } else {
                guard body.count + bytes.count <= Self.bodyLimit else { return fail() }
                body.append(contentsOf: bytes)
            }
        case .end:
            hasEnded = true
            if stream != nil { return write() }
            guard let head else { return fail() }
            finish()
            responder.respond(head, body: body)
        case .refused: fail()
        }
    }

    private func begin(_ answer: HTTPClientHead) {
        var fields = answer.headers.httpFields
        let isWhole = fields[.contentLength] != nil || answer.status == 204 || answer.status == 304
        for name in RelayedRequest.own { fields[name] = nil }
        let head = HTTPResponse(status: .init(code: answer.status), headerFields: fields)
        guard !isWhole else {
            self.head = head
            return
        }
        stream = responder.beginStream(head)
        guard let stream else { return clientGone() }
        stream.onClosed { [weak self] in self?.clientGone() }
        stream.onDrained { [weak self] in self?.write() }
    }

    private func write() {
        guard let stream, !isOver else { return }
        if !waiting.isEmpty {
            let outcome = stream.write(waiting)
            if outcome == .refused {
                if !stream.isOpen { clientGone() }
                return
            }
            waiting = []
        }
        tellTaken()
        guard hasEnded else { return }
        finish()
        stream.end()
        self.stream = nil
    }

    /// The owner goes on when its client here has taken what it has sent.
    private func tellTaken() {
        guard !isOver, waiting.isEmpty, taken &- toldTaken >= SocketCredit.window / 4, let number else { return }
        toldTaken = taken
        relay.send(.taken(socket: number, total: taken), to: .init(.edge, owner))
    }

    // MARK: Its end

    private func finish() {
        guard !isOver else { return }
        isOver = true
        if let number { relay.requests.leave(number) }
        number = nil
    }

    private func clientGone() {
        guard !isOver else { return }
        if let number { relay.send(.detach(socket: number), to: .init(.edge, owner)) }
        finish()
        stream = nil
    }

    /// What there is of the answer can't be gone on with.
    private func fail() {
        guard !isOver else { return }
        if let number { relay.send(.detach(socket: number), to: .init(.edge, owner)) }
        finish()
        guard stream == nil else {
            // Let go without an end it is cut.
            stream = nil
            return
        }
        refuse()
    }

    private func refuse() {
        responder.respond(
            error: .unavailable, "Another gateway has this user's session and can't be reached. Please try again.",
            retryAfter: 1)
    }

    /// The other gateway does not have the session, and has done nothing.
    func refused() { again(isUntouched: true) }

    /// Nobody is there, or not any more.
    func lost() { again(isUntouched: false) }

    private func again(isUntouched: Bool) {
        guard !isOver else { return }
        let since = responder.passedOnAt ?? 0
        guard head == nil, stream == nil, isUntouched || RelayedRequest.mayRepeat(request), responder.isOpen,
            handler.shard.loop.now &- since < Self.patience
        else { return fail() }
        finish()
        _ = handler.shard.loop.schedule(after: Self.pause) { [handler, request, responder] in
            handler.handleAgain(request, responder)
        }
    }
}

/// A request as gateways tell it to one another.
enum RelayedRequest {
    /// Whom the request is from, as the gateway knows to which it came.
    static let clientName = HTTPField.Name("Parley-Client")

    /// What is of one connection, and no part of what is asked or answered.
    static let own: [HTTPField.Name] = {
        let names = [
            "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "Upgrade", "TE", "Trailer", "Expect",
            "Proxy-Connection", "Proxy-Authorization", "HTTP2-Settings", "Parley-Client", "Date", "X-Request-Id",
        ]
        return names.compactMap { HTTPField.Name($0) }
    }()

    static func encode(_ request: HTTPServerRequest, from client: String) -> [UInt8] {
        var fields = request.headers.httpFields
        for name in own { fields[name] = nil }
        // What would be measured and left out is left out by the gateway that the client asks.
        let method = request.method == .head ? "GET" : request.method.rawValue
        var bytes = Array("\(method) \(request.target) HTTP/1.1\r\n".utf8)
        for field in fields { bytes.append(contentsOf: "\(field.name.rawName): \(field.value)\r\n".utf8) }
        bytes.append(
            contentsOf: "Parley-Client: \(client)\r\nConnection: close\r\nContent-Length: \(request.body.count)\r\n\r\n"
                .utf8)
        bytes.append(contentsOf: request.body)
        return bytes
    }

    /// Whether it may be done twice, once by a gateway that did not say so: what it names is done once.
    static func mayRepeat(_ request: HTTPServerRequest) -> Bool {
        guard request.method == .post else { return true }
        return ["resume", "agui", "events"].contains(request.segments.last ?? "") || request.segments.first == "events"
    }
}
