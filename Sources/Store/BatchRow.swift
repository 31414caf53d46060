import Chat
import Postgres

/// A row on its way into a batch, with whoever waits for it. Objects, so that queue, batch and retries share one copy
/// of its texts.
enum BatchRow {
    final class Turn {
        let turn: NewTurn
        let completion: (StoreWrite<Acceptance>) -> Void

        init(_ turn: NewTurn, _ completion: @escaping (StoreWrite<Acceptance>) -> Void) {
            self.turn = turn
            self.completion = completion
        }
    }

    final class Ending {
        let ending: RunEnding
        let completion: (StoreWrite<EndingOutcome>) -> Void

        init(_ ending: RunEnding, _ completion: @escaping (StoreWrite<EndingOutcome>) -> Void) {
            self.ending = ending
            self.completion = completion
        }
    }

    case turn(Turn)
    case ending(Ending)

    func fail(_ error: StoreError) {
        switch self {
        case .turn(let row): row.completion(StoreWrite(.failure(error)))
        case .ending(let row): row.completion(StoreWrite(.failure(error)))
        }
    }
}

/// A user on the way into a batch, with whoever waits to hear whose the session is.
struct PendingUser {
    var record: UserRecord
    var claims: [(Result<Claim, StoreError>) -> Void] = []

    func answer(_ result: Result<Claim, StoreError>) {
        for claim in claims { claim(result) }
    }
}

/// A user whose session this process gives back.
struct ReleasedUser {
    var id: String
    var epoch: Int64
}

/// What a batch in flight consists of, in the order in which its answers come.
struct BatchFlight {
    /// The machine's number for it.
    var number: Int
    var users: [PendingUser] = []
    var releases: [ReleasedUser] = []
    var endings: [BatchRow.Ending] = []
    var turns: [BatchRow.Turn] = []
    /// Where they stand among the batch's entries.
    var endingIndices: [Int] = []
    var turnIndices: [Int] = []
    var hasCheckpoints = false
    /// The name in which it is stored.
    var node: String
    var departed: UInt64

    var rowCount: Int { endings.count + turns.count }

    init(_ batch: BatchMachine<BatchRow>.Batch, of node: String, at now: UInt64) {
        number = batch.number
        self.node = node
        departed = now
        for (index, entry) in batch.entries.enumerated() {
            switch entry.row {
            case .ending(let row):
                endings.append(row)
                endingIndices.append(index)
            case .turn(let row):
                turns.append(row)
                turnIndices.append(index)
            }
        }
    }
}

/// One of the connections that batches take.
final class BatchLane {
    var connection: PostgresConnection?
    var isLeasing = false
    var flight: BatchFlight?

    var isFree: Bool { flight == nil && !isLeasing }
}
