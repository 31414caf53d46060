import HTTP
import HTTPTypes

/// What a response parser said, with adjacent body parts joined.
enum HeardResponse: Equatable, CustomStringConvertible {
    case head(Int, [String])
    case body(String)
    case end
    case refused(HTTPResponseRefusal)

    var description: String {
        switch self {
        case .head(let status, let names): "head \(status) \(names)"
        case .body(let text): "body \(text.debugDescription)"
        case .end: "end"
        case .refused(let refusal): "refused \(refusal)"
        }
    }
}

/// Reads `pieces` one after the other, then the end of the connection if `closes`.
func heard(
    _ pieces: [[UInt8]], closes: Bool = false, rule: HTTPResponseParser.BodyRule = .ordinary,
    limits: HTTPResponseLimits = HTTPResponseLimits()
) -> [HeardResponse] {
    var parser = HTTPResponseParser(rule, limits: limits)
    var result: [HeardResponse] = []
    func note(_ event: HTTPResponseParser.Event) {
        switch event {
        case .head(let head):
            result.append(.head(head.status, head.headers.httpFields.map { "\($0.name): \($0.value)" }))
        case .end: result.append(.end)
        case .refused(let refusal): result.append(.refused(refusal))
        case .body(let bytes):
            let text = String(decoding: bytes, as: UTF8.self)
            if case .body(let before)? = result.last {
                result[result.count - 1] = .body(before + text)
            } else {
                result.append(.body(text))
            }
        }
    }
    for piece in pieces {
        piece.withUnsafeBytes { bytes in
            var input = bytes
            while let event = parser.next(&input) { note(event) }
        }
    }
    if closes, let event = parser.connectionEnded() { note(event) }
    return result
}

func heard(
    _ text: String, closes: Bool = false, rule: HTTPResponseParser.BodyRule = .ordinary,
    limits: HTTPResponseLimits = HTTPResponseLimits()
) -> [HeardResponse] {
    heard([Array(text.utf8)], closes: closes, rule: rule, limits: limits)
}
