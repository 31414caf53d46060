import Chat
import Testing
import TodoAssistant

/// Points in time of what people say, and the other way round. It is Monday, 2026-05-04, 10:00 in Berlin.
@Suite struct TodoClockTests {
    private static let clock = FreeUtteranceTests.clock

    static let titles: [(said: String, title: String, due: String?)] = [
        ("call mum tomorrow at 5", "call mum", "2026-05-05T15:00:00.000Z"),
        ("call mum tomorrow", "call mum", "2026-05-05T21:59:00.000Z"),
        ("call mum, tomorrow at 17:30", "call mum", "2026-05-05T15:30:00.000Z"),
        ("tomorrow at 5 call mum", "call mum", "2026-05-05T15:00:00.000Z"),
        ("call mum tonight", "call mum", "2026-05-04T18:00:00.000Z"),
        ("call mum at 9", "call mum", "2026-05-04T19:00:00.000Z"),
        ("call mum at 11", "call mum", "2026-05-04T09:00:00.000Z"),
        ("call mum in 10 minutes", "call mum", "2026-05-04T08:10:00.000Z"),
        ("call mum in an hour", "call mum", "2026-05-04T09:00:00.000Z"),
        ("pay rent on the 3rd", "pay rent", "2026-06-03T21:59:00.000Z"),
        ("pay rent on may 4", "pay rent", "2026-05-04T21:59:00.000Z"),
        ("renew passport january 7", "renew passport", "2027-01-07T22:59:00.000Z"),
        ("call mum on monday", "call mum", "2026-05-11T21:59:00.000Z"),
        ("call mum next friday", "call mum", "2026-05-15T21:59:00.000Z"),
        ("dentist friday 3pm", "dentist", "2026-05-08T13:00:00.000Z"),
        ("clean up this weekend", "clean up", "2026-05-09T21:59:00.000Z"),
        ("trip 2026-12-24", "trip", "2026-12-24T22:59:00.000Z"),
        // What is no time, or not certain.
        ("buy milk", "buy milk", nil), ("friday night lights", "friday night lights", nil),
        ("watch Freaky Friday", "watch Freaky Friday", nil), ("work from 9am to 5pm", "work from 9am to 5pm", nil),
        ("tomorrow", "tomorrow", nil), ("read 1984", "read 1984", nil), ("february 30", "february 30", nil),
        ("book a table for friday", "book a table for friday", nil),
        ("watch the today show", "watch the today show", nil),
        ("prepare slides for the monday meeting", "prepare slides for the monday meeting", nil),
        ("buy black friday", "buy black friday", nil), ("march for peace", "march for peace", nil),
    ]

    @Test(arguments: titles)
    func cutsTimesOutOfTitles(_ row: (said: String, title: String, due: String?)) {
        let (title, when) = TitleTime.split(row.said)
        #expect(title == row.title)
        let due = when.flatMap { Self.clock.due($0) }
        #expect(due.map { Timestamp.rfc3339(microseconds: $0.time) } == row.due)
    }

    static let repeated: [(said: String, due: String, rule: String)] = [
        ("water the plants every monday at 8am", "2026-05-11T06:00:00.000Z", "FREQ=WEEKLY;BYDAY=MO"),
        ("water the plants every monday at 18:00", "2026-05-04T16:00:00.000Z", "FREQ=WEEKLY;BYDAY=MO"),
        ("stand up every weekday at 9:30", "2026-05-05T07:30:00.000Z", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("take pills every day", "2026-05-04T21:59:00.000Z", "FREQ=DAILY"),
        ("pay rent every month on the 1st", "2026-06-01T21:59:00.000Z", "FREQ=MONTHLY;BYMONTHDAY=1"),
        ("change the filter every 3 months", "2026-05-04T21:59:00.000Z", "FREQ=MONTHLY;INTERVAL=3"),
        ("gratulate Lea every july 7", "2026-07-07T21:59:00.000Z", "FREQ=YEARLY"),
    ]

    @Test(arguments: repeated)
    func knowsWhatComesBack(_ row: (said: String, due: String, rule: String)) throws {
        let when = try #require(TitleTime.split(row.said).when)
        let due = try #require(Self.clock.due(when))
        #expect(Timestamp.rfc3339(microseconds: due.time) == row.due)
        #expect(due.recurrence == row.rule)
    }

    static let words: [(time: String, zone: String?, words: String)] = [
        ("2026-05-05T15:00:00Z", "Europe/Berlin", "tomorrow, Tuesday 17:00"),
        ("2026-05-05T15:00:00Z", nil, "tomorrow, Tuesday 15:00 UTC"),
        ("2026-05-05T15:00:00Z", "Nowhere/City", "tomorrow, Tuesday 15:00 UTC"),
        ("2026-05-05T15:00:00Z", "GMT+3", "tomorrow, Tuesday 15:00 UTC"),
        ("2026-05-04T23:30:00Z", "Asia/Tokyo", "tomorrow, Tuesday 08:30"),
        ("2026-05-04T21:59:00Z", "Europe/Berlin", "today"), ("2026-05-03T21:59:00Z", "Europe/Berlin", "yesterday"),
        ("2026-05-08T10:00:00Z", "Europe/Berlin", "Friday, May 8, 12:00"),
        ("2027-01-07T22:59:00Z", "Europe/Berlin", "Thursday, January 7, 2027"),
        // The clocks go back in between: the same time of day.
        ("2026-10-26T08:00:00Z", "Europe/Berlin", "Monday, October 26, 09:00"),
    ]

    @Test(arguments: words)
    func tellsTimes(_ row: (time: String, zone: String?, words: String)) throws {
        let clock = TodoClock(now: Self.clock.now, timeZone: row.zone)
        #expect(clock.words(try #require(Timestamp.microseconds(iso8601: row.time))) == row.words)
    }

    @Test func aLateReminderSaysForWhenItWas() {
        let due = Self.clock.now
        let late = TodoClock(now: due + 61_000_000, timeZone: "Europe/Berlin")
        #expect(ReminderText.make(number: 3, title: "a “b”", due: due, clock: Self.clock) == "Reminder: #3 “a \"b\"”.")
        #expect(
            ReminderText.make(number: 3, title: "a", due: due, clock: late)
                == "Reminder, late: it was for today 10:00. #3 “a”.")
    }
}
