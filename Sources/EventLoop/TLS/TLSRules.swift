import COpenSSL

/// What both roles hold to.
enum TLSRules {
    /// Applies versions, ciphers, groups and modes to a new context.
    static func apply(to context: OpaquePointer) throws(TLSConfigurationError) {
        OpenSSLErrors.clear()
        guard parley_ssl_ctx_set_versions(context, TLS1_2_VERSION, TLS1_3_VERSION) == 1,
            // AEAD with forward secrecy only. AES-128 first: it is as safe for this and the fastest.
            SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") == 1,
            SSL_CTX_set_ciphersuites(
                context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1,
            // Without finite fields and P-521, which a flood of handshakes could make expensive.
            parley_ssl_ctx_set_groups(context, "X25519:P-256:P-384") == 1
        else { throw TLSConfigurationError("this OpenSSL lacks what TLS needs here: \(OpenSSLErrors.reason)") }
        SSL_CTX_set_options(context, PARLEY_TLS_OPTIONS)
        // An idle connection keeps no record buffers.
        parley_ssl_ctx_set_mode(context, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
    }
}
