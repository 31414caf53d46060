import COpenSSL
import Glibc

/// A certificate with the chain behind it and its private key, as PEM files.
package struct TLSCertificateFiles: Sendable, Equatable {
    /// The server's own certificate first, then those that lead to an authority.
    package var chain: String
    /// Without a passphrase.
    package var key: String

    package init(chain: String, key: String) {
        self.chain = chain
        self.key = key
    }
}

/// Reading certificates and keys, and what is in them.
enum TLSCertificate {
    /// Files longer than this are not read: a chain has some kilobytes.
    private static let fileLimit = 1 << 20

    /// Gives a context a certificate with its chain and its key.
    static func load(_ files: TLSCertificateFiles, into context: OpaquePointer) throws(TLSConfigurationError) {
        try check(files.chain)
        try check(files.key)
        OpenSSLErrors.clear()
        guard SSL_CTX_use_certificate_chain_file(context, files.chain) == 1,
            let certificate = SSL_CTX_get0_certificate(context)
        else { throw unfit(files.chain, "certificate") }
        let key = try privateKey(files.key)
        defer { EVP_PKEY_free(key) }
        guard X509_check_private_key(certificate, key) == 1 else {
            throw TLSConfigurationError("the key in \(files.key) does not belong to the certificate in \(files.chain)")
        }
        guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1 else {
            throw unfit(files.key, "private key")
        }
    }

    /// The DNS names that a certificate is for (subjectAltName; the common name counts for nothing any more).
    static func names(of certificate: OpaquePointer) -> [String] {
        guard let names = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil).map(OpaquePointer.init) else {
            return []
        }
        defer { GENERAL_NAMES_free(names) }
        return (0..<parley_general_names_count(names)).compactMap { index in
            var count: Int32 = 0
            guard let text = parley_dns_name(parley_general_name(names, index), &count) else { return nil }
            return String(decoding: UnsafeBufferPointer(start: text, count: Int(count)), as: UTF8.self)
        }
    }

    /// "expired", "not valid yet", or nil.
    static func untimely(_ certificate: OpaquePointer) -> String? {
        if X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 { return "expired" }
        if X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0 { return "not valid yet" }
        return nil
    }

    static func check(_ path: String) throws(TLSConfigurationError) {
        var status = stat()
        guard stat(path, &status) == 0, access(path, R_OK) == 0 else {
            throw TLSConfigurationError("\(path) can't be read: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT != S_IFDIR, status.st_size <= fileLimit else {
            throw TLSConfigurationError("\(path) is no PEM file")
        }
    }

    private static func privateKey(_ path: String) throws(TLSConfigurationError) -> OpaquePointer {
        OpenSSLErrors.clear()
        guard let file = BIO_new_file(path, "r") else { throw unfit(path, "private key") }
        defer { BIO_free(file) }
        // Asked for a passphrase, OpenSSL would wait at the terminal.
        guard let key = PEM_read_bio_PrivateKey(file, nil, { _, _, _, _ in -1 }, nil) else {
            throw unfit(path, "private key")
        }
        return key
    }

    private static func unfit(_ path: String, _ kind: String) -> TLSConfigurationError {
        let reason =
            switch OpenSSLErrors.reason {
            case "no start line", "unknown", "unsupported": "there is none in PEM form"
            case "bad password read", "interrupted or cancelled": "it is encrypted"
            case let other: other
            }
        OpenSSLErrors.clear()
        return TLSConfigurationError("\(path) has no \(kind) that can be used: \(reason)")
    }
}
