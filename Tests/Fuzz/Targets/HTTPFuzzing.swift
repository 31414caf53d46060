import HTTP
import HTTPTypes

enum HTTPFuzzing {
    /// Small bounds, so that small inputs reach them.
    private static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.requestLineBytes = 256
        limits.headerCount = 8
        limits.headerBytes = 512
        limits.bodyBytes = 300
        limits.chunkExtensionBytes = 32
        limits.trailerBytes = 64
        return limits
    }()

    /// The first byte says where the rest, a stream of requests, is split. The events must be those of the whole.
    static func requests(_ input: UnsafeRawBufferPointer) {
        guard let seed = input.first else { return }
        compare(UnsafeRawBufferPointer(rebasing: input[1...]), Splitter(UInt64(seed)))
    }

    /// The same behind the head of a chunked request.
    static func chunks(_ input: UnsafeRawBufferPointer) {
        guard let seed = input.first else { return }
        let stream = head + input.dropFirst()
        stream.withUnsafeBytes { compare($0, Splitter(UInt64(seed))) }
    }

    private static let head = Array("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)

    private static func compare(_ stream: UnsafeRawBufferPointer, _ splitter: Splitter) {
        var whole = Run()
        whole.feed(stream)
        var split = Run()
        var splitter = splitter
        var rest = stream
        while !rest.isEmpty {
            let count = splitter.next(rest.count)
            split.feed(UnsafeRawBufferPointer(rebasing: rest[..<count]))
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        precondition(whole.digest == split.digest, "a split request is read differently")
    }

    private struct Run {
        var parser = HTTPRequestParser(limits: HTTPFuzzing.limits)
        var digest = Digest()
        var head: HTTPRequestHead?
        var body: [UInt8] = []

        mutating func feed(_ part: UnsafeRawBufferPointer) {
            var input = part
            while let event = parser.next(&input) {
                precondition(input.count <= part.count)
                switch event {
                case .head(let head):
                    precondition(self.head == nil, "a head within a request")
                    self.head = head
                    digest.add(head.method.rawValue)
                    digest.add(head.target)
                    digest.add(head.rawPath)
                    digest.add(head.authority ?? "")
                    digest.add(head.headers["content-type"] ?? "")
                    digest.add(head.keepsAlive ? 1 : 0)
                case .body(let bytes):
                    body.append(contentsOf: bytes)
                    precondition(body.count <= HTTPFuzzing.limits.bodyBytes, "a body over its bound")
                case .refused(let refusal):
                    digest.add("\(refusal)")
                    digest.add(refusal.status.code)
                case .end:
                    finish()
                }
            }
            precondition(input.isEmpty, "input that is neither taken nor refused")
        }

        private mutating func finish() {
            guard let head else { preconditionFailure("an end without a head") }
            if case .length(let length) = head.framing { precondition(body.count == length) }
            body.withUnsafeBytes { digest.add($0) }
            digest.add(body.count)
            do throws(HTTPRefusal) {
                let request = try HTTPServerRequest(head: head, body: body, peerAddress: "")
                for segment in request.segments { digest.add(segment) }
                for item in request.query { digest.add(item.name) }
            } catch {
                digest.add("\(error)")
            }
            self.head = nil
            body = []
        }
    }
}
