import EventLoop

extension GatewayConfiguration {
    /// What a start would refuse without asking anybody else: what is required and missing, and files that can't be used.
    ///
    /// - Returns: what a start would warn of.
    /// - Throws: `StartError.configuration`
    package func check() async throws -> [String] {
        var warnings: [String] = []
        guard !databaseURL.isEmpty else { throw StartError.configuration("DATABASE_URL is not set") }
        guard !jwtSecret.isEmpty || jwksURL != nil || jwksFile != nil else {
            throw StartError.configuration(
                "AUTH_JWT_SECRET is not set, nor AUTH_JWKS_URL or AUTH_JWKS_FILE: without one nobody could sign in")
        }
        if !certificates.isEmpty {
            do throws(TLSConfigurationError) {
                let context = try TLSServerContext(certificates)
                if let warning = context.warning { warnings.append(warning) }
            } catch {
                throw StartError.configuration("TLS_CERTIFICATE: \(error)")
            }
        }
        if let jwksFile {
            do throws(KeySetError) {
                try await KeySet(source: KeySet.file(jwksFile), report: { _ in }).load()
            } catch {
                throw StartError.configuration("AUTH_JWKS_FILE: \(error)")
            }
        }
        if jwtSecret.utf8.count < TokenSigner.advisedSecretLength, !jwtSecret.isEmpty {
            warnings.append(TokenSigner.shortSecret)
        }
        return warnings
    }
}
