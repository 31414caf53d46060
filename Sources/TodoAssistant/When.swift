/// A time as people say it, not yet on a calendar: "tomorrow at 5", "next friday", "in 10 minutes", "every monday".
package struct When: Sendable, Equatable {
    package enum Day: Sendable, Equatable {
        /// Days from today.
        case offset(Int)
        /// 1: Monday … 7: Sunday. The next one that comes; with `isNext` the one of the week after this.
        case weekday(Int, isNext: Bool)
        /// The next of its kind; `year` where it was said.
        case date(year: Int?, month: Int, day: Int)
        /// The next 3rd of a month.
        case dayOfMonth(Int)
        /// Saturday.
        case weekend
        /// The last day of this week or month.
        case endOfWeek, endOfMonth
        /// Monday of the next week, the first of the next month.
        case nextWeek, nextMonth
    }

    package enum Unit: String, Sendable, Equatable {
        case minute, hour, day, week, month, year
    }

    package struct Delay: Sendable, Equatable {
        package var amount: Int
        package var unit: Unit
        /// Counts from the task's own time ("by an hour", "an hour later"), not from now ("in an hour").
        package var isFurther: Bool

        package init(amount: Int, unit: Unit, isFurther: Bool = false) {
            self.amount = amount
            self.unit = unit
            self.isFurther = isFurther
        }
    }

    /// A rule of RFC 5545 with FREQ, INTERVAL, BYDAY and BYMONTHDAY.
    package struct Repetition: Sendable, Equatable {
        package var rule: String

        package init(rule: String) { self.rule = rule }
    }

    package var day: Day?
    /// Minutes since midnight.
    package var time: Int?
    /// "at 5": which half of the day is left open.
    package var isTimeVague = false
    package var delay: Delay?
    package var repetition: Repetition?

    /// The whole of a text as a time; `nil` where anything else is in it.
    package init?(_ text: String) {
        let line = Line(text)
        guard let when = WhenReader(line.tokens).whole(0..<line.tokens.count) else { return nil }
        self = when
    }

    package init(
        day: Day? = nil, time: Int? = nil, isTimeVague: Bool = false, delay: Delay? = nil, repetition: Repetition? = nil
    ) {
        self.day = day
        self.time = time
        self.isTimeVague = isTimeVague
        self.delay = delay
        self.repetition = repetition
    }

    /// Both together, where neither says what the other has said.
    func joined(_ other: When) -> When? {
        guard day == nil || other.day == nil, time == nil || other.time == nil, delay == nil, other.delay == nil,
            repetition == nil || other.repetition == nil
        else { return nil }
        return When(
            day: day ?? other.day, time: time ?? other.time, isTimeVague: isTimeVague || other.isTimeVague,
            repetition: repetition ?? other.repetition)
    }
}

/// Reads times out of a line: each form is a row of a table, and what several rows say is put together
/// ("next friday" and "at 5pm").
struct WhenReader {
    private let tokens: [Token]

    init(_ tokens: [Token]) { self.tokens = tokens }

    /// The whole range as one time.
    func whole(_ range: Range<Int>) -> When? {
        guard !range.isEmpty, range.count <= 16, let (when, end) = read(range.lowerBound, in: range, isWhole: true)
        else { return nil }
        var rest = end
        while rest < range.upperBound, tokens[rest].kind != .word { rest += 1 }
        return rest == range.upperBound ? when : nil
    }

    /// Days that people ask about.
    func span(_ range: Range<Int>) -> Request.Span? {
        let words = range.filter { tokens[$0].kind == .word }.map { tokens[$0].folded }
        switch words.drop(while: { ["on", "for", "in", "by", "during"].contains($0) }).joined(separator: " ") {
        case "yesterday": return .yesterday
        case "this week", "the week", "in the week", "within the week": return .thisWeek
        case "last week", "the last week", "past week", "the past week": return .lastWeek
        case "next week": return .nextWeek
        case "this month", "the month", "in the month", "within the month": return .thisMonth
        case "next month": return .nextMonth
        default: break
        }
        guard let when = whole(range), when.time == nil, when.delay == nil, when.repetition == nil, let day = when.day
        else { return nil }
        return .day(day)
    }

