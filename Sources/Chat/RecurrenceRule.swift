/// How often something comes back: the part of RFC 5545's RRULE that tasks have (FREQ, INTERVAL, BYDAY, BYMONTHDAY).
///
/// What it means for a given day is the database's to say; here it is only read, and written in one form.
package struct RecurrenceRule: Sendable, Equatable {
    package enum Frequency: String, Sendable, CaseIterable {
        case daily = "DAILY"
        case weekly = "WEEKLY"
        case monthly = "MONTHLY"
        case yearly = "YEARLY"
    }

    package static let longestInterval = 99
    package static let weekdays = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

    package var frequency: Frequency
    /// 1 to ``longestInterval``.
    package var interval = 1
    /// 1: Monday … 7: Sunday, in that order.
    package var weekdays: [Int] = []
    /// 1 to 31, or -1 for the last one, in that order.
    package var monthDays: [Int] = []

    package init(_ frequency: Frequency) { self.frequency = frequency }

    /// Reads the value of an RRULE, with or without its name, in any case and order; `nil` for another one than tasks
    /// can have.
    package init?(_ text: String) {
        guard text.utf8.count <= 200 else { return nil }
        var rest = text.uppercased()[...]
        if rest.hasPrefix("RRULE:") { rest = rest.dropFirst(6) }
        var seen: Set<Substring> = []
        var frequency: Frequency?
        var interval = 1
        var days: Set<Int> = []
        var dates: Set<Int> = []
        for part in rest.split(separator: ";") {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, seen.insert(sides[0]).inserted else { return nil }
            let values = sides[1].split(separator: ",", omittingEmptySubsequences: false)
            switch sides[0] {
            case "FREQ":
                guard let value = Frequency(rawValue: String(sides[1])) else { return nil }
                frequency = value
            case "INTERVAL":
                guard let value = Int(sides[1]), (1...Self.longestInterval).contains(value) else { return nil }
                interval = value
            case "BYDAY":
                for value in values {
                    guard let day = Self.weekdays.firstIndex(of: String(value)) else { return nil }
                    days.insert(day + 1)
                }
            case "BYMONTHDAY":
                for value in values {
                    guard let date = Int(value), (1...31).contains(date) || date == -1 else { return nil }
                    dates.insert(date)
                }
            default: return nil
            }
        }
        guard let frequency, days.isEmpty || frequency == .weekly || frequency == .daily,
            dates.isEmpty || frequency == .monthly
        else { return nil }
        self.frequency = frequency
        self.interval = interval
        weekdays = days.sorted()
        // The last day of a month stands behind all others.
        monthDays = dates.sorted { ($0 < 0 ? 32 : $0) < ($1 < 0 ? 32 : $1) }
    }

    /// As it is stored.
    package var text: String {
        var parts = ["FREQ=\(frequency.rawValue)"]
        if interval > 1 { parts.append("INTERVAL=\(interval)") }
        if !weekdays.isEmpty { parts.append("BYDAY=" + weekdays.map { Self.weekdays[$0 - 1] }.joined(separator: ",")) }
        if !monthDays.isEmpty { parts.append("BYMONTHDAY=" + monthDays.map(String.init).joined(separator: ",")) }
        return parts.joined(separator: ";")
    }
}
