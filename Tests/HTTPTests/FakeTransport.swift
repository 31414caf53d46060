import EventLoop
import HTTP
import HTTPTypes

/// A transport without a socket: what was written is kept as text, time moves when the test says so.
final class FakeTransport: HTTPTransport {
    var now: UInt64 = 1_000
    var isOpen = true
    /// What the peer has not taken; grows by writing when `isStuck`.
    var outboundCount = 0
    var isStuck = false
    var isBlocked: Bool { isStuck && outboundCount > 0 }
    let peerAddress = "192.0.2.7"
    let peerOwner: UInt32? = nil
    private(set) var written: [UInt8] = []
    private(set) var isPaused = false
    private(set) var isLingering = false
    private(set) var alarm: UInt64?
    private(set) var alarmsSet = 0
    private var soon: [HTTPServerConnection] = []
    let hardBound = 1 << 20

    var text: String { String(decoding: written, as: UTF8.self) }

    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isOpen, !isLingering, outboundCount + bytes.count <= hardBound else { return false }
        written.append(contentsOf: bytes)
        outboundCount += bytes.count
        return true
    }
    func pauseReading() { isPaused = true }
    func resumeReading() { isPaused = false }
    func closeAfterFlush(within nanoseconds: UInt64) { isLingering = true }
    func close() { isOpen = false }
    func setAlarm(after nanoseconds: UInt64?, for connection: HTTPServerConnection) {
        alarmsSet += 1
        alarm = nanoseconds.map { now + $0 }
    }
    func callBackSoon(_ connection: HTTPServerConnection) { soon.append(connection) }
    func surrender() -> Socket? { nil }

    func takeText() -> String {
        defer { written = [] }
        return text
    }

    /// The end of a tick: everything leaves unless the peer is stuck, and who asked is called.
    func endTick(_ connection: HTTPServerConnection) {
        if !isStuck { outboundCount = 0 }
        let waiting = soon
        soon = []
        for connection in waiting { connection.mayWrite() }
        if !isOpen { connection.closed() }
    }

    /// Moves time, ringing the alarm where it is due.
    func advance(_ seconds: Double, _ connection: HTTPServerConnection) {
        let target = now + UInt64(seconds * 1e9)
        while let due = alarm, due <= target {
            now = due
            alarm = nil
            connection.alarmRang()
        }
        now = target
    }
}

/// Answers at once, or keeps the responder for the test to answer.
final class FakeHandler: HTTPHandler {
    var requests: [HTTPServerRequest] = []
    var waiting: [HTTPResponder] = []
    var answer: ((HTTPServerRequest, HTTPResponder) -> Void)?

    func handle(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        requests.append(request)
        if let answer { answer(request, responder) } else { waiting.append(responder) }
    }

    static func echo(_ request: HTTPServerRequest, _ responder: HTTPResponder) {
        responder.respond(
            HTTPResponse(status: .ok), body: Array(request.target.utf8) + request.body)
    }
}

/// A connection on a fake transport.
struct Bench {
    let transport = FakeTransport()
    let handler = FakeHandler()
    let connection: HTTPServerConnection
    let ended = Counter()

    final class Counter { var value = 0 }

    init(echo: Bool = true, settings: HTTPServerSettings = HTTPServerSettings()) {
        if echo { handler.answer = FakeHandler.echo }
        let context = HTTPServerContext(handler: handler, settings: settings, wallClock: { 0 })
        let ended = ended
        connection = HTTPServerConnection(transport: transport, context: context) { _ in ended.value += 1 }
    }

    func receive(_ text: String) {
        Array(text.utf8).withUnsafeBytes { connection.received($0) }
        transport.endTick(connection)
    }
}

let dateLine = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"

func ok(_ body: String, close: Bool = false) -> String {
    "HTTP/1.1 200 OK\r\n\(dateLine)Content-Length: \(body.utf8.count)\r\n" + (close ? "Connection: close\r\n" : "")
        + "\r\n" + body
}

func get(_ target: String, _ fields: String = "") -> String {
    "GET \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
}
