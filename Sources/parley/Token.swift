import ArgumentParser
import Command
import Foundation
import Gateway

struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a token signed with AUTH_JWT_SECRET.",
        discussion: "Example: AUTH_JWT_SECRET=… parley token --user alice --ttl 86400")

    @OptionGroup var settings: SettingOptions

    @Option(help: "The user's id, 1 to 255 characters.")
    var user: String

    @Option(help: "admin, or nothing.")
    var role: String?

    @Option(parsing: .unconditional, help: "Seconds that it lives.")
    var ttl = 3_600

    func validate() throws {
        guard (1...255).contains(user.unicodeScalars.count) else {
            throw ValidationError("--user must have 1 to 255 characters")
        }
        guard role == nil || role == "admin" else { throw ValidationError("--role can only be admin") }
        guard (1...315_360_000).contains(ttl) else {
            throw ValidationError("--ttl \(ttl) is not a positive number of seconds, 315360000 (10 years) at most")
        }
    }

    func run() async throws {
        let configuration = try await settings.configuration()
        guard !configuration.jwtSecret.isEmpty else {
            throw ExitError(.configuration, "AUTH_JWT_SECRET is not set")
        }
        if configuration.jwtSecret.utf8.count < TokenSigner.advisedSecretLength {
            complain("parley: warning: \(TokenSigner.shortSecret)")
        }
        let signed = try await TokenSigner(secret: configuration.jwtSecret).sign(
            userID: user, role: role, issuer: configuration.issuer, audience: configuration.audience,
            now: Date().timeIntervalSince1970, lifetime: Double(ttl))
        print(signed.token)
    }
}
