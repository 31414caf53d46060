import Chat

/// A conversation's machine with nothing around it: events are written in a word or two, effects are read in short. Turns
/// and their runs are named by a letter.
struct MachineWorld {
    static let thread = Identifier(high: 9, low: 9)
    private(set) var machine: ConversationMachine

    init(isNew: Bool = false) {
        machine = ConversationMachine(threadID: Self.thread, isNew: isNew, limits: ChatLimits())
    }

    static func id(_ name: some StringProtocol) -> Identifier {
        Identifier(high: 1, low: UInt64(name.unicodeScalars.first?.value ?? 0))
    }

    private static func name(_ id: Identifier) -> String {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).map { String(UnicodeScalar($0)) }.first { Self.id($0) == id } ?? "?"
    }

    /// Its client's id is its letter.
    private static func turn(_ name: some StringProtocol) -> Turn {
        Turn(
            message: Message(id: id(name.uppercased()), role: .user, content: String(name)), runID: id(name),
            clientID: String(name), answers: [Answer(client: nil, id: String(name))])
    }

    private static let conversation = Conversation(
        id: thread, title: nil, status: .active, messageCount: 1, createdAt: 0, updatedAt: 0)

    /// - Parameter steps: events, with commas between.
    mutating func run(_ steps: String) {
        for step in steps.split(separator: ", ") { _ = take(String(step)) }
    }

    /// What an event leads to.
    mutating func take(_ step: String) -> String {
        guard let event = event(step) else { return "no event: \(step)" }
        let effects = machine.handle(event).map(Self.describe)
        return effects.isEmpty ? "-" : effects.joined(separator: ", ")
    }

    // MARK: Events

    private func event(_ step: String) -> ConversationMachine.Event? {
        let words = step.split(separator: " ").map(String.init)
        let (first, second) = (words.count > 1 ? words[1] : "", words.count > 2 ? words[2] : "")
        switch words.first {
        case "send": return .send(Self.turn(first), .enqueue, refusal: nil)
        case "reject": return .send(Self.turn(first), .reject, refusal: nil)
        case "interrupt": return .send(Self.turn(first), .interrupt, refusal: nil)
        case "again": return .sendAgain(Self.id(first), Answer(client: nil, id: "\(first)2"))
        case "cancel": return .cancel(first.isEmpty ? nil : Self.id(first), Answer(client: nil, id: "x"))
        case "stop": return .stop
        case "allow": return .allow
        case "drain": return .drain
        case "shutdown": return .interrupt(RunFailure(code: .interrupted, message: ""))
        case "abandon": return .abandon
        case "repeated":
            return .duplicate(Self.turn(second), message: Self.id("m"), run: Self.id(first), isOver: words.count > 3)
        case "adopt":
            var turn = Turn(message: Self.turn(first).message, runID: Self.id(first), clientID: nil)
            turn.standing = second == "placed" ? .placed : .waiting(isAsked: false)
            return .adopt(turn)
        case "tell":
            return .tell(
                UnaskedMessage(
                    key: 1, threadID: Self.thread, runID: Self.id(first), messageID: Self.id("m"), content: first))
        case "told": return .told
        case "canSuspend": return .canSuspend(Self.id(first))
        case "asks": return .asks(first.isEmpty ? nil : Self.id(first))
        case "expired": return .expired(Self.id(first))
        case "resume":
            return .resume(
                .init(runID: Self.id(first), answers: [], answer: Answer(client: nil, id: "r\(first)")))
        case "resumed": return .resumed(resuming(first, second))
        case "declined":
            return .declined(
                first == "away" ? .failed(.unavailable(retryAfter: 1)) : .stored(first == "none" ? nil : Self.id(first))
            )
        case "canEnd": return .canEnd(Self.id(first))
        case "lost": return .lost(Self.id(first))
        case "accepted": return .accepted(acceptance(first, second), isHeld: false)
        case "ended": return ending(first).map { .ended($0) }
        case "withdrawn":
            return .withdrawn(first == "away" ? .failed(.unavailable(retryAfter: 1)) : .stored(.stored(updatedAt: 0)))
        case "begun": return .begun(Self.id(first), beginning(second))
        case "found":
            return .found(
                Self.id(first), .success(second.isEmpty ? nil : sent(second, isElsewhere: false)), isHeld: false)
        case "claimed":
            let result: Result<SentTurn?, StoreError> =
                switch second {
                case "away": .failure(.unavailable(retryAfter: 1))
                case "elsewhere": .success(sent("o", isElsewhere: true))
                case "ours": .success(sent("o", isElsewhere: false))
                default: .success(nil)
                }
            return .claimed(Self.id(first), result, isHeld: false)
        case "due":
            switch first {
            case "retry": return .due(.retry)
            case "ask": return .due(.askToBegin(Self.id(second)))
            default: return .due(.claim(Self.id(second)))
            }
        default: return nil
        }
    }

    private func sent(_ run: String, isElsewhere: Bool) -> SentTurn {
        SentTurn(
            threadID: Self.thread, messageID: Self.id("m"), runID: Self.id(run), runEnded: false,
            isElsewhere: isElsewhere)
    }

    private func acceptance(_ word: String, _ other: String) -> StoreWrite<Acceptance> {
        switch word {
        case "running": .stored(.accepted(Self.conversation, position: 1, isRunning: true))
        case "waiting": .stored(.accepted(Self.conversation, position: 1, isRunning: false))
        case "duplicate":
            .stored(
                .duplicate(
                    threadID: other == "there" ? Self.id("t") : Self.thread, messageID: Self.id("m"),
                    runID: Self.id("o"), runEnded: other == "over"))
        case "missing": .stored(.threadNotFound)
        case "full": .stored(.conversationFull)
        case "busy": .stored(.busy)
        case "fenced": .fenced
        case "unknown": .failed(.unknown)
        case "rejected": .failed(.rejected)
        default: .failed(.unavailable(retryAfter: 1))
        }
    }

    private func ending(_ word: String) -> ConversationMachine.Ending? {
        switch word {
        case "fenced": .fenced
        case "refused": .refused(isBare: false)
        case "bare": .refused(isBare: true)
        case "away": .failed
        default: RunStatus(rawValue: word).map { .stored($0) }
        }
    }

    private func resuming(_ word: String, _ other: String) -> StoreWrite<ConversationMachine.Resuming> {
        switch word {
        case "running":
            var turn = Self.turn(other)
            turn.answers = []
            return .stored(.resumed(turn))
        case "duplicate": return .stored(.duplicate(run: other.isEmpty ? nil : Self.id(other)))
        case "refused": return .stored(.refused(ClientError(.invalidField, "")))
        case "unknown": return .failed(.unknown)
        case "fenced": return .fenced
        default: return .failed(.unavailable(retryAfter: 1))
        }
    }

    private func beginning(_ word: String) -> StoreWrite<Beginning> {
        switch word {
        case "now": .stored(.begun)
        case "gone": .stored(.gone)
        case "fenced": .fenced
        case "away": .failed(.unknown)
        case "waits": .stored(.waits(behind: nil))
        default: .stored(.waits(behind: Self.id(word)))
        }
    }

    // MARK: Effects

    private static func describe(_ effect: ConversationMachine.Effect) -> String {
        switch effect {
        case .answer(let answer, let reply): "\(answer.id ?? "?") \(describe(reply))"
        case .answerBehindEnd(let answer, let run, let status):
            "\(answer.id ?? "?") \(status) behind \(name(run))"
        case .join(let answer, let run): "join \(answer.id ?? "?")\(run.map { " to \(name($0))" } ?? "")"
        case .cancel(let run, let answer): "cancel \(name(run)) for \(answer.id ?? "?")"
        case .settled(let run, _): "settled \(name(run))"
        case .duplicate(let turn, _): "duplicate \(name(turn.runID))"
        case .announce: "announce"
        case .committed: "committed"
        case .showAnew: "show anew"
        case .showPath: "show path"
        case .begin(let turn, let isWorking): "begin \(name(turn.runID))\(isWorking ? "" : " without work")"
        case .stop(let run, let status, _): "stop \(name(run)) \(status)"
        case .finish(let run): "finish \(name(run))"
        case .abandon(let run): "abandon \(name(run))"
        case .accept(let turn, let startsNow, let isNew):
            "ACCEPT \(name(turn.runID))\(startsNow ? " now" : "")\(isNew ? " new" : "")"
        case .end(let run, let next): "END \(name(run))\(next.map { " then \(name($0))" } ?? "")"
        case .withdraw(let run, let next): "WITHDRAW \(name(run))\(next.map { " then \(name($0))" } ?? "")"
        case .tell(let message): "TELL \(name(message.runID))"
        case .resume(let run, _): "RESUME \(name(run))"
        case .decline(let run, let status): "DECLINE \(name(run)) \(status)"
        case .asked: "asked"
        case .askToBegin(let run): "ask for \(name(run))"
        case .find(let run, _): "find \(name(run))"
        case .claim(let turn, _): "claim for \(name(turn))"
        case .watch(let run, _): "watch \(name(run))"
        case .schedule(let timer, let milliseconds): "\(describe(timer)) in \(milliseconds)"
        case .stopped: "stopped"
        case .report: "report"
        }
    }

    private static func describe(_ reply: Reply) -> String {
        switch reply {
        case .sent(_, _, let run, let status, let position):
            "\(status) \(name(run))\(position.map { " at \($0)" } ?? "")"
        case .done(_, _, let status): "\(status)"
        case .resumed(_, let run, let status): "\(status)\(run.map { " \(name($0))" } ?? "")"
        case .refused(let error): "\(error.code)"
        }
    }

    private static func describe(_ timer: ConversationMachine.Timer) -> String {
        switch timer {
        case .retry: "retry"
        case .askToBegin(let run): "ask for \(name(run))"
        case .claim(let turn): "claim for \(name(turn))"
        }
    }
}
