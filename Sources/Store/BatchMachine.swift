package import Chat
import DequeModule

/// Which rows go together. Pure; one batch is under way at a time.
///
/// ```
/// append → queue → next → in flight → succeeded
///            ▲               │  refused: in two halves, each tried again, until the bad row is alone
///            └── retries ◀───┘  lost: whole, in front, in doubt if the outcome is
/// ```
/// The order in which rows of one conversation were appended is the order in which they take effect. In a batch the
/// endings take effect before the turns, one ending a conversation; where that would change the order, the batch is
/// cut.
package struct BatchMachine<Row> {
    package enum Kind: Sendable { case turn, ending }

    package struct Entry {
        package var row: Row
        package var kind: Kind
        package var conversation: Identifier
        /// What it counts against the bounds.
        package var bytes: Int
        package var appended: UInt64
        /// When its connection was lost in the middle of a commit: it may be stored.
        package var inDoubtSince: UInt64?
    }

    private let settings: StoreSettings
    private var queue: Deque<Entry> = []
    /// Batches that were formed before and go first.
    private var retries: Deque<[Entry]> = []
    private var inFlight: [Entry] = []
    /// Of everything that waits; what is in flight does not count.
    package private(set) var waitingRows = 0
    package private(set) var waitingBytes = 0

    package init(_ settings: StoreSettings) {
        self.settings = settings
    }

    package var isBusy: Bool { !inFlight.isEmpty }
    package var isEmpty: Bool { inFlight.isEmpty && waitingRows == 0 }

    /// - Returns: false when the queue is full; nothing was taken.
    package mutating func append(
        _ row: Row, _ kind: Kind, _ conversation: Identifier, bytes: Int, at now: UInt64
    ) -> Bool {
        guard waitingRows < settings.queueRows, waitingBytes + bytes <= settings.queueBytes else { return false }
        queue.append(Entry(row: row, kind: kind, conversation: conversation, bytes: bytes, appended: now))
        waitingRows += 1
        waitingBytes += bytes
        return true
    }

    /// The next batch, which is in flight until one of the three outcomes is told; empty when there is none.
    package mutating func next() -> [Entry] {
        guard inFlight.isEmpty else { return [] }
        if let batch = retries.popFirst() {
            inFlight = batch
        } else {
            inFlight = form()
        }
        waitingRows -= inFlight.count
        for entry in inFlight { waitingBytes -= entry.bytes }
        return inFlight
    }

    /// Committed. The rows with the indices `again` were not taken and are tried once more, before all others.
    package mutating func succeeded(again: [Int] = []) {
        if !again.isEmpty { putBack(again.map { inFlight[$0] }) }
        inFlight = []
    }

    /// The server refused the batch; nothing is stored.
    ///
    /// - Returns: the row when it was alone: it is to blame.
    package mutating func refused() -> Entry? {
        let batch = inFlight
        inFlight = []
        if batch.count <= 1 { return batch.first }
        let middle = batch.count / 2
        putBack(Array(batch[middle...]))
        putBack(Array(batch[..<middle]))
        return nil
    }

    /// The connection or the server gave out.
    package mutating func lost(inDoubt: Bool, at now: UInt64) {
        var batch = inFlight
        inFlight = []
        if batch.isEmpty { return }
        if inDoubt {
            for index in batch.indices where batch[index].inDoubtSince == nil { batch[index].inDoubtSince = now }
        }
        putBack(batch)
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
        if queue.count == 1, let only = queue.popFirst() { return [only] }
        var batch: [Entry] = []
        batch.reserveCapacity(min(queue.count, settings.batchRows))
        var bytes = 0
        var conversations: Set<Identifier> = []
        while let entry = queue.first, batch.count < settings.batchRows {
            if !batch.isEmpty, bytes + entry.bytes > settings.batchBytes { break }
            if entry.kind == .ending, conversations.contains(entry.conversation) { break }
            conversations.insert(entry.conversation)
            bytes += entry.bytes
            batch.append(entry)
            queue.removeFirst()
        }
        return batch
    }
}
