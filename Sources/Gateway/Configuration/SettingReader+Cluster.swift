import Cluster
import Glibc

extension SettingReader {
    /// How the other gateways are reached; nil: no servers are named. The rest is read all the same, so that a mistake in
    /// it shows at once.
    func cluster() throws(ConfigurationError) -> CarrierOptions? {
        let name = text("cluster.name") ?? "parley"
        let credentials = try file("cluster.credentials.file")
        let authorities = try file("cluster.ca.file")
        let certificate = try file("cluster.certificate")
        let key = try file("cluster.private.key")
        guard (certificate == nil) == (key == nil) else {
            throw ConfigurationError("CLUSTER_CERTIFICATE and CLUSTER_PRIVATE_KEY belong together")
        }
        let urls = text("cluster.url")
        do throws(CarrierOptions.Invalid) {
            var options = try CarrierOptions(urls: urls ?? "nats://127.0.0.1", cluster: name)
            options.credentialsFile = credentials
            options.authorityFile = authorities
            options.certificateFile = certificate
            options.keyFile = key
            return urls == nil ? nil : options
        } catch {
            throw ConfigurationError("\(error == .cluster ? "CLUSTER_NAME" : "CLUSTER_URL") \(error)")
        }
    }

    /// A file that can be read.
    private func file(_ key: String) throws(ConfigurationError) -> String? {
        guard let path = text(key) else { return nil }
        guard access(path, R_OK) == 0 else {
            throw ConfigurationError("\(Setting.name(key)): \(path) can't be read")
        }
        return path
    }
}
