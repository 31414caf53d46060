package import EventLoop

extension GatewayConfiguration {
    /// Certificates with their keys: the first file of one list belongs to the first of the other, and so on.
    ///
    /// - Throws: `ConfigurationError` when they don't pair up.
    package static func certificates(
        _ chains: [String], keys: [String]
    ) throws(ConfigurationError) -> [TLSCertificateFiles] {
        guard chains.count == keys.count else {
            throw ConfigurationError(
                "TLS_CERTIFICATE names \(chains.count) and TLS_PRIVATE_KEY \(keys.count): each certificate needs its key"
            )
        }
        return zip(chains, keys).map { TLSCertificateFiles(chain: $0, key: $1) }
    }
}
