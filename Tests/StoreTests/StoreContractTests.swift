import Chat
import Store
import StoreContract
import Testing

/// PostgreSQL keeps to what stands in for it in simulations.
@Suite(.serialized) struct StoreContractTests {
    /// One after the other: each has loops of its own, and a process has only 255 threads for them.
    @Test(.serialized, arguments: StoreContract.all) func keeps(contract: StoreContract) async throws {
        for line in await contract.broken(by: try PostgresSubject()) { Issue.record("\(line)") }
    }
}

private final class PostgresSubject: StoreSubject {
    private static let database = "parley_test_contract"
    private let gateways: [StoreFixture]

    init() throws {
        gateways = try (0...1).map { number in
            try StoreFixture(node: "\(number)/\(UInt32.random(in: 0 ... .max))", database: Self.database)
        }
    }

    func accept(_ turn: NewTurn, at gateway: Int) async -> StoreWrite<Acceptance> {
        await gateways[gateway].on { store, resume in store.accept(turn, completion: resume) }
    }

    func end(_ ending: RunEnding, at gateway: Int) async -> StoreWrite<EndingOutcome> {
        await gateways[gateway].on { store, resume in store.end(ending, completion: resume) }
    }

    func begin(_ runID: Identifier, of userID: String, at gateway: Int) async -> StoreWrite<Beginning> {
        await gateways[gateway].on { store, resume in
            store.begin(userID: userID, runID: runID, completion: resume)
        }
    }

    func call(_ operation: ToolOperation, at gateway: Int) async -> StoreWrite<ToolOutcome> {
        await gateways[gateway].on { store, resume in store.call(operation, completion: resume) }
    }

    func newestMessages(
        _ threadID: Identifier, of userID: String, limit: Int
    ) async -> Result<MessagePage?, StoreError> {
        await gateways[0].on { store, resume in
            store.newestMessages(userID: userID, threadID: threadID, limit: limit, completion: resume)
        }
    }

    func sentTurn(_ key: String, of userID: String, at gateway: Int) async -> Result<SentTurn?, StoreError> {
        await gateways[gateway].on { store, resume in
            store.sentTurn(userID: userID, clientID: key, completion: resume)
        }
    }

    func conversation(_ threadID: Identifier, of userID: String) async -> Result<Conversation?, StoreError> {
        await gateways[0].on { store, resume in
            store.conversation(userID: userID, threadID: threadID, completion: resume)
        }
    }

    func suspend(_ suspension: RunSuspension, at gateway: Int) async -> StoreWrite<SuspensionOutcome> {
        await gateways[gateway].on { store, resume in store.suspend(suspension, completion: resume) }
    }

    func approvals(
        _ threadID: Identifier, of userID: String, ids: [Identifier]
    ) async -> Result<ThreadApprovals?, StoreError> {
        await gateways[0].on { store, resume in
            store.approvals(userID: userID, threadID: threadID, ids: ids, completion: resume)
        }
    }

    func resume(_ resumption: NewResumption, at gateway: Int) async -> StoreWrite<ResumeOutcome> {
        await gateways[gateway].on { store, resume in store.resume(resumption, completion: resume) }
    }

    func decline(
        _ threadID: Identifier, of userID: String, as status: Approval.Status, at gateway: Int
    ) async -> StoreWrite<Identifier?> {
        await gateways[gateway].on { store, resume in
            store.decline(
                userID: userID, threadID: threadID, runID: nil, as: status, by: "session", completion: resume)
        }
    }

    func resumption(_ runID: Identifier, of userID: String) async -> Result<Resumption?, StoreError> {
        await gateways[0].on { store, resume in
            store.resumption(userID: userID, runID: runID, completion: resume)
        }
    }

    func fence(_ gateway: Int) async {
        _ = try? gateways[gateway].value("delete from parley.nodes where id = $1", [gateways[gateway].node])
    }

    func user(_ number: Int) -> String { gateways[number].user }
    func makeIdentifier() -> Identifier { gateways[0].id() }
}
