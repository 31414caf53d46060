import Chat
import StoreContract
import Testing

/// The database of the simulation keeps to what PostgreSQL does.
@Suite struct StoreContractTests {
    @Test(arguments: StoreContract.all) func keeps(contract: StoreContract) async {
        let subject = SimulatedSubject()
        for line in await contract.broken(by: subject) { Issue.record("\(line)") }
        #expect(subject.database.violations == [])
    }
}

/// Used by one test, one call after the other.
private final class SimulatedSubject: StoreSubject, @unchecked Sendable {
    private let scheduler = Scheduler(seed: 1)
    let database: SimulatedDatabase
    private var identifiers: UInt64 = 0

    init() {
        database = SimulatedDatabase(scheduler, fault: nil)
        for gateway in 0...1 { database.enlist(node(gateway)) }
    }

    private func node(_ gateway: Int) -> String { "g\(gateway)" }

    func accept(_ turn: NewTurn, at gateway: Int) async -> StoreWrite<Acceptance> {
        StoreWrite(database.accept(turn, node(gateway)))
    }

    func end(_ ending: RunEnding, at gateway: Int) async -> StoreWrite<EndingOutcome> {
        StoreWrite(database.end(ending, node(gateway)))
    }

    func begin(_ runID: Identifier, of userID: String, at gateway: Int) async -> StoreWrite<Beginning> {
        StoreWrite(database.begin(runID, node(gateway)))
    }

    func call(_ operation: ToolOperation, at gateway: Int) async -> StoreWrite<ToolOutcome> {
        StoreWrite(database.perform(operation, node(gateway)))
    }

    func newestMessages(
        _ threadID: Identifier, of userID: String, limit: Int
    ) async -> Result<MessagePage?, StoreError> {
        .success(database.newestMessages(threadID, of: userID, limit: limit))
    }

    func sentTurn(_ key: String, of userID: String, at gateway: Int) async -> Result<SentTurn?, StoreError> {
        .success(database.sentTurn(key, of: userID, node(gateway)))
    }

    func conversation(_ threadID: Identifier, of userID: String) async -> Result<Conversation?, StoreError> {
        .success(database.conversation(threadID, of: userID))
    }

    func suspend(_ suspension: RunSuspension, at gateway: Int) async -> StoreWrite<SuspensionOutcome> {
        StoreWrite(database.suspend(suspension, node(gateway)))
    }

    func approvals(
        _ threadID: Identifier, of userID: String, ids: [Identifier]
    ) async -> Result<ThreadApprovals?, StoreError> {
        .success(database.approvals(threadID, of: userID, ids: ids))
    }

    func resume(_ resumption: NewResumption, at gateway: Int) async -> StoreWrite<ResumeOutcome> {
        StoreWrite(database.resume(resumption, node(gateway)))
    }

    func decline(
        _ threadID: Identifier, of userID: String, as status: Approval.Status, at gateway: Int
    ) async -> StoreWrite<Identifier?> {
        StoreWrite(database.decline(threadID, of: userID, nil, as: status, node(gateway)))
    }

    func resumption(_ runID: Identifier, of userID: String) async -> Result<Resumption?, StoreError> {
        .success(database.resumption(runID, of: userID))
    }

    func fence(_ gateway: Int) async { database.nodes[node(gateway)] = nil }

    func user(_ number: Int) -> String { "u\(number)" }

    func makeIdentifier() -> Identifier {
        identifiers += 1
        return Identifier(high: 7, low: identifiers)
    }
}
