import ArgumentParser
import Command
import Gateway

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Try the gateway, and what it depends on.", subcommands: [Running.self, Assistant.self])

    struct Assistant: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "agent",
            abstract: "What the configured assistant takes: streaming, tools, usage, roles, reasoning.",
            discussion: """
                It is asked two small things by the code that a gateway has, and what it refuses is found out. Nothing is \
                stored. Ends with 69 where it does not answer.

                Example: AGENT=chat-completions AGENT_BASE_URL=http://127.0.0.1:11434/v1 AGENT_MODEL=qwen3 parley check agent
                """)
        @OptionGroup var options: SettingOptions

        func run() async throws {
            let report = try await AgentCheck.run(try await options.configuration())
            let width = report.findings.map(\.name.count).max() ?? 0
            let values = report.findings.map(\.value.count).max() ?? 0
            for finding in report.findings {
                let name = finding.name + String(repeating: " ", count: width - finding.name.count)
                let value = finding.value + String(repeating: " ", count: values - finding.value.count)
                print("\(name)  \(value)  \(finding.detail)")
            }
            guard report.hasAnswered else { throw ExitError(.unavailable, "the assistant does not answer") }
        }
    }
}
