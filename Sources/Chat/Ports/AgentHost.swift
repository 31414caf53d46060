/// Which assistant answers a conversation. On the shard's loop.
package protocol AgentHost: AnyObject {
    /// Asked for each turn; what answers the turn that is under way goes on with it.
    func agent(for threadID: Identifier, of userID: String) -> any Agent
}

/// One assistant for all.
package final class SingleAgentHost: AgentHost {
    private let agent: any Agent

    package init(_ agent: any Agent) { self.agent = agent }

    package func agent(for threadID: Identifier, of userID: String) -> any Agent { agent }
}
