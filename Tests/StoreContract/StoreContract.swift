package import Chat
import JSON

/// A database with two gateways and two users, as the contract sees it. Each is fresh.
package protocol StoreSubject: Sendable {
    func accept(_ turn: NewTurn, at gateway: Int) async -> StoreWrite<Acceptance>
    func end(_ ending: RunEnding, at gateway: Int) async -> StoreWrite<EndingOutcome>
    func begin(_ runID: Identifier, of userID: String, at gateway: Int) async -> StoreWrite<Beginning>
    func call(_ operation: ToolOperation, at gateway: Int) async -> StoreWrite<ToolOutcome>
    func newestMessages(_ threadID: Identifier, of userID: String, limit: Int) async -> Result<MessagePage?, StoreError>
    func sentTurn(_ key: String, of userID: String, at gateway: Int) async -> Result<SentTurn?, StoreError>
    func conversation(_ threadID: Identifier, of userID: String) async -> Result<Conversation?, StoreError>
    /// A gateway is taken for dead: its row among the nodes is gone.
    func suspend(_ suspension: RunSuspension, at gateway: Int) async -> StoreWrite<SuspensionOutcome>
    func approvals(_ threadID: Identifier, of userID: String, ids: [Identifier]) async -> Result<
        ThreadApprovals?, StoreError
    >
    func resume(_ resumption: NewResumption, at gateway: Int) async -> StoreWrite<ResumeOutcome>
    func decline(
        _ threadID: Identifier, of userID: String, as status: Approval.Status, at gateway: Int
    ) async -> StoreWrite<Identifier?>
    func resumption(_ runID: Identifier, of userID: String) async -> Result<Resumption?, StoreError>
    func fence(_ gateway: Int) async
    /// `0` and `1`.
    func user(_ number: Int) -> String
    func makeIdentifier() -> Identifier
}

