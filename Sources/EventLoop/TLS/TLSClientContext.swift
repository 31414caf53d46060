import COpenSSL

/// A client's trust and rules: whom it believes, TLS 1.2 and 1.3, `http/1.1` by ALPN. The server's certificate must be
/// for the name or the IP address that was asked for.
///
/// One for all loops, and not made for each connection: reading the system's trust store takes milliseconds.
package final class TLSClientContext: Sendable {
    private let handle: TLSServerContext.ContextHandle
    private let verifies: Bool

    /// - Parameters:
    ///   - extraCAFile: PEM file of authorities that are believed beside the system's.
    ///   - verifies: `false` believes anybody; for tests on this machine.
    package init(extraCAFile: String? = nil, verifies: Bool = true) throws(TLSConfigurationError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw TLSConfigurationError("no memory for TLS") }
        handle = TLSServerContext.ContextHandle(context)
        self.verifies = verifies
        try TLSRules.apply(to: context)
        parley_ssl_ctx_disable_session_cache(context)
        guard verifies else { return }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        // A system without a trust store is one that believes nobody but the extra file.
        SSL_CTX_set_default_verify_paths(context)
        if let extraCAFile {
            try TLSCertificate.check(extraCAFile)
            OpenSSLErrors.clear()
            guard SSL_CTX_load_verify_file(context, extraCAFile) == 1 else {
                throw TLSConfigurationError("\(extraCAFile) has no certificates in PEM form")
            }
        }
        OpenSSLErrors.clear()
    }

    /// The client's side of a new connection.
    ///
    /// - Parameter host: the name or the IP address (without brackets) that the server must have a certificate for.
    package func makeEngine(host: String, wire: TLSWire) throws(TLSFailure) -> TLSEngine {
        OpenSSLErrors.clear()
        guard let ssl = SSL_new(handle.pointer) else { throw .handshake("no memory") }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        let offer = [8] + Array("http/1.1".utf8)
        var isReady = SSL_set_alpn_protos(ssl, offer, UInt32(offer.count)) == 0
        // An address is no server name (RFC 6066 section 3).
        if SocketAddress(ip: name, port: 0) != nil {
            isReady = isReady && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
        } else {
            SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            isReady =
                isReady && !name.isEmpty && SSL_set1_host(ssl, name) == 1 && parley_ssl_set_server_name(ssl, name) == 1
        }
        guard isReady else {
            SSL_free(ssl)
            throw .handshake("\(host) can't be the name of a server")
        }
        return try TLSEngine(ssl, isServer: false, wire: wire)
    }
}
