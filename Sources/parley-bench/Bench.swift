import ArgumentParser
import Command

/// What measures and tries the gateway; no part of what is deployed.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parley-bench",
        abstract: "Load for a gateway, and its parts alone, for benchmarks and conformance suites.",
        subcommands: [Load.self, Echo.self, StoreBench.self])

    static func main() async { await run(as: "parley-bench") }
}