/// What `ChatStore` and `ToolHost` promise, as dialogues: each line is a call and what it is answered. The same lines are
/// put to PostgreSQL and to whatever stands in for it, so that no stand-in is kinder.
///
/// Turns are named by letters, which stand for their message, run and client's id; all are in one conversation.
package struct StoreContract: Sendable {
    package let name: String
    /// `call → answer`, or only `call` where the answer is another line's matter.
    package let lines: [String]

    package static let all: [StoreContract] = [
        StoreContract(
            name: "a message is stored once, however often it is offered",
            lines: [
                "accept a new now → stored 1 running", "accept a new now → stored 1 running", "messages → a",
                "conversation → 1", "sent a → open",
            ]),
        StoreContract(
            name: "a client's id is used once",
            lines: [
                "accept a new now", "accept b as a → duplicate of a", "end a", "accept c as a → duplicate of a, ended",
                "messages → a A", "sent a → ended", "sent z → none",
            ]),
        StoreContract(
            name: "a client's id is the user's own",
            lines: ["accept a new now", "accept b as a other → missing", "sent a other → none"]),
        StoreContract(
            name: "a conversation is found by its user only",
            lines: [
                "accept a now → missing", "accept a new now → stored 1 running", "accept b other → missing",
                "messages → a", "messages other → none", "conversation other → none",
            ]),
        StoreContract(
            name: "one run at a time",
            lines: [
                "accept a new now → stored 1 running", "accept b → stored 2 waiting",
                "accept c now → stored 3 waiting", "begin b → waits behind a", "begin a → begun",
                "end a → stored", "begin b → begun", "begin b → begun", "begin c → waits behind b", "begin a → gone",
                "begin z → gone",
            ]),
        StoreContract(
            name: "an end lets the next one begin, in the same transaction",
            lines: [
                "accept a new now", "accept b", "accept c", "end a then b → stored", "begin c → waits behind b",
                "end b then c → stored", "end c → stored", "messages → a A b B c C",
            ]),
        StoreContract(
            name: "an end that is offered again changes nothing",
            lines: [
                "accept a new now", "accept b", "end a then b → stored", "end a then b → stored",
                "end b as cancelled → stored", "end b as cancelled → stored", "messages → a A b", "begin b → gone",
            ]),
        StoreContract(
            name: "a waiting run is withdrawn",
            lines: [
                "accept a new now", "accept b", "end b as cancelled → stored", "begin b → gone", "end a → stored",
            ]),
        StoreContract(name: "the end of no run", lines: ["accept a new now", "end z → gone"]),
        StoreContract(
            name: "a tool call happens once by its key",
            lines: [
                "accept a new now", "call a 1 → first", "call a 1 → first", "call a 2 → second", "call a 1 → first",
            ]),
        StoreContract(
            name: "the newest messages, oldest first",
            lines: [
                "accept a new now", "accept b", "end a then b", "messages 2 → … A b", "messages 3 → a A b",
                "messages 1 → … b",
            ]),
        StoreContract(
            name: "another gateway's run",
            lines: [
                "accept a new now", "1 accept b now → stored 2 waiting", "1 begin b → waits behind a",
                "1 end a → fenced", "1 sent a → elsewhere", "sent a → open", "begin b → gone", "end a → stored",
                "1 begin b → begun", "end b → fenced", "1 end b → stored", "messages → a A b B",
            ]),
        StoreContract(
            name: "an end gives no place to another gateway's turn",
            lines: [
                "accept a new now", "1 accept b → stored 2 waiting", "end a then b → stored", "1 begin b → begun",
            ]),
        StoreContract(
            name: "a run waits for a person, and goes on once",
            lines: [
                "accept a new now", "approvals → none open", "suspend a → stored", "suspend a → stored",
                "approvals → open", "sent a → ended", "approvals other → no such conversation", "resume a as b → done",
                "resume a as b → done", "resume a as c → duplicate of b", "approvals → none open", "goes b → with a",
                "goes a → with nothing", "messages → a A", "decline → nothing", "end b → stored", "messages → a A B",
            ]),
        StoreContract(
            name: "what is declined has no run behind it",
            lines: [
                "accept a new now", "suspend a", "decline → a", "decline → nothing",
                "resume a as b → duplicate of none",
                "approvals → none open", "messages → a A ?",
            ]),
        StoreContract(
            name: "the next message declines what is open",
            lines: [
                "accept a new now", "suspend a", "accept b now or not → busy", "approvals → open",
                "accept a now → stored 1 waiting", "approvals → open", "accept b now → stored 4 running",
                "approvals → none open", "resume a as c → duplicate of none", "messages → a A ? b",
                "accept c now or not → busy",
            ]),
        StoreContract(
            name: "a message that waited declines too",
            lines: [
                "accept a new now", "accept b → stored 2 waiting", "suspend a → stored", "begin b → begun",
                "approvals → none open", "messages → a A ? b", "suspend b", "accept c now → stored 7 running",
            ]),
        StoreContract(
            name: "nobody answers for another user",
            lines: [
                "accept a new now", "suspend a", "resume a as b other → changed", "decline other → nothing",
                "goes a other → with nothing", "approvals → open",
            ]),
        StoreContract(
            name: "nothing expires before its time",
            lines: ["accept a new now", "suspend a", "decline as expired → nothing", "approvals → open"]),
        StoreContract(
            name: "who is fenced decides nothing",
            lines: [
                "accept a new now", "suspend a", "fence", "resume a as b → fenced", "decline → fenced",
                "accept c new now → fenced", "suspend c → fenced", "1 resume a as b → done",
            ]),
        StoreContract(
            name: "who is fenced writes nothing",
            lines: [
                "accept a new now", "accept b", "fence", "accept c now → fenced", "accept a new now → fenced",
                "end a → fenced", "begin b → fenced", "call a 1 → fenced", "messages → a b", "1 sent a → elsewhere",
            ]),
    ]

    // MARK: One dialogue

    /// - Returns: the lines that were answered otherwise, with what was said.
    package func broken(by subject: any StoreSubject) async -> [String] {
        var dialogue = Dialogue(subject)
        var broken: [String] = []
        for line in lines {
            let parts = line.split(separator: " → ", maxSplits: 1).map(String.init)
            let answer = await dialogue.answer(parts[0])
            if parts.count > 1, answer != parts[1] { broken.append("\(line), but: \(answer)") }
        }
        return broken
    }
}

