import HTTPTypes
import JSON
import Store

/// `/api/agents`: who answers here, as the widget introduces them.
enum Assistants {
    static let endpoints: [Endpoint] = [
        Endpoint(
            api: .get, "/api/agents", .user,
            APIOperation(
                id: "listAgents", tag: "conversations", summary: "The assistant, as it introduces itself.",
                detail: """
                    What `AGENT_NAME`, `AGENT_GREETING`, `AGENT_PICTURE` and `AGENT_SUGGESTIONS` say; null or empty where they \
                    say nothing. A page's own words go before.
                    """,
                answers: APIOperation.tagged("All of them: one.", APISchemas.reference("AgentPage"))),
            body: list)
    ]

    private static func list(_ call: APICall) throws(APIFailure) {
        let presentation = call.handler.shard.configuration.agentPresentation
        call.respond(.read(.page(of: [presentation], next: nil) { $0.append(agent: $1) }))
    }
}

extension [UInt8] {
    /// There is one, and it needs no other name.
    fileprivate mutating func append(agent: AgentPresentation) {
        append(#""id":"default","name":"#)
        append(optional: agent.name)
        append(#","greeting":"#)
        append(optional: agent.greeting)
        append(#","picture":"#)
        append(optional: agent.picture)
        append(#","suggestions":"#)
        append(json: .array(agent.suggestions.map { .string($0) }))
    }
}
