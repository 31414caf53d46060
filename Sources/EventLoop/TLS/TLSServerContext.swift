import COpenSSL
import Synchronization

/// A server's certificates and rules: TLS 1.2 and 1.3, AEAD ciphers with forward secrecy, `http/1.1` by ALPN, sessions
/// taken up again by tickets, one of several certificates by SNI, no renegotiation, no compression, no early data.
///
/// One for all loops: OpenSSL lets threads share an SSL_CTX as long as nobody changes it, and here `reload` makes new
/// ones instead. Connections keep the one that they began with.
package final class TLSServerContext: Sendable {
    /// The certificates of one reading.
    private struct Generation: Sendable {
        let contexts: [ContextHandle]
    }

    private let files: [TLSCertificateFiles]
    private let ticketKeys: TicketKeys
    private let generation: Mutex<Generation>

    /// - Parameter certificates: at least one; the first serves clients that ask for no name or a strange one.
    package convenience init(_ certificates: [TLSCertificateFiles]) throws(TLSConfigurationError) {
        try self.init(certificates, ticketKeys: TicketKeys())
    }

    init(_ certificates: [TLSCertificateFiles], ticketKeys: TicketKeys) throws(TLSConfigurationError) {
        files = certificates
        self.ticketKeys = ticketKeys
        generation = Mutex(try Self.read(certificates, ticketKeys))
    }

    /// Reads the files again: connections from now on get what is in them. From any thread; it reads files.
    ///
    /// - Throws: when one can't be used, or has expired; then everything stays as it was.
    package func reload() throws(TLSConfigurationError) {
        let fresh = try Self.read(files, ticketKeys)
        if let problem = Self.untimely(fresh, files) { throw problem }
        generation.withLock { $0 = fresh }
    }

    /// What should be said of certificates that are served nevertheless: that one has expired.
    package var warning: String? {
        Self.untimely(generation.withLock { $0 }, files)?.description
    }

    /// The server's side of a new connection.
    package func makeEngine(wire: TLSWire) throws(TLSFailure) -> TLSEngine {
        let handle = generation.withLock { $0.contexts.first }
        guard let handle, let ssl = SSL_new(handle.pointer) else { throw .handshake("no memory") }
        return try TLSEngine(ssl, isServer: true, wire: wire)
    }

    // MARK: Making contexts

    /// What the contexts of one reading know of each other; held by the first context, and by those that are chosen
    /// instead of it without its list, which would be a circle.
    final class Shared: Sendable {
        let ticketKeys: TicketKeys
        let names: ServerNames
        let others: [ContextHandle]

        init(ticketKeys: TicketKeys, names: ServerNames = ServerNames([]), others: [ContextHandle] = []) {
            self.ticketKeys = ticketKeys
            self.names = names
            self.others = others
        }
    }

    /// Owns a reference to an SSL_CTX.
    ///
    /// `@unchecked Sendable`: the context is not changed once it is made, and OpenSSL counts references atomically.
    final class ContextHandle: @unchecked Sendable {
        let pointer: OpaquePointer
        init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { SSL_CTX_free(pointer) }
    }

    private static let sharedIndex = parley_ssl_ctx_ex_index { _, pointer, _, _, _, _ in
        if let pointer { Unmanaged<Shared>.fromOpaque(pointer).release() }
    }

    static func shared(of ssl: OpaquePointer) -> Shared? {
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), sharedIndex).map {
            Unmanaged<Shared>.fromOpaque($0).takeUnretainedValue()
        }
    }

    private static func read(
        _ files: [TLSCertificateFiles], _ ticketKeys: TicketKeys
    ) throws(TLSConfigurationError) -> Generation {
        guard !files.isEmpty else { throw TLSConfigurationError("no certificate is given") }
        var contexts: [ContextHandle] = []
        var names: [[String]] = []
        for pair in files {
            let context = try makeContext()
            try TLSCertificate.load(pair, into: context.pointer)
            let own = SSL_CTX_get0_certificate(context.pointer).map(TLSCertificate.names) ?? []
            contexts.append(context)
            names.append(own)
        }
        for (index, context) in contexts.enumerated() {
            let shared =
                index == 0
                ? Shared(ticketKeys: ticketKeys, names: ServerNames(names), others: Array(contexts.dropFirst()))
                : Shared(ticketKeys: ticketKeys)
            SSL_CTX_set_ex_data(context.pointer, sharedIndex, Unmanaged.passRetained(shared).toOpaque())
        }
        return Generation(contexts: contexts)
    }

    private static func untimely(_ generation: Generation, _ files: [TLSCertificateFiles]) -> TLSConfigurationError? {
        for (context, pair) in zip(generation.contexts, files) {
            guard let certificate = SSL_CTX_get0_certificate(context.pointer),
                let word = TLSCertificate.untimely(certificate)
            else { continue }
            return TLSConfigurationError("the certificate in \(pair.chain) is \(word)")
        }
        return nil
    }

    private static func makeContext() throws(TLSConfigurationError) -> ContextHandle {
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw TLSConfigurationError("no memory for TLS") }
        let handle = ContextHandle(context)
        try TLSRules.apply(to: context)
        SSL_CTX_set_options(context, PARLEY_TLS_SERVER_OPTIONS)
        // Sessions are with the clients: nothing is kept here. One ticket is what a browser's next socket needs.
        parley_ssl_ctx_disable_session_cache(context)
        SSL_CTX_set_num_tickets(context, 1)
        SSL_CTX_set_timeout(context, 24 * 3_600)
        SSL_CTX_set_session_id_context(context, Array("parley".utf8), 6)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context, TicketKeys.callback)
        parley_ssl_ctx_on_server_name(context, chooseByName)
        SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil)
        return handle
    }

    private static let chooseByName:
        @convention(c) (OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) -> Int32 = {
            ssl, _, _ in
            guard let ssl, let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name),
                let shared = shared(of: ssl)
            else { return SSL_TLSEXT_ERR_NOACK }
            let index = shared.names.certificate(for: String(cString: name))
            if index > 0, index <= shared.others.count { SSL_set_SSL_CTX(ssl, shared.others[index - 1].pointer) }
            return SSL_TLSEXT_ERR_OK
        }

    /// A client that offers protocols must offer `http/1.1` (RFC 7301 section 3.2); one that offers none gets it.
    private static let chooseProtocol:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
            UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
        ) -> Int32 = { _, chosen, chosenCount, offered, offeredCount, _ in
            var position = 0
            while let offered, position < Int(offeredCount) {
                let count = Int(offered[position])
                let name = UnsafeBufferPointer(start: offered + position + 1, count: count)
                if position + 1 + count <= Int(offeredCount), name.elementsEqual("http/1.1".utf8) {
                    chosen?.pointee = name.baseAddress
                    chosenCount?.pointee = UInt8(count)
                    return SSL_TLSEXT_ERR_OK
                }
                position += 1 + count
            }
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
}
