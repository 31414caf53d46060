import CLinux
import Glibc

extension Socket {
    /// Whether it speaks TLS.
    package var isEncrypted: Bool { tls != nil }

    /// Why TLS ended, if it did not end in good order; to be asked in `socketClosed`.
    package var tlsFailure: TLSFailure? { tls?.failure }

    /// What was agreed on with the peer; nil for a plain socket.
    package var tlsEngine: TLSEngine? { tls?.engine }

    // MARK: The handshake

    /// Readiness during the handshake: a server's steps take turns, so that others are served too.
    func handshakeReady(_ tls: TLSLayer, isGone: Bool) {
        if flags.contains(.queued) {
            // It waits for its turn, and the kernel would report the hang-up for ever.
            if isGone { fail(tls, .closed) }
        } else if tls.isServer {
            loop.handshakeGate.perform(self)
        } else {
            stepHandshake()
        }
    }

    /// Sends a client's first message.
    func beginHandshake() {
        guard let tls, let engine = tls.engine else { return }
        let step = engine.begin(now: loop.now)
        tls.collect(loop.tlsWire)
        if case .failed(let failure) = step.event { fail(tls, failure) } else { flush() }
    }

    /// Waits until the gate calls `stepHandshake`, unread meanwhile.
    func queueHandshake(_ isQueued: Bool) {
        if isQueued { flags.insert(.queued) } else { flags.remove(.queued) }
        updateInterest()
    }

    /// A client's hello is seldom longer, and who sends more waits for the next tick.
    private static let handshakeRead = 16 << 10

    /// Reads once and goes on with the handshake.
    func stepHandshake() {
        guard isOpen, let tls else { return }
        let buffer = loop.readBuffer
        let count = retrying { recv(descriptor, buffer.baseAddress, Self.handshakeRead, 0) }
        if count > 0 {
            loop.bytesReceived &+= count
            received(UnsafeRawBufferPointer(rebasing: buffer[..<count]), tls)
        } else if count == 0 || errno != EAGAIN {
            fail(tls, .closed)
        }
    }

    // MARK: Receiving

    /// Decrypts what came and hands it out.
    func received(_ bytes: UnsafeRawBufferPointer, _ tls: TLSLayer) {
        let wire = loop.tlsWire
        let engine: TLSEngine
        do {
            engine = try tls.engine(wire: wire)
        } catch {
            fail(tls, error)
            return
        }
        var step = engine.receive(bytes, now: loop.now)
        while true {
            if !wire.output.isEmpty { keepOwnRecords(tls) }
            if engine.isOpen, let owner = tls.owner {
                tls.owner = nil
                owner.handshakeDone(self)
            }
            if step.count > 0, isOpen, !flags.contains(.lingering) {
                delegate?.socket(self, received: UnsafeMutableRawBufferPointer(rebasing: wire.plain[..<step.count]))
            }
            guard isOpen else { return }
            switch step.event {
            case .needsMore:
                return
            case .full:
                step = engine.receiveMore(now: loop.now)
            case .ended:
                receivedEnd()
                return
            case .failed(let failure):
                fail(tls, failure)
                return
            }
        }
    }

    /// What TLS itself wants to say leaves with the rest of the tick.
    private func keepOwnRecords(_ tls: TLSLayer) {
        tls.collect(loop.tlsWire)
        if tls.sealedCount == 0, tls.records.count - tls.sentRecords > TLSLayer.ownRecordsLimit {
            fail(tls, .record("the peer takes nothing"))
        } else {
            enlist()
        }
    }

    /// Ends a connection that TLS can't go on with. The alert that says why leaves as far as the kernel takes it.
    func fail(_ tls: TLSLayer, _ failure: TLSFailure) {
        guard isOpen else { return }
        let isHandshake = tls.owner != nil
        tls.failure = failure
        if !flags.contains(.blocked) { _ = sendRecords(tls) }
        guard isOpen else { return }
        let owner = tls.owner
        tls.owner = nil
        closeDescriptor()
        if isHandshake { owner?.handshakeFailed(self, failure) }
    }

    // MARK: Sending

    /// Encrypts and sends until all has left. `false`: not all has, or the socket is closed.
    func sendSealed(_ tls: TLSLayer) -> Bool {
        guard tls.isOpen, let engine = tls.engine else { return sendRecords(tls) }
        while true {
            if tls.sealedCount == 0, !outbound.isEmpty {
                let count = min(outbound.count, TLSWire.sealLimit)
                guard engine.seal(UnsafeRawBufferPointer(rebasing: outbound.bytes[..<count])) else {
                    fail(tls, .record("can't be encrypted"))
                    return false
                }
                tls.sealedCount = count
            }
            guard sendRecords(tls) else { return false }
            if outbound.isEmpty { return true }
        }
    }

    /// Sends what is encrypted. `false`: not all has left, or the socket is closed.
    private func sendRecords(_ tls: TLSLayer) -> Bool {
        let wire = loop.tlsWire
        if !tls.hasRecords, !wire.output.isEmpty {
            // The usual case: nothing waited, and the kernel takes all of what was made just now.
            let count = send(wire.output)
            if count < wire.output.count {
                let code = errno
                tls.records.append(contentsOf: wire.output.dropFirst(max(count, 0)))
                wire.clearOutput()
                return refused(tls, count < 0 ? code : EAGAIN)
            }
            wire.clearOutput()
        }
        if tls.records.isEmpty, wire.output.isEmpty {
            outbound.drop(tls.sealedCount)
            tls.sealedCount = 0
            return true
        }
        tls.collect(wire)
        while tls.hasRecords {
            let count = tls.records.withUnsafeBytes { send(UnsafeRawBufferPointer(rebasing: $0[tls.sentRecords...])) }
            if count < 0 { return refused(tls, errno) }
            tls.sentRecords += count
        }
        tls.releaseRecords()
        outbound.drop(tls.sealedCount)
        tls.sealedCount = 0
        return true
    }

    private func refused(_ tls: TLSLayer, _ code: Int32) -> Bool {
        if code == EAGAIN {
            block()
        } else {
            let owner = tls.owner
            tls.owner = nil
            closeDescriptor()
            owner?.handshakeFailed(self, .closed)
        }
        return false
    }

    private func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        let count = retrying { Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
        loop.bytesSent &+= max(count, 0)
        return count
    }

    // MARK: The end

    /// Says that nothing more comes, and sends it. `false`: it has not left yet, or the socket is closed.
    func sealEnd(_ tls: TLSLayer) -> Bool {
        tls.engine?.sealEnd()
        return sendRecords(tls)
    }

    /// The last word at a close, if it can be said now: nothing waits before it.
    func sendEnd(_ tls: TLSLayer) {
        if tls.owner != nil {
            // Closed during the handshake by whoever made it.
            tls.owner = nil
            return
        }
        guard tls.isOpen, !flags.contains(.shutDown), !flags.contains(.blocked), outbound.isEmpty else { return }
        tls.engine?.sealEnd()
        let wire = loop.tlsWire
        tls.collect(wire)
        if tls.hasRecords {
            _ = tls.records.withUnsafeBytes { send(UnsafeRawBufferPointer(rebasing: $0[tls.sentRecords...])) }
        }
        tls.releaseRecords()
    }
}
