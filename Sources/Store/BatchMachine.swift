package import Chat
import DequeModule

/// Which rows go together, and which batches may be under way beside each other. Pure.
///
/// ```
/// append → queue → next → in flight → succeeded
///            ▲               │  refused: in two halves, each tried again, until the bad row is alone
///            └── retries ◀───┘  lost: whole, in front, in doubt if the outcome is
/// ```
/// The order in which rows of one conversation were appended is the order in which they take effect. In a batch the
/// endings take effect before the turns, one ending a conversation; where that would change the order, the batch is
/// cut. Batches beside each other have no user in common, so neither can wait for what the other has locked or not yet
/// committed; rows of a user who is under way stay where they are, in order.
package struct BatchMachine<Row> {
    package enum Kind: Sendable { case turn, ending }

    package struct Entry {
        package var row: Row
        package var kind: Kind
        package var conversation: Identifier
        /// Stands for the user. Two users may share one: then their rows wait for each other.
        package var user: Int
        /// What it counts against the bounds.
        package var bytes: Int
        package var appended: UInt64
        /// When its connection was lost in the middle of a commit: it may be stored.
        package var inDoubtSince: UInt64?
    }

    /// Rows that go in one transaction.
    package struct Batch {
        package var number: Int
        package var entries: [Entry]
        fileprivate var users: Set<Int>
    }

    private let settings: StoreSettings
    private var queue: Deque<Entry> = []
    /// Batches that were formed before and go first.
    private var retries: Deque<[Entry]> = []
    private var inFlight: [Batch] = []
    private var nextNumber = 1
    /// Of everything that waits; what is in flight does not count.
    package private(set) var waitingRows = 0
    package private(set) var waitingBytes = 0

    package init(_ settings: StoreSettings) {
        self.settings = settings
    }

    package var isBusy: Bool { !inFlight.isEmpty }
    package var isEmpty: Bool { inFlight.isEmpty && waitingRows == 0 }

    /// Whether a batch would be worth a connection now: the first for any row, a further one beside it only for many,
    /// since two small commits cost the server more than one.
    package var wantsFlight: Bool {
        if inFlight.isEmpty { return waitingRows > 0 }
        return inFlight.count < settings.flights && waitingRows >= settings.flightRows
    }

    /// Whether something of that user's is in flight.
    package func isInFlight(_ user: Int) -> Bool { inFlight.contains { $0.users.contains(user) } }

    /// - Returns: false when the queue is full; nothing was taken.
    package mutating func append(
        _ row: Row, _ kind: Kind, _ conversation: Identifier, user: Int, bytes: Int, at now: UInt64
    ) -> Bool {
        guard waitingRows < settings.queueRows, waitingBytes + bytes <= settings.queueBytes else { return false }
        queue.append(
            Entry(row: row, kind: kind, conversation: conversation, user: user, bytes: bytes, appended: now))
        waitingRows += 1
        waitingBytes += bytes
        return true
    }

    /// The next batch, which is in flight until one of the three outcomes is told; `nil` when there is none, or none
    /// that may go beside what is under way.
    package mutating func next() -> Batch? {
        guard wantsFlight else { return nil }
        var batch = Batch(number: nextNumber, entries: [], users: [])
        if let first = retries.first {
            guard !first.contains(where: { isInFlight($0.user) }) else { return nil }
            batch.entries = first
            retries.removeFirst()
        } else {
            batch.entries = form()
        }
        if batch.entries.isEmpty { return nil }
        for entry in batch.entries {
            batch.users.insert(entry.user)
            waitingBytes -= entry.bytes
        }
        waitingRows -= batch.entries.count
        nextNumber += 1
        inFlight.append(batch)
        return batch
    }

    /// A batch without rows, for what goes along with them. Nothing else goes beside it.
    package mutating func nextWithoutRows() -> Batch? {
        guard inFlight.isEmpty else { return nil }
        let batch = Batch(number: nextNumber, entries: [], users: [])
        nextNumber += 1
        inFlight.append(batch)
        return batch
    }

    /// Rows of those users wait until the batch has landed, as if it held some.
    package mutating func claim(_ users: some Sequence<Int>, for batch: Int) {
        guard let index = inFlight.firstIndex(where: { $0.number == batch }) else { return }
        inFlight[index].users.formUnion(users)
    }

    /// Committed. The rows with the indices `again` were not taken and are tried once more, before all others.
    package mutating func succeeded(_ batch: Int, again: [Int] = []) {
        let entries = land(batch)
        if !again.isEmpty { putBack(again.map { entries[$0] }) }
    }

    /// The server refused the batch; nothing is stored.
    ///
    /// - Returns: the row when it was alone: it is to blame.
    package mutating func refused(_ batch: Int) -> Entry? {
        let entries = land(batch)
        if entries.count <= 1 { return entries.first }
        let middle = entries.count / 2
        putBack(Array(entries[middle...]))
        putBack(Array(entries[..<middle]))
        return nil
    }

    /// The connection or the server gave out.
    package mutating func lost(_ batch: Int, inDoubt: Bool, at now: UInt64) {
        var entries = land(batch)
        if entries.isEmpty { return }
        if inDoubt {
            for index in entries.indices where entries[index].inDoubtSince == nil { entries[index].inDoubtSince = now }
        }
        putBack(entries)
    }

    /// Its rows are not to be tried again.
    package mutating func abandoned(_ batch: Int) -> [Entry] { land(batch) }

    /// Takes out all that waits; what is in flight stays.
    package mutating func removeAll() -> [Entry] {
        let entries = Array(retries.joined()) + Array(queue)
        retries.removeAll()
        queue.removeAll()
        waitingRows = 0
        waitingBytes = 0
        return entries
    }

    private mutating func land(_ batch: Int) -> [Entry] {
        guard let index = inFlight.firstIndex(where: { $0.number == batch }) else { return [] }
        return inFlight.remove(at: index).entries
    }

    /// Takes out what has waited too long.
    package mutating func expire(at now: UInt64) -> [Entry] {
        var expired: [Entry] = []
        for _ in 0..<retries.count {
            guard let batch = retries.popFirst() else { break }
            let rest = batch.filter { deadline(of: $0) > now }
            if rest.count < batch.count { expired += batch.filter { deadline(of: $0) <= now } }
            if !rest.isEmpty { retries.append(rest) }
        }
        // The queue is in order of time, and nothing in it was ever sent.
        while let first = queue.first, deadline(of: first) <= now {
            expired.append(first)
            queue.removeFirst()
        }
        waitingRows -= expired.count
        for entry in expired { waitingBytes -= entry.bytes }
        return expired
    }

    /// When `expire` has something to do, if nothing else happens.
    package var deadline: UInt64? {
        var earliest = queue.first.map { deadline(of: $0) }
        for entry in retries.joined() { earliest = min(earliest ?? .max, deadline(of: entry)) }
        return earliest
    }

    private func deadline(of entry: Entry) -> UInt64 {
        if let since = entry.inDoubtSince { return since &+ settings.doubtLimit }
        return entry.appended &+ settings.waitLimit
    }

    private mutating func putBack(_ batch: [Entry]) {
        retries.prepend(batch)
        waitingRows += batch.count
        for entry in batch { waitingBytes += entry.bytes }
    }

    private mutating func form() -> [Entry] {
        var batch: [Entry] = []
        batch.reserveCapacity(min(queue.count, settings.batchRows))
        var skipped: [Entry] = []
        var blocked: Set<Int> = []
        var bytes = 0
        var conversations: Set<Identifier> = []
        while let entry = queue.first, batch.count < settings.batchRows, skipped.count < settings.batchRows {
            if !inFlight.isEmpty, blocked.contains(entry.user) || isInFlight(entry.user) {
                blocked.insert(entry.user)
                skipped.append(entry)
                queue.removeFirst()
                continue
            }
            if !batch.isEmpty, bytes + entry.bytes > settings.batchBytes { break }
            if entry.kind == .ending, conversations.contains(entry.conversation) { break }
            conversations.insert(entry.conversation)
            bytes += entry.bytes
            batch.append(entry)
            queue.removeFirst()
        }
        if !skipped.isEmpty { queue.prepend(contentsOf: skipped) }
        return batch
    }
}
