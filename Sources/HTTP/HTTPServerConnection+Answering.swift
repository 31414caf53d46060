import EventLoop
import HTTPTypes

/// The answers: what responders and streams call.
extension HTTPServerConnection {
    func isAwaitingAnswer(_ number: UInt64) -> Bool {
        if case .handling = phase { number == exchange } else { false }
    }

    func isStreaming(_ number: UInt64) -> Bool {
        if case .streaming = phase { number == exchange } else { false }
    }

    func setClosedAction(_ number: UInt64, _ action: @escaping () -> Void) {
        if isAwaitingAnswer(number) || isStreaming(number) { closedAction = action }
    }

    func setDrainedAction(_ number: UInt64, _ action: @escaping () -> Void) {
        if isStreaming(number) { drainedAction = action }
    }

    // MARK: Whole responses

    func answer(_ number: UInt64, _ response: HTTPResponse, _ body: [UInt8]) -> Bool {
        guard isAwaitingAnswer(number) else { return false }
        let hasBody = HTTPResponseEncoder.allowsBody(response.status)
        let closing = mustClose(after: response)
        guard writeHead(response, framing: hasBody ? .length(body.count) : .none, close: closing) else {
            return false
        }
        closesAfterStream = closing
        send(hasBody && head?.method != .head ? body : [], from: 0)
        return true
    }

    /// Hands over as much as may wait for the peer, and the rest when it has taken that.
    func send(_ body: [UInt8], from start: Int) {
        let room = max(0, context.settings.outboundBytes - transport.outboundCount)
        let end = start + min(body.count - start, max(room, 1))
        if end > start {
            guard body.withUnsafeBytes({ transport.write($0.part(start..<end)) }) else {
                transport.close()
                return
            }
        }
        if end == body.count {
            finishExchange(closing: closesAfterStream)
        } else {
            phase = .sending(body: body, sent: end)
            awaitDrain()
        }
    }

    /// Answers a request that no handler gets, and ends the connection.
    func refuse(_ refusal: HTTPRefusal) {
        let body = APIErrorBody.json(refusal.code, refusal.message)
        let response = HTTPResponse(status: refusal.status, headerFields: [.contentType: "application/json"])
        guard writeHead(response, framing: .length(body.count), close: true) else { return }
        if head?.method != .head { _ = body.withUnsafeBytes { transport.write($0) } }
        linger()
    }

    func responderDropped(_ number: UInt64) {
        guard isAwaitingAnswer(number) else { return }
        _ = answer(
            number, HTTPResponse(status: .internalServerError, headerFields: [.contentType: "application/json"]),
            APIErrorBody.json(.internal, "The request was not answered."))
    }

    // MARK: Streams

    func beginStream(_ number: UInt64, _ response: HTTPResponse) -> HTTPResponseStream? {
        guard isAwaitingAnswer(number), let head else { return nil }
        let framing: HTTPResponseFraming =
            if !HTTPResponseEncoder.allowsBody(response.status) {
                .none
            } else {
                head.version == .http10 ? .untilClose : .chunked
            }
        let closing = mustClose(after: response) || framing == .untilClose
        guard writeHead(response, framing: framing, close: closing) else { return nil }
        closesAfterStream = closing
        // For HEAD the head speaks of a body that does not come.
        streamFraming = head.method == .head ? .none : framing
        phase = .streaming
        return HTTPResponseStream(self, exchange: number)
    }

    func writeStream(_ number: UInt64, _ bytes: UnsafeRawBufferPointer) -> HTTPResponseStream.Outcome {
        guard isStreaming(number) else { return .refused }
        let taken: Bool
        switch streamFraming {
        case .none: return .taken
        case .chunked:
            context.scratch.removeAll(keepingCapacity: true)
            HTTPResponseEncoder.appendChunk(bytes, to: &context.scratch)
            taken = context.scratch.withUnsafeBytes { transport.write($0) }
        case .length, .untilClose: taken = transport.write(bytes)
        }
        let isFull = transport.outboundCount >= context.settings.outboundBytes
        // A refusal without a full buffer is a piece larger than the socket's bound: waiting would not help, but the
        // call back tells the writer to try smaller.
        if isFull || !taken { awaitDrain() }
        return taken ? (isFull ? .takenWait : .taken) : .refused
    }

    func endStream(_ number: UInt64) {
        guard isStreaming(number) else { return }
        if streamFraming == .chunked {
            context.scratch.removeAll(keepingCapacity: true)
            HTTPResponseEncoder.appendLastChunk(to: &context.scratch)
            guard context.scratch.withUnsafeBytes({ transport.write($0) }) else {
                transport.close()
                return
            }
        }
        finishExchange(closing: closesAfterStream)
    }

    func streamDropped(_ number: UInt64) {
        if isStreaming(number) { transport.close() }
    }

    // MARK: Upgrade

    /// - Parameter isStream: a body follows, which the new owner writes, up to the connection's end.
    func upgrade(_ number: UInt64, _ response: HTTPResponse?, isStream: Bool = false) -> HTTPUpgrade? {
        guard isAwaitingAnswer(number), transport.isOpen else { return nil }
        if let response {
            guard writeHead(response, framing: isStream ? .untilClose : .none, close: isStream) else { return nil }
        }
        let leftover = takeLeftover()
        let address = transport.peerAddress
        closedAction = nil
        guard let socket = transport.surrender() else {
            transport.close()
            return nil
        }
        leave()
        return HTTPUpgrade(socket: socket, leftover: leftover, peerAddress: address)
    }

    // MARK: Common parts

    /// A handler ends the connection with `Connection: close` among its fields.
    private func mustClose(after response: HTTPResponse) -> Bool {
        guard let head, head.keepsAlive, !isDraining else { return true }
        return response.headerFields.contains(.connection)
            && response.headerFields[.connection]?.lowercased().contains("close") == true
    }

    /// False when the head can't be written; the connection is then being closed.
    private func writeHead(_ response: HTTPResponse, framing: HTTPResponseFraming, close: Bool) -> Bool {
        context.scratch.removeAll(keepingCapacity: true)
        var response = response
        context.handler.finish(&response, for: head)
        do throws(HTTPResponseError) {
            try HTTPResponseEncoder.appendHead(
                response, framing: framing, close: close, keepAlive: !close && head?.version == .http10,
                date: response.status.code == 101 ? nil : context.date, to: &context.scratch)
        } catch {
            transport.close()
            return false
        }
        if context.scratch.withUnsafeBytes({ transport.write($0) }) { return true }
        transport.close()
        return false
    }

    func awaitDrain() {
        guard !awaitsDrain else { return }
        awaitsDrain = true
        transport.callBackSoon(self)
        updateTiming()
    }

    /// A client that sends requests and reads no answers is not read from either.
    func awaitDrainIfFull() {
        if transport.outboundCount >= context.settings.outboundBytes { awaitDrain() }
    }
}
