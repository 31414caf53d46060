import Chat
package import Foundation

/// Now, where the person is: what makes points in time of what people say, and the other way round.
///
/// A day without a time is its last minute, 23:59, and is told without it.
package struct TodoClock: Sendable {
    /// A task's time, and how it comes back.
    package struct Due: Sendable, Equatable {
        /// Microseconds since 1970, UTC.
        package var time: Int64
        package var recurrence: String?
    }

    /// Microseconds since 1970, UTC.
    package let now: Int64
    package let zone: TimeZone
    /// The person's zone is known; otherwise it is UTC, and times are told with that.
    package let isZoneKnown: Bool

    /// The minute of a day that stands for the whole of it.
    static let wholeDay = 23 * 60 + 59
    /// When people are reminded who named a day and no time.
    static let reminderTime = 9 * 60

    /// - Parameter timeZone: an IANA name, as a client gave it; anything else is UTC.
    package init(now: Int64, timeZone: String?) {
        self.now = now
        let known = timeZone.flatMap { Self.zone($0) }
        zone = known ?? TimeZone(secondsFromGMT: 0) ?? .gmt
        isZoneKnown = known != nil
    }

    /// IANA names only: Foundation also takes abbreviations and offsets ("EST", "GMT+3").
    private static func zone(_ name: String) -> TimeZone? {
        guard name.utf8.count <= 64, name.contains("/") || name == "UTC", !name.contains("..") else { return nil }
        return TimeZone(identifier: name)
    }

    /// The zone's name, to be stored with what comes back at the same time of day.
    var zoneName: String? { isZoneKnown ? zone.identifier : nil }

    // MARK: - The calendar

    /// A local time: days since 1970-01-01 and minutes since midnight.
    struct Local: Equatable {
        var day: Int
        var minute: Int
    }

    private static let minute: Int64 = 60_000_000

    func local(_ time: Int64) -> Local {
        let minutes = Self.floor(time, Self.minute) + Int64(offset(time) / 60)
        return Local(day: Int(Self.floor(minutes, 1_440)), minute: Int(minutes - Self.floor(minutes, 1_440) * 1_440))
    }

    /// An hour that a change of the clocks leaves out is the one behind it.
    func time(_ local: Local) -> Int64 {
        let wanted = (Int64(local.day) * 1_440 + Int64(local.minute)) * Self.minute
        var result = wanted - Int64(offset(wanted)) * 1_000_000
        result = wanted - Int64(offset(result)) * 1_000_000
        return result
    }

    private func offset(_ time: Int64) -> Int {
        zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time) / 1_000_000))
    }

    private static func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }

    /// 1: Monday … 7: Sunday. 1970-01-01 was a Thursday.
    static func weekday(_ day: Int) -> Int { ((day + 3) % 7 + 7) % 7 + 1 }

    private static func day(_ year: Int, _ month: Int, _ day: Int) -> Int {
        Timestamp.days(year: year, month: month, day: day)
    }

    // MARK: - What people say

    /// - Parameters:
    ///   - reminds: a day without a time is then not its end but when people are reminded.
    ///   - known: what the task has: its time of day stays where another day was named, its day where another time was.
    package func due(_ when: When, reminds: Bool = false, known: Int64? = nil) -> Due? {
        let here = local(now)
        let before = known.map(local)
        if let delay = when.delay {
            let from = delay.isFurther ? max(known ?? now, now) : now
            return after(delay, when, here, reminds, before, from: from).map { Due(time: $0) }
        }
        if let rule = when.repetition { return first(rule.rule, when, here, reminds) }
        var day: Int?
        if let said = when.day {
            guard let found = resolved(said, here, when.time) else { return nil }
            day = found
        } else if when.time != nil, let before, before.day > here.day {
            day = before.day
        }
        guard let clock = when.time else {
            guard let day else { return nil }
            return Due(time: time(Local(day: day, minute: minute(on: day, here, reminds, before))))
        }
        if let day {
            let minute = when.isTimeVague ? vague(clock, on: day, here) : clock
            return Due(time: time(Local(day: day, minute: minute)))
        }
        // The next time that it is so late.
        var minute = when.isTimeVague ? vague(clock, on: here.day, here) : clock
        if minute <= here.minute, when.isTimeVague { minute = vague(clock, on: here.day + 1, here) }
        return Due(time: time(Local(day: minute > here.minute ? here.day : here.day + 1, minute: minute)))
    }

    /// "at 5" is the afternoon, "at 9" the morning unless that is over.
    private func vague(_ minute: Int, on day: Int, _ here: Local) -> Int {
        let hour = minute / 60
        if hour == 12 { return minute }
        if hour < 7 { return minute + 720 }
        return day == here.day && minute <= here.minute ? minute + 720 : minute
    }

    private func minute(on day: Int, _ here: Local, _ reminds: Bool, _ before: Local?) -> Int {
        if let before, before.minute != Self.wholeDay { return before.minute }
        guard reminds else { return Self.wholeDay }
        guard day == here.day, here.minute >= Self.reminderTime else { return Self.reminderTime }
        return min((here.minute / 60 + 2) * 60, Self.wholeDay)
    }

    private func after(
        _ delay: When.Delay, _ when: When, _ here: Local, _ reminds: Bool, _ before: Local?, from start: Int64
    ) -> Int64? {
        switch delay.unit {
        case .minute: return start + Int64(delay.amount) * Self.minute
        case .hour: return start + Int64(delay.amount) * 60 * Self.minute
        case .day, .week, .month, .year: break
        }
        // What is put off by days goes on from its own time.
        let from = before.map { max($0.day, here.day) } ?? here.day
        let day: Int
        switch delay.unit {
        case .week: day = from + delay.amount * 7
        case .month: day = Self.adding(months: delay.amount, to: from)
        case .year: day = Self.adding(months: delay.amount * 12, to: from)
        default: day = from + delay.amount
        }
        guard day < Self.day(9998, 1, 1) else { return nil }
        let minute =
            when.time.map { when.isTimeVague ? vague($0, on: day, here) : $0 }
            ?? (before == nil && reminds ? here.minute : self.minute(on: day, here, reminds, before))
        return time(Local(day: day, minute: minute))
    }

    private static func adding(months: Int, to day: Int) -> Int {
        let date = Timestamp.civil(days: Int64(day))
        let month = Int(date.year) * 12 + Int(date.month) - 1 + months
        let year = min(month / 12, 9998)
        let length = Timestamp.length(of: month % 12 + 1, in: year)
        return Self.day(year, month % 12 + 1, min(Int(date.day), length))
    }

    private func resolved(_ said: When.Day, _ here: Local, _ minute: Int?) -> Int? {
        let today = here.day
        let weekday = Self.weekday(today)
        let date = Timestamp.civil(days: Int64(today))
        let (year, month) = (Int(date.year), Int(date.month))
        switch said {
        case .offset(let days): return today + days
        case .weekday(let wanted, let isNext):
            if isNext { return today + 8 - weekday + wanted - 1 }
            return today + ((wanted - weekday + 6) % 7 + 1)
        case .date(let said, let wantedMonth, let wantedDay):
            if let said {
                return wantedDay <= Timestamp.length(of: wantedMonth, in: said)
                    ? Self.day(said, wantedMonth, wantedDay) : nil
            }
            for candidate in year...(year + 8) where wantedDay <= Timestamp.length(of: wantedMonth, in: candidate) {
                let day = Self.day(candidate, wantedMonth, wantedDay)
                if day >= today { return day }
            }
            return nil
        case .dayOfMonth(let wanted):
            for offset in 0..<3 {
                let index = month - 1 + offset
                let (candidate, inYear) = (index % 12 + 1, year + index / 12)
                guard wanted <= Timestamp.length(of: candidate, in: inYear) else { continue }
                let day = Self.day(inYear, candidate, wanted)
                if day >= today { return day }
            }
            return nil
        case .weekend: return weekday >= 6 ? today : today + 6 - weekday
        case .endOfWeek: return today + 7 - weekday
        case .endOfMonth: return Self.day(year, month, Timestamp.length(of: month, in: year))
        case .nextWeek: return today + 8 - weekday
        case .nextMonth: return month == 12 ? Self.day(year + 1, 1, 1) : Self.day(year, month + 1, 1)
        }
    }

    /// The first time of something that comes back.
    private func first(_ text: String, _ when: When, _ here: Local, _ reminds: Bool) -> Due? {
        guard let rule = RecurrenceRule(text) else { return nil }
        var day = here.day
        if let said = when.day, let found = resolved(said, here, nil) { day = found }
        for candidate in day..<(day + 800) {
            let date = Timestamp.civil(days: Int64(candidate))
            let length = Timestamp.length(of: Int(date.month), in: Int(date.year))
            let isOne =
                rule.weekdays.isEmpty && rule.monthDays.isEmpty
                || rule.weekdays.contains(Self.weekday(candidate)) || rule.monthDays.contains(Int(date.day))
                || rule.monthDays.contains(Int(date.day) - length - 1)
            guard isOne else { continue }
            let minute =
                when.time.map { when.isTimeVague ? vague($0, on: candidate + 1, here) : $0 }
                ?? (reminds ? Self.reminderTime : Self.wholeDay)
            guard candidate > here.day || minute > here.minute else { continue }
            return Due(time: time(Local(day: candidate, minute: minute)), recurrence: rule.text)
        }
        return nil
    }

    /// From and before, in microseconds since 1970; `nil`: without a bound.
    func bounds(_ span: Request.Span) -> (from: Int64?, before: Int64?)? {
        let here = local(now)
        let monday = here.day + 1 - Self.weekday(here.day)
        func days(_ from: Int, _ count: Int) -> (from: Int64?, before: Int64?) {
            (time(Local(day: from, minute: 0)), time(Local(day: from + count, minute: 0)))
        }
        switch span {
        case .day(.nextWeek): return days(monday + 7, 7)
        case .day(.weekend):
            return days(Self.weekday(here.day) == 7 ? here.day - 1 : resolved(.weekend, here, nil) ?? here.day, 2)
        case .thisMonth: return month(0, here)
        case .nextMonth, .day(.nextMonth): return month(1, here)
        case .day(let day): return resolved(day, here, nil).map { days($0, 1) }
        case .yesterday: return days(here.day - 1, 1)
        case .thisWeek: return days(monday, 7)
        case .lastWeek: return days(monday - 7, 7)
        case .nextWeek: return days(monday + 7, 7)
        case .ever: return (nil, nil)
        }
    }

    private func month(_ offset: Int, _ here: Local) -> (from: Int64?, before: Int64?) {
        let date = Timestamp.civil(days: Int64(here.day))
        let first = Self.adding(months: offset, to: here.day - Int(date.day) + 1)
        return (time(Local(day: first, minute: 0)), time(Local(day: Self.adding(months: 1, to: first), minute: 0)))
    }

    // MARK: - What people are told

    private static let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    /// "tomorrow, Tuesday 17:00".
    package func words(_ time: Int64) -> String {
        let moment = local(time)
        let here = local(now)
        let day = words(day: moment.day, here.day)
        guard moment.minute != Self.wholeDay else { return day }
        func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let clock = "\(padded(moment.minute / 60)):\(padded(moment.minute % 60))" + (isZoneKnown ? "" : " UTC")
        return day + (day.last?.isNumber == true ? ", " : " ") + clock
    }

    func words(day: Int, _ today: Int) -> String {
        let weekday = Self.weekdays[Self.weekday(day) - 1]
        switch day - today {
        case 0: return "today"
        case 1: return "tomorrow, \(weekday)"
        case -1: return "yesterday"
        default: break
        }
        let date = Timestamp.civil(days: Int64(day))
        let year = Timestamp.civil(days: Int64(today)).year
        return "\(weekday), \(Self.months[Int(date.month) - 1]) \(date.day)"
            + (date.year == year ? "" : ", \(date.year)")
    }

    /// "every 2 weeks on Monday and Thursday".
    static func words(recurrence: String) -> String? {
        guard let rule = RecurrenceRule(recurrence) else { return nil }
        let unit =
            switch rule.frequency {
            case .daily: "day"
            case .weekly: "week"
            case .monthly: "month"
            case .yearly: "year"
            }
        let every = rule.interval == 1 ? "every \(unit)" : "every \(rule.interval) \(unit)s"
        func joined(_ items: [String]) -> String {
            guard items.count > 1, let last = items.last else { return items.first ?? "" }
            return items.dropLast().joined(separator: ", ") + " and " + last
        }
        if !rule.weekdays.isEmpty {
            if rule.weekdays == [1, 2, 3, 4, 5], rule.interval == 1 { return "every weekday" }
            let days = joined(rule.weekdays.map { weekdays[$0 - 1] })
            return rule.interval == 1 ? "every \(days)" : "\(every) on \(days)"
        }
        if !rule.monthDays.isEmpty {
            let days = rule.monthDays.map { $0 < 0 ? "last day" : ordinal($0) }
            return "\(every) on the \(joined(days))"
        }
        return every
    }

    private static func ordinal(_ number: Int) -> String {
        let ending =
            switch (number % 10, number % 100) {
            case (1, let rest) where rest != 11: "st"
            case (2, let rest) where rest != 12: "nd"
            case (3, let rest) where rest != 13: "rd"
            default: "th"
            }
        return "\(number)\(ending)"
    }

    /// "on Friday, December 4", "today", "this week".
    func words(_ span: Request.Span) -> String {
        switch span {
        case .day(.nextWeek), .nextWeek: return "next week"
        case .day(.weekend): return "at the weekend"
        case .thisMonth: return "this month"
        case .nextMonth, .day(.nextMonth): return "next month"
        case .day(let day):
            let here = local(now)
            guard let found = resolved(day, here, nil) else { return "then" }
            let words = words(day: found, here.day)
            return words.first?.isUppercase == true ? "on \(words)" : words.prefix { $0 != "," }.description
        case .yesterday: return "yesterday"
        case .thisWeek: return "this week"
        case .lastWeek: return "last week"
        case .ever: return "so far"
        }
    }
}

/// What the assistant says when a reminder is due.
package enum ReminderText {
    /// Later than that it says for when it was. Microseconds.
    private static let punctual: Int64 = 60_000_000

    /// - Parameter due: microseconds since 1970, UTC.
    package static func make(number: Int, title: String, due: Int64, clock: TodoClock) -> String {
        let task = "#\(number) “\(TodoTask.line(title))”"
        guard clock.now - due > punctual else { return "Reminder: \(task)." }
        return "Reminder, late: it was for \(clock.words(due)). \(task)."
    }
}
