import TodoAssistant

extension Utterances {
    /// A time is never a title; what is not offered is said; nobody's language is stored as a task.
    static let kinds: [Utterances.Row] = [
        ("change the meeting to Wednesday", [.reschedule(.title("meeting"), day(.weekday(3, isNext: false)))]),
        ("update dinner to 8pm", [.reschedule(.title("dinner"), time(20))]),
        ("move the dentist to next friday", [.reschedule(.title("dentist"), day(.weekday(5, isNext: true)))]),
        ("postpone it to friday", [.reschedule(.it, day(.weekday(5, isNext: false)))]),
        ("push 3 to tomorrow", [.reschedule(.id(3), day(.offset(1)))]),
        ("reschedule lunch with Ann for the 3rd", [.reschedule(.title("lunch with Ann"), day(.dayOfMonth(3)))]),
        ("make it tomorrow", [.reschedule(.it, day(.offset(1)))]),
        ("snooze", [.reschedule(.it, delay(10, .minute))]),
        ("snooze for an hour", [.reschedule(.it, delay(1, .hour))]),
        ("remind me again in 10 minutes", [.remindOf(.it, delay(10, .minute))]),
        ("set the deadline of 4 to december 5", [.reschedule(.id(4), day(.date(year: nil, month: 12, day: 5)))]),
        ("3 is due tomorrow", [.reschedule(.id(3), day(.offset(1)))]),
        ("no, tuesday", [.correct(.when(day(.weekday(2, isNext: false))))]),
        ("I meant tuesday", [.correct(.when(day(.weekday(2, isNext: false))))]),
        ("no, I meant oat milk", [.correct(.words("oat milk"))]),
        ("no, the other one", [.correct(.other)]),
        ("make dinner tonight", [.phrase(["make dinner tonight"])]),
        ("plan party for saturday", [.phrase(["plan party for saturday"])]),
        ("change oil on saturday", [.phrase(["change oil on saturday"])]),
        ("set alarm for 6am", [.phrase(["set alarm for 6am"])]),

        ("remind me about 3 tomorrow at 8", [.remindOf(.id(3), When(day: .offset(1), time: 480, isTimeVague: true))]),
        ("remind me at 5 to leave", [.remind(["leave at 5"])]), ("set a reminder for the tax", [.remind(["the tax"])]),
        ("tomorrow I need to buy stamps", [.add(["buy stamps tomorrow"])]),
        ("both 1 and 2 are done", [.complete(.id(1), true), .complete(.id(2), true)]),
        ("makr 1 as done", [.complete(.id(1), true)]), ("shw my list", [.list(.open)]),
        ("I didn't pay the rent yet", [.complete(.title("pay the rent"), false)]),
        ("no longer need to call mum", [.dropped(.title("call mum"))]),
        ("finished watering the plants", [.did(.title("watering the plants"))]),
        ("done:\n- milk\n- mum", [.complete(.title("milk"), true), .complete(.title("mum"), true)]),
        ("add eggs, the brown ones", [.add(["eggs, the brown ones"])]),
        ("what about the plants?", [.get(.title("plants"))]),

        ("undo", [.undo]), ("undo that", [.undo]), ("bring it back", [.undo]), ("undo the last change", [.undo]),
        ("I didn't mean to delete that", [.undo]), ("restore them", [.undo]), ("that was a mistake", [.undo]),

        ("delete all but the milk", [.delete(.allBut([.title("milk")]))]),
        ("complete everything except 2 and 3", [.complete(.allBut([.id(2), .id(3)]), true)]),
        ("delete the first two", [.delete(.first(2))]),
        ("mark the last three tasks as done", [.complete(.lastOnes(3), true)]),
        ("delete the ones with call in them", [.delete(.having("call"))]),
        ("delete the one I just added", [.delete(.newest)]),
        ("delete the latest task", [.delete(.newest)]),
        ("I don't need the milk any more", [.dropped(.title("milk"))]),
        ("we no longer need eggs", [.dropped(.title("eggs"))]),
        ("how many are left", [.list(.open)]), ("how many in total", [.list(.all)]),
        ("how many did I finish today", [.list(.finished(.day(.offset(0))))]),
        ("what did I add yesterday", [.list(.added(.yesterday))]),
        ("what's due this week?", [.list(.due(.thisWeek))]), ("what's overdue", [.list(.overdue)]),
        ("what do I have tomorrow", [.list(.due(.day(.offset(1))))]),

        ("add buy stamps and mark milk as done", [.add(["buy stamps"]), .complete(.title("milk"), true)]),
        ("Groceries:\n- milk\n- eggs\n- [x] bread\nThanks!", [.add(["milk", "eggs"]), .addDone(["bread"]), .thanks]),
        ("add these:\n[ ] milk\n[x] eggs\nThanks!", [.add(["milk"]), .addDone(["eggs"]), .thanks]),
        ("# Weekend\n* wash the car\n* remove the wallpaper", [.add(["wash the car", "remove the wallpaper"])]),
        ("don't add these:\n- milk\n- eggs", [.unknown("don't add these")]),
        ("wash the car\nmow the lawn", [.phrase(["wash the car", "mow the lawn"])]),

        ("set priority high for 3", [.without(.priorities)]), ("do you have priorities?", [.without(.priorities)]),
        ("tag 3 with work", [.without(.tags)]), ("sort my list by date", [.without(.sorting)]),
        ("add call the bank, high priority", [.add(["call the bank, high priority"])]),

        ("füge Milch hinzu", [.foreign(.german)]), ("lösche die erste Aufgabe", [.foreign(.german)]),
        ("was steht auf meiner Liste?", [.foreign(.german)]), ("borra la tarea 3", [.foreign(.spanish)]),
        ("elimina todo", [.foreign(.spanish)]), ("¿qué tengo que hacer hoy?", [.foreign(.spanish)]),
        ("supprime la tâche 2", [.foreign(.french)]), ("ajoute du lait à ma liste", [.foreign(.french)]),
        ("adicione leite à lista", [.foreign(.portuguese)]), ("complete a tarefa 3", [.foreign(.portuguese)]),
        ("aggiungi latte alla lista", [.foreign(.italian)]), ("mostrami la lista", [.foreign(.italian)]),
        ("删除第一个任务", [.foreign(.chinese)]), ("牛乳を買う", [.foreign(.japanese)]),
        ("add Milch kaufen", [.add(["Milch kaufen"])]), ("delete 买牛奶", [.delete(.title("买牛奶"))]),
        ("add comprar leche para la tarta", [.add(["comprar leche para la tarta"])]),
    ]

