package import JSON

/// What a chat in a terminal makes of frames (Protocol.md, section 2) and of lines: pure, so that anything can drive it.
package struct ChatConversation {
    package enum Effect: Equatable {
        case say(String, Style)
        case send(JSON)
        /// The user's conversations are asked for; what comes goes to `take(list:)`.
        case list
        case end
    }

    package enum Style: Equatable { case answer, you, tool, note, failure }

    /// Frames that wait for an answer, at most; and characters of a tool's arguments that are shown of a history.
    package static let waitingLimit = 64
    package static let argumentsLimit = 500

    package private(set) var userID: String?
    package private(set) var threadID: String?
    package private(set) var cursor: String?
    package private(set) var interrupts: [JSON] = []
    /// Tells this process's ids from those of others.
    private let nonce: String
    private var count = 0
    /// What waits for an answer, in its order. On a new stream it is sent again with the same ids, which counts once.
    private var waiting: [(id: String, frame: JSON)] = []
    private var runID: String?
    private var queued: Set<String> = []
    /// Messages and calls that were shown to their end: a snapshot or a replay does not show them twice.
    private var shown: Set<String> = []
    private var isMuted = false
    /// What was said last is not at the beginning of a line.
    private var isOpen = false
    private var listed: [String] = []

    package init(threadID: String?, nonce: String) {
        self.threadID = threadID
        self.nonce = nonce
    }

    /// Whether a reply is under way.
    package var isBusy: Bool { runID != nil }

    /// Whether all that was sent is answered.
    package var isIdle: Bool { runID == nil && queued.isEmpty && waiting.isEmpty }

    /// Whether something of the person's is on its way and not known to be stored.
    package var isSending: Bool { waiting.contains { ["send", "resume"].contains($0.frame["op"]?.string) } }

    package static let help = """
        /list shows your conversations · /open goes on with one (its number or id) · /new begins another
        /approve, /decline answer what a tool asks · /cancel stops the reply · /quit ends the chat
        Ctrl-C stops the reply or ends the chat, Ctrl-D ends it

        """

    // MARK: Lines

    package mutating func take(line: String) -> [Effect] {
        let text = line.trimmed
        guard !text.isEmpty else { return [] }
        guard text.hasPrefix("/") else { return send("send", ["content": .string(line)], inThread: threadID != nil) }
        let word = text.prefix { !$0.isWhitespace }
        let rest = String(text.dropFirst(word.count)).trimmed
        switch word {
        case "/quit", "/exit", "/q": return [.end]
        case "/new": return leave() + [.say("a new conversation begins with your next message\n", .note)]
        case "/list": return [.list]
        case "/open": return open(rest)
        case "/cancel": return cancel()
        case "/approve": return answer(["approved": true])
        case "/decline":
            return answer(rest.isEmpty ? ["approved": false] : ["approved": false, "reason": .string(rest)])
        case "/help", "/?": return [.say(Self.help, .note)]
        default: return [.say("there is no command \(word) (see /help)\n", .failure)]
        }
    }

    private mutating func send(_ op: String, _ fields: JSONObject = [:], inThread: Bool = true) -> [Effect] {
        guard waiting.count < Self.waitingLimit else {
            return [.say("\(Self.waitingLimit) messages wait for an answer already\n", .failure)]
        }
        count += 1
        let id = "t\(count)-\(nonce)"
        var frame: JSONObject = ["op": .string(op), "id": .string(id)]
        if inThread { frame["threadId"] = .string(threadID ?? "") }
        for member in fields.members { frame[member.key] = member.value }
        waiting.append((id, .object(frame)))
        return [.send(.object(frame))]
    }

    /// Ctrl-C and `/cancel`.
    package mutating func cancel() -> [Effect] {
        guard threadID != nil, isBusy || !interrupts.isEmpty else { return [.say("nothing is under way\n", .note)] }
        return send("cancel")
    }

    private mutating func answer(_ payload: JSON) -> [Effect] {
        guard threadID != nil, !interrupts.isEmpty else { return [.say("nothing asks for it\n", .note)] }
        let answers = interrupts.map { interrupt -> JSON in
            ["interruptId": interrupt["id"] ?? .null, "status": "resolved", "payload": payload]
        }
        return send("resume", ["resume": .array(answers)])
    }

    private mutating func open(_ place: String) -> [Effect] {
        guard !place.isEmpty else { return [.say("/open and a number of /list, or an id\n", .failure)] }
        let id = Int(place).flatMap { listed.indices.contains($0 - 1) ? listed[$0 - 1] : nil } ?? place
        let effects = leave()
        threadID = id
        return effects + subscribe()
    }

    private mutating func leave() -> [Effect] {
        let effects = threadID == nil ? [] : send("unsubscribe")
        threadID = nil
        cursor = nil
        runID = nil
        queued = []
        interrupts = []
        shown = []
        return effects + close()
    }

    private mutating func subscribe() -> [Effect] {
        send("subscribe", cursor.map { ["after": .string($0)] } ?? [:])
    }

    package mutating func take(list: [JSON]) -> [Effect] {
        guard !list.isEmpty else { return [.say("there is no conversation yet\n", .note)] }
        listed = list.compactMap { $0["id"]?.string }
        return list.enumerated().map { index, item in
            let title = item["title"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? "(no title)"
            let day = item["updated_at"]?.string?.prefix(10) ?? ""
            return .say("\(index + 1)  \(title)  \(day)  \(item["id"]?.string ?? "")\n", .note)
        }
    }

    // MARK: Frames

    package mutating func take(frame: JSON) -> [Effect] {
        if let type = frame["type"]?.string { return take(event: frame, type) }
        let id = frame["id"]?.string
        switch frame["op"]?.string {
        case "ready": return begin(frame)
        case "ack": return acknowledged(frame, id)
        case "subscribed", "pong":
            settle(id)
            return []
        case "error":
            settle(id)
            let wait = frame["retryAfter"]?.integer.map { " (again in \($0) s)" } ?? ""
            return close() + [.say((frame["message"]?.string ?? "refused") + wait + "\n", .failure)]
        case "snapshot": return show(frame)
        case "draining": return close() + [.say("the server restarts\n", .note)]
        default: return []
        }
    }

    private mutating func settle(_ id: String?) { waiting.removeAll { $0.id == id } }

    /// A stream has begun. On a new one nothing of the old one stands.
    private mutating func begin(_ frame: JSON) -> [Effect] {
        userID = frame["userId"]?.string ?? userID
        guard frame["resumed"]?.bool != true else { return [] }
        let again = waiting.filter { ["send", "resume"].contains($0.frame["op"]?.string) }
        waiting = []
        runID = nil
        queued = []
        for run in frame["runs"]?.array ?? [] where threadID != nil && run["threadId"]?.string == threadID {
            switch (run["runId"]?.string, run["status"]?.string) {
            case (let id?, "running"): runID = id
            case (let id?, "queued"): queued.insert(id)
            default: break
            }
        }
        let effects = threadID == nil ? [] : subscribe()
        waiting += again
        return effects + again.map { .send($0.frame) }
    }

    private mutating func acknowledged(_ frame: JSON, _ id: String?) -> [Effect] {
        guard let asked = waiting.first(where: { $0.id == id })?.frame else { return [] }
        settle(id)
        let thread = frame["threadId"]?.string
        // The answer to what was sent before `/new` or `/open`.
        guard asked["threadId"] == nil ? threadID == nil : thread == threadID else { return [] }
        if asked["op"]?.string == "send" {
            threadID = thread
            // It was shown as it was typed.
            if let message = frame["messageId"]?.string { shown.insert(message) }
        }
        switch (frame["status"]?.string, frame["runId"]?.string) {
        case ("running", let run): runID = run ?? runID
        case ("queued", let run?):
            queued.insert(run)
            return [.say("waits in place \(frame["position"]?.integer ?? 1)\n", .note)]
        case ("cancelled", nil), ("cancelled", _): interrupts = []
        default: break
        }
        return []
    }

    /// The newest messages of a history: those that were not shown yet.
    private mutating func show(_ frame: JSON) -> [Effect] {
        guard let thread = frame["threadId"]?.string, thread == threadID else { return [] }
        cursor = frame["cursor"]?.string
        interrupts = frame["interrupts"]?.array ?? []
        runID = nil
        var effects = close()
        if frame["hasMore"]?.bool == true, shown.isEmpty { effects.append(.say("…\n", .note)) }
        for message in frame["messages"]?.array ?? [] {
            let place = message["metadata"]?["parley"]
            let content = message["content"]?.string ?? ""
            if message["role"]?.string != "user", let run = place?["runId"]?.string { queued.remove(run) }
            guard let id = message["id"]?.string, shown.insert(id).inserted else { continue }
            switch message["role"]?.string {
            case "user":
                effects.append(.say("> \(content)\n", .you))
                if let code = place?["run"]?["code"]?.string { effects.append(.say("not answered: \(code)\n", .note)) }
            case "assistant":
                if !content.isEmpty { effects.append(.say(content + "\n", .answer)) }
                for call in message["toolCalls"]?.array ?? [] {
                    if let id = call["id"]?.string { shown.insert(id) }
                    let arguments = call["function"]?["arguments"]?.string?.prefix(Self.argumentsLimit) ?? ""
                    effects.append(.say("· \(call["function"]?["name"]?.string ?? "tool") \(arguments)\n", .tool))
                }
            default: break
            }
        }
        return effects + asking()
    }

    private mutating func take(event: JSON, _ type: String) -> [Effect] {
        let place = event["metadata"]?["parley"]
        guard let thread = place?["threadId"]?.string, thread == threadID else { return [] }
        cursor = place?["cursor"]?.string ?? cursor
        switch type {
        case "RUN_STARTED":
            runID = event["runId"]?.string
            if let runID { queued.remove(runID) }
            interrupts = []
            return []
        case "TEXT_MESSAGE_START":
            isMuted = event["messageId"]?.string.map(shown.contains) ?? false
            return isMuted ? [] : close()
        case "TEXT_MESSAGE_CONTENT": return isMuted ? [] : say(event["delta"]?.string ?? "", .answer)
        case "TEXT_MESSAGE_END":
            if let id = event["messageId"]?.string { shown.insert(id) }
            isMuted = false
            return close()
        case "TOOL_CALL_START":
            isMuted = event["toolCallId"]?.string.map(shown.contains) ?? false
            return isMuted ? [] : close() + say("· \(event["toolCallName"]?.string ?? "tool") ", .tool)
        case "TOOL_CALL_ARGS": return isMuted ? [] : say(event["delta"]?.string ?? "", .tool)
        case "TOOL_CALL_END":
            if let id = event["toolCallId"]?.string { shown.insert(id) }
            isMuted = false
            return close()
        case "RUN_ERROR", "RUN_FINISHED": return ended(event, type)
        default: return []
        }
    }

    private mutating func ended(_ event: JSON, _ type: String) -> [Effect] {
        if let run = event["runId"]?.string { queued.remove(run) }
        runID = nil
        isMuted = false
        let effects = close()
        guard type == "RUN_FINISHED" else {
            let words = event["message"]?.string ?? "the reply failed"
            return effects + [.say("\(words) (\(event["code"]?.string ?? "internal"))\n", .failure)]
        }
        let outcome = event["outcome"]
        if outcome?["type"]?.string == "cancelled" { return effects + [.say("stopped\n", .note)] }
        interrupts = outcome?["interrupts"]?.array ?? []
        return effects + asking()
    }

    private func asking() -> [Effect] {
        interrupts.map { interrupt in
            .say("\(interrupt["message"]?.string ?? "a tool asks for your approval"): /approve or /decline\n", .note)
        }
    }

    private mutating func say(_ text: String, _ style: Style) -> [Effect] {
        guard !text.isEmpty else { return [] }
        isOpen = text.utf8.last != UInt8(ascii: "\n")
        return [.say(text, style)]
    }

    private mutating func close() -> [Effect] {
        guard isOpen else { return [] }
        isOpen = false
        return [.say("\n", .answer)]
    }
}

extension String {
    /// Without white space at its ends.
    var trimmed: String {
        let start = drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }

    /// Nothing in it may steer a terminal: what comes from outside is text, line ends and tabs; controls, and what
    /// turns the direction of what follows, are shown as U+FFFD.
    package var printable: String {
        var scalars = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar.value {
            case 0x09, 0x0A: scalars.append(scalar)
            case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069: scalars.append("\u{FFFD}")
            default: scalars.append(scalar)
            }
        }
        return String(scalars)
    }
}