private struct Dialogue {
    private let subject: any StoreSubject
    private let thread: Identifier
    /// Message, run and reply of a letter.
    private var ids: [String: (message: Identifier, run: Identifier, reply: Identifier)] = [:]
    private var outcomes: [String] = []
    private var approvals: [String: Identifier] = [:]

    init(_ subject: any StoreSubject) {
        self.subject = subject
        thread = subject.makeIdentifier()
    }

    private mutating func ids(_ letter: String) -> (message: Identifier, run: Identifier, reply: Identifier) {
        if let known = ids[letter] { return known }
        let made = (subject.makeIdentifier(), subject.makeIdentifier(), subject.makeIdentifier())
        ids[letter] = made
        return made
    }

    private func letter(ofRun id: Identifier?) -> String {
        ids.first { $0.value.run == id }?.key ?? "?"
    }

    private func letter(ofMessage id: Identifier) -> String {
        if let asked = ids.first(where: { $0.value.message == id }) { return asked.key }
        return ids.first { $0.value.reply == id }?.key.uppercased() ?? "?"
    }

    private mutating func approval(_ letter: String) -> Approval {
        // Named like nothing else of the letter.
        let id = approvals[letter] ?? subject.makeIdentifier()
        approvals[letter] = id
        var approval = Approval(id: id, runID: ids(letter).run, ordinal: 1, tool: "add_task", callID: "call")
        approval.parameters = ["title": "milk"]
        return approval
    }

