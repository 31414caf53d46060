package import JSON
package import Chat
package import Strings

/// Reads the events of one upstream run: checks their order, turns chunks into what they stand for, and says what is to
/// be shown. No clock, no randomness, no I/O.
///
/// An upstream may stream several messages at once; here one text follows the other, so what comes for a later one is
/// held until those before it have ended.
package struct AGUIReader: Sendable {
    package enum Action: Sendable, Equatable {
        case text(String)
        case endText
        case thought(String)
        case callStart(id: String, name: String)
        case callArguments(id: String, delta: String)
        case callEnd(id: String)
        /// The upstream has carried a call out itself.
        case callResult(id: String, content: String)
    }

    package enum End: Sendable, Equatable {
        case finished(AGUIEvent.Outcome)
        case failed(code: String?)
    }

    /// Bytes of text that are held back, and of the state that is kept.
    package static let heldBytes = 1 << 20
    package static let stateBytes = 1 << 18
    /// Messages and calls of a run at most, open and closed.
    package static let itemLimit = 1_024

    private struct OpenText {
        var id: String
        var isAssistant: Bool
        var held = ""
        var isEnded = false
        var hasContent = false
        var joiner = HalfCharacter.Joiner()
        var filter = TextFilter(findsOpenedOnly: true)
    }

    private struct Call {
        var id: String
        var name: String
        var arguments = ""
        var isOpen = true
        /// Its end has come, and no arguments.
        var isEndHeld = false
        var result: String?
        var joiner = HalfCharacter.Joiner()
    }

    private enum Chunk {
        case text(String)
        case call(String)
    }

    package private(set) var end: End?
    package private(set) var usage: Usage?
    /// What the upstream says of its failure, which may be anything.
    package private(set) var refusal: UpstreamRefusal?
    /// The upstream's state where it spoke of one.
    package private(set) var state: JSON?
    /// What the run said, as the messages that a next run is told, with the upstream's own ids.
    private var transcript: [AGUIMessage] = []
    private var texts: [OpenText] = []
    private var calls: [Call] = []
    private var chunk: Chunk?
    private var snapshot: [AGUIMessage] = []
    private var heldBytes = 0
    /// Nothing more comes for what is open.
    private var isRunOver = false
    private var items = 0
    private var thoughtJoiner = HalfCharacter.Joiner()
    /// Something was shown: text or a call.
    package private(set) var hasShown = false
    /// Texts that earlier runs of the turn have shown.
    private let before: [String]
    /// Calls of earlier runs of the turn that have no result yet.
    private var earlier: Set<ExactString>
    /// And those that have one.
    private let answeredBefore: Set<ExactString>

    package init(
        state: JSON? = nil, earlier: Set<ExactString> = [], answered: Set<ExactString> = [], before: [String] = []
    ) {
        self.before = before
        answeredBefore = answered
        self.state = state
        self.earlier = earlier
    }

    /// Whether the run has ended in order.
    package var isWhole: Bool { end != nil }

    // MARK: What is left at the end

    /// The calls that are ours to carry out, in their order: those the upstream says are pending, or else those of the
    /// tools that it was offered which have no result.
    package var pending: [ToolCall] {
        var named: [String]?
        var interrupted: [String] = []
        switch end {
        case .finished(.success(let ids)): named = ids
        case .finished(.interrupt(let interrupts)): interrupted = interrupts.compactMap(\.callID)
        default: return []
        }
        return calls.filter { call in
            guard call.result == nil, !interrupted.contains(where: call.id.isExactly) else { return false }
            return named?.contains(where: call.id.isExactly) ?? (ToolName(rawValue: call.name) != nil)
        }.map { ToolCall(id: $0.id, name: $0.name, arguments: $0.arguments) }
    }

    /// The calls that have no result yet, of this run and of those before it.
    package var unanswered: Set<ExactString> {
        earlier.union(calls.lazy.filter { $0.result == nil }.map { ExactString($0.id) })
    }

    /// The messages of this run for the next one. Calls that got no result, and are not in `answered`, are left out,
    /// unless all are to be kept.
    package func messages(answered: Set<ExactString>, keepingAll: Bool = false) -> [AGUIMessage] {
        transcript.compactMap { message in
            if keepingAll { return message }
            var message = message
            message.toolCalls.removeAll { call in
                !answered.contains(ExactString(call.id))
                    && !calls.contains { $0.id.isExactly(call.id) && $0.result != nil }
            }
            if message.role == .assistant, message.content.isEmpty, message.toolCalls.isEmpty { return nil }
            return message
        }
    }

    // MARK: Events

    package mutating func take(_ event: AGUIEvent, into actions: inout [Action]) throws(AgentFailure) {
        // Some begin without it, and some say it twice.
        if case .runStarted = event { return }
        guard end == nil else { return }
        if case .runError(let code, let message, let counted) = event {
            usage = counted
            refusal = UpstreamRefusal(code: code, message: message)
            try closeAll(into: &actions)
            end = .failed(code: code)
            return
        }
        switch event {
        case .textChunk(let id, let isAssistant, let delta):
            try takeTextChunk(id, isAssistant, delta, into: &actions)
        case .callChunk(let id, let name, let parent, let delta):
            try takeCallChunk(id, name, parent, delta, into: &actions)
        case .other(isContent: false), .stateSnapshot, .stateDelta, .messages:
            try takeWhole(event, into: &actions)
        default:
            try endChunk(into: &actions)
            try takeWhole(event, into: &actions)
        }
    }

    private mutating func takeWhole(_ event: AGUIEvent, into actions: inout [Action]) throws(AgentFailure) {
        switch event {
        case .textStart(let id, let isAssistant): try startText(id, isAssistant)
        case .textContent(let id, let delta): try addText(id, delta, into: &actions)
        case .textEnd(let id): try endText(id, into: &actions)
        case .callStart(let id, let name, let parent): try startCall(id, name, parent, into: &actions)
        case .callArguments(let id, let delta): try addArguments(id, delta, into: &actions)
        case .callEnd(let id): try endCall(id, into: &actions)
        case .callResult(let messageID, let callID, let content):
            takeResult(messageID, callID, content, into: &actions)
        case .stateSnapshot(let snapshot): keep(state: snapshot)
        case .stateDelta(let patch):
            if let patched = JSONPatch.apply(patch, to: state ?? .object([:])) { keep(state: patched) }
        case .messages(let messages): snapshot = messages
        case .thought(let delta):
            let joined = thoughtJoiner.join(delta)
            if !joined.isEmpty { actions.append(.thought(joined)) }
        case .runFinished(let outcome, let counted):
            try closeAll(into: &actions)
            usage = counted
            try showSnapshot(into: &actions)
            end = outcome == .failed ? .failed(code: nil) : .finished(outcome)
        default: break
        }
    }

    // MARK: Text

    private mutating func startText(_ id: String, _ isAssistant: Bool) throws(AgentFailure) {
        guard !texts.contains(where: { $0.id.isExactly(id) && !$0.isEnded }) else { return }
        try count()
        texts.append(OpenText(id: id, isAssistant: isAssistant))
    }

    private mutating func addText(
        _ id: String, _ delta: String, into actions: inout [Action]
    ) throws(AgentFailure) {
        // A beginning that got lost.
        if !texts.contains(where: { $0.id.isExactly(id) && !$0.isEnded }) { try startText(id, true) }
        guard let index = texts.firstIndex(where: { $0.id.isExactly(id) && !$0.isEnded }) else { return }
        // What speaks as somebody else is no part of the answer.
        guard texts[index].isAssistant else { return }
        let delta = filtered(texts[index].joiner.join(delta), of: index, into: &actions)
        guard !delta.isEmpty else { return }
        texts[index].hasContent = true
        if texts[..<index].allSatisfy({ !$0.hasContent }) {
            // Those before have said nothing so far: they hold nobody back.
            texts.insert(texts.remove(at: index), at: 0)
            show(delta, of: id, into: &actions)
        } else {
            heldBytes += delta.utf8.count
            guard heldBytes <= Self.heldBytes else { throw Self.tooMuch }
            texts[index].held += delta
        }
    }

    private mutating func endText(_ id: String, into actions: inout [Action]) throws(AgentFailure) {
        guard let index = texts.firstIndex(where: { $0.id.isExactly(id) && !$0.isEnded }) else { return }
        let half = filtered(texts[index].joiner.end(), of: index, isEnd: true, into: &actions)
        if !half.isEmpty {
            if index == 0 { show(half, of: id, into: &actions) } else { texts[index].held += half }
        }
        texts[index].isEnded = true
        while let first = texts.first, first.isEnded {
            texts.removeFirst()
            if first.isAssistant { actions.append(.endText) }
            guard let next = texts.first, !next.held.isEmpty else { continue }
            heldBytes -= next.held.utf8.count
            texts[0].held = ""
            show(next.held, of: next.id, into: &actions)
        }
    }

    /// Without what an agent hands on of its model's thoughts, between tags at the beginning.
    private mutating func filtered(
        _ delta: String, of index: Int, isEnd: Bool = false, into actions: inout [Action]
    ) -> String {
        var pieces: [TextFilter.Piece] = []
        if !delta.isEmpty { texts[index].filter.take(Array(delta.utf8), behind: [], into: &pieces) }
        if isEnd { texts[index].filter.end(behind: [], into: &pieces) }
        var text = ""
        for piece in pieces {
            switch piece {
            case .text(let bytes): text += String(decoding: bytes, as: UTF8.self)
            case .thought(let bytes): actions.append(.thought(String(decoding: bytes, as: UTF8.self)))
            case .textWasThought, .call: break
            }
        }
        return text
    }

    private mutating func show(_ delta: String, of id: String, into actions: inout [Action]) {
        hasShown = true
        actions.append(.text(delta))
        let place = message(id)
        transcript[place].content += delta
    }

    /// The place of an assistant's message in the transcript.
    private mutating func message(_ id: String) -> Int {
        if let place = transcript.lastIndex(where: { $0.id.isExactly(id) && $0.role == .assistant }) { return place }
        transcript.append(AGUIMessage(id: id, role: .assistant, content: ""))
        return transcript.count - 1
    }

    // MARK: Tool calls

    private mutating func startCall(
        _ id: String, _ name: String, _ parent: String?, into actions: inout [Action]
    ) throws(AgentFailure) {
        // Told twice: by the model's stream and by the step that carries it out.
        guard !calls.contains(where: { $0.id.isExactly(id) }) else { return }
        try count()
        let name = ToolNames.meant(name)?.rawValue ?? name
        hasShown = true
        calls.append(Call(id: id, name: name))
        actions.append(.callStart(id: id, name: name))
        earlier.remove(ExactString(id))
        let place = message(parent ?? "message-of-\(id)")
        transcript[place].toolCalls.append(ToolCall(id: id, name: name, arguments: ""))
    }

    private mutating func addArguments(
        _ id: String, _ delta: String, into actions: inout [Action]
    ) throws(AgentFailure) {
        guard let index = calls.firstIndex(where: { $0.id.isExactly(id) && $0.isOpen && !$0.isEndHeld }) else {
            guard calls.contains(where: { $0.id.isExactly(id) }) else { throw Self.disorder("TOOL_CALL_ARGS") }
            return
        }
        guard !delta.isEmpty else { return }
        let joined = calls[index].joiner.join(delta)
        guard !joined.isEmpty else { return }
        calls[index].arguments += joined
        actions.append(.callArguments(id: id, delta: joined))
    }

    private mutating func endCall(_ id: String, into actions: inout [Action]) throws(AgentFailure) {
        guard let index = calls.firstIndex(where: { $0.id.isExactly(id) && $0.isOpen }) else {
            guard calls.contains(where: { $0.id.isExactly(id) }) else { throw Self.disorder("TOOL_CALL_END") }
            return
        }
        // The arguments of a call of ours may be in the closing snapshot alone.
        if calls[index].arguments.isEmpty, !isRunOver, ToolName(rawValue: calls[index].name) != nil {
            calls[index].isEndHeld = true
            return
        }
        calls[index].isOpen = false
        let half = calls[index].joiner.end()
        if !half.isEmpty {
            calls[index].arguments += half
            actions.append(.callArguments(id: id, delta: half))
        }
        actions.append(.callEnd(id: id))
        for place in transcript.indices {
            guard let call = transcript[place].toolCalls.firstIndex(where: { $0.id.isExactly(id) }) else { continue }
            transcript[place].toolCalls[call].arguments = calls[index].arguments
        }
    }

    /// A result of a call of an earlier run may be repeated here: it is known already.
    private mutating func takeResult(
        _ messageID: String, _ callID: String, _ content: String, into actions: inout [Action]
    ) {
        guard let index = calls.firstIndex(where: { $0.id.isExactly(callID) && $0.result == nil }) else {
            guard earlier.remove(ExactString(callID)) != nil else { return }
            actions.append(.callResult(id: callID, content: content))
            transcript.append(AGUIMessage(id: messageID, role: .tool, content: content, toolCallID: callID))
            return
        }
        if calls[index].isOpen {
            isRunOver = true
            try? endCall(callID, into: &actions)
            isRunOver = false
        }
        calls[index].result = content
        actions.append(.callResult(id: callID, content: content))
        transcript.append(AGUIMessage(id: messageID, role: .tool, content: content, toolCallID: callID))
    }

    // MARK: Chunks

    private mutating func takeTextChunk(
        _ id: String?, _ isAssistant: Bool, _ delta: String?, into actions: inout [Action]
    ) throws(AgentFailure) {
        var current: String?
        if case .text(let open) = chunk { current = open }
        if current == nil || (id != nil && !id.isExactly(current)) {
            try endChunk(into: &actions)
            let id = id ?? "text-\(items + 1)"
            try startText(id, isAssistant)
            chunk = .text(id)
            current = id
        }
        if let current, let delta { try addText(current, delta, into: &actions) }
    }

    private mutating func takeCallChunk(
        _ id: String?, _ name: String?, _ parent: String?, _ delta: String?, into actions: inout [Action]
    ) throws(AgentFailure) {
        var current: String?
        if case .call(let open) = chunk { current = open }
        if current == nil || (id != nil && !id.isExactly(current)) {
            try endChunk(into: &actions)
            guard let id, let name else { throw Self.disorder("TOOL_CALL_CHUNK") }
            try startCall(id, name, parent, into: &actions)
            chunk = .call(id)
            current = id
        }
        if let current, let delta { try addArguments(current, delta, into: &actions) }
    }

    private mutating func endChunk(into actions: inout [Action]) throws(AgentFailure) {
        let open = chunk
        chunk = nil
        switch open {
        case .text(let id): try endText(id, into: &actions)
        case .call(let id): try endCall(id, into: &actions)
        case nil: break
        }
    }

    // MARK: Inside

    /// Some upstreams forget to end what they have begun: the run's end ends it.
    private mutating func closeAll(into actions: inout [Action]) throws(AgentFailure) {
        try endChunk(into: &actions)
        for id in texts.filter({ !$0.isEnded }).map(\.id) { try endText(id, into: &actions) }
        try fillArguments(into: &actions)
        isRunOver = true
        for id in calls.filter(\.isOpen).map(\.id) { try endCall(id, into: &actions) }
    }

    /// Some upstreams stream nothing, or not all, and send the conversation as it is now: what stands behind the user's
    /// message is compared with what was shown, and what is missing is shown.
    private mutating func showSnapshot(into actions: inout [Action]) throws(AgentFailure) {
        guard let last = snapshot.lastIndex(where: { $0.role == .user }) else { return }
        let shown = before + transcript.filter { $0.role == .assistant }.map(\.content)
        for message in snapshot[(last + 1)...] where message.role == .assistant {
            let content = Self.withoutThoughts(message.content)
            guard !content.isEmpty, !shown.contains(where: { $0.isExactly(content) }) else { continue }
            let known = transcript.last { $0.id.isExactly(message.id) && $0.role == .assistant }?.content ?? ""
            // What was streamed otherwise than it is told now has been read already.
            guard content.utf8.starts(with: known.utf8) else { continue }
            let missing = String(decoding: Array(content.utf8.dropFirst(known.utf8.count)), as: UTF8.self)
            show(missing, of: message.id, into: &actions)
            actions.append(.endText)
        }
        // Calls of ours that were streamed by nobody, and that nobody has carried out.
        let answered = Set(snapshot[(last + 1)...].compactMap { $0.toolCallID.map { ExactString($0) } })
        for message in snapshot[(last + 1)...] {
            for call in message.toolCalls where ToolNames.meant(call.name) != nil {
                guard !answered.contains(ExactString(call.id)), !answeredBefore.contains(ExactString(call.id)),
                    !calls.contains(where: { $0.id.isExactly(call.id) })
                else { continue }
                try startCall(call.id, call.name, message.id, into: &actions)
                try addArguments(call.id, call.arguments, into: &actions)
                try endCall(call.id, into: &actions)
            }
        }
    }

    /// Calls that ended without arguments get those that the snapshot has.
    private mutating func fillArguments(into actions: inout [Action]) throws(AgentFailure) {
        for index in calls.indices where calls[index].isEndHeld && calls[index].isOpen {
            calls[index].isEndHeld = false
            let id = calls[index].id
            let told = snapshot.lazy.flatMap(\.toolCalls).last { $0.id.isExactly(id) }
            if let told { try addArguments(id, told.arguments, into: &actions) }
        }
    }

    private static func withoutThoughts(_ content: String) -> String {
        var filter = TextFilter(findsOpenedOnly: true)
        var pieces: [TextFilter.Piece] = []
        filter.take(Array(content.utf8), behind: [], into: &pieces)
        filter.end(behind: [], into: &pieces)
        var text: [UInt8] = []
        for case .text(let bytes) in pieces { text.append(contentsOf: bytes) }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func keep(state new: JSON) {
        // A state that is too large to be carried is not carried.
        state = new.description.utf8.count <= Self.stateBytes ? new : nil
    }

    private mutating func count() throws(AgentFailure) {
        items += 1
        guard items <= Self.itemLimit else { throw Self.tooMuch }
    }

    private static let tooMuch = AgentFailure(
        .upstreamTruncated, "The assistant's answer is too large.", detail: "too many items")

    private static func disorder(_ event: String) -> AgentFailure {
        AgentFailure(.upstreamError, "The assistant's answer could not be read.", detail: "out of order: \(event)")
    }
}
