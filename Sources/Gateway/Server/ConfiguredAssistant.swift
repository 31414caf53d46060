import Agents
import Chat
import EventLoop
import HTTP
import Logging
import TodoAssistant

/// The assistant that the configuration names, for one shard.
struct ConfiguredAssistant {
    let agent: any Agent
    /// Calls of its upstream; none where it has none.
    private(set) var figures: () -> UpstreamFigures = { UpstreamFigures() }

    init(_ configuration: GatewayConfiguration, on loop: EventLoop, _ logger: Logger) {
        switch configuration.agent {
        case .chatCompletions, .agui:
            guard let url = configuration.agentURL else {
                // The reader of the configuration requires one.
                agent = TodoAgent(clock: loop, pace: 0, bulk: configuration.approveBulk)
                return
            }
            var settings = configuration.upstream.upstream.share(of: configuration.shards)
            if configuration.agent == .agui { settings.skippedTypes = AGUIEvent.dispensableTypes }
            let upstream = Upstream(HTTPClient(on: loop, configuration.upstream.client), settings)
            agent = Self.upstreamAgent(configuration, at: url, upstream) { logger.warning("\($0)") }
            figures = { [weak upstream] in upstream?.figures ?? UpstreamFigures() }
        case .todo:
            agent = TodoAgent(
                clock: loop, pace: UInt64(configuration.tokenPaceMilliseconds) * 1_000_000,
                bulk: configuration.approveBulk)
        case .scripted:
            agent = ScriptedAgent(
                loop: loop, tokens: configuration.scriptedTokens,
                pace: UInt64(configuration.scriptedPaceMilliseconds) * 1_000_000)
        }
    }

    /// The assistant at `AGENT_BASE_URL`, whose requests all go through `upstream`.
    ///
    /// - Parameter report: takes one line for the operator about a turn that failed.
    static func upstreamAgent(
        _ configuration: GatewayConfiguration, at url: HTTPURL, _ upstream: Upstream,
        report: @escaping (String) -> Void
    ) -> any Agent {
        let isAGUI = configuration.agent == .agui
        let transport = HTTPAgentTransport(
            upstream, isAGUI ? url : url.appending(path: "/chat/completions"), key: configuration.agentKey)
        if isAGUI {
            return AGUIAgent(
                maximumSteps: configuration.agentSteps, showsReasoning: configuration.showsReasoning, transport,
                report: report)
        }
        var settings = ChatCompletionsAgent.Settings(
            model: configuration.agentModel, instructions: configuration.agentInstructions,
            maximumSteps: configuration.agentSteps)
        settings.showsReasoning = configuration.showsReasoning
        return ChatCompletionsAgent(settings, transport, profile: configuration.agentProfile, report: report)
    }
}
