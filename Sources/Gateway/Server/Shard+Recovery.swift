import Chat
import Store

extension Shard {
    /// Milliseconds after which the database is asked again what a run goes on with.
    private static let adoptInterval: UInt64 = 1_000

    /// A run that a dead process left is this one's, and with it the session of its user. It may be one that went on with what a person has answered, which
    /// is in the database: then it goes on with that again.
    func adopt(_ run: RecoveredRun) {
        if let epoch = run.epoch { ownership.adopted(run.userID, epoch: epoch) }
        takeUp(run)
    }

    private func takeUp(_ run: RecoveredRun) {
        chatStore.resumption(userID: run.userID, runID: run.runID) { [self] result in
            guard !isFenced else { return }
            let isRunning = run.fate == .running
            switch result {
            case .success(let resumption?):
                session(of: run.userID).adopt(
                    threadID: run.threadID, message: run.message, runID: run.runID, isRunning: isRunning,
                    resuming: resumption)
            case .success(nil):
                session(of: run.userID).adopt(
                    threadID: run.threadID, message: run.message, runID: run.runID, isRunning: isRunning)
            case .failure(.fenced): break
            case .failure: _ = schedule(after: Self.adoptInterval) { [self] in takeUp(run) }
            }
        }
    }
}