    private static func day(_ day: When.Day) -> When { When(day: day) }
    private static func time(_ hour: Int) -> When { When(time: hour * 60) }
    private static func delay(_ amount: Int, _ unit: When.Unit) -> When {
        When(delay: .init(amount: amount, unit: unit))
    }
}

/// What is a time and what is none.
enum Times {
    static let rows: [(text: String, when: When?)] = [
        ("tomorrow", When(day: .offset(1))), ("today at 17:30", When(day: .offset(0), time: 17 * 60 + 30)),
        ("tomorrow at 5", When(day: .offset(1), time: 5 * 60, isTimeVague: true)),
        ("at 5pm on friday", When(day: .weekday(5, isNext: false), time: 17 * 60)),
        ("next friday", When(day: .weekday(5, isNext: true))), ("on the 3rd", When(day: .dayOfMonth(3))),
        ("in 10 minutes", When(delay: .init(amount: 10, unit: .minute))),
        ("in an hour", When(delay: .init(amount: 1, unit: .hour))),
        ("2027-02-28 09:00", When(day: .date(year: 2027, month: 2, day: 28), time: 540)),
        ("december 5th", When(day: .date(year: nil, month: 12, day: 5))),
        ("5 december 2027", When(day: .date(year: 2027, month: 12, day: 5))),
        ("every monday", When(repetition: .init(rule: "FREQ=WEEKLY;BYDAY=MO"))),
        ("every month on the 31st", When(repetition: .init(rule: "FREQ=MONTHLY;BYMONTHDAY=-1"))),
        ("last day of every month", When(repetition: .init(rule: "FREQ=MONTHLY;BYMONTHDAY=-1"))),
        ("tuesdays and thursdays", When(repetition: .init(rule: "FREQ=WEEKLY;BYDAY=TU,TH"))),
        ("at 9 tonight", When(day: .offset(0), time: 21 * 60)),
        ("3 in the afternoon", When(time: 15 * 60)),
        ("another 2 hours", When(delay: .init(amount: 2, unit: .hour, isFurther: true))),
        ("every monday at 9am", When(time: 540, repetition: .init(rule: "FREQ=WEEKLY;BYDAY=MO"))),
        ("every other friday", When(repetition: .init(rule: "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR"))),
        ("every 3 days", When(repetition: .init(rule: "FREQ=DAILY;INTERVAL=3"))),
        ("every month on the 15th", When(repetition: .init(rule: "FREQ=MONTHLY;BYMONTHDAY=15"))),
        ("every weekday", When(repetition: .init(rule: "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"))),
        ("tonight", When(day: .offset(0), time: 20 * 60)), ("noon", When(time: 720)),
        ("february 30", nil), ("25:00", nil), ("oat milk", nil), ("friday night lights", nil), ("7 eleven", nil),
        ("", nil), ("at", nil), ("tomorrow and friday", nil),
    ]
}