    /// The longest time that begins here, and where it ends. With `isWhole` forms count that could as well be words of a
    /// title ("sun", "10 minutes").
    func read(_ start: Int, in range: Range<Int>, isWhole: Bool = false) -> (When, Int)? {
        var index = start
        var result: When?
        while index < range.upperBound {
            var next = index
            if result != nil {
                while next < range.upperBound, tokens[next].kind == .comma { next += 1 }
            }
            guard let (part, end) = part(next, in: range, isWhole: isWhole || result != nil) else { break }
            if let known = result {
                guard let both = known.joined(part) else { break }
                result = both
            } else {
                result = part
            }
            index = end
        }
        return result.map { ($0, index) }
    }

    private func part(_ start: Int, in range: Range<Int>, isWhole: Bool) -> (When, Int)? {
        guard start < range.upperBound, tokens[start].kind == .word, !tokens[start].isQuoted else { return nil }
        var best: (When, Int)?
        for form in WhenForm.table where isWhole || !form.isLoose {
            var numbers: [Int] = []
            guard let end = match(form.elements[...], start, range.upperBound, &numbers), end > (best?.1 ?? start),
                let when = form.make(numbers)
            else { continue }
            best = (when, end)
        }
        return best
    }

    private func match(
        _ elements: ArraySlice<WhenForm.Element>, _ index: Int, _ end: Int, _ numbers: inout [Int]
    ) -> Int? {
        guard let element = elements.first else { return index }
        let rest = elements.dropFirst()
        if case .optional(let words) = element {
            if index < end, tokens[index].isWord(words), let found = match(rest, index + 1, end, &numbers) {
                return found
            }
            return match(rest, index, end, &numbers)
        }
        guard index < end, tokens[index].kind == .word, !tokens[index].isQuoted else { return nil }
        let word = tokens[index].folded
        let count = numbers.count
        switch element {
        case .optional: return nil
        case .words(let words): guard words.contains(word) else { return nil }
        case .value(let read):
            guard let value = read(word) else { return nil }
            numbers.append(value)
        }
        if let found = match(rest, index + 1, end, &numbers) { return found }
        numbers.removeLast(numbers.count - count)
        return nil
    }
}

/// One form of a time. Words with alternatives (`on|by`), words that may be missing (`[the]`), and values: `{wd}` a
/// weekday, `{mon}` a month, `{nth}` "3rd", `{d}` a day of a month with or without its ending, `{n}` a number, `{unit}`,
/// `{clock}` "5pm", "17:00", "5" and `{exact}` the same but never a bare number, `{year}`.
struct WhenForm: Sendable {
    enum Element: Sendable {
        case words(Set<String>)
        case optional(Set<String>)
        case value(@Sendable (String) -> Int?)
    }

    let elements: [Element]
    /// Could be words of a title: only where nothing but a time stands, or behind another part of one.
    let isLoose: Bool
    let make: @Sendable ([Int]) -> When?

    private init(_ form: String, loose: Bool = false, _ make: @escaping @Sendable ([Int]) -> When?) {
        elements = form.split(separator: " ").map { Self.element($0) }
        isLoose = loose
        self.make = make
    }

    private static func element(_ form: Substring) -> Element {
        if let value = values[form] { return .value(value) }
        if form.hasPrefix("[") {
            return .optional(Set(form.dropFirst().dropLast().split(separator: "|").map(String.init)))
        }
        return .words(Set(form.split(separator: "|").map(String.init)))
    }

