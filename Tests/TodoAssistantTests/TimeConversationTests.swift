import Chat
import JSON
import Testing
import TodoAssistant

/// Conversations about times, and what is taken back. On a list of #1 buy milk, #2 call mum, #3 pay rent (done);
/// Monday, 2026-05-04, 10:00 in Berlin.
@Suite struct TimeConversationTests {
    struct Turn: Sendable {
        var says: String
        /// What is left on the list, as "#4 eggs 2026-05-05T15:00 R FREQ=DAILY"; empty: as it was.
        var list: [String]?
        /// What the answer contains.
        var answer: [String]

        init(_ says: String, _ list: [String]? = nil, _ answer: String...) {
            self.says = says
            self.list = list
            self.answer = answer
        }
    }

    private static let base = ["#1 buy milk", "#2 call mum", "✓#3 pay rent"]

    static let conversations: [[Turn]] = [
        [
            Turn(
                "add dentist tomorrow at 5", base + ["#4 dentist 2026-05-05T15:00"],
                "Added #4 “dentist” to your list, due tomorrow, Tuesday 17:00."),
            Turn(
                "what's due tomorrow?", nil, "You have 1 task due tomorrow:", "#4 dentist (due tomorrow, Tuesday 17:00)"
            ),
            Turn("what's due today?", nil, "Nothing is due today."),
            Turn("postpone it to friday", nil, "Shall I move #4 “dentist”?"),
            Turn(
                "postpone 4 to friday", base + ["#4 dentist 2026-05-08T15:00"],
                "Moved #4 “dentist”: it is due Friday, May 8, 17:00."),
            Turn("make it 6pm", base + ["#4 dentist 2026-05-08T16:00"], "Friday, May 8, 18:00"),
            Turn("undo", base + ["#4 dentist 2026-05-08T15:00"], "I took that back."),
            Turn("undo", base + ["#4 dentist 2026-05-05T15:00"], "I took that back."),
            Turn("undo", base, "#4 dentist: off your list again"),
            Turn("undo", base, "nothing in this conversation that I could take back"),
        ],
        [
            Turn(
                "remind me in 10 minutes to check the oven", base + ["#4 check the oven 2026-05-04T08:10 !"],
                "I'll remind you today 10:10."),
            Turn("snooze it for an hour", base + ["#4 check the oven 2026-05-04T09:00 !"], "today 11:00"),
        ],
        [
            Turn("remind me to buy a present", base + ["#4 buy a present"], "Tell me when, and I'll remind you of it."),
            Turn("remind me tomorrow", base + ["#4 buy a present 2026-05-05T07:00 !"], "tomorrow, Tuesday 09:00"),
        ],
        [
            Turn(
                "add water the plants every monday at 18:00",
                base + ["#4 water the plants 2026-05-04T16:00 R FREQ=WEEKLY;BYDAY=MO"], "due today 18:00, every Monday."
            ),
            Turn(
                "done with 4", base + ["#4 water the plants 2026-05-11T16:00 R FREQ=WEEKLY;BYDAY=MO"],
                "Done: #4 “water the plants”. Well done! It comes back Monday, May 11, 18:00, every Monday."),
        ],
        [
            Turn("delete 1, 2 and 3", [], "Deleted 3 tasks"),
            Turn("bring them back", base, "I took back 3 changes:", "#1 buy milk: back on your list"),
        ],
        [
            Turn("mark everything as done", ["✓#1 buy milk", "✓#2 call mum", "✓#3 pay rent"]),
            Turn("oops, undo that", base, "I took back 2 changes:", "#1 buy milk: open again"),
        ],
        [
            Turn(
                "change call mum to Wednesday", ["#1 buy milk", "#2 call mum 2026-05-06T21:59", "✓#3 pay rent"],
                "Wednesday, May 6"),
            Turn(
                "no, I meant thursday", ["#1 buy milk", "#2 call mum 2026-05-07T21:59", "✓#3 pay rent"],
                "Thursday, May 7"),
            Turn("what's overdue?", nil, "Nothing is overdue."),
        ],
        [
            Turn(
                "add a yesterday thing on 2026-05-03", base + ["#4 a yesterday thing 2026-05-03T21:59"], "due yesterday"
            ),
            Turn("what's overdue?", nil, "1 task is overdue:"),
        ],
        [
            Turn(
                "remind me about 2 tomorrow at 8", ["#1 buy milk", "#2 call mum 2026-05-05T06:00 !", "✓#3 pay rent"],
                "I'll remind you of #2 “call mum” tomorrow, Tuesday 08:00.")
        ],
    ]

    @Test(arguments: conversations)
    func goes(_ turns: [Turn]) {
        var conversation = Conversation(FakeTasks(["buy milk", "call mum", "pay rent"], done: [3]))
        conversation.clock = FreeUtteranceTests.clock
        for turn in turns {
            let before = Self.list(conversation.tasks)
            let answer = conversation.say(turn.says)
            #expect(Self.list(conversation.tasks) == turn.list ?? before, "\(turn.says)")
            for part in turn.answer { #expect(answer.contains(part), "\(turn.says): \(answer)") }
        }
    }

    private static func list(_ tasks: FakeTasks) -> [String] {
        tasks.entries.map { entry in
            (entry.isCompleted ? "✓" : "") + "#\(entry.number) \(entry.title)"
                + (entry.due.map { " \($0.prefix(16))" } ?? "") + (entry.recurrence.map { " R \($0)" } ?? "")
                + (entry.reminds ? " !" : "")
        }
    }

    /// Without a zone it is UTC, which is told.
    @Test func saysThatItIsUTC() {
        var conversation = Conversation(FakeTasks([]))
        conversation.clock = TodoClock(now: FreeUtteranceTests.clock.now, timeZone: nil)
        #expect(conversation.say("add tea at 16:00").contains("due today 16:00 UTC"))
    }
}
