import WebSocket

enum FrameFuzzing {
    /// The first byte chooses the rules, the rest is a header: read whole and from every shorter beginning, and written
    /// again.
    static func header(_ input: UnsafeRawBufferPointer) {
        guard let choice = input.first else { return }
        let limits = [0, 125, 126, 65_535, 65_536, 1 << 20, Int(Int32.max), .max]
        let rules = FrameHeader.Rules(
            masked: choice & 1 != 0, allowsCompression: choice & 2 != 0, insideMessage: choice & 4 != 0,
            payloadLimit: limits[Int(choice >> 3) & 7])
        let bytes = UnsafeRawBufferPointer(rebasing: input[1...])
        let parsed = FrameHeader.parse(bytes, rules)
        for count in 0..<min(bytes.count, FrameHeader.maxCount) {
            let earlier = FrameHeader.parse(UnsafeRawBufferPointer(rebasing: bytes[..<count]), rules)
            // What is said once is not taken back when more comes.
            if earlier != .incomplete { precondition(earlier == parsed, "a verdict that changes") }
        }
        switch parsed {
        case .incomplete:
            precondition(bytes.count < FrameHeader.maxCount, "no verdict on a whole header")
        case .failed:
            break
        case .header(let header, let count):
            precondition(count == header.count && count <= bytes.count)
            precondition(header.opcode.isControl || header.payloadCount <= rules.payloadLimit)
            precondition((header.maskingKey != nil) == rules.masked)
            withUnsafeTemporaryAllocation(byteCount: FrameHeader.maxCount, alignment: 8) { space in
                let written = header.write(to: space)
                precondition(written == count && zip(space[..<count], bytes).allSatisfy(==), "written differently")
            }
        }
    }
}

enum HandshakeFuzzing {
    /// Lines that stand for the values of the headers by turns.
    static func headers(_ input: UnsafeRawBufferPointer) {
        let lines = input.split(separator: 0x0A, maxSplits: 6, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        func line(_ index: Int) -> [String] { index < lines.count ? [lines[index]] : [] }
        let policy = DeflatePolicy(serverContextTakeover: true, clientContextTakeover: true, maxWindowBits: 12)
        for fixed in [true, false] {
            let outcome = Handshake.respond(
                method: "GET", version: (1, 1), options: Handshake.Options(subprotocols: ["parley.v1"], deflate: policy)
            ) { name in
                switch name {
                case "host": ["h"]
                case "upgrade": fixed ? ["websocket"] : line(2)
                case "connection": fixed ? ["Upgrade"] : line(3)
                case "sec-websocket-version": fixed ? ["13"] : line(4)
                case "sec-websocket-key": fixed ? ["dGhlIHNhbXBsZSBub25jZQ=="] : line(5)
                case "sec-websocket-protocol": line(1)
                case "sec-websocket-extensions": line(0)
                default: []
                }
            }
            guard case .accept(let acceptance) = outcome else { continue }
            precondition(acceptance.subprotocol == nil || acceptance.subprotocol == "parley.v1")
            guard let deflate = acceptance.deflate else { continue }
            precondition(
                (9...12).contains(deflate.serverMaxWindowBits) && (8...15).contains(deflate.clientMaxWindowBits))
            // What is answered must be something that a client can read.
            precondition(ExtensionHeader.parse([deflate.headerValue])?.count == 1)
        }
    }
}
