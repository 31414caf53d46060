/// How long silence may last, as pure rules: the time is an input. Ages are microseconds; `nil` means never.
package struct RetentionPolicy: Sendable, Equatable {
    package static let day: Int64 = 86_400_000_000

    /// `DORMANT_AFTER`, `ARCHIVE_AFTER`, `DELETE_AFTER`: since the last message.
    package var dormantAfter: Int64? = 30 * day
    package var archiveAfter: Int64? = 90 * day
    package var deleteAfter: Int64?
    /// `PURGE_AFTER`: since the deletion.
    package var purgeAfter: Int64? = 30 * day
    /// `TASK_UNDO`: since the deletion of a task.
    package var taskUndo: Int64? = 30 * day
    /// `AUDIT_KEEP`.
    package var auditKeep: Int64? = 365 * day

    package init() {}

    /// Reads an age: a whole number followed by `s`, `m`, `h`, `d` or `w` (days where nothing follows), or `never`.
    ///
    /// - Returns: microseconds, `.some(nil)` for `never`; `nil`: it is none, or longer than 1000 years.
    package static func age(_ text: String) -> Int64?? {
        let text = text.lowercased()
        if text == "never" { return .some(nil) }
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800]
        var digits = text[...]
        var unit: Int64 = 86_400
        if let last = text.last, let found = units[last] {
            unit = found
            digits = digits.dropLast()
        }
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let count = Int64(digits) else {
            return nil
        }
        let (seconds, overflows) = count.multipliedReportingOverflow(by: unit)
        guard !overflows, seconds <= 1_000 * 366 * 86_400 else { return nil }
        return .some(seconds * 1_000_000)
    }

    /// What is done to a conversation, to deleted tasks, or to the audit log.
    package enum Move: String, Sendable, CaseIterable {
        /// From here on in the order in which a sweep makes them: what is due for several is spared the lesser ones.
        case purge
        case purgeArchived = "purge_archived"
        case delete
        case deleteArchived = "delete_archived"
        case archive
        case dormant
        case tasks = "purge_tasks"
        case audit
    }

    /// A move with the time before which the last activity (or deletion, or entry) must lie.
    package struct Due: Sendable, Equatable {
        package var move: Move
        /// Microseconds since 1970, UTC.
        package var before: Int64
    }

    /// The moves that this policy asks for at that time, in their order.
    ///
    /// - Parameter now: microseconds since 1970, UTC.
    package func due(at now: Int64) -> [Due] {
        Move.allCases.compactMap { move in
            age(of: move).map { Due(move: move, before: now - $0) }
        }
    }

    private func age(of move: Move) -> Int64? {
        switch move {
        case .purge, .purgeArchived: purgeAfter
        case .delete, .deleteArchived: deleteAfter
        // What is to be deleted at the same age or before need not move first.
        case .archive: precedes(archiveAfter, deleteAfter) ? archiveAfter : nil
        case .dormant: precedes(dormantAfter, archiveAfter) && precedes(dormantAfter, deleteAfter) ? dormantAfter : nil
        case .tasks: taskUndo
        case .audit: auditKeep
        }
    }

    private func precedes(_ age: Int64?, _ other: Int64?) -> Bool {
        guard let age else { return false }
        guard let other else { return true }
        return age < other
    }
}
