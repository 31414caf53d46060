import EventLoop
import Foundation

/// Certificates for tests, made by the openssl command in a directory of their own.
final class Certificates: Sendable {
    struct Failure: Error { var output: String }

    let directory: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "parley-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        directory = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    enum KeyKind: String {
        case ec = "ec"
        case rsa = "rsa:2048"
        case shortRSA = "rsa:1024"
    }

    /// A self-signed certificate for these names ("DNS:…", "IP:…"), which is its own authority.
    ///
    /// - Parameter isExpired: it was valid in the year 2020.
    @discardableResult
    func make(
        _ name: String, for names: [String] = ["DNS:localhost", "IP:127.0.0.1", "IP:::1"], key: KeyKind = .ec,
        isExpired: Bool = false, passphrase: String? = nil
    ) throws -> TLSCertificateFiles {
        let files = TLSCertificateFiles(chain: path("\(name).pem"), key: path("\(name).key"))
        var request = ["req", "-new", "-newkey", key.rawValue, "-keyout", files.key, "-subj", "/CN=\(name)"]
        if key == .ec { request += ["-pkeyopt", "ec_paramgen_curve:P-256"] }
        request += passphrase.map { ["-passout", "pass:\($0)"] } ?? ["-nodes"]
        if !names.isEmpty { request += ["-addext", "subjectAltName=" + names.joined(separator: ",")] }
        guard isExpired else {
            try Self.openssl(request + ["-x509", "-days", "30", "-out", files.chain])
            return files
        }
        // `req` makes none that has expired.
        let wish = path("\(name).csr")
        try Self.openssl(request + ["-out", wish])
        let rules = try write(
            "ca.cnf",
            """
            [ca]
            default_ca = d
            [d]
            database = \(try write("index-\(name).txt", ""))
            new_certs_dir = \(directory)
            default_md = sha256
            rand_serial = yes
            copy_extensions = copy
            policy = p
            [p]
            commonName = supplied
            """)
        try Self.openssl([
            "ca", "-batch", "-notext", "-selfsign", "-config", rules, "-keyfile", files.key, "-in", wish,
            "-out", files.chain, "-startdate", "20200101000000Z", "-enddate", "20210101000000Z",
        ])
        return files
    }

    func path(_ name: String) -> String { directory + "/" + name }

    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
        return path(name)
    }

    private static func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(output: String(decoding: output, as: UTF8.self)) }
    }
}
