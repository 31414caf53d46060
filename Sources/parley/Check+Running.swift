import ArgumentParser
import Command
import EventLoop
import HTTP
import HTTPTypes
import JSON

extension Check {
    struct Running: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "gateway",
            abstract: "Whether a running gateway would take a turn now, and if not, why.",
            discussion: """
                Asks /readyz, and ends with 69 and the reasons where it would not. For health checks that have no curl.

                Example: parley check gateway --url http://127.0.0.1:8080
                """)

        /// Seconds for a connection, and for the answer.
        private static let patience: UInt64 = 5

        @OptionGroup var settings: SettingOptions
        @Option(help: "The gateway (default: the one of HTTP_HOST and HTTP_PORT).") var url: String?

        func run() async throws {
            let address = try GatewayAccess.address(url, of: try await settings.configuration())
            let loop = try EventLoop(label: "parley.check")
            loop.start()
            defer { loop.stop() }
            let (status, reasons): (Int?, String) = await withCheckedContinuation { continuation in
                loop.execute {
                    let client = GatewayAccess.client(on: loop, patience: Self.patience)
                    let receiver = AnswerReceiver { status, body in
                        client.close()
                        let reasons = body?["reasons"]?.array?.compactMap(\.string) ?? []
                        continuation.resume(returning: (status, reasons.joined(separator: ", ")))
                    }
                    client.start(HTTPClientRequest(.get, address.appending(path: "readyz")), receiver)
                }
            }
            guard let status else { throw ExitError(.unavailable, "the gateway \(address) can't be reached") }
            guard status == 200 else {
                let words = reasons.isEmpty ? "" : ": \(reasons.printable)"
                throw ExitError(.unavailable, "the gateway \(address) is not ready (HTTP \(status))\(words)")
            }
            print("ready")
        }
    }
}
