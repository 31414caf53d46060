import COpenSSL

/// One side of a TLS connection without a socket: records in, bytes out, and the other way round. All of its input and
/// output is in the `TLSWire` of the loop that it is on.
///
/// Confined to one loop at a time. OpenSSL: an SSL object may be used by any thread, but by one at a time only.
package final class TLSEngine {
    package enum Event: Equatable {
        /// All that came has been taken; more is needed.
        case needsMore
        /// The room for decrypted bytes is full: `receiveMore` gives the rest.
        case full
        /// The peer has said that nothing more comes (close_notify).
        case ended
        case failed(TLSFailure)
    }

    /// What came of some input: so many bytes in the wire's `plain`, and then the event.
    package struct Step: Equatable {
        package var count: Int
        package var event: Event
    }

    /// Whether the handshake is done.
    @exclusivity(unchecked) package private(set) var isOpen = false

    private let ssl: OpaquePointer
    private let bio: OpaquePointer
    @exclusivity(unchecked) private var wire: TLSWire
    private let isServer: Bool
    /// Nothing may be written any more: close_notify is out, or OpenSSL has given up.
    @exclusivity(unchecked) private var isMute = false
    private var handshakeBytes = 0
    // OpenSSL's callback counts while SSL_read or SSL_write is called, when nobody looks.
    @exclusivity(unchecked) private var messages = Messages()

    /// TLS's own messages after the handshake. Nobody needs many of them, and each costs more than its bytes: key
    /// updates and requests for a renegotiation, which is refused.
    private struct Messages {
        static let limit: Int32 = 64
        static let window: UInt64 = 60_000_000_000
        var count: Int32 = 0
        var since: UInt64 = 0
    }

    /// A handshake of more bytes than this is none: the largest hellos have a few thousand.
    static let handshakeLimit = 64 << 10
    /// The most that a record holds.
    private static let recordLimit = 16 << 10

    /// Takes an SSL over that is not connected to anything yet.
    init(_ ssl: OpaquePointer, isServer: Bool, wire: TLSWire) throws(TLSFailure) {
        guard let bio = TLSWire.makeBIO() else {
            SSL_free(ssl)
            throw .handshake("no memory")
        }
        self.ssl = ssl
        self.bio = bio
        self.wire = wire
        self.isServer = isServer
        wire.attach(bio)
        SSL_set_bio(ssl, bio, bio)
        if isServer { SSL_set_accept_state(ssl) } else { SSL_set_connect_state(ssl) }
    }

    deinit { SSL_free(ssl) }

    /// Goes on at another loop.
    func move(to wire: TLSWire) {
        self.wire = wire
        wire.attach(bio)
    }

    /// Takes records. What it wants to be sent is then in the wire's `output`, also when it failed: the alert that
    /// says why.
    ///
    /// - Parameter now: monotonic nanoseconds.
    package func receive(_ records: UnsafeRawBufferPointer, now: UInt64) -> Step {
        wire.input = records
        if !isOpen {
            handshakeBytes += records.count
            if handshakeBytes > Self.handshakeLimit { return fail(.handshake("too long")) }
            OpenSSLErrors.clear()
            let result = SSL_do_handshake(ssl)
            guard result == 1 else { return outcome(result, count: 0) }
            isOpen = true
            watchMessages(now)
        }
        return receiveMore(now: now)
    }

    /// Goes on with what was given to `receive`.
    package func receiveMore(now: UInt64) -> Step {
        var count = 0
        while wire.plain.count - count >= Self.recordLimit {
            // Spares the call that would only say that there is no more.
            if wire.input.isEmpty, SSL_has_pending(ssl) == 0 { return taken(count, now) }
            OpenSSLErrors.clear()
            let result = SSL_read(ssl, wire.plain.baseAddress.map { $0 + count }, Int32(wire.plain.count - count))
            guard result > 0 else {
                let step = outcome(result, count: count)
                return step.event == .needsMore ? taken(count, now) : step
            }
            count += Int(result)
        }
        return Step(count: count, event: .full)
    }

    /// Begins the handshake of a client: its hello is in the wire's `output` then.
    package func begin(now: UInt64) -> Step {
        receive(UnsafeRawBufferPointer(start: nil, count: 0), now: now)
    }

    /// Encrypts into the wire's `output`. `false`: nothing can be sent any more.
    package func seal(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isOpen, !isMute else { return false }
        guard !bytes.isEmpty else { return true }
        let result = SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count))
        guard result == Int32(clamping: bytes.count) else {
            isMute = true
            OpenSSLErrors.clear()
            return false
        }
        return true
    }

    /// Says that nothing more will be sent: close_notify, once, if there is an end to announce.
    package func sealEnd() {
        guard isOpen, !isMute else { return }
        isMute = true
        OpenSSLErrors.clear()
        _ = SSL_shutdown(ssl)
    }

    // MARK: What was agreed on

    /// "TLSv1.3"
    package var version: String { String(cString: SSL_get_version(ssl)) }
    /// Whether a session of before was taken up.
    package var isResumed: Bool { SSL_session_reused(ssl) == 1 }
    package var cipher: String { SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)).map { String(cString: $0) } ?? "" }
    /// The protocol chosen by ALPN, empty without.
    package var applicationProtocol: String {
        var bytes: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &bytes, &count)
        return String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
    }
    /// The DNS names of the peer's certificate.
    package var peerNames: [String] {
        guard let certificate = SSL_get0_peer_certificate(ssl) else { return [] }
        return TLSCertificate.names(of: certificate)
    }

    // MARK: -

    private func outcome(_ result: Int32, count: Int) -> Step {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return Step(count: count, event: .needsMore)
        case SSL_ERROR_ZERO_RETURN: return Step(count: count, event: .ended)
        default: return fail(failure, count: count)
        }
    }

    private func fail(_ failure: TLSFailure, count: Int = 0) -> Step {
        isMute = true
        OpenSSLErrors.clear()
        return Step(count: count, event: .failed(failure))
    }

    private var failure: TLSFailure {
        if let alert = OpenSSLErrors.peerAlert { return .alert(alert) }
        let verdict = SSL_get_verify_result(ssl)
        if !isServer, !isOpen, verdict != X509_V_OK {
            return .certificate(String(cString: X509_verify_cert_error_string(verdict)))
        }
        return isOpen ? .record(OpenSSLErrors.reason) : .handshake(OpenSSLErrors.reason)
    }

    private func watchMessages(_ now: UInt64) {
        messages.since = now
        SSL_set_msg_callback(ssl) { isWritten, _, type, _, _, _, argument in
            guard isWritten == 0, type == SSL3_RT_HANDSHAKE, let argument else { return }
            Unmanaged<TLSEngine>.fromOpaque(argument)._withUnsafeGuaranteedRef { $0.messages.count += 1 }
        }
        parley_ssl_set_message_argument(ssl, Unmanaged.passUnretained(self).toOpaque())
    }

    private func taken(_ count: Int, _ now: UInt64) -> Step {
        if messages.count > Messages.limit {
            if now &- messages.since < Messages.window {
                return fail(.record("too many messages of TLS's own"), count: count)
            }
            messages = Messages(since: now)
        }
        return Step(count: count, event: .needsMore)
    }
}
