package import Chat
import EventLoop
import Logging
import Postgres

/// What became of a run that a dead process left.
package struct RecoveredRun: Sendable, Equatable {
    package enum Fate: Sendable, Equatable {
        /// Closed as interrupted; its text is in the history.
        case interrupted
        /// Nothing of it was seen: it is this process's now and runs again.
        case running
        /// Likewise, behind another of its conversation.
        case queued
    }

    package var userID: String
    package var threadID: Identifier
    package var runID: Identifier
    package var fate: Fate
    /// The user's message that it answers.
    package var message: Message
    /// Of the claim to the user's session, which came with the run; nil: the run was closed.
    package var epoch: Int64?

    package init(
        userID: String, threadID: Identifier, runID: Identifier, fate: Fate, message: Message, epoch: Int64? = nil
    ) {
        self.epoch = epoch
        self.userID = userID
        self.threadID = threadID
        self.runID = runID
        self.fate = fate
        self.message = message
    }
}

extension PostgresChatStore {
    /// Finishes or takes over what dead processes left (Protocol.md, section 4), for all users: by one shard at the
    /// start and every few seconds, since another gateway is known to be dead only after a while.
    ///
    /// It is asked once: an answer that gets lost has given this process runs of which it does not know, so the next call
    /// gives all that it has.
    ///
    /// - Parameter limit: conversations looked at; call again while the answer is not empty.
    package func recover(
        limit: Int = 500, completion: @escaping (Result<[RecoveredRun], StoreError>) -> Void
    ) {
        guard !isFenced else {
            _ = pool.loop.schedule(after: 0) { completion(.failure(.fenced)) }
            return
        }
        let node = settings.node
        var parameters = Parameters()
        parameters.append(text: node)
        parameters.append(int4: Int32(clamping: settings.staleAfter))
        parameters.append(int4: Int32(clamping: settings.steadyAfter))
        parameters.append(int4: Int32(clamping: limit))
        let question = recoveryDoubt.ask()
        parameters.append(bool: question.again)
        pool.transaction({ $0.send(Statements.recoverRuns, parameters) }) { [self] outcome in
            do throws(PostgresError) {
                let answers = try outcome.get()
                var runs: [RecoveredRun] = []
                if let rows = answers.first { for row in 0..<rows.count { runs.append(try run(rows, row)) } }
                if node == settings.node { recoveryDoubt.answered(question) }
                completion(.success(runs))
            } catch {
                if error.kind != .pool { recoveryDoubt.lost() }
                logger.warning("what silent gateways left could not be taken over", metadata: ["cause": "\(error)"])
                completion(.failure(error.isFence ? .fenced : error.kind == .pool ? BatchWriter.away : .unknown))
                if error.isFence { fenced(node) }
            }
        }
    }

    package func begin(
        userID: String, runID: Identifier, completion: @escaping (StoreWrite<Beginning>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(runID)
        parameters.append(text: settings.node)
        run(userID, Statements.beginRun, parameters, isWrite: true) { outcome in
            let beginning: Result<Beginning, StoreError> = outcome.flatMap { rows in
                guard rows.count == 1, let answer = try? rows.text(0, 0) else { return .failure(.rejected) }
                switch answer {
                case "running": return .success(.begun)
                case "gone": return .success(.gone)
                default: return .success(.waits(behind: Identifier(answer)))
                }
            }
            completion(StoreWrite(beginning))
        }
    }

    private func run(_ rows: Rows, _ row: Int) throws(PostgresError) -> RecoveredRun {
        let isRunning = try rows.bool(row, 6)
        let isClosed = try rows.bool(row, 7)
        let threadID = try rows.identifier(row, 1)
        let messageID = try rows.identifier(row, 3)
        let content = try settings.contents.open(
            try rows.text(row, 4), key: try rows.optionalText(row, 8), .content, thread: threadID, id: messageID)
        return RecoveredRun(
            userID: try rows.text(row, 0), threadID: threadID, runID: try rows.identifier(row, 2),
            fate: isClosed ? .interrupted : isRunning ? .running : .queued,
            message: Message(id: messageID, role: .user, content: content, position: Int(try rows.int4(row, 5))),
            epoch: try rows.optionalInt8(row, 9))
    }
}
