import JSON
package import Chat

/// The request bodies of one turn: the conversation as the chat completions API takes it, in the dialect of the server,
/// growing with every step.
///
/// It owns the rules of conversations: what it writes begins behind the system message with the user, has the roles one
/// after the other, and holds nothing that a server refuses to read again.
package struct ChatCompletionsRequest: Sendable {
    /// How much of the conversation goes in, in bytes.
    package struct Fit: Sendable, Equatable {
        /// Of all messages; `nil`: without a bound.
        package var budget: Int?
        package var hasHistory = true

        package init(budget: Int? = nil, hasHistory: Bool = true) {
            self.budget = budget
            self.hasHistory = hasHistory
        }
    }

    private struct Step: Sendable {
        var text: String
        var calls: [ToolCallAssembly.Call]
        var results: [String]
        var reasoning: ChatCompletionsAssembler.Reasoning?
    }

    /// A message on its way out.
    private struct Entry {
        var role: String
        var content: String
        var calls: [(id: String, name: String, arguments: String, extra: JSON?)] = []
        var reasoning: ChatCompletionsAssembler.Reasoning?
        var callID: String?
        var name: String?
    }

    private let model: String
    private let instructions: String
    private let transcript: Transcript
    private var steps: [Step] = []

    package init(model: String, instructions: String, transcript: Transcript) {
        self.model = model
        self.instructions = instructions
        self.transcript = transcript
    }

    /// What the model said in a step, and what it is told of its calls.
    package mutating func append(
        text: String, calls: [ToolCallAssembly.Call], results: [String],
        reasoning: ChatCompletionsAssembler.Reasoning? = nil
    ) {
        steps.append(Step(text: text, calls: calls, results: results, reasoning: reasoning))
    }

    // MARK: How much of it

    /// The questions of the turns before.
    package var questions: [Identifier] { transcript.turns.map(\.question.id) }

    /// Bytes without the history and the results of this turn's tools.
    private var fixedSize: Int {
        steps.reduce(instructions.utf8.count + Transcript.size(of: transcript.message) + Transcript.overhead) {
            sum, step in
            step.calls.reduce(sum + step.text.utf8.count) {
                $0 + $1.name.utf8.count + $1.arguments.utf8.count + 2 * Transcript.overhead
            }
        }
    }

    private var resultSize: Int { steps.reduce(0) { $1.results.reduce($0) { $0 + $1.utf8.count } } }

    /// Bytes that the messages have, roughly.
    package func size(_ fit: Fit) -> Int {
        let results = resultLimit(fit).map { limit in
            steps.reduce(0) { $1.results.reduce($0) { $0 + min($1.utf8.count, limit) } }
        }
        return fixedSize + transcript.chosen(budget: historyBudget(fit)).size + (results ?? resultSize)
    }

    /// The next smaller form of a request that was too long; `nil`: there is nothing left to leave out.
    package func smaller(than fit: Fit) -> Fit? {
        let least = fixedSize + steps.reduce(0) { $1.results.reduce($0) { $0 + min($1.utf8.count, Self.leastResult) } }
        let size = size(fit)
        let budget = max(size / 2, least)
        return budget < size ? Fit(budget: budget, hasHistory: fit.hasHistory) : nil
    }

    /// Whether a request holds anything of the turns before.
    package func holdsHistory(_ fit: Fit) -> Bool { transcript.chosen(budget: historyBudget(fit)).count > 0 }

    private func historyBudget(_ fit: Fit) -> Int {
        guard fit.hasHistory else { return 0 }
        return fit.budget.map { max(0, $0 - fixedSize - resultSize) } ?? .max
    }

    /// A result is not cut below this.
    private static let leastResult = 200

    /// The most bytes of each result, where they do not fit; `nil`: they do.
    private func resultLimit(_ fit: Fit) -> Int? {
        guard let budget = fit.budget, fixedSize + resultSize > budget else { return nil }
        let count = steps.reduce(0) { $0 + $1.results.count }
        return count == 0 ? nil : max(Self.leastResult, (budget - fixedSize) / count)
    }

    private static func cut(_ result: String, to limit: Int?) -> String {
        guard let limit, result.utf8.count > limit else { return result }
        let word = " … [cut: this result is too long for the model, \(result.utf8.count) bytes]"
        return String(decoding: result.utf8.prefix(max(0, limit - word.utf8.count)), as: UTF8.self) + word
    }

    // MARK: Writing

    /// - Parameter mayCall: whether the model may ask for tools in this step, or has to answer.
    package func body(mayCall: Bool, _ dialect: ChatDialect = ChatDialect(), _ fit: Fit = Fit()) -> [UInt8] {
        var body: [UInt8] = []
        body.append(#"{"model":"#)
        body.append(jsonString: model)
        if dialect.stream { body.append(#","stream":true"#) }
        if dialect.stream, dialect.streamOptions { body.append(#","stream_options":{"include_usage":true}"#) }
        if dialect.tools, mayCall || dialect.toolChoice {
            body.append(#","tools":"#)
            body.append(
                contentsOf: dialect.hasPlainSchemas ? ToolSchema.plainChatCompletions : ToolSchema.chatCompletions)
            if !mayCall { body.append(#","tool_choice":"none""#) }
            if let isParallel = dialect.parallelToolCalls {
                body.append(isParallel ? #","parallel_tool_calls":true"# : #","parallel_tool_calls":false"#)
            }
        }
        body.append(#","messages":["#)
        var isFirst = true
        for entry in entries(dialect, fit) {
            if !isFirst { body.append(",") }
            isFirst = false
            append(entry, dialect, to: &body)
        }
        body.append("]}")
        return body
    }

    private func entries(_ dialect: ChatDialect, _ fit: Fit) -> [Entry] {
        var entries: [Entry] = []
        var names: [String: String] = [:]
        for message in transcript.messages(budget: historyBudget(fit)) {
            switch message.role {
            case .user: entries.append(Entry(role: "user", content: message.content))
            case .assistant:
                var entry = Entry(role: "assistant", content: message.content)
                for call in message.toolCalls {
                    let name = ToolNames.valid(call.name)
                    names[call.id] = name
                    entry.calls.append((call.id, name, call.arguments, nil))
                }
                entries.append(entry)
            case .tool:
                let id = message.toolCallID ?? ""
                entries.append(Entry(role: "tool", content: message.content, callID: id, name: names[id]))
            }
        }
        let limit = resultLimit(fit)
        for step in steps {
            entries.append(
                Entry(
                    role: "assistant", content: step.text,
                    calls: step.calls.map { ($0.returnedID, $0.name, $0.arguments, $0.extra) },
                    reasoning: step.reasoning))
            for (call, result) in zip(step.calls, step.results) {
                entries.append(
                    Entry(role: "tool", content: Self.cut(result, to: limit), callID: call.returnedID, name: call.name))
            }
        }
        if dialect.isStrict || !dialect.tools { entries = Self.told(entries) }
        return Self.joined(addingInstructions(to: entries, dialect))
    }

    private func addingInstructions(to entries: [Entry], _ dialect: ChatDialect) -> [Entry] {
        guard !instructions.isEmpty else { return entries }
        guard dialect.systemRole == .user else {
            return [Entry(role: dialect.systemRole.rawValue, content: instructions)] + entries
        }
        var entries = entries
        guard let first = entries.firstIndex(where: { $0.role == "user" }) else { return entries }
        entries[first].content = instructions + "\n\n" + entries[first].content
        return entries
    }

    /// What tools did, in words: for models that know of no tools, or of no roles but two.
    private static func told(_ entries: [Entry]) -> [Entry] {
        var result: [Entry] = []
        for entry in entries {
            switch entry.role {
            case "assistant":
                let calls = entry.calls.map {
                    "(I used \($0.name) with \($0.arguments.isEmpty ? "{}" : $0.arguments).)"
                }
                let lines = ([entry.content] + calls).filter { !$0.isEmpty }
                result.append(Entry(role: "assistant", content: lines.joined(separator: "\n")))
            case "tool":
                result.append(Entry(role: "user", content: "(Result of \(entry.name ?? "it"): \(entry.content))"))
            default: result.append(entry)
            }
        }
        return result
    }

    /// Without two of one role in a row, where neither belongs to a call.
    private static func joined(_ entries: [Entry]) -> [Entry] {
        var result: [Entry] = []
        for entry in entries {
            guard let last = result.last, last.role == entry.role, entry.role != "tool", last.calls.isEmpty else {
                result.append(entry)
                continue
            }
            let texts = [last.content, entry.content].filter { !$0.isEmpty }
            result[result.count - 1].content = texts.joined(separator: "\n\n")
            result[result.count - 1].calls = entry.calls
            result[result.count - 1].reasoning = entry.reasoning
        }
        return result
    }

    private func append(_ entry: Entry, _ dialect: ChatDialect, to body: inout [UInt8]) {
        body.append(#"{"role":""#)
        body.append(contentsOf: entry.role.utf8)
        body.append(#"""#)
        let isEmpty = !entry.content.utf8.contains { $0 > 0x20 }
        switch dialect.emptyContent {
        case _ where !isEmpty:
            body.append(#","content":"#)
            body.append(jsonString: entry.content)
        // What has no calls must have content.
        case _ where entry.calls.isEmpty: body.append(#","content":"(empty)""#)
        case .empty: body.append(#","content":"""#)
        case .null: body.append(#","content":null"#)
        case .absent: break
        case .space: body.append(#","content":" ""#)
        }
        if let id = entry.callID {
            body.append(#","tool_call_id":"#)
            body.append(jsonString: dialect.hasShortIDs ? CallIDs.short(id) : id)
            if dialect.name, let name = entry.name {
                body.append(#","name":"#)
                body.append(jsonString: name)
            }
        }
        if !entry.calls.isEmpty {
            body.append(#","tool_calls":["#)
            for (index, call) in entry.calls.enumerated() {
                if index > 0 { body.append(",") }
                append(call, dialect, to: &body)
            }
            body.append("]")
            append(entry.reasoning, dialect, to: &body)
        }
        body.append("}")
    }

    private func append(
        _ call: (id: String, name: String, arguments: String, extra: JSON?), _ dialect: ChatDialect,
        to body: inout [UInt8]
    ) {
        body.append(#"{"id":"#)
        body.append(jsonString: dialect.hasShortIDs ? CallIDs.short(call.id) : call.id)
        body.append(#","type":"function","function":{"name":"#)
        body.append(jsonString: call.name)
        body.append(#","arguments":"#)
        body.append(jsonString: Self.arguments(call.arguments))
        body.append("}")
        if let extra = call.extra {
            body.append(#","extra_content":"#)
            body.append(json: extra)
        }
        body.append("}")
    }

    private func append(
        _ reasoning: ChatCompletionsAssembler.Reasoning?, _ dialect: ChatDialect, to body: inout [UInt8]
    ) {
        guard dialect.reasoning != .off else { return }
        if let reasoning, !reasoning.text.isEmpty {
            body.append(",")
            body.append(jsonString: reasoning.member)
            body.append(":")
            body.append(jsonString: reasoning.text)
        } else if dialect.reasoning == .always {
            // It is not kept beyond its turn, and must not be missing.
            body.append(#","reasoning_content":"(not kept)""#)
        }
        if let details = reasoning?.details, !details.isEmpty {
            body.append(#","reasoning_details":"#)
            body.append(json: .array(details))
        }
    }

    /// Servers parse what they are given back, and refuse the request if that is no object: arguments that were none
    /// go back as an object that holds them.
    private static func arguments(_ text: String) -> String {
        if text.isEmpty { return "{}" }
        return (try? JSON(parsing: text))?.object != nil ? text : InvalidArguments.wrapped(text)
    }
}
