package import JSON
import Chat
import EventLoop
package import Logging
package import Postgres

/// The audit trail of one shard: entries gather and are written in batches, so that nobody waits for them. While the
/// database is away they wait, up to a bound; what is lost beyond it is counted, and the count itself is written.
/// Confined to the pool's loop.
package final class AuditWriter {
    private static let delay: UInt64 = 200_000_000
    private static let retry: UInt64 = 1_000_000_000

    private let pool: PostgresPool
    private let logger: Logger
    private var machine: AuditMachine
    private var timer: TimerToken?
    private var isWriting = false
    private var isClosing = false
    private var closed: (() -> Void)?

    package init(pool: PostgresPool, logger: Logger, settings: AuditMachine.Settings = .init()) {
        self.pool = pool
        self.logger = logger
        machine = AuditMachine(settings)
    }

    package var waiting: Int { machine.waiting }
    package var dropped: Int { machine.dropped }

    /// - Parameters:
    ///   - object: `message/<id>`, `user/<id>`, `conversation/<id>`.
    ///   - origin: the client's address.
    ///   - detail: whatever else matters; no contents, no tokens.
    package func record(
        _ action: AuditAction, by actor: String, on object: String? = nil, from origin: String?, allowed: Bool = true,
        detail: JSONObject = JSONObject()
    ) {
        machine.record(
            AuditEntry(
                action, by: actor, on: object, from: origin, allowed: allowed, detail: detail,
                at: wallClockMicroseconds()))
        schedule(after: Self.delay)
    }

    /// Writes what there is, as far as the database answers at once, and calls back.
    package func close(_ completion: @escaping () -> Void) {
        isClosing = true
        machine.tick(at: wallClockMicroseconds(), isLast: true)
        guard isWriting || machine.waiting > 0 else { return completion() }
        closed = completion
        if !isWriting { write() }
    }

    private func schedule(after nanoseconds: UInt64) {
        guard timer == nil, !isWriting, !isClosing else { return }
        timer = pool.loop.schedule(after: nanoseconds) { [weak self] in
            self?.timer = nil
            self?.write()
        }
    }

    private func write() {
        guard !isWriting else { return }
        let now = wallClockMicroseconds()
        machine.tick(at: now)
        guard pool.isAvailable || isClosing else { return schedule(after: Self.retry) }
        let batch = machine.next(at: now)
        guard !batch.isEmpty else {
            if machine.hasWork { schedule(after: Self.retry) }
            return
        }
        isWriting = true
        var parameters = Parameters()
        parameters.fill(batch, now: now)
        // Holds the writer until the answer: whoever closes it waits for that.
        pool.transaction({ $0.send(Statements.appendAudit, parameters) }) { outcome in self.written(batch, outcome) }
    }

    private func written(_ batch: [AuditEntry], _ outcome: Result<[Rows], PostgresError>) {
        isWriting = false
        if case .failure(let error) = outcome {
            if error.kind == .server {
                machine.lose(batch.count)
                logger.error("the audit trail was refused", metadata: ["cause": "\(error)"])
            } else if !isClosing {
                machine.giveBack(batch)
            }
        }
        if let closed {
            if machine.waiting > 0, case .success = outcome { return write() }
            self.closed = nil
            closed()
        } else if machine.hasWork {
            if case .success = outcome, machine.waiting > 0 { write() } else { schedule(after: Self.retry) }
        }
    }
}

extension Statements {
    /// For all users by design: the role may add to the trail and do nothing else with it.
    static let appendAudit = Statement(
        "audit",
        """
        insert into parley.audit_log (actor, action, object, origin, allowed, detail)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::jsonb[])
        """, PostgresType.textArray, PostgresType.textArray, PostgresType.textArray, PostgresType.textArray,
        PostgresType.boolArray, PostgresType.jsonbArray)
}

extension Parameters {
    /// Entries that are written more than a second late carry their own time.
    fileprivate mutating func fill(_ batch: [AuditEntry], now: Int64) {
        column { for entry in batch { $0.add(text: entry.actor) } }
        column { for entry in batch { $0.add(text: entry.action.rawValue) } }
        column { for entry in batch { $0.add(text: entry.object) } }
        column { for entry in batch { $0.add(text: entry.origin) } }
        beginArray(of: PostgresType.bool)
        for entry in batch { add(bool: entry.allowed) }
        endArray()
        beginArray(of: PostgresType.jsonb)
        for entry in batch {
            var detail = entry.detail
            if now - entry.at > 1_000_000 { detail["at"] = .string(Timestamp.rfc3339(microseconds: entry.at)) }
            let json = StorableText.clean(JSON.object(detail))
            add(jsonb: detail.members.isEmpty ? nil : json.description)
        }
        endArray()
    }

    private mutating func column(_ body: (inout Parameters) -> Void) {
        beginArray(of: PostgresType.text)
        body(&self)
        endArray()
    }
}