    private static let values: [Substring: @Sendable (String) -> Int?] = [
        "{wd}": { weekdays[$0] },
        "{weekday}": { $0.utf8.count > 4 || $0 == "tues" || $0 == "thur" ? weekdays[$0] : nil },
        "{wds}": { $0.hasSuffix("s") ? weekdays[String($0.dropLast())] : nil },
        "{mon}": { months[$0] },
        "{nth}": { ordinal($0, needsEnding: true) },
        "{d}": { ordinal($0, needsEnding: false) },
        "{n}": { Int(amount: $0) },
        "{unit}": { units[$0] },
        "{clock}": { clock($0, isBare: true) },
        "{exact}": { clock($0, isBare: false) },
        "{hour}": { (Int($0) ?? Vocabulary.numbers[$0].map(Int.init)).flatMap { (1...12).contains($0) ? $0 : nil } },
        "{word}": { Vocabulary.numbers[$0].map(Int.init) },
        "{year}": { Int($0).flatMap { (2000...2199).contains($0) ? $0 : nil } },
        "{iso}": { iso($0) },
    ]

    static let table: [WhenForm] = [
        // Days.
        WhenForm("[for|by|due|until|till|on] today") { _ in When(day: .offset(0)) },
        WhenForm("[for|by|due|until|till|on] tomorrow|tmrw|tmr|tomorow|tommorow|tomorro|2moro|tomoz") { _ in
            When(day: .offset(1))
        },
        WhenForm("[on|by] [the] day after tomorrow|tmrw") { _ in When(day: .offset(2)) },
        WhenForm("tonight") { _ in When(day: .offset(0), time: 20 * 60) },
        WhenForm("[later] this morning") { _ in When(day: .offset(0), time: 9 * 60) },
        WhenForm("[later] this afternoon") { _ in When(day: .offset(0), time: 15 * 60) },
        WhenForm("[later] this evening") { _ in When(day: .offset(0), time: 19 * 60) },
        WhenForm("on|by|this|coming|until|till|due|before [coming] {wd}") {
            When(day: .weekday($0[0], isNext: false))
        },
        WhenForm("[on|by|the|until] next {wd}") { When(day: .weekday($0[0], isNext: true)) },
        WhenForm("{weekday}") { When(day: .weekday($0[0], isNext: false)) },
        WhenForm("{wd}", loose: true) { When(day: .weekday($0[0], isNext: false)) },
        WhenForm("{wd} [at] {exact}") { When(day: .weekday($0[0], isNext: false), time: $0[1]) },
        WhenForm("{wd} next week") { When(day: .weekday($0[0], isNext: true)) },
        WhenForm("on|by|until|till|before [the] {nth}") { When(day: .dayOfMonth($0[0])) },
        WhenForm("[the] {nth}", loose: true) { When(day: .dayOfMonth($0[0])) },
        WhenForm("[on|by|until|till|before] {mon} {d}") { date(nil, $0[0], $0[1]) },
        WhenForm("[on|by|until|till|before] {mon} {d} {year}") { date($0[2], $0[0], $0[1]) },
        WhenForm("[on|by|until|till|before] [the] {d} [of] {mon}") { date(nil, $0[1], $0[0]) },
        WhenForm("[on|by|until|till|before] [the] {d} [of] {mon} {year}") { date($0[2], $0[1], $0[0]) },
        WhenForm("[on|by|until|till|before] {iso}") { date($0[0] / 10_000, $0[0] / 100 % 100, $0[0] % 100) },
        WhenForm("[on|by|for] this|the [coming] weekend") { _ in When(day: .weekend) },
        WhenForm("[on|by|for|until] [the] next|following weekend") { _ in When(day: .weekday(6, isNext: true)) },
        WhenForm("[by|at|until] [the] end of [the|this] week") { _ in When(day: .endOfWeek) },
        WhenForm("[by|at|until] [the] end of [the|this] month") { _ in When(day: .endOfMonth) },
        WhenForm("[by|until] next week") { _ in When(day: .nextWeek) },
        WhenForm("[by|until] next month") { _ in When(day: .nextMonth) },
        WhenForm("[a] week|fortnight from|on today|now") { _ in When(day: .offset(7)) },

        // Times of day.
        WhenForm("at|by|around|from|until|till|to|before|@ {exact}") { When(time: $0[0]) },
        WhenForm("at|around|@ {clock}") { time($0[0]) },
        WhenForm("by|from|until|before {clock}", loose: true) { time($0[0]) },
        WhenForm("[at|by|around] {hour} am|a.m") { When(time: $0[0] % 12 * 60) },
        WhenForm("[at|by|around] {hour} pm|p.m") { When(time: ($0[0] % 12 + 12) * 60) },
        WhenForm("[at|by|around] {clock} am|a.m") { When(time: $0[0] % vague % 720) },
        WhenForm("[at|by|around] {clock} pm|p.m") { When(time: $0[0] % vague % 720 + 720) },
        WhenForm("[at|by|around] {hour} oclock") { time($0[0] * 60 + vague) },
        WhenForm("at half past {hour}") { time($0[0] * 60 + 30 + vague) },
        WhenForm("half past {hour}", loose: true) { time($0[0] * 60 + 30 + vague) },
        WhenForm("at|around quarter past {hour}") { time($0[0] * 60 + 15 + vague) },
        WhenForm("at|around quarter to {hour}") { time(($0[0] + 11) % 12 * 60 + 45 + vague) },
        WhenForm("at|around|by {hour} thirty") { time($0[0] * 60 + 30 + vague) },
        WhenForm("at|around {word}") { time($0[0] * 60 + vague) },
        WhenForm("[at|by|around] {hour} in the morning") { When(time: $0[0] % 12 * 60) },
        WhenForm("[at|by|around] {hour} thirty in the morning") { When(time: $0[0] % 12 * 60 + 30) },
        WhenForm("[at|by|around] {clock} in the morning") { When(time: $0[0] % vague % 720) },
        WhenForm("[at|by|around] {hour} in the afternoon|evening") { When(time: ($0[0] % 12 + 12) * 60) },
        WhenForm("[at|by|around] {clock} in the afternoon|evening") { When(time: $0[0] % vague % 720 + 720) },
        WhenForm("[at|by|around] {clock} at night") { When(time: $0[0] % vague % 720 + 720) },
        WhenForm("[at|by|around] {hour} tonight") { When(day: .offset(0), time: ($0[0] % 12 + 12) * 60) },
        WhenForm("[at|by|around] {clock} tonight") { When(day: .offset(0), time: $0[0] % vague % 720 + 720) },
        WhenForm("[at|by|around] {exact} tonight") { When(day: .offset(0), time: $0[0]) },
        WhenForm("tonight at|around|by|@ {clock}") { When(day: .offset(0), time: $0[0] % vague % 720 + 720) },
        WhenForm("tonight [at|around|by|@] {exact}") { When(day: .offset(0), time: $0[0]) },
        WhenForm("tonight at {hour}") { When(day: .offset(0), time: ($0[0] % 12 + 12) * 60) },
        WhenForm("{exact}") { When(time: $0[0]) },
        WhenForm("at|by|around noon|midday|lunchtime") { _ in When(time: 12 * 60) },
        WhenForm("noon|midday|lunchtime", loose: true) { _ in When(time: 12 * 60) },
        WhenForm("at|by|around midnight") { _ in When(time: 23 * 60 + 59) },
        WhenForm("midnight", loose: true) { _ in When(time: 23 * 60 + 59) },
        WhenForm("in the morning") { _ in When(time: 9 * 60) },
        WhenForm("in the afternoon") { _ in When(time: 15 * 60) },
        WhenForm("in the evening") { _ in When(time: 19 * 60) },
        WhenForm("at night") { _ in When(time: 21 * 60) },
        WhenForm("morning", loose: true) { _ in When(time: 9 * 60) },
        WhenForm("afternoon", loose: true) { _ in When(time: 15 * 60) },
        WhenForm("evening", loose: true) { _ in When(time: 19 * 60) },
        WhenForm("night", loose: true) { _ in When(time: 21 * 60) },

        // From now on.
        WhenForm("in [about] {n} {unit}") { delay($0[0], $0[1]) },
        WhenForm("in half an hour") { _ in When(delay: .init(amount: 30, unit: .minute)) },
        WhenForm("in [a|the] couple|few [of] {unit}", loose: true) { delay(3, $0[0]) },
        WhenForm("{n} {unit} from now") { delay($0[0], $0[1]) },
        WhenForm("[for|by] [another] {n} [more] {unit}", loose: true) { delay($0[0], $0[1], isFurther: true) },
        WhenForm("[for|by] [another] half an hour", loose: true) { _ in
            When(delay: .init(amount: 30, unit: .minute, isFurther: true))
        },
        WhenForm("[by] {n} {unit} later", loose: true) { delay($0[0], $0[1], isFurther: true) },
        WhenForm("[the] week after|later", loose: true) { _ in delay(1, 3, isFurther: true) },
        WhenForm("[the] day after|later", loose: true) { _ in delay(1, 2, isFurther: true) },
        WhenForm("the next|following day", loose: true) { _ in delay(1, 2, isFurther: true) },
        WhenForm("the following week", loose: true) { _ in delay(1, 3, isFurther: true) },
        WhenForm("[the] month after|later", loose: true) { _ in delay(1, 4, isFurther: true) },
        WhenForm("next year") { _ in When(delay: .init(amount: 1, unit: .year)) },

        // Again and again.
        WhenForm("every|each day") { _ in repeated("FREQ=DAILY") },
        WhenForm("[on] {wds} and {wds}") { weekly(1, $0) },
        WhenForm("[on] {wds} {wds} and {wds}") { weekly(1, $0) },
        WhenForm("[on] {wds} at {clock}") { (values: [Int]) in
            var when = weekly(1, [values[0]])
            when.time = values[1] % vague
            when.isTimeVague = values[1] >= vague
            return when
        },
        WhenForm("daily at {clock}") { When(time: $0[0] % vague, isTimeVague: $0[0] >= vague, repetition: daily) },
        WhenForm("daily at {exact}") { When(time: $0[0], repetition: daily) },
        WhenForm("every|each fortnight") { _ in repeated("FREQ=WEEKLY;INTERVAL=2") },
        WhenForm("fortnightly|biweekly", loose: true) { _ in repeated("FREQ=WEEKLY;INTERVAL=2") },
        WhenForm("every|each quarter") { _ in repeated("FREQ=MONTHLY;INTERVAL=3") },
        WhenForm("daily", loose: true) { _ in repeated("FREQ=DAILY") },
        WhenForm("every|each morning") { _ in repeated("FREQ=DAILY", time: 9 * 60) },
        WhenForm("every|each evening|night") { _ in repeated("FREQ=DAILY", time: 20 * 60) },
        WhenForm("every|each weekday|workday") { _ in repeated("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR") },
        WhenForm("[on] weekdays|workdays", loose: true) { _ in repeated("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR") },
        WhenForm("every|each weekend") { _ in repeated("FREQ=WEEKLY;BYDAY=SA") },
        WhenForm("every|each {wd}") { weekly(1, [$0[0]]) },
        WhenForm("every|each {wd} and {wd}") { weekly(1, $0) },
        WhenForm("every|each {wd} {wd} and {wd}") { weekly(1, $0) },
        WhenForm("on {wds}") { weekly(1, $0) },
        WhenForm("every other|second {wd}") { weekly(2, [$0[0]]) },
        WhenForm("every other|second day") { _ in repeated("FREQ=DAILY;INTERVAL=2") },
        WhenForm("every {unit}") { every(1, $0[0]) },
        WhenForm("each {unit}") { every(1, $0[0]) },
        WhenForm("every other|second {unit}") { every(2, $0[0]) },
        WhenForm("every {n} {unit}") { every($0[0], $0[1]) },
        WhenForm("weekly", loose: true) { _ in repeated("FREQ=WEEKLY") },
        WhenForm("monthly", loose: true) { _ in repeated("FREQ=MONTHLY") },
        WhenForm("yearly|annually", loose: true) { _ in repeated("FREQ=YEARLY") },
        WhenForm("every|each month on the last [day]") { _ in monthly(31) },
        WhenForm("[on] [the] last day of every|each [the] month") { _ in monthly(31) },
        WhenForm("[at] [the] end of every|each month") { _ in monthly(31) },
        WhenForm("every|each month on the {d}") { monthly($0[0]) },
        WhenForm("on the {d} of every|each month") { monthly($0[0]) },
        WhenForm("every {nth} [of] [the|every|each] [month]") { monthly($0[0]) },
        WhenForm("every|each week on {wd}") { weekly(1, [$0[0]]) },
        WhenForm("every {mon} {d}") { yearly($0[0], $0[1]) },
        WhenForm("every [the] {d} [of] {mon}") { yearly($0[1], $0[0]) },
    ]

