package import JSON
package import Chat
import Strings

/// Puts one streamed reply of a chat completions server together: the data of its server-sent events comes in, what
/// there is to show comes out as it comes. No clock, no randomness, no I/O.
///
/// Every server that calls itself compatible differs in something. What counts is what has been accumulated, not what
/// the server says of it: `finish_reason` may be missing or wrong, `[DONE]` may be missing, `delta` and `content` may be
/// null, `choices` empty, usage may come once or in every chunk.
package struct ChatCompletionsAssembler: Sendable {
    package enum Action: Sendable, Equatable {
        case text(String)
        /// What was shown as text was thought: it is no part of the answer.
        case textWasThought
        /// Of what the model thinks.
        case thought(String)
        case callStart(id: String, name: String)
        case callArguments(id: String, delta: String)
        case callEnd(id: String)
    }

    /// How a reply ended.
    package enum Ending: Sendable, Equatable {
        case complete
        /// Its length reached a bound of the model's.
        case cut
        /// A filter of the provider's stopped it.
        case filtered
        /// The provider says that it failed, or something that nobody knows.
        case failed
        /// The connection ended, and nothing says that the reply had.
        case truncated
    }

    /// What a model thought, with the member in which it came.
    package struct Reasoning: Sendable, Equatable {
        package var member: String
        package var text: String
        /// `reasoning_details`, perhaps encrypted, as they came.
        package var details: [JSON]
    }

    /// The text so far that is the answer, as UTF-8.
    private var utf8: [UInt8] = []
    /// The text so far as it came, where that differs.
    private var received: [UInt8]?
    package private(set) var calls = ToolCallAssembly()
    /// What the server counted, of which the last word is taken: some send a running sum in every chunk.
    package private(set) var usage: Usage?
    /// `[DONE]` has come.
    package private(set) var isDone = false
    package private(set) var finishReason: String?
    /// A chunk with usage and no choices, which only comes at the end.
    private var hasClosingUsage = false
    package private(set) var ids: CallIDs
    private var form = TextChunkForm()
    /// Text goes through as it is, so that the usual chunk may be read by comparing.
    private var isIdle = false
    private var joiner = HalfCharacter.Joiner()
    private var reconciler = TextReconciler()
    private var filter: TextFilter
    private var thoughts: [UInt8] = []
    private var thoughtMember: String?
    private var thoughtDetails: [JSON] = []
    private var thoughtJoiner = HalfCharacter.Joiner()

    /// Elements of `reasoning_details` that are kept, to be given back.
    private static let detailLimit = 1_024

    /// - Parameters:
    ///   - ids: those that the run has used so far.
    ///   - expectsThought: the text is held back at its beginning, until it is known to be the answer.
    package init(ids: CallIDs, expectsThought: Bool = false) {
        self.ids = ids
        filter = TextFilter(expectsThought: expectsThought)
    }

    /// In which form thoughts stood in the text.
    var thoughtForm: TextFilter.ThoughtForm { filter.form }

    /// The text so far.
    package var text: String { String(decoding: utf8, as: UTF8.self) }

    /// Whether the text says anything.
    package var hasText: Bool { utf8.contains { $0 > 0x20 } }

    package var hasThought: Bool { !thoughts.isEmpty }

    /// What goes back to the model with its calls; `nil`: it came in no member of its own.
    package var reasoning: Reasoning? {
        guard thoughtMember != nil || !thoughtDetails.isEmpty else { return nil }
        return Reasoning(
            member: thoughtMember ?? "reasoning", text: String(decoding: thoughts, as: UTF8.self),
            details: thoughtDetails)
    }

    /// Whether something says that the reply is whole.
    package var isWhole: Bool {
        isDone || finishReason != nil || (hasClosingUsage && !(utf8.isEmpty && calls.isEmpty))
    }

    /// The data of one event, if it is the next piece of text in the form of the piece before: the usual case, which
    /// costs a comparison.
    ///
    /// - Returns: the text, valid UTF-8, where it lies in the data. `nil`: nothing was taken; `take` reads it.
    package mutating func takeText(_ data: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8>? {
        guard isIdle, !isDone, let piece = form.text(of: data), !piece.contains(UInt8(ascii: "<")) else { return nil }
        utf8.append(contentsOf: piece)
        received?.append(contentsOf: piece)
        filter.passed(piece)
        return piece
    }

    /// The data of one event.
    ///
    /// - Throws: what makes the reply worthless: a chunk that can't be read, an error object, too many calls.
    package mutating func take(
        _ data: UnsafeRawBufferPointer, into actions: inout [Action]
    ) throws(AgentFailure) {
        guard !isDone, let data = Self.trimmed(data) else { return }
        if data.first != UInt8(ascii: "{") {
            if Self.isDone(data) {
                isDone = true
                return
            }
            if Self.words.contains(String(decoding: data.prefix(16), as: UTF8.self).lowercased()) { return }
        }
        if let (piece, range) = TextChunk.read(data) {
            form.learn(data, textAt: range)
            guard take(content: piece, isLast: false, into: &actions) else { throw .tooManyCalls }
        } else {
            try takeWhole(data, into: &actions)
        }
    }

    /// A chunk of any form.
    package mutating func takeWhole(
        _ data: UnsafeRawBufferPointer, into actions: inout [Action]
    ) throws(AgentFailure) {
        guard let chunk = try? JSON(parsing: data) else {
            if let chunk = try? JSON(withHalves: data) { return try take(chunk: chunk, into: &actions) }
            return try takeLines(data, into: &actions)
        }
        try take(chunk: chunk, into: &actions)
    }

    /// Several chunks in one event: a server that puts no blank line between them.
    private mutating func takeLines(
        _ data: UnsafeRawBufferPointer, into actions: inout [Action]
    ) throws(AgentFailure) {
        let lines = data.split(separator: 0x0A)
        guard lines.count > 1 else { throw .malformed }
        for line in lines {
            let line = UnsafeRawBufferPointer(rebasing: line)
            guard line.first == UInt8(ascii: "{") || Self.isDone(line) else { throw .malformed }
            try take(line, into: &actions)
        }
    }

    /// An answer that is no stream, which is whole.
    package mutating func take(
        document: UnsafeRawBufferPointer, into actions: inout [Action]
    ) throws(AgentFailure) {
        guard let document = Self.trimmed(document) else { return }
        if let list = (try? JSON(parsing: document))?.array {
            for chunk in list { try take(chunk: chunk, into: &actions) }
        } else {
            try take(document, into: &actions)
        }
        isDone = true
    }

    private mutating func take(chunk: JSON, into actions: inout [Action]) throws(AgentFailure) {
        guard chunk.object != nil else { throw .malformed }
        if let failure = Self.failure(in: chunk) { throw failure }
        take(usage: chunk["usage"] ?? chunk["x_groq"]?["usage"])
        let choices = chunk["choices"]?.array ?? []
        guard let choice = choices.first(where: { ($0["index"]?.integer ?? 0) == 0 }) else {
            if choices.isEmpty, chunk["usage"]?.object != nil { hasClosingUsage = true }
            return
        }
        if let failure = Self.failure(in: choice) { throw failure }
        let reason = choice["finish_reason"]?.string ?? ""
        for (part, isWhole) in [(choice["delta"], false), (choice["message"], true)] where part?.object != nil {
            guard take(delta: part, isWhole: isWhole, isLast: !reason.isEmpty, into: &actions) else {
                throw .tooManyCalls
            }
        }
        // The form before chat.
        if choice["delta"]?.object == nil, choice["message"]?.object == nil, case .string(let text)? = choice["text"] {
            guard take(content: text, isLast: !reason.isEmpty, into: &actions) else { throw .tooManyCalls }
        }
        if !reason.isEmpty { finishReason = reason }
    }

    /// Nothing more comes. - Returns: how it ended; the open calls are closed.
    package mutating func end(into actions: inout [Action]) -> Ending {
        let isTaken = finishText(into: &actions)
        guard isWhole else { return .truncated }
        let ending = finishReason.map(FinishReason.ending) ?? .complete
        guard ending == .complete else { return ending }
        calls.end(into: &actions)
        return isTaken ? .complete : .truncated
    }

    // MARK: Text

    private mutating func take(delta: JSON?, isWhole: Bool, isLast: Bool, into actions: inout [Action]) -> Bool {
        guard let delta else { return true }
        take(thoughtsOf: delta, isWhole: isWhole, into: &actions)
        guard take(content: delta["content"], isWhole: isWhole, isLast: isLast, into: &actions),
            take(content: delta["refusal"], isWhole: isWhole, isLast: isLast, into: &actions)
        else { return false }
        for call in delta["tool_calls"]?.array ?? [] where call.object != nil {
            if !calls.take(call, isWhole: isWhole, &ids, into: &actions) { return false }
        }
        // The form before tool calls, of which there was at most one.
        if let function = delta["function_call"], function.object != nil {
            return calls.take(["function": function], isWhole: isWhole, &ids, into: &actions)
        }
        return true
    }

    /// A string, or parts of which those of text are taken, and those of reasoning apart.
    private mutating func take(
        content: JSON?, isWhole: Bool, isLast: Bool, into actions: inout [Action]
    ) -> Bool {
        switch content {
        case .string(let piece):
            return isWhole ? take(whole: piece, into: &actions) : take(content: piece, isLast: isLast, into: &actions)
        case .array(let parts):
            var whole = ""
            for part in parts {
                switch part["type"]?.string ?? "text" {
                case "text", "output_text":
                    guard let text = part["text"]?.string else { continue }
                    if isWhole {
                        whole += text
                    } else if !take(content: text, isLast: false, into: &actions) {
                        return false
                    }
                case "thinking", "reasoning":
                    for text in Self.texts(part["thinking"] ?? part["text"] ?? part["reasoning"]) {
                        take(thought: text, into: &actions)
                    }
                default: break
                }
            }
            return whole.isEmpty || take(whole: whole, into: &actions)
        default: return true
        }
    }

    private static func texts(_ value: JSON?) -> [String] {
        value?.string.map { [$0] } ?? (value?.array ?? []).compactMap { $0["text"]?.string }
    }

    private mutating func take(content piece: String, isLast: Bool, into actions: inout [Action]) -> Bool {
        let joined = joiner.join(piece)
        guard !joined.isEmpty else { return true }
        let new = reconciler.take(Array(joined.utf8), behind: received ?? utf8, isLast: isLast)
        return show(new, into: &actions)
    }

    private mutating func take(whole: String, into actions: inout [Action]) -> Bool {
        var joiner = HalfCharacter.Joiner()
        let whole = Array((joiner.join(whole) + joiner.end()).utf8)
        return show(reconciler.take(whole: whole, behind: received ?? utf8), into: &actions)
    }

    /// Text as it came, of which the filter says what it is.
    private mutating func show(_ new: [UInt8], into actions: inout [Action]) -> Bool {
        var isTaken = true
        if !new.isEmpty {
            var pieces: [TextFilter.Piece] = []
            filter.take(new, behind: utf8, into: &pieces)
            let isPlain = pieces == [.text(new)] && received == nil
            if !isPlain {
                if received == nil { received = utf8 }
                received?.append(contentsOf: new)
            }
            isTaken = take(pieces, into: &actions)
            // What was held back has come, and all is as if it had never been.
            if filter.isIdle, received == utf8 { received = nil }
        }
        isIdle = filter.isIdle && reconciler.isIdle && !joiner.isWaiting
        return isTaken
    }

    private mutating func take(_ pieces: [TextFilter.Piece], into actions: inout [Action]) -> Bool {
        for piece in pieces {
            switch piece {
            case .text(let bytes):
                utf8.append(contentsOf: bytes)
                actions.append(.text(String(decoding: bytes, as: UTF8.self)))
            case .thought(let bytes):
                thoughts.append(contentsOf: bytes)
                actions.append(.thought(String(decoding: bytes, as: UTF8.self)))
            case .textWasThought:
                thoughts = utf8
                utf8 = []
                actions.append(.textWasThought)
            case .call(let name, let arguments):
                guard calls.take(name: name, arguments: arguments, &ids, into: &actions) else { return false }
            }
        }
        return true
    }

    private mutating func finishText(into actions: inout [Action]) -> Bool {
        let half = joiner.end()
        var rest = reconciler.end(behind: received ?? utf8)
        rest.append(contentsOf: half.utf8)
        var isTaken = show(rest, into: &actions)
        var pieces: [TextFilter.Piece] = []
        filter.end(behind: utf8, into: &pieces)
        if !take(pieces, into: &actions) { isTaken = false }
        let thought = thoughtJoiner.end()
        if !thought.isEmpty { take(thought: thought, into: &actions) }
        return isTaken
    }

    // MARK: Thoughts

    private mutating func take(thoughtsOf delta: JSON, isWhole: Bool, into actions: inout [Action]) {
        for name in ["reasoning_content", "reasoning"] {
            guard let text = delta[name]?.string, !text.isEmpty else { continue }
            // Some servers send both.
            if let member = thoughtMember, !member.isExactly(name) { continue }
            thoughtMember = name
            guard isWhole else {
                take(thought: text, into: &actions)
                continue
            }
            if text.utf8.starts(with: thoughts) {
                take(
                    thought: String(decoding: Array(text.utf8.dropFirst(thoughts.count)), as: UTF8.self), into: &actions
                )
            }
        }
        if let details = delta["reasoning_details"]?.array, !(isWhole && !thoughtDetails.isEmpty) {
            thoughtDetails.append(contentsOf: details.prefix(Self.detailLimit - thoughtDetails.count))
        }
    }

    private mutating func take(thought: String, into actions: inout [Action]) {
        let joined = thoughtJoiner.join(thought)
        guard !joined.isEmpty else { return }
        thoughts.append(contentsOf: joined.utf8)
        actions.append(.thought(joined))
    }

    // MARK: The rest

    private mutating func take(usage counted: JSON?) {
        guard let counted, counted.object != nil else { return }
        let input = TokenCount.read(counted["prompt_tokens"])
        let output = TokenCount.read(counted["completion_tokens"])
        guard input != nil || output != nil else { return }
        usage = Usage(
            inputTokens: max(input ?? 0, usage?.inputTokens ?? 0),
            outputTokens: max(output ?? 0, usage?.outputTokens ?? 0))
    }

    /// A chunk, or a choice of one, that is an error: an object or a text in its member `error`, or itself.
    private static func failure(in chunk: JSON) -> AgentFailure? {
        let isError = chunk["object"]?.string == "error" || chunk["type"]?.string == "error"
        let hasError = chunk["error"].map { !$0.isNull && $0 != false && $0 != "" } ?? false
        let hasDetail = chunk["choices"] == nil && chunk["delta"] == nil && chunk["detail"] != nil
        guard isError || hasError || hasDetail || isRefusal(chunk) else { return nil }
        guard let refusal = UpstreamRefusal(json: chunk) else { return .reported(status: nil, detail: nil) }
        return .reported(refusal)
    }

    /// Whether what should have been a chunk or a completion only says that it is none: `{"code": 429, "message": "…"}`,
    /// `{"success": false, …}`, `{"base_resp": {"status_code": 1004, …}}`.
    private static func isRefusal(_ chunk: JSON) -> Bool {
        guard chunk["choices"]?.array == nil else { return false }
        if let status = chunk["base_resp"]?["status_code"]?.integer, status != 0 { return true }
        if chunk["success"] == false { return true }
        return chunk["message"]?.string != nil || chunk["msg"]?.string != nil
    }

    /// What an event named `error` says, whose data may be anything.
    package static func failure(_ data: UnsafeRawBufferPointer) -> AgentFailure {
        guard let json = try? JSON(parsing: data) else { return .reported(status: nil, detail: nil) }
        return failure(in: json) ?? failure(in: ["error": json]) ?? .reported(status: nil, detail: nil)
    }

    /// What is sent to keep a connection alive, where a comment would do.
    private static let words: Set<String> = ["ping", "[ping]", "pong", "keepalive", "keep-alive", "heartbeat"]

    private static func isDone(_ data: UnsafeRawBufferPointer) -> Bool {
        let word = data.lazy.filter { ![0x22, 0x5B, 0x5D, 0x20].contains($0) }
        return data.count <= 16 && (word.elementsEqual("DONE".utf8) || word.elementsEqual("done".utf8))
    }

    private static func trimmed(_ data: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var (start, end) = (0, data.count)
        while start < end, data[start] <= 0x20 { start += 1 }
        while end > start, data[end - 1] <= 0x20 { end -= 1 }
        return start == end ? nil : UnsafeRawBufferPointer(rebasing: data[start..<end])
    }
}

/// Counts that an upstream gives, which may be anything: whole numbers from 0 to the largest that JSON carries.
package enum TokenCount {
    static let most = (1 << 53) - 1

    static func read(_ value: JSON?) -> Int? {
        value?.integer.map { Int(min(max($0, 0), Int64(most))) }
    }

    static func sum(_ first: Usage?, _ second: Usage?) -> Usage? {
        guard let first, let second else { return first ?? second }
        return Usage(
            inputTokens: min(first.inputTokens + second.inputTokens, most),
            outputTokens: min(first.outputTokens + second.outputTokens, most))
    }
}
