import JSON
import Chat
import DequeModule
import Strings

/// What of the audit trail waits to be written; pure, with the time in the entries.
///
/// Refusals can come as a flood, so that they are gathered: the first of a kind is written at once, and how many of the
/// same kind followed within `window` as one entry at its end. Kinds are told apart by actor, object, origin and reason;
/// when `kinds` of them are under way, further ones are gathered without telling them apart. So neither memory nor the
/// table grows with the flood. Everything else is written one by one.
package struct AuditMachine: Sendable {
    package struct Settings: Sendable {
        /// Entries that may wait.
        package var queue = 10_000
        /// Entries of one insert.
        package var batch = 500
        /// Microseconds.
        package var window: Int64 = 60_000_000
        package var kinds = 1_024
        /// Characters of an actor, object or origin; longer ones are cut.
        package var textLength = 512

        package init() {}
    }

    private struct Kind: Hashable {
        var actor: ExactString
        var object: ExactString?
        var origin: ExactString?
        var reason: ExactString?
    }

    private struct Gathered {
        var entry: AuditEntry
        var count: Int64
        var firstAt: Int64
        var lastAt: Int64
        var endsAt: Int64
    }

    private let settings: Settings
    private var queue: Deque<AuditEntry> = []
    private var gathered: [Kind: Gathered] = [:]
    private var unreported = 0
    /// Entries that found the queue full, since the start.
    package private(set) var dropped = 0

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
    }

    package var waiting: Int { queue.count }

    /// Whether something may have to be written, now or when a window ends.
    package var hasWork: Bool { !queue.isEmpty || !gathered.isEmpty || unreported > 0 }

    package mutating func record(_ entry: AuditEntry) {
        var entry = entry
        entry.actor = clean(entry.actor)
        entry.object = entry.object.map { clean($0) }
        entry.origin = entry.origin.map { clean($0) }
        guard entry.action == .refused else { return append(entry) }
        var kind = Kind(
            actor: ExactString(entry.actor), object: entry.object.map { ExactString($0) },
            origin: entry.origin.map { ExactString($0) }, reason: entry.detail["reason"]?.string.map { ExactString($0) }
        )
        if gathered[kind] == nil, gathered.count >= settings.kinds {
            kind = Kind(actor: "(many)", object: nil, origin: nil, reason: nil)
            entry.actor = kind.actor.string
            entry.object = nil
            entry.origin = nil
            entry.detail = ["reason": "many"]
        }
        if gathered[kind] != nil {
            gathered[kind]?.count += 1
            gathered[kind]?.lastAt = entry.at
        } else {
            gathered[kind] = Gathered(
                entry: entry, count: 0, firstAt: entry.at, lastAt: entry.at, endsAt: entry.at + settings.window)
            append(entry)
        }
    }

    /// Ends the windows that are over; all of them with `isLast`, before the end of the program.
    ///
    /// - Parameter now: microseconds since 1970.
    package mutating func tick(at now: Int64, isLast: Bool = false) {
        for (kind, group) in gathered where isLast || group.endsAt <= now {
            gathered[kind] = nil
            guard group.count > 0 else { continue }
            var entry = group.entry
            entry.detail["repeated"] = .integer(group.count)
            entry.detail["since"] = .string(Timestamp.rfc3339(microseconds: group.firstAt))
            entry.at = group.lastAt
            append(entry)
        }
    }

    /// The next entries to write; they are the caller's to give back where that fails.
    package mutating func next(at now: Int64) -> [AuditEntry] {
        if unreported > 0, queue.count < settings.queue {
            queue.append(
                AuditEntry(
                    .dropped, by: "(gateway)", from: nil, detail: ["count": .integer(Int64(unreported))], at: now))
            unreported = 0
        }
        let count = min(queue.count, settings.batch)
        let batch = Array(queue.prefix(count))
        queue.removeFirst(count)
        return batch
    }

    /// Takes a batch back that could not be written; it goes first next time.
    package mutating func giveBack(_ batch: [AuditEntry]) {
        let room = max(settings.queue - queue.count, 0)
        lose(batch.count - min(batch.count, room))
        for entry in batch.prefix(room).reversed() { queue.prepend(entry) }
    }

    /// A batch that the database will never take.
    package mutating func lose(_ count: Int) {
        dropped += count
        unreported += count
    }

    private mutating func append(_ entry: AuditEntry) {
        if queue.count < settings.queue { queue.append(entry) } else { lose(1) }
    }

    private func clean(_ text: String) -> String {
        String(StorableText.clean(text).prefix(settings.textLength))
    }
}