    // MARK: - What a row makes of its values

    private static let unitOrder: [When.Unit] = [.minute, .hour, .day, .week, .month, .year]
    private static let units: [String: Int] = [
        "minute": 0, "minutes": 0, "min": 0, "mins": 0, "hour": 1, "hours": 1, "hr": 1, "hrs": 1, "day": 2, "days": 2,
        "week": 3, "weeks": 3, "month": 4, "months": 4, "year": 5, "years": 5,
    ]

    static let weekdays: [String: Int] = [
        "monday": 1, "mon": 1, "tuesday": 2, "tue": 2, "tues": 2, "wednesday": 3, "wed": 3, "weds": 3, "wednsday": 3,
        "wensday": 3, "thursday": 4, "thu": 4, "thur": 4, "thurs": 4, "friday": 5, "fri": 5, "saturday": 6, "sat": 6,
        "sunday": 7, "sun": 7,
    ]
    private static let codes = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

    private static let months: [String: Int] = [
        "january": 1, "jan": 1, "february": 2, "feb": 2, "march": 3, "mar": 3, "april": 4, "apr": 4, "may": 5,
        "june": 6, "jun": 6, "july": 7, "jul": 7, "august": 8, "aug": 8, "september": 9, "sep": 9, "sept": 9,
        "october": 10, "oct": 10, "november": 11, "nov": 11, "december": 12, "dec": 12,
    ]