    mutating func answer(_ line: String) async -> String {
        var words = line.split(separator: " ").map(String.init)
        let gateway = Int(words[0]) ?? 0
        if Int(words[0]) != nil { words.removeFirst() }
        let user = subject.user(words.contains("other") ? 1 : 0)
        let letter = words.count > 1 ? words[1] : ""
        func word(after name: String) -> String? {
            words.firstIndex(of: name).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
        switch words[0] {
        case "accept":
            var turn = NewTurn(
                userID: user, threadID: thread, isNewThread: words.contains("new"), title: nil,
                messageID: ids(letter).message, clientID: word(after: "as") ?? letter, content: letter,
                runID: ids(letter).run, startsNow: words.contains("now"))
            turn.waits = !words.contains("not")
            return describe(await subject.accept(turn, at: gateway)) { describe($0) }
        case "end":
            let status = word(after: "as").flatMap { RunStatus(rawValue: $0) } ?? .completed
            let next = word(after: "then").map { ids($0).run }
            let ending = RunEnding(
                userID: user, threadID: thread, runID: ids(letter).run, status: status,
                messages: status == .completed
                    ? [
                        Message(id: ids(letter).reply, role: .assistant, content: letter.uppercased())
                    ] : [], nextRunID: next)
            return describe(await subject.end(ending, at: gateway)) { outcome in
                if case .stored = outcome { "stored" } else { "gone" }
            }
        case "suspend":
            let ending = RunEnding(
                userID: user, threadID: thread, runID: ids(letter).run, status: .suspended,
                messages: [
                    Message(
                        id: ids(letter).reply, role: .assistant, content: letter.uppercased(),
                        toolCalls: [ToolCall(id: "call", name: "add_task", arguments: "{}")])
                ])
            return describe(
                await subject.suspend(
                    RunSuspension(ending: ending, approvals: [approval(letter)], expiresAfter: 3_600), at: gateway)
            ) { outcome in
                if case .stored = outcome { "stored" } else { "gone" }
            }
        case "approvals":
            switch await subject.approvals(thread, of: user, ids: []) {
            case .success(nil): return "no such conversation"
            case .success(let known?): return known.open.isEmpty ? "none open" : "open"
            case .failure(let error): return "\(error)"
            }
        case "resume":
            var decided = approval(letter)
            decided.status = .approved
            let resumption = NewResumption(
                userID: user, threadID: thread, suspendedRunID: ids(letter).run,
                runID: ids(word(after: "as") ?? "").run, decidedBy: "session", approvals: [decided])
            return describe(await subject.resume(resumption, at: gateway)) { outcome in
                switch outcome {
                case .resumed(let results): results[decided.id] == nil ? "no result" : "done"
                case .duplicate(let run): "duplicate of \(run.map { self.letter(ofRun: $0) } ?? "none")"
                case .changed: "changed"
                }
            }
        case "decline":
            let status = word(after: "as").flatMap { Approval.Status(rawValue: $0) } ?? .declined
            return describe(await subject.decline(thread, of: user, as: status, at: gateway)) { run in
                run.map { self.letter(ofRun: $0) } ?? "nothing"
            }
        case "goes":
            switch await subject.resumption(ids(letter).run, of: user) {
            case .success(let found): return "with \(found.map { self.letter(ofRun: $0.suspendedRunID) } ?? "nothing")"
            case .failure(let error): return "\(error)"
            }
        case "begin":
            return describe(await subject.begin(ids(letter).run, of: user, at: gateway)) { beginning in
                switch beginning {
                case .begun: "begun"
                case .waits(let active): "waits behind \(self.letter(ofRun: active))"
                case .gone: "gone"
                }
            }
        case "call":
            let operation = ToolOperation(
                userID: user, threadID: thread, messageID: ids(letter).message,
                key: ToolCallKey(runID: ids(letter).run, ordinal: Int(words[2]) ?? 0), name: "add_task",
                arguments: ["title": "milk"])
            switch await subject.call(operation, at: gateway) {
            case .stored(let outcome):
                let text = outcome.result.description
                if !outcomes.contains(text) { outcomes.append(text) }
                return ["first", "second", "third"][outcomes.firstIndex(of: text) ?? 2]
            case .fenced: return "fenced"
            case .failed(let error): return "\(error)"
            }
        case "messages":
            let limit = Int(letter) ?? 50
            switch await subject.newestMessages(thread, of: user, limit: limit) {
            case .success(let page?):
                return ((page.hasMore ? ["…"] : []) + page.messages.map { self.letter(ofMessage: $0.id) })
                    .joined(separator: " ")
            case .success(nil): return "none"
            case .failure(let error): return "\(error)"
            }
        case "sent":
            switch await subject.sentTurn(letter, of: user, at: gateway) {
            case .success(let sent?): return sent.runEnded ? "ended" : sent.isElsewhere ? "elsewhere" : "open"
            case .success(nil): return "none"
            case .failure(let error): return "\(error)"
            }
        case "conversation":
            switch await subject.conversation(thread, of: user) {
            case .success(let found?): return "\(found.messageCount)"
            case .success(nil): return "none"
            case .failure(let error): return "\(error)"
            }
        case "fence":
            await subject.fence(gateway)
            return ""
        default: return "no such call"
        }
    }

    private func describe<Value>(_ outcome: StoreWrite<Value>, _ stored: (Value) -> String) -> String {
        switch outcome {
        case .stored(let value): stored(value)
        case .fenced: "fenced"
        case .failed(let error): "\(error)"
        }
    }

    private func describe(_ acceptance: Acceptance) -> String {
        switch acceptance {
        case .accepted(_, let position, let isRunning): "stored \(position) \(isRunning ? "running" : "waiting")"
        case .duplicate(_, _, let run, let hasEnded):
            "duplicate of \(letter(ofRun: run))\(hasEnded ? ", ended" : "")"
        case .threadNotFound: "missing"
        case .conversationFull: "full"
        case .busy: "busy"
        }
    }
}
