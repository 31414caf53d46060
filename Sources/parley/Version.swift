import CBuild
import CLibPQ
import COpenSSL
import CZlib

/// What this program is and what it runs with, for `parley --version` and for those who are asked what they run.
enum Version {
    /// The protocol's version comes first: what clients can rely on.
    static let number = "1.0.0"

    static var commit: String {
        let commit = String(cString: parley_build_commit())
        return commit.isEmpty ? "unknown" : commit
    }

    static var text: String {
        """
        parley \(number) (commit \(commit), \(compiler))
        \(String(cString: OpenSSL_version(OPENSSL_VERSION))), libpq \(libpq), zlib \(String(cString: zlibVersion()))
        """
    }

    private static var libpq: String {
        let number = PQlibVersion()
        return "\(number / 10_000).\(number % 10_000)"
    }

    private static var compiler: String {
        #if compiler(>=6.4)
            "Swift 6.4 or newer"
        #elseif compiler(>=6.3)
            "Swift 6.3"
        #else
            "Swift 6.2"
        #endif
    }
}