    private static func date(_ year: Int?, _ month: Int, _ day: Int) -> When? {
        let lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...12).contains(month), (1...lengths[month - 1]).contains(day) else { return nil }
        return When(day: .date(year: year, month: month, day: day))
    }

    private static func delay(_ amount: Int, _ unit: Int, isFurther: Bool = false) -> When? {
        guard amount > 0, amount <= 10_000 else { return nil }
        return When(delay: .init(amount: amount, unit: unitOrder[unit], isFurther: isFurther))
    }

    private static let daily = When.Repetition(rule: "FREQ=DAILY")

    private static func repeated(_ rule: String, time: Int? = nil) -> When {
        When(time: time, repetition: .init(rule: rule))
    }

    private static func weekly(_ interval: Int, _ days: [Int]) -> When {
        let list = Set(days).sorted().map { codes[$0 - 1] }.joined(separator: ",")
        return repeated("FREQ=WEEKLY;" + (interval > 1 ? "INTERVAL=\(interval);" : "") + "BYDAY=\(list)")
    }

    /// The 31st is said for the last day: a rule of RFC 5545 leaves out the months that have none.
    private static func monthly(_ day: Int) -> When { repeated("FREQ=MONTHLY;BYMONTHDAY=\(day == 31 ? -1 : day)") }

    private static func yearly(_ month: Int, _ day: Int) -> When? {
        guard var when = date(nil, month, day) else { return nil }
        when.repetition = .init(rule: "FREQ=YEARLY")
        return when
    }

    private static func every(_ amount: Int, _ unit: Int) -> When? {
        guard amount > 0, amount <= 366 else { return nil }
        let interval = amount > 1 ? ";INTERVAL=\(amount)" : ""
        switch unitOrder[unit] {
        case .day: return repeated("FREQ=DAILY" + interval)
        case .week: return repeated("FREQ=WEEKLY" + interval)
        case .month: return repeated("FREQ=MONTHLY" + interval)
        case .year: return repeated("FREQ=YEARLY" + interval)
        case .minute, .hour: return nil
        }
    }

    // MARK: - Values

    /// Added to the minutes of a clock time that leaves open which half of the day it is.
    private static let vague = 10_000

    private static func time(_ minutes: Int) -> When {
        When(time: minutes % vague, isTimeVague: minutes >= vague)
    }

    private static func ordinal(_ word: String, needsEnding: Bool) -> Int? {
        var digits = Substring(word)
        var hasEnding = false
        for ending in ["st", "nd", "rd", "th"] where digits.hasSuffix(ending) && digits.count > ending.count {
            digits = digits.dropLast(2)
            hasEnding = true
            break
        }
        guard hasEnding || !needsEnding, digits.utf8.count <= 2, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let day = Int(digits), (1...31).contains(day)
        else { return nil }
        return day
    }

    /// "5pm", "17:00", "5.30pm", "17h30"; bare "5" and "5:30" leave open which half of the day it is.
    private static func clock(_ word: String, isBare: Bool) -> Int? {
        var text = Substring(word)
        var isAfternoon: Bool?
        for (ending, flag) in [("a.m", false), ("p.m", true), ("am", false), ("pm", true)] where text.hasSuffix(ending)
        {
            text = text.dropLast(ending.count)
            isAfternoon = flag
            break
        }
        if isAfternoon == nil, text.hasSuffix("h"), text.count <= 3 { text = text.dropLast() + ":00" }
        let parts = text.split(whereSeparator: { $0 == ":" || $0 == "." || $0 == "h" })
        guard parts.count == 1 || parts.count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }),
            let hour = Int(parts[0]), parts[0].utf8.count <= 2, parts.count == 1 || parts[1].utf8.count == 2
        else { return nil }
        let minute = parts.count == 2 ? Int(parts[1]) ?? 60 : 0
        guard minute < 60, hour < 24 || hour == 24 && minute == 0 else { return nil }
        if let isAfternoon {
            guard (1...12).contains(hour) else { return nil }
            return (hour % 12 + (isAfternoon ? 12 : 0)) * 60 + minute
        }
        if parts.count == 2 {
            guard text.contains(":") || isBare || text.contains("h") else { return nil }
            // "05:30" and "17:30" are of 24 hours.
            let isOpen = hour >= 1 && hour <= 11 && parts[0].utf8.count == 1
            guard isOpen else { return hour % 24 * 60 + minute }
            return isBare ? hour * 60 + minute + vague : nil
        }
        guard isBare, hour <= 23 else { return nil }
        return hour >= 1 && hour <= 12 ? hour * 60 + vague : hour * 60
    }

    private static func iso(_ word: String) -> Int? {
        let parts = word.split(separator: "-", omittingEmptySubsequences: false)
        guard word.utf8.count == 10, parts.count == 3, parts[0].utf8.count == 4,
            parts.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return nil }
        return year * 10_000 + month * 100 + day
    }
}

extension Int {
    /// "3", "three", "a".
    fileprivate init?(amount word: String) {
        if word == "a" || word == "an" {
            self = 1
        } else if let number = Vocabulary.numbers[word] {
            self = Int(number)
        } else if word.utf8.count <= 5, word.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Int(word) {
            self = number
        } else {
            return nil
        }
    }
}
