import JSON
package import Chat

/// Puts one streamed reply of a chat completions server together: the data of its server-sent events comes in, what
/// there is to show comes out as it comes. No clock, no randomness, no I/O.
///
/// Every server that calls itself compatible differs in something. What counts is what has been accumulated, not what
/// the server says of it: `finish_reason` may be missing or wrong, `[DONE]` may be missing, `delta` and `content` may be
/// null, `choices` empty, usage may come once or in every chunk.
package struct ChatCompletionsAssembler: Sendable {
    package enum Action: Sendable, Equatable {
        case text(String)
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
        /// The provider says that it failed.
        case failed
        /// The connection ended, and nothing says that the reply had.
        case truncated
    }

    /// The text so far, as UTF-8.
    private var utf8: [UInt8] = []
    package private(set) var calls = ToolCallAssembly()
    /// What the server counted, of which the last word is taken: some send a running sum in every chunk.
    package private(set) var usage: Usage?
    /// `[DONE]` has come.
    package private(set) var isDone = false
    private var finishReason: String?
    /// A chunk with usage and no choices, which only comes at the end.
    private var hasClosingUsage = false
    package private(set) var ids: CallIDs
    private var form = TextChunkForm()

    /// - Parameter ids: those that the run has used so far.
    package init(ids: CallIDs) {
        self.ids = ids
    }

    /// The text so far.
    package var text: String { String(decoding: utf8, as: UTF8.self) }

    /// Whether something says that the reply is whole.
    package var isWhole: Bool {
        isDone || finishReason != nil || (hasClosingUsage && !(utf8.isEmpty && calls.isEmpty))
    }

    /// The data of one event, if it is the next piece of text in the form of the piece before: the usual case, which
    /// costs a comparison.
    ///
    /// - Returns: the text, valid UTF-8, where it lies in the data. `nil`: nothing was taken; `take` reads it.
    package mutating func takeText(_ data: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8>? {
        guard !isDone, let piece = form.text(of: data) else { return nil }
        utf8.append(contentsOf: piece)
        return piece
    }

    /// The data of one event.
    ///
    /// - Throws: what makes the reply worthless: a chunk that can't be read, an error object, too many calls.
    package mutating func take(
        _ data: UnsafeRawBufferPointer, into actions: inout [Action]
    ) throws(AgentFailure) {
        guard !isDone, let data = Self.trimmed(data) else { return }
        if data.elementsEqual("[DONE]".utf8) {
            isDone = true
            return
        }
        if let (piece, range) = TextChunk.read(data) {
            form.learn(data, textAt: range)
            take(content: .string(piece), into: &actions)
        } else {
            try takeWhole(data, into: &actions)
        }
    }

    /// A chunk of any form.
    package mutating func takeWhole(
        _ data: UnsafeRawBufferPointer, into actions: inout [Action]
    ) throws(AgentFailure) {
        let chunk: JSON
        do { chunk = try JSON(parsing: data) } catch { throw .malformed }
        guard chunk.object != nil else { throw .malformed }
        if let failure = Self.failure(in: chunk) { throw failure }
        take(usage: chunk["usage"] ?? chunk["x_groq"]?["usage"])
        let choices = chunk["choices"]?.array ?? []
        guard let choice = choices.first(where: { ($0["index"]?.integer ?? 0) == 0 }) else {
            if choices.isEmpty, chunk["usage"]?.object != nil { hasClosingUsage = true }
            return
        }
        guard take(delta: choice["delta"]?.object == nil ? choice["message"] : choice["delta"], into: &actions) else {
            throw .tooManyCalls
        }
        if let reason = choice["finish_reason"]?.string, !reason.isEmpty { finishReason = reason }
    }

    /// Nothing more comes. - Returns: how it ended; the open calls are closed.
    package mutating func end(into actions: inout [Action]) -> Ending {
        guard isWhole else { return .truncated }
        switch finishReason?.lowercased() {
        case "content_filter", "safety": return .filtered
        case "error": return .failed
        case "length", "max_tokens", "model_length":
            if calls.isEmpty { return .cut }
        default: break
        }
        calls.end(into: &actions)
        return .complete
    }

    private mutating func take(delta: JSON?, into actions: inout [Action]) -> Bool {
        guard let delta else { return true }
        take(content: delta["content"], into: &actions)
        take(content: delta["refusal"], into: &actions)
        for call in delta["tool_calls"]?.array ?? [] where call.object != nil {
            if !calls.take(call, &ids, into: &actions) { return false }
        }
        // The form before tool calls, of which there was at most one.
        if let function = delta["function_call"], function.object != nil {
            return calls.take(["function": function], &ids, into: &actions)
        }
        return true
    }

    /// A string, or parts of which those of text are taken (others are reasoning).
    private mutating func take(content: JSON?, into actions: inout [Action]) {
        switch content {
        case .string(let piece):
            guard !piece.isEmpty else { return }
            utf8.append(contentsOf: piece.utf8)
            actions.append(.text(piece))
        case .array(let parts):
            for part in parts where part["type"]?.string ?? "text" == "text" {
                if case .string? = part["text"] { take(content: part["text"], into: &actions) }
            }
        default: return
        }
    }

    private mutating func take(usage counted: JSON?) {
        guard let counted, counted.object != nil else { return }
        let input = TokenCount.read(counted["prompt_tokens"])
        let output = TokenCount.read(counted["completion_tokens"])
        guard input != nil || output != nil else { return }
        usage = Usage(
            inputTokens: max(input ?? 0, usage?.inputTokens ?? 0),
            outputTokens: max(output ?? 0, usage?.outputTokens ?? 0))
    }

    /// `{"error":{…}}`, `{"error":"…"}` or `{"object":"error",…}`.
    private static func failure(in chunk: JSON) -> AgentFailure? {
        let error: JSON
        switch chunk["error"] {
        case .object(let object): error = .object(object)
        case .string(let text) where !text.isEmpty: error = chunk
        default:
            guard chunk["object"]?.string == "error" else { return nil }
            error = chunk
        }
        return .reported(
            status: ReportedCode.status(error["code"]) ?? ReportedCode.status(error["status"]),
            detail: ReportedCode.word(error["code"]) ?? ReportedCode.word(error["type"]))
    }

    /// What an event named `error` says, whose data may be anything.
    package static func failure(_ data: UnsafeRawBufferPointer) -> AgentFailure {
        guard let json = try? JSON(parsing: data) else { return .reported(status: nil, detail: nil) }
        return failure(in: json) ?? failure(in: ["error": json]) ?? .reported(status: nil, detail: nil)
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
