import HTTP
import HTTPTypes

/// What a parser said of a stream of bytes, in a form that can be compared: body parts joined, heads as text.
enum Recorded: Equatable, CustomStringConvertible {
    case head(String)
    case body(String)
    case end
    case refused(HTTPRefusal)

    var description: String {
        switch self {
        case .head(let text): "head(\(text))"
        case .body(let text): "body(\(text.utf8.count) \(text.prefix(40)))"
        case .end: "end"
        case .refused(let refusal): "refused(\(refusal))"
        }
    }
}

/// Parses `pieces` one after the other, as they would come from a socket.
func record(_ pieces: [[UInt8]], limits: HTTPLimits = HTTPLimits()) -> [Recorded] {
    var parser = HTTPRequestParser(limits: limits)
    var events: [Recorded] = []
    for piece in pieces {
        piece.withUnsafeBytes { bytes in
            var input = bytes
            while let event = parser.next(&input) {
                switch event {
                case .head(let head): events.append(.head(summary(head)))
                case .end: events.append(.end)
                case .refused(let refusal): events.append(.refused(refusal))
                case .body(let part):
                    let text = String(decoding: part, as: UTF8.self)
                    if case .body(let before) = events.last {
                        events[events.count - 1] = .body(before + text)
                    } else {
                        events.append(.body(text))
                    }
                }
            }
        }
    }
    return events
}

func record(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [Recorded] {
    record([Array(text.utf8)], limits: limits)
}

func summary(_ head: HTTPRequestHead) -> String {
    let fields = head.headers.httpFields.map { "\($0.name.rawName)=\($0.value)" }.joined(separator: "|")
    let framing =
        switch head.framing {
        case .none: "none"
        case .length(let length): "length \(length)"
        case .chunked: "chunked"
        }
    return "\(head.method.rawValue) \(head.target) \(head.version) \(framing)"
        + (head.keepsAlive ? " keep" : " close") + (head.expectsContinue ? " expects" : "") + " [\(fields)]"
}

/// The head of a text of requests that has exactly one, for tests of what is behind the parser.
func parsedHead(_ text: String) -> HTTPRequestHead? {
    var parser = HTTPRequestParser()
    return Array(text.utf8).withUnsafeBytes { bytes in
        var input = bytes
        guard case .head(let head)? = parser.next(&input) else { return nil }
        return head
    }
}

func request(_ target: String) throws(HTTPRefusal) -> HTTPServerRequest {
    guard let head = parsedHead("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n") else { throw .malformedRequestLine }
    return try HTTPServerRequest(head: head, body: [], peerAddress: "192.0.2.1")
}
