import Chat
import Store
import Strings

extension Shard {
    /// Milliseconds after which the database is asked again what a run goes on with.
    private static let adoptInterval: UInt64 = 1_000

    /// Runs that dead processes left are this one's, and with them the sessions of their users, all of whom are of this
    /// shard. A run may be one that went on with what a person has answered, which is in the database: then it goes on with
    /// that again.
    ///
    /// Who waits to be let in is told of all of them.
    /// - Parameter completion: Called once, when the sessions have them; what could not be asked is tried again.
    func takeOver(_ runs: [RecoveredRun], completion: @escaping () -> Void) {
        let node = chatStore.node
        var users: [ExactString: [(run: RecoveredRun, resumption: Resumption?)]] = [:]
        var epochs: [ExactString: [Int64]] = [:]
        var left = 1
        let done = { [self] in
            left -= 1
            guard left == 0 else { return }
            if isStill(node) {
                for (user, epochs) in epochs {
                    var runs = users[user] ?? []
                    for epoch in epochs {
                        ownership.adopted(user.string, epoch: epoch) {
                            for (run, resumption) in runs { adopt(run, resuming: resumption) }
                            runs = []
                        }
                    }
                }
            }
            completion()
        }
        for run in runs {
            let user = ExactString(run.userID)
            guard run.fate != .interrupted else {
                sessions[user]?.refresh(threadID: run.threadID)
                continue
            }
            if let epoch = run.epoch { epochs[user, default: []].append(epoch) }
            left += 1
            chatStore.resumption(userID: run.userID, runID: run.runID) { [self] result in
                switch result {
                case .success(let resumption): users[user, default: []].append((run, resumption))
                case .failure(.fenced): break
                case .failure: adoptLater(run, as: node)
                }
                done()
            }
        }
        done()
    }

    private func adopt(_ run: RecoveredRun, resuming resumption: Resumption?) {
        let (session, isRunning) = (session(of: run.userID), run.fate == .running)
        if let resumption {
            session.adopt(
                threadID: run.threadID, message: run.message, runID: run.runID, isRunning: isRunning,
                resuming: resumption)
        } else {
            session.adopt(threadID: run.threadID, message: run.message, runID: run.runID, isRunning: isRunning)
        }
    }

    private func adoptLater(_ run: RecoveredRun, as node: String) {
        _ = schedule(after: Self.adoptInterval) { [self] in
            guard isStill(node) else { return }
            chatStore.resumption(userID: run.userID, runID: run.runID) { [self] result in
                guard isStill(node) else { return }
                switch result {
                case .success(let resumption): adopt(run, resuming: resumption)
                case .failure(.fenced): break
                case .failure: adoptLater(run, as: node)
                }
            }
        }
    }

    /// Not fenced since: what was recovered as another incarnation is another gateway's again.
    private func isStill(_ node: String) -> Bool { !isFenced && chatStore.node == node }
}
