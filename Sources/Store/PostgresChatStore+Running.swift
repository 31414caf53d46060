import Chat
import EventLoop
import Logging
import Postgres

extension PostgresChatStore {
    /// One statement under row-level security. It can be repeated, so a lost connection is answered by another try,
    /// as long as the bound on waiting allows.
    ///
    /// - Parameter isWrite: when the connection is lost during the last try, the outcome is unknown.
    func run(
        _ userID: String, _ statement: Statement, _ parameters: Parameters, isWrite: Bool = false,
        completion: @escaping (Result<Rows, StoreError>) -> Void
    ) {
        var completion = completion
        if isWrite, replica != nil {
            // Also where the outcome is unknown.
            let told = completion
            completion = { [self] outcome in
                gate.wrote(userID)
                told(outcome)
            }
        }
        attempt(request(userID, statement, parameters, isWrite: isWrite, completion))
    }

    /// The same for what only reads and may be as old as the user's own last write: a replica answers where there is
    /// one that is not behind that write, otherwise the primary.
    func read(
        _ userID: String, _ statement: Statement, _ parameters: Parameters,
        completion: @escaping (Result<Rows, StoreError>) -> Void
    ) {
        var request = request(userID, statement, parameters, isWrite: false, completion)
        request.setUser = Statements.setUserForPages
        guard let replica else { return attempt(request) }
        guard knowsWrites(userID) else { return readOnPrimary(request, nil) }
        switch gate.route(userID) {
        case .primary(let stamp): readOnPrimary(request, stamp)
        case .replica(let position):
            guard replica.isAvailable else { return readOnPrimary(request, nil) }
            readOnReplica(request, replica, from: position)
        }
    }

    private func request(
        _ userID: String, _ statement: Statement, _ parameters: Parameters, isWrite: Bool,
        _ completion: @escaping (Result<Rows, StoreError>) -> Void
    ) -> Request {
        Request(
            userID: userID, statement: statement, parameters: parameters, isWrite: isWrite,
            deadline: pool.loop.now &+ settings.waitLimit, node: settings.node, completion: completion)
    }

    private func readOnPrimary(_ request: Request, _ stamp: UInt64?) {
        primaryReads += 1
        var request = request
        request.stamp = stamp
        if stamp != nil { request.setUser = Statements.setUserOnPrimary }
        attempt(request)
    }

    /// Whatever goes wrong there, the primary is asked.
    private func readOnReplica(_ request: Request, _ replica: PostgresPool, from position: Int64) {
        var hasReturned = false
        replica.transaction(
            { connection in
                var user = Parameters()
                user.append(text: request.userID)
                user.append(int8: position)
                connection.send(Statements.setUserOnReplica, user)
                connection.send(request.statement, request.parameters)
            },
            completion: { [self] outcome in
                if case .success(let answers) = outcome, answers.count == 2, (try? answers[0].bool(0, 1)) == true {
                    replicaReads += 1
                    return request.completion(.success(answers[1]))
                }
                if hasReturned { return readOnPrimary(request, nil) }
                _ = pool.loop.schedule(after: 0) { [self] in readOnPrimary(request, nil) }
            })
        hasReturned = true
    }

    private struct Request {
        var userID: String
        var statement: Statement
        var parameters: Parameters
        var isWrite: Bool
        var deadline: UInt64
        /// This process, when it asked.
        var node: String
        var isInDoubt = false
        var setUser = Statements.setUser
        /// Of a read after which the position of the WAL is to be remembered.
        var stamp: UInt64?
        var completion: (Result<Rows, StoreError>) -> Void
    }

    private func attempt(_ request: Request) {
        var hasReturned = false
        pool.transaction(
            { connection in
                var user = Parameters()
                user.append(text: request.userID)
                connection.send(request.setUser, user)
                connection.send(request.statement, request.parameters)
            },
            completion: { [self] outcome in
                switch outcome {
                case .success(let answers):
                    guard answers.count == 2 else { return request.completion(.failure(.rejected)) }
                    if let stamp = request.stamp {
                        gate.primaryAnswered(request.userID, at: try? answers[0].int8(0, 1), stamp: stamp)
                    }
                    request.completion(.success(answers[1]))
                case .failure(let error):
                    if hasReturned { return settle(request, error) }
                    // The pool may refuse at once, but no completion comes before its call has returned.
                    _ = pool.loop.schedule(after: 0) { [self] in settle(request, error) }
                }
            })
        hasReturned = true
    }

    private func settle(_ request: Request, _ error: PostgresError) {
        if error.isFence {
            request.completion(.failure(.fenced))
            fenced(request.node)
            return
        }
        var request = request
        if error.isOutcomeUnknown && request.isWrite { request.isInDoubt = true }
        let mayPass = error.isConnectionLoss || StoreError.isPassing(error) || request.isInDoubt && error.kind == .pool
        if mayPass, request.node != settings.node {
            // What was asked before it was fenced is not asked again: its name stands in the parameters.
            return request.completion(.failure(.fenced))
        }
        if mayPass, pool.loop.now < request.deadline {
            let again = request
            _ = pool.loop.schedule(after: 50_000_000) { [self] in attempt(again) }
            return
        }
        if mayPass || error.kind == .pool {
            return request.completion(.failure(request.isInDoubt ? .unknown : BatchWriter.away))
        }
        logger.error(
            "a statement was refused", metadata: ["statement": "\(request.statement.name)", "cause": "\(error)"])
        request.completion(.failure(.rejected))
    }
}
