import ArgumentParser
import Command
import EventLoop
import Foundation
import Gateway
import HTTP
import JSON

struct TerminalChat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "A chat in the terminal.",
        discussion: """
            The token is --token, PARLEY_TOKEN, or one for --user that is signed with AUTH_JWT_SECRET. A connection that is \
            cut is taken up again where it was. /help in it tells of its commands. From a pipe each line is a message, one \
            is sent when the one before is answered, and the first failure ends it.

            Example: AUTH_JWT_SECRET=… parley chat --user alice
            Example: echo "add milk" | parley chat --token "$TOKEN" --url https://chat.example.org
            """)

    @OptionGroup var settings: SettingOptions
    @OptionGroup var access: GatewayAccess
    @Option(help: "The conversation to go on with; its newest messages are shown.") var thread: String?

    func run() async throws {
        let (url, token) = try await access.resolve(settings)
        let loop = try EventLoop(label: "parley.chat")
        loop.start()
        defer { loop.stop() }
        let thread = thread
        let problem: String? = await withCheckedContinuation { continuation in
            loop.execute {
                ChatScreen(loop, url, token, thread: thread) { continuation.resume(returning: $0) }.start()
            }
        }
        if let problem { throw ExitError(.unavailable, problem) }
    }
}

/// Which gateway, and as whom.
struct GatewayAccess: ParsableArguments {
    @Option(help: "The gateway (default: the one of HTTP_HOST and HTTP_PORT).") var url: String?
    @Option(help: "A token (PARLEY_TOKEN).") var token: String?
    @Option(help: "The user's id, for a token signed with AUTH_JWT_SECRET.") var user: String?

    /// Seconds that a token for one chat lives.
    private static let lifetime = 86_400.0

    func validate() throws {
        guard user.map({ (1...255).contains($0.unicodeScalars.count) }) ?? true else {
            throw ValidationError("--user must have 1 to 255 characters")
        }
    }

    func resolve(_ settings: SettingOptions) async throws -> (HTTPURL, String) {
        let configuration = try await settings.configuration()
        let address = try Self.address(url, of: configuration)
        if let token = token ?? ProcessInfo.processInfo.environment["PARLEY_TOKEN"], !token.isEmpty {
            return (address, token)
        }
        guard let user else {
            throw ExitError(.usage, "--user or --token is needed: whose chat it is (see parley chat --help)")
        }
        guard !configuration.jwtSecret.isEmpty else {
            throw ExitError(.configuration, "AUTH_JWT_SECRET is not set: with --token none is needed")
        }
        let signed = try await TokenSigner(secret: configuration.jwtSecret).sign(
            userID: user, role: nil, issuer: configuration.issuer, audience: configuration.audience,
            now: Date().timeIntervalSince1970, lifetime: Self.lifetime)
        return (address, signed.token)
    }

    /// What was given, or where a gateway with these settings listens.
    static func address(_ given: String?, of configuration: GatewayConfiguration) throws -> HTTPURL {
        let scheme = configuration.certificates.isEmpty ? "http" : "https"
        let host =
            switch configuration.host {
            case "0.0.0.0": "127.0.0.1"
            case "::": "[::1]"
            case let host: host.contains(":") ? "[\(host)]" : host
            }
        let text = given ?? "\(scheme)://\(host):\(configuration.port)"
        do {
            return try HTTPURL(text)
        } catch {
            throw ExitError(.usage, "\(text.printable) is no URL of a gateway: \(error)")
        }
    }

    /// A client with the times of somebody who looks on: nothing ends a stream that is open.
    ///
    /// - Parameter patience: seconds for a connection, and for the beginning of an answer.
    static func client(on loop: EventLoop, patience: UInt64 = 20) -> HTTPClient {
        var settings = HTTPClientSettings()
        settings.connectTimeout = min(settings.connectTimeout, patience * 1_000_000_000)
        settings.firstByteTimeout = patience * 1_000_000_000
        settings.idleTimeout = 90_000_000_000
        settings.totalTimeout = 7 * 86_400 * 1_000_000_000
        settings.limits.bodyBytes = .max
        settings.tls = try? TLSClientContext()
        return HTTPClient(on: loop, settings)
    }
}
