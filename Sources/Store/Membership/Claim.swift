package import Chat
import Postgres
import Strings

/// Whose a user's session is, after it was asked for.
package enum Claim: Sendable, Equatable {
    /// This process's. `epoch` is the number of the claim; `isTaken`: from a gateway that is gone, which may have left
    /// runs.
    case owned(epoch: Int64, isTaken: Bool)
    /// Another gateway's, whose last sign of life is so many milliseconds old; it hears that the user is wanted.
    case another(node: String, silence: Int)
    /// There is no such user.
    case nobody

    /// The answers to a batch, in the order of its users; nil where there is no readable one.
    static func decode(_ rows: Rows?, _ users: [PendingUser], node: String) -> [Claim?] {
        guard let rows, users.contains(where: { !$0.claims.isEmpty }) else { return users.map { _ in nil } }
        var claims: [ExactString: Claim] = [:]
        for row in 0..<rows.count {
            guard let id = try? rows.text(row, 0) else { continue }
            claims[ExactString(id)] = try? Claim(rows, row, node: node)
        }
        return users.map { claims[ExactString($0.record.id)] }
    }

    fileprivate init(_ rows: Rows, _ row: Int, node: String) throws(PostgresError) {
        let owner = try rows.optionalText(row, 1)
        if owner.isExactly(node) {
            self = .owned(epoch: try rows.int8(row, 2), isTaken: try rows.bool(row, 4))
        } else {
            self = .another(node: owner ?? "", silence: Int(try rows.int4(row, 3)))
        }
    }
}

extension PostgresChatStore {
    /// Claims the session of a user who may not exist, without making one.
    package func claim(known userID: String, completion: @escaping (Result<Claim, StoreError>) -> Void) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(text: settings.node)
        let node = settings.node
        run(userID, Statements.claimUser, parameters, isWrite: true) { outcome in
            completion(
                outcome.flatMap { rows in
                    guard rows.count > 0 else { return .success(.nobody) }
                    guard let claim = try? Claim(rows, 0, node: node) else { return .failure(.rejected) }
                    return .success(claim)
                })
        }
    }

    /// The gateways that may write at present.
    package func livingNodes(completion: @escaping (Result<[String], StoreError>) -> Void) {
        run("", Statements.livingNodes, Parameters(), isWrite: false) { outcome in
            completion(outcome.map { rows in (0..<rows.count).compactMap { try? rows.text($0, 0) } })
        }
    }

    /// Whose message it is; nil: there is none.
    package func owner(ofMessage id: Identifier, completion: @escaping (Result<String?, StoreError>) -> Void) {
        var parameters = Parameters()
        parameters.append(id)
        run("", Statements.ownerOfMessage, parameters, isWrite: false) { outcome in
            completion(
                outcome.flatMap { rows in
                    guard rows.count == 1, let owner = try? rows.optionalText(0, 0) else { return .success(nil) }
                    return .success(owner)
                })
        }
    }
}
