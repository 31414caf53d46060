import TodoAssistant
import Chat
import Testing

/// Whole conversations with the machine, on a list of #1 buy milk, #2 call mum, #3 pay rent (done), #4 milk the cow,
/// #5 groceries.
@Suite struct ConversationTests {
    struct Turn: Sendable {
        var says: String
        /// The calls of the turn, in order.
        var calls: [String]
        /// What the answer contains.
        var answer: [String]

        init(_ says: String, _ calls: [String] = [], _ answer: String...) {
            self.says = says
            self.calls = calls
            self.answer = answer
        }
    }

    static let open = "list_tasks {}"
    static let all = "list_tasks {\"include_completed\":true}"
    static func done(_ id: Int) -> String { "complete_task {\"task_id\":\(id + 100)}" }
    static func delete(_ id: Int) -> String { "delete_task {\"task_id\":\(id + 100)}" }
    static func add(_ title: String) -> String { "add_task {\"title\":\"\(title)\"}" }

    static let conversations: [[Turn]] = [
        [
            Turn("add buy bread", [add("buy bread")], "Added #6 “buy bread”"),
            Turn("mark it as done", [done(6)], "Done: #6 “buy bread”"),
        ],
        [
            Turn("delete milk", [all], "Which one do you mean to delete: #1 “buy milk” or #4 “milk the cow”?"),
            Turn("the first one", [delete(1)], "Deleted #1 “buy milk”."),
        ],
        [
            Turn("delete milk", [all], "Which one"),
            Turn("hm?", [], "I didn't get which one.\nWhich one do you mean to delete: #1"),
            Turn("#4", [delete(4)], "Deleted #4"),
        ],
        [Turn("delete milk", [all], "Which one"), Turn("the cow one", [delete(4)], "Deleted #4")],
        [Turn("delete milk", [all], "Which one"), Turn("4", [delete(4)], "Deleted #4")],
        [Turn("delete milk", [all], "Which one"), Turn("2", [delete(4)], "Deleted #4 “milk the cow”")],
        [
            Turn("delete milk", [all], "Which one"),
            Turn("both", [delete(1), delete(4)], "Deleted 2 tasks:\n#1 buy milk\n#4 milk the cow"),
        ],
        [Turn("delete milk", [all], "Which one"), Turn("neither", [], "OK, I changed nothing.")],
        [Turn("delete milk", [all], "Which one"), Turn("#9", [], "I didn't get which one.")],
        [Turn("delete milk", [all], "Which one"), Turn("add eggs", [add("eggs")], "Added #6")],
        [
            Turn(
                "rename milk to buy oat milk", [open],
                "Which one do you mean to rename: #1 “buy milk” or #4 “milk the cow”?"),
            Turn("what?", [], "Which one do you mean to rename"),
            Turn(
                "the first", ["update_task {\"task_id\":101,\"title\":\"buy oat milk\"}"], "Renamed #1",
                "to “buy oat milk”"),
        ],
        [
            Turn("add a note to milk: semi-skimmed", [all], "Which one do you mean to add the note to"),
            Turn(
                "1", [all, "update_task {\"task_id\":101,\"description\":\"semi-skimmed\"}"],
                "Noted on #1 “buy milk”: semi-skimmed"),
            Turn(
                "add a note to 1: two of them",
                [all, "update_task {\"task_id\":101,\"description\":\"semi-skimmed\\ntwo of them\"}"], "two of them"),
            Turn("tell me about it", ["get_task {\"task_id\":101}"], "is open. Its note: semi-skimmed two of them"),
        ],
        [
            Turn("delete everything", [], "Shall I delete all tasks"), Turn("ok add eggs", [add("eggs")], "Added #6"),
            Turn("yes", [], "What shall I do?"),
        ],
        [Turn("delete everything", [], "Shall I delete all tasks"), Turn("no", [], "OK, I changed nothing.")],
        [
            Turn("delete everything", [], "Shall I delete all tasks"),
            Turn("yes, and add milk", [add("milk")], "Added #6"),
        ],
        [
            Turn("delete everything", [], "Shall I delete all tasks"),
            Turn("yes", [all, delete(5), delete(4), delete(3), delete(2), delete(1)], "Deleted 5 tasks:"),
            Turn("list", [open], "your list is clear"),
            Turn("show everything", [all], "Your list is empty."),
        ],
        [
            Turn("clear all finished tasks", [all, delete(3)], "Deleted #3 “pay rent”."),
            Turn("clear completed", [all], "no finished tasks"),
        ],
        [
            Turn("I called mum", [open], "Shall I mark #2 “call mum” as done?"),
            Turn("yes", [done(2)], "Done: #2 “call mum”"),
        ],
        [Turn("I called mum", [open], "Shall I mark #2"), Turn("no", [], "OK, I changed nothing.")],
        [Turn("pay rent is done", [open, all], "#3 “pay rent” is done already.")],
        [
            Turn(
                "un-complete rent", [all, "complete_task {\"task_id\":103,\"completed\":false}"],
                "#3 “pay rent” is open again.")
        ],
        [Turn("un-complete groceries", [all], "#5 “groceries” is still open.")],
        [Turn("delete unicorn", [all], "I found no task “unicorn” on your list, so I changed nothing.")],
        [Turn("delete 99", [all], "There is no task #99 on your list.")],
        [Turn("mark 99 as done", [all], "There is no task #99")],
        [Turn("delete the oat milkshake", [all], "I found no task")],
        // What the person sees is what is meant; what is not certain is asked.
        [
            Turn("what's left?", [open], "#5 groceries"), Turn("add eggs", [add("eggs")], "Added #6"),
            Turn("delete the first one", [all], "Shall I delete #5 “groceries”?"),
            Turn("yes", [delete(5)], "Deleted #5"),
        ],
        [
            Turn("add eggs", [add("eggs")], "Added #6"), Turn("thanks", [], "You're welcome!"),
            Turn("delete it", [all], "Shall I delete #6 “eggs”?"),
        ],
        [
            Turn("what's left?", [open], "#5 groceries"),
            Turn("delete the first two", [delete(5), delete(4)], "Deleted 2 tasks"),
        ],
        [
            Turn("what's left?", [open], "#5 groceries"), Turn("delete 3", [all], "Shall I delete #3 “pay rent”?"),
        ],
        [Turn("delete the first two", [open], "Shall I delete these 2 tasks: #5 “groceries” and #4 “milk the cow”?")],
        [
            Turn("add milk, eggs (both)", [add("milk"), add("eggs (both)")], "Added 2 tasks"),
            Turn("mark the second one as done", [done(7)], "Done: #7"),
        ],
        [
            Turn("add buy pens and paper", [add("buy pens and paper")], "Added #6"),
            Turn("what's left?", [open], "#6"),
            Turn("delete paper", [all], "Shall I delete #6 “buy pens and paper”?"),
        ],
        [
            Turn("add buy bread", [add("buy bread")], "Added #6"),
            Turn("add buy butter", [add("buy butter")], "Added #7"),
            Turn("delete bread and butter", [all], "Shall I delete these 2 tasks: #6 “buy bread” and #7 “buy butter”?"),
        ],
        [
            Turn("rename groceries to Wednesday", [open], "“Wednesday” is a time", "Shall I rename #5 “groceries”?"),
            Turn("no", [], "OK, I changed nothing."),
        ],
        [Turn("reopen 2", [all], "#2 “call mum” is still open.")],
        [Turn("delete groceries. no, don't", [], "OK, I changed nothing.")],
        // Errands typed one by one, and such as begin with a verb of ours.
        [
            Turn("buy stamps", [], "Shall I add “buy stamps” to your list?"),
            Turn("phone the plumber", [add("buy stamps"), add("phone the plumber")], "Added 2 tasks"),
            Turn("eggs", [add("eggs")], "Added #8 “eggs”"),
        ],
        [
            Turn("remove the wallpaper", [all], "Shall I add “remove the wallpaper” to your list?"),
            Turn("yes", [add("remove the wallpaper")], "Added #6"),
        ],
        [Turn("complete the tax form", [open, all], "Shall I add “complete the tax form” to your list?")],
        // Sets and corrections.
        [Turn("mark the ones with call in them as done", [all], "Shall I mark #2 “call mum” as done?")],
        [
            Turn("I don't need the groceries any more", [all], "Is #5 “groceries” done, or shall I delete it?"),
            Turn("done", [done(5)], "Done: #5"),
        ],
        [
            Turn("I don't need the milk any more", [all], "Which one do you mean"),
            Turn("the first", [all], "Is #1 “buy milk” done, or shall I delete it?"),
            Turn("delete it", [delete(1)], "Deleted #1"),
        ],
        [
            Turn("add milkshake", [add("milkshake")], "Added #6"),
            Turn(
                "no, I meant banana milkshake", ["update_task {\"task_id\":106,\"title\":\"banana milkshake\"}"],
                "Renamed #6"),
        ],
        [Turn("delete milk", [all], "Which one"), Turn("the other one", [], "I didn't get which one.")],
        [Turn("sdf lkj; mnb poi; qwe rty", [], "I'm not sure what to do with that.")],
        [Turn("delete grocries", [all, delete(5)], "Deleted #5")],
        [
            Turn(
                "delete groceries and call mum", [all, delete(5), delete(2)],
                "Deleted 2 tasks:\n#5 groceries\n#2 call mum")
        ],
        [Turn("delete groceries and pay unicorn", [all], "I found no task")],
        [
            Turn(
                "delete everything except milk", [all],
                "Shall I delete these 2 tasks: #5 “groceries” and #2 “call mum”?"),
            Turn("yes, but not call mum", [], "I'm not sure what you mean", "Shall I delete these 2 tasks"),
            Turn("yes", [delete(5), delete(2)], "Deleted 2 tasks"),
        ],
        [Turn("don't delete milk", [], "I didn't understand")],
        [
            Turn("buy cheese", [], "Shall I add “buy cheese” to your list?"),
            Turn("yes please", [add("buy cheese")], "Added #6 “buy cheese”"),
        ],
        [Turn("buy cheese", [], "Shall I add"), Turn("nope", [], "OK, I changed nothing.")],
        [
            Turn("buy bread and call dad", [], "Shall I add “buy bread” and “call dad” to your list?"),
            Turn("sure", [add("buy bread"), add("call dad")], "Added 2 tasks:\n#6 buy bread\n#7 call dad"),
            Turn("mark them as done", [done(6), done(7)], "Well done, 2 tasks finished"),
        ],
        [
            Turn("read “Dune”", [], "Shall I add “read \"Dune\"” to your list?"),
            Turn("yes", ["add_task {\"title\":\"read “Dune”\"}"], "Added #6"),
        ],
        [
            Turn("add", [], "What shall I add?"),
            Turn("apples and pears", [add("apples"), add("pears")], "Added 2 tasks"),
        ],
        [Turn("delete", [], "Which task shall I delete?"), Turn("2", [all, delete(2)], "Deleted #2")],
        [Turn("delete", [], "Which task shall I delete?"), Turn("groceries", [all, delete(5)], "Deleted #5")],
        [
            Turn(
                "what's left?", [open],
                "You have 4 open tasks:\n#5 groceries\n#4 milk the cow\n#2 call mum\n#1 buy milk"),
            Turn("delete the second one", [delete(4)], "Deleted #4"),
            Turn("delete it", [delete(4)], "There is no task #4"),
        ],
        [Turn("show me everything, done too", [all], "You have 5 tasks, 1 of them done:", "\n✓ #3 pay rent\n")],
        [Turn("what have I done?", [all], "You have finished 1 task:\n✓ #3 pay rent")],
        [
            Turn("delete the last one", [open], "Shall I delete #5 “groceries”?"),
            Turn("yes", [delete(5)], "Deleted #5"),
        ],
        [
            Turn(
                "add milk and eggs, then mark 2 as done; what's left?", [add("milk"), add("eggs"), all, done(2), open],
                "Added 2 tasks:\n#6 milk\n#7 eggs\nDone: #2 “call mum”. Well done!\nYou have 5 open tasks:")
        ],
        [
            Turn(
                "rename 1 to buy oat milk, then mark it as done",
                [all, "update_task {\"task_id\":101,\"title\":\"buy oat milk\"}", done(1)], "Renamed #1", "Done: #1")
        ],
        [Turn("rename 1", [], "What shall #1 be called?")],
        [
            Turn("add talk to mum", [add("talk to mum")], "Added #6"),
            Turn(
                "rename talk to mum to call dad", [open, "update_task {\"task_id\":106,\"title\":\"call dad\"}"],
                "Renamed #6 from “talk to mum” to “call dad”."),
        ],
        [Turn("is milk on my list?", [all], "Which one do you mean to show")],
        [
            Turn(
                "tell me about task 2", [all, "get_task {\"task_id\":102}"],
                "#2 “call mum” is open, and it has no note.")
        ],
        [
            Turn(
                "mark everything as done", [open, done(5), done(4), done(2), done(1)], "Well done, 4 tasks finished",
                "your list is clear!")
        ],
        [
            Turn("thanks", [], "You're welcome!"), Turn("hi", [], "Hello!"), Turn("bye", [], "Goodbye!"),
            Turn("help", [], "what's left?"),
        ],
        [Turn("sdfk jhsdf sdfh sdf sdf sdf sdf", [], "I can add, show, rename, finish and delete tasks")],
        [Turn("it is done", [], "Which task shall I mark as done?")],
    ]

    @Test(arguments: conversations)
    func conversation(_ turns: [Turn]) {
        var conversation = Conversation(
            FakeTasks(["buy milk", "call mum", "pay rent", "milk the cow", "groceries"], done: [3]))
        for turn in turns {
            let answer = conversation.say(turn.says)
            #expect(conversation.calls == turn.calls, "\(turn.says)")
            for part in turn.answer { #expect(answer.contains(part), "\(turn.says)") }
        }
    }

    @Test func addsNothingWithATitleTooLong() {
        var conversation = Conversation(FakeTasks([]))
        let answer = conversation.say("add " + String(repeating: "é", count: 201))
        #expect(conversation.calls.isEmpty)
        #expect(answer.contains("201 characters"))
        conversation.say("add " + String(repeating: "🎂", count: 200))
        #expect(conversation.tasks.entries.count == 1)
    }

    @Test(arguments: ToolName.allCases)
    func tellsOfAFailedTool(_ tool: ToolName) {
        let says: [ToolName: String] = [
            .addTask: "add x", .listTasks: "list", .getTask: "tell me about 1", .updateTask: "rename 1 to x",
            .deleteTask: "delete 1",
            .completeTask: "mark 1 as done", .undoTasks: "undo",
        ]
        var tasks = FakeTasks(["buy milk"])
        tasks.broken = [tool]
        var conversation = Conversation(tasks)
        let answer = conversation.say(says[tool] ?? "")
        #expect(answer.contains("couldn't"))
        #expect(answer.contains("out of order"))
        for claim in ["Added", "Done", "Renamed", "Deleted", "You have"] { #expect(!answer.contains(claim)) }
    }

    @Test func doesNothingToTasksItCouldNotLookUp() {
        var tasks = FakeTasks(["buy milk"])
        tasks.broken = [.listTasks]
        var conversation = Conversation(tasks)
        let answer = conversation.say("delete milk and add eggs")
        #expect(conversation.calls == [Self.all, Self.add("eggs")])
        #expect(answer.contains("couldn't read your list"))
        #expect(answer.contains("Added #2"))
    }

    @Test func makesAtMostAHundredCalls() {
        var conversation = Conversation(FakeTasks([]))
        let answer = conversation.say((1...50).map { "- [x] task \($0)" }.joined(separator: "\n") + "\nlist")
        #expect(conversation.calls.count == TodoMachine.mostCalls)
        #expect(conversation.tasks.entries.count == 50)
        #expect(answer.contains("at most 50 things"))
    }

    @Test func deletesAtMostWhatItSees() {
        var conversation = Conversation(FakeTasks((1...60).map { "task \($0)" }))
        conversation.say("delete everything")
        let answer = conversation.say("yes")
        #expect(conversation.tasks.entries.count == 10)
        #expect(answer.contains("Deleted 50 tasks"))
        #expect(answer.contains("only look at the newest 50 of your 60 tasks"))
    }

    /// A task behind the newest 50 is found by its number.
    @Test func reachesOldTasksByNumber() {
        var conversation = Conversation(FakeTasks((1...60).map { "task \($0)" }))
        #expect(conversation.say("delete 3").contains("Deleted #3"))
        #expect(
            conversation.calls == [Self.all, "list_tasks {\"include_completed\":true,\"number\":3}", Self.delete(3)])
    }

    @Test func saysWhenThereAreMoreThanItShows() {
        var conversation = Conversation(FakeTasks((1...60).map { "task \($0)" }))
        #expect(conversation.say("list").hasSuffix("These are the newest 50 of 60."))
        #expect(conversation.say("delete unicorn").contains("among your newest 50"))
    }

    @Test func saysWhenThereWereTooManyRequests() {
        var conversation = Conversation(FakeTasks([]))
        let answer = conversation.say("add:\n" + (1...55).map { "- item \($0)" }.joined(separator: "\n"))
        #expect(conversation.tasks.entries.count == 50)
        #expect(answer.contains("at most 50 things"))
    }

    /// Whatever is said: an answer, a bounded number of calls, and no claim without its call.
    @Test(arguments: 0..<6)
    func neverClaimsWhatItDidNotDo(_ seed: UInt64) {
        var random = SplitMix(state: seed &+ 77)
        for _ in 0..<12 {
            var conversation = Conversation(FakeTasks(["buy milk", "call mum", "pay rent", "milk the cow"], done: [3]))
            for _ in 0..<12 {
                let words = (0..<Int.random(in: 1..<9, using: &random)).compactMap { _ in
                    (ParserBoundsTests.words + ["yes", "both", "mum", "no"]).randomElement(using: &random)
                }
                let answer = conversation.say(words.joined(separator: " "))
                #expect(!answer.isEmpty)
                #expect(conversation.calls.count <= TodoMachine.mostCalls)
                let claims = [
                    ("Added ", "add_task"), ("Deleted ", "delete_task"), ("Done: ", "complete_task"),
                    ("Renamed ", "update_task"),
                ]
                for (claim, tool) in claims where answer.hasPrefix(claim) {
                    #expect(conversation.calls.contains { $0.hasPrefix(tool) }, "\(words)")
                }
            }
        }
    }

    /// A title may look like a question of the assistant's, or like a candidate.
    @Test func titlesAreNotTakenForQuestions() {
        var conversation = Conversation(
            FakeTasks(["Shall I delete all tasks on your list?", "x” or #1 “y milk", "milk"]))
        conversation.say("list")
        conversation.say("yes")
        #expect(conversation.tasks.entries.count == 3)
        conversation.say("delete the milk or so")
        conversation.say("add multi\nShall I delete all tasks on your list?")
        conversation.say("yes")
        #expect(conversation.tasks.entries.count >= 3)
        #expect(
            TodoQuestion(asked: "Which one do you mean to delete: #2 “x\" or #1 \"y” or #3 “milk”?")
                == .which(.delete, [.init(number: 2, title: "x\" or #1 \"y"), .init(number: 3, title: "milk")]))
    }

    static let questions: [TodoQuestion] = [
        .which(.delete, []), .which(.rename, [.init(number: 1, title: "a"), .init(number: 22, title: "b #3 c")]),
        .confirm(.complete, .init(number: 7, title: "x")), .confirm(.reopen, .init(number: 7, title: "x")),
        .confirm(.note, .init(number: 7, title: "x")),
        .confirmEach(.delete, [.init(number: 1, title: "a"), .init(number: 2, title: "b")]),
        .confirmEach(.complete, [.init(number: 1, title: "a"), .init(number: 2, title: "b")]),
        .doneOrDeleted(.init(number: 3, title: "c")), .offerLines(12),
        .deleteAll, .completeAll, .offer(["a"]), .offer(["a", "b", "c"]), .whatToAdd,
    ]

    @Test(arguments: questions)
    func questionsAreReadBack(_ question: TodoQuestion) {
        #expect(TodoQuestion(asked: "Something before.\n" + question.text) == question)
    }
}
