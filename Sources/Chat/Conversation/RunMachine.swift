import Strings

/// One run of the assistant as a machine: what the assistant, the tools, the user and the store say comes in, the run
/// log and the messages to be stored come out. No clock, no randomness (ids are inputs), no I/O.
///
/// ```
///            start                 finish / fail / cancel             stored
///  queued ──────────▶ running ───────────────────────────▶ ending ───────────▶ ended
///                       │  cancel while a tool is under way   ▲
///                       └──────────▶ cancelling ──────────────┘ last tool done
/// ```
///
/// Whatever order things come in, a run has one terminal event, nothing open is left behind it, and nothing is said
/// after it. A tool that has begun is always awaited, since its effect may be committed.
package struct RunMachine: Sendable {
    package enum State: Sendable, Equatable {
        case queued, running
        /// No more is taken from the assistant; a tool is awaited. Ends as the given status.
        case cancelling(RunStatus)
        /// What there is to store is known and being stored.
        case ending(RunStatus)
        case ended(RunStatus)
    }

    package let runID: Identifier
    /// What it goes on with.
    package let resumption: Resumption?
    /// The first event, which the log will share: it holds the user's message.
    private let opening: ChatEvent
    package private(set) var state: State = .queued
    // What each piece of text looks at stands together.
    private var openText: Identifier?
    private var codePoints = 0
    private let replyLength: Int
    package private(set) var log: RunLog
    package private(set) var usage: Usage?
    package private(set) var failure: RunFailure?
    /// Whether anything was said or done that a repetition of the run would double.
    package var hasProgress: Bool { !drafts.isEmpty }

    private enum Draft: Sendable {
        case assistant(Identifier, calls: [ToolCall])
        case tool(Identifier, callID: String, content: String)
    }

    private struct Call: Sendable {
        /// `asked`: a person decides.
        enum Phase { case arguments, announced, asked, performing, done }
        var id: String
        var phase: Phase
        /// The assistant message it belongs to, as an index of the drafts; -1: one of the run that this one goes on from.
        var draft: Int
        /// Its place among that message's calls.
        var place: Int
    }

    private var drafts: [Draft] = []
    private var calls: [Call] = []
    /// The assistant message that further tool calls of this step join.
    private var step: Int?
    /// Messages whose text was no part of the answer.
    private var dropped: Set<Identifier> = []
    private var operations = 0
    /// Code points of what was thought, as far as it is shown.
    private var thoughtPoints = 0
    private var callBytes = 0
    private var resultBytes = 0
    /// Messages that the conversation still takes, this run's included; told before what may need another.
    package var room = Int.max
    /// What a person is asked.
    package private(set) var asked: [Approval] = []
    /// Its end was refused: only text is left to be stored.
    private var hasLetGo = false

    /// - Parameter replaced: the run whose answer stands where this one's will.
    package init(
        runID: Identifier, message: Message, replaced: Identifier? = nil, position: UInt64, replyLength: Int,
        logBytes: Int = 1 << 20
    ) {
        self.runID = runID
        resumption = nil
        opening = .runStarted(runID: runID, message: message, replaced: replaced)
        self.replyLength = replyLength
        log = RunLog(runID: runID, start: position, bound: logBytes)
    }

    /// A run that goes on with what a person has answered.
    package init(
        runID: Identifier, resuming resumption: Resumption, position: UInt64, replyLength: Int, logBytes: Int = 1 << 20
    ) {
        self.runID = runID
        self.resumption = resumption
        opening = .runResumed(runID: runID, resumption)
        self.replyLength = replyLength
        log = RunLog(runID: runID, start: position, bound: logBytes)
        calls = resumption.approvals.compactMap { approval in
            approval.callID.map { Call(id: Self.callID($0), phase: .announced, draft: -1, place: 0) }
        }
    }

    package var isRunning: Bool { state == .running }

    /// Ids of the messages that this run leaves, which are in its log and so not in a snapshot that goes before it.
    package var messageIDs: [Identifier] {
        drafts.map { draft in
            switch draft {
            case .assistant(let id, _), .tool(let id, _, _): id
            }
        }
    }

    /// Whether a message of text is open, which takes further text without a new place.
    package var isSpeaking: Bool { openText != nil }

    /// Whether anything was said that stays.
    package var hasText: Bool {
        drafts.contains { draft in
            guard case .assistant(let id, _) = draft else { return false }
            return !dropped.contains(id) && !log.text(of: id).isEmpty
        }
    }

    /// Messages that it leaves in the conversation: those it has, results that are to come, and the answer.
    package var places: Int { taken + openCalls + (isSpeaking ? 0 : 1) }

    /// Messages there are by now; text that was no part of the answer is none.
    private var taken: Int {
        drafts.count { draft in
            guard case .assistant(let id, let calls) = draft else { return true }
            return !calls.isEmpty || !dropped.contains(id)
        }
    }

    /// Calls whose results are still to come.
    private var openCalls: Int { calls.count { $0.phase != .done } }

    // MARK: From the session

    package mutating func start() {
        guard state == .queued else { return }
        state = .running
        log.append(opening)
    }

    /// Stops the run: as `cancelled` by the user or as `interrupted` by the gateway's end.
    ///
    /// - Returns: whether it can be stored now; if not, a tool is awaited, or it was ending already.
    package mutating func stop(_ status: RunStatus, failure: RunFailure? = nil) -> Bool {
        // Also a run that is stopped before it began has a beginning, so that its terminal event has one.
        start()
        switch state {
        case .queued, .running:
            self.failure = failure
            closeText()
            if calls.contains(where: { $0.phase == .performing }) {
                state = .cancelling(status)
                return false
            }
            end(status)
            return true
        case .cancelling, .ending, .ended:
            return false
        }
    }

    /// It is another gateway's by now: it has no end of its own, and nothing more is taken or said.
    package mutating func abandon() {
        state = .ended(.interrupted)
    }

    /// Everything in the log has been handed out: it may let go of what is over its bound.
    package mutating func trimLog() {
        log.trim()
    }

    /// The database refuses what there is to store, and would again: the run fails, with less to be stored each time.
    /// First its text alone is left, then nothing.
    package mutating func refused() {
        guard case .ending = state else { return }
        let log = log
        drafts = drafts.compactMap { draft in
            guard !hasLetGo, case .assistant(let id, _) = draft, !log.text(of: id).isEmpty else { return nil }
            return .assistant(id, calls: [])
        }
        hasLetGo = true
        failure = RunFailure(code: .internal, message: "The reply could not be stored as it was.")
        state = .ending(.failed)
    }

    /// Whether anything is left that the database could refuse.
    package var isBare: Bool { hasLetGo && drafts.isEmpty }

    /// The end has been committed: the terminal event is due.
    package mutating func stored() {
        guard case .ending(let status) = state else { return }
        state = .ended(status)
        switch status {
        case .completed: log.append(.runFinished(runID: runID, outcome: .success, usage: usage))
        case .cancelled: log.append(.runFinished(runID: runID, outcome: .cancelled, usage: usage))
        case .suspended: log.append(.runSuspended(runID: runID, approvals: asked, usage: usage))
        default:
            let failure = failure ?? RunFailure(code: .internal, message: "The run failed.")
            log.append(.runError(code: failure.code, message: failure.message))
        }
    }

    // MARK: From the assistant

    /// Calls that a run may make, and the bytes that their ids, names and arguments, and the results of those that we
    /// carry out, may have for each code point of the reply's bound.
    private static let callLimit = 256
    private static let callBytesPerCodePoint = 4
    private static let resultBytesPerCodePoint = 32
    /// Code points of a call's id (DATA_MODEL.md, messages, `tool_call_id`).
    package static let callIDLength = 255

    /// What a piece of text, a call or its arguments led to.
    package enum TextOutcome: Sendable {
        case taken, ignored
        /// It was cut at the reply's bound, or the call was not taken: the run should fail.
        case tooLong
        /// Not taken: the conversation has no room for it.
        case full
    }

    package mutating func text(_ delta: String, newID: () -> Identifier) -> TextOutcome {
        var delta = delta
        return delta.withUTF8 { text(utf8: $0, newID: newID) }
    }

    /// - Parameter utf8: valid UTF-8, a whole number of characters.
    package mutating func text(utf8: UnsafeBufferPointer<UInt8>, newID: () -> Identifier) -> TextOutcome {
        guard state == .running, !utf8.isEmpty else { return .ignored }
        guard openText != nil || taken + openCalls < room else { return .full }
        let message = openText ?? openMessage(newID())
        var utf8 = utf8
        var outcome = TextOutcome.taken
        var (points, hasNUL) = (0, false)
        for byte in utf8 {
            if byte & 0xC0 != 0x80 { points += 1 }
            if byte == 0 { hasNUL = true }
        }
        codePoints += points
        if codePoints > replyLength {
            utf8 = Self.prefix(points - (codePoints - replyLength), of: utf8)
            codePoints = replyLength
            outcome = .tooLong
        }
        if hasNUL {
            var clean = Self.storable(String(decoding: utf8, as: UTF8.self))
            clean.withUTF8 { log.append(text: $0, to: message) }
        } else if !utf8.isEmpty {
            log.append(text: utf8, to: message)
        }
        return outcome
    }

    /// So many code points from the beginning.
    private static func prefix(_ points: Int, of utf8: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var (count, end) = (0, 0)
        while end < utf8.count {
            if utf8[end] & 0xC0 != 0x80 {
                if count == points { break }
                count += 1
            }
            end += 1
        }
        return UnsafeBufferPointer(rebasing: utf8[..<end])
    }

    /// What the model thinks, which is shown and not stored: as much of it as a reply may have, the rest is left out.
    ///
    /// - Returns: whether something was added.
    package mutating func reasoning(_ delta: String, newID: () -> Identifier) -> Bool {
        guard state == .running, !delta.isEmpty, thoughtPoints < replyLength else { return false }
        let points = delta.unicodeScalars.count
        var shown = Self.storable(
            points <= replyLength - thoughtPoints
                ? delta : String(String.UnicodeScalarView(delta.unicodeScalars.prefix(replyLength - thoughtPoints))))
        thoughtPoints += points
        let thought = log.openThought ?? newID()
        shown.withUTF8 { log.append(thought: $0, to: thought) }
        return true
    }

    package mutating func endText() {
        guard state == .running else { return }
        closeText()
    }

    /// The open text was no part of the answer: it is closed, and not stored.
    package mutating func dropText() {
        guard state == .running, let message = openText else { return }
        closeText()
        dropped.insert(message)
        step = nil
    }

    /// An id may be used again when its call is done: some models count from the beginning in every step.
    @discardableResult
    package mutating func toolCallStart(id: String, name: String, newID: () -> Identifier) -> TextOutcome {
        let id = Self.callID(id)
        let name = Self.storable(name)
        guard state == .running, !calls.contains(where: { $0.id.isExactly(id) && $0.phase != .done }) else {
            return .ignored
        }
        // The call's message where it is a new one, its result, and an answer behind it.
        guard taken + openCalls + (step == nil ? 1 : 0) + 2 <= room else { return .full }
        guard calls.count < Self.callLimit, takeCallBytes(id.utf8.count + name.utf8.count) else { return .tooLong }
        closeText()
        let draft = step ?? newStep(newID())
        step = draft
        guard case .assistant(let parent, var list) = drafts[draft] else { return .ignored }
        calls.append(Call(id: id, phase: .arguments, draft: draft, place: list.count))
        list.append(ToolCall(id: id, name: name, arguments: ""))
        drafts[draft] = .assistant(parent, calls: list)
        log.append(.toolCallStart(id: id, name: name, parent: parent))
        return .taken
    }

    @discardableResult
    package mutating func toolCallArguments(id: String, delta: String) -> TextOutcome {
        let id = Self.callID(id)
        guard state == .running, !delta.isEmpty, let index = index(of: id, in: .arguments) else { return .ignored }
        let clean = Self.storable(delta)
        guard takeCallBytes(clean.utf8.count) else { return .tooLong }
        let call = calls[index]
        guard case .assistant(let parent, var list) = drafts[call.draft] else { return .ignored }
        // Not held twice while it grows, or each delta would copy all that came before it.
        drafts[call.draft] = .assistant(parent, calls: [])
        list[call.place].arguments += clean
        drafts[call.draft] = .assistant(parent, calls: list)
        log.append(.toolCallArguments(id: id, delta: clean))
        return .taken
    }

    package mutating func toolCallEnd(id: String) {
        let id = Self.callID(id)
        guard state == .running, let index = index(of: id, in: .arguments) else { return }
        calls[index].phase = .announced
        log.append(.toolCallEnd(id: id))
    }

    /// What came of an announced call that the assistant carried out itself.
    @discardableResult
    package mutating func toolResult(id: String, content: String, newID: () -> Identifier) -> TextOutcome {
        guard state == .running, let index = index(of: Self.callID(id), in: .announced) else { return .ignored }
        let clean = Self.storable(content)
        guard takeCallBytes(clean.utf8.count), isMessage(clean) else { return .tooLong }
        closeText()
        answer(index, content: clean, messageID: newID())
        return .taken
    }

    /// An announced call is about to be carried out.
    ///
    /// - Returns: the operation's ordinal in the run, from 1; `nil` when it must not be.
    package mutating func perform(id: String) -> Int? {
        guard state == .running, let index = index(of: Self.callID(id), in: .announced) else { return nil }
        calls[index].phase = .performing
        operations += 1
        return operations
    }

    /// What came of the calls that a person has answered, which the run begins with.
    package mutating func tellAnswers(newID: () -> Identifier) -> [Message] {
        guard state == .running, let resumption else { return [] }
        var told: [Message] = []
        for approval in resumption.approvals {
            guard let call = approval.callID, let content = approval.callResult,
                let index = index(of: Self.callID(call), in: .announced)
            else { continue }
            let clean = Self.storable(content)
            let kept = isMessage(clean) ? clean : #"{"truncated":true}"#
            let id = newID()
            answer(index, content: kept, messageID: id)
            told.append(Message(id: id, role: .tool, content: kept, toolCallID: calls[index].id))
        }
        return told
    }

    /// An announced call is put to a person.
    ///
    /// - Returns: the operation's ordinal in the run, from 1, and the call's id as it is shown; `nil` when it must not be.
    package mutating func ask(id: String) -> (ordinal: Int, callID: String)? {
        guard state == .running, let index = index(of: Self.callID(id), in: .announced) else { return nil }
        calls[index].phase = .asked
        operations += 1
        return (operations, calls[index].id)
    }

    /// A question of an upstream's, about a call or about none.
    package mutating func askForUpstream(callID: String?) -> (ordinal: Int, callID: String?)? {
        guard state == .running else { return nil }
        operations += 1
        guard let callID else { return (operations, nil) }
        let id = Self.callID(callID)
        if let index = calls.lastIndex(where: { $0.id.isExactly(id) && $0.phase != .done }) {
            if calls[index].phase == .arguments { log.append(.toolCallEnd(id: id)) }
            calls[index].phase = .asked
        }
        return (operations, id)
    }

    /// It ends, and waits for a person.
    ///
    /// - Returns: whether the end can be stored now.
    package mutating func suspend(_ approvals: [Approval], _ usage: Usage?) -> Bool {
        guard state == .running else { return false }
        if let usage { self.usage = usage }
        asked = approvals
        return stop(.suspended)
    }

    /// When what it asks ends to be open, microseconds since 1970.
    package mutating func asks(until time: Int64) {
        for index in asked.indices { asked[index].expiresAt = time }
    }

    /// A call's effect is committed.
    ///
    /// - Returns: whether this was what a stop waited for, and the end can be stored now.
    package mutating func toolDone(id: String, content: String, messageID: Identifier) -> Bool {
        guard let index = index(of: Self.callID(id), in: .performing) else { return false }
        // Its effect stays, whatever the length of what is told of it; the assistant has all of it.
        let clean = Self.storable(content)
        resultBytes += clean.utf8.count
        let isKept = isMessage(clean) && resultBytes <= replyLength * Self.resultBytesPerCodePoint
        answer(index, content: isKept ? clean : #"{"truncated":true}"#, messageID: messageID)
        guard case .cancelling(let status) = state, !calls.contains(where: { $0.phase == .performing }) else {
            return false
        }
        end(status)
        return true
    }

    /// A call could not be carried out at all: nothing was changed, and the run fails.
    ///
    /// - Returns: whether the end can be stored now.
    package mutating func toolFailed(id: String, _ failure: RunFailure) -> Bool {
        guard let index = index(of: Self.callID(id), in: .performing) else { return false }
        calls[index].phase = .announced
        if case .cancelling(let status) = state {
            guard !calls.contains(where: { $0.phase == .performing }) else { return false }
            end(status)
            return true
        }
        return fail(failure)
    }

    /// What was counted so far.
    package mutating func count(_ usage: Usage) {
        guard state == .running else { return }
        self.usage = usage
    }

    /// The assistant is done. - Returns: whether the end can be stored now.
    package mutating func finish(_ usage: Usage?) -> Bool {
        guard state == .running else { return false }
        if let usage { self.usage = usage }
        return stop(.completed)
    }

    package mutating func fail(_ failure: RunFailure) -> Bool {
        guard state == .running else { return false }
        return stop(.failed, failure: failure)
    }

    // MARK: To the store

    /// What is to be stored, once the state is `ending`.
    package func messages() -> [Message] {
        guard case .ending(let status) = state else { return [] }
        let messageStatus: MessageStatus =
            switch status {
            case .completed, .queued, .running, .suspended: .complete
            case .cancelled: .cancelled
            case .failed: .failed
            case .interrupted: .interrupted
            }
        return drafts.map { draft in
            switch draft {
            case .assistant(let id, let calls):
                Message(
                    id: id, role: .assistant, content: text(of: id), toolCalls: calls, status: messageStatus)
            case .tool(let id, let callID, let content):
                Message(id: id, role: .tool, content: content, toolCallID: callID, status: .complete)
            }
        }
    }

    /// The text so far of every message of the assistant, for a checkpoint.
    package func checkpoint() -> [(id: Identifier, content: String)] {
        drafts.compactMap { draft in
            guard case .assistant(let id, _) = draft else { return nil }
            return (id: id, content: text(of: id))
        }
    }

    // MARK: Inside

    /// PostgreSQL can't store a NUL: it becomes the replacement character for everyone.
    private static func storable(_ text: String) -> String {
        text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
    }

    /// A call's id as it is shown and stored: one that is longer than can be stored keeps its beginning, and tells itself
    /// from its like by a hash of the whole (FNV-1a, 64 bits).
    private static func callID(_ id: String) -> String {
        let clean = storable(id)
        guard clean.utf8.count > callIDLength, clean.unicodeScalars.count > callIDLength else { return clean }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in clean.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01B3 }
        let mark = "~" + String(hash, radix: 16)
        let beginning = clean.unicodeScalars.prefix(callIDLength - mark.utf8.count)
        return String(String.UnicodeScalarView(beginning)) + mark
    }

    /// Whether a text is no longer than one message may be.
    private func isMessage(_ text: String) -> Bool {
        text.utf8.count <= replyLength || text.unicodeScalars.count <= replyLength
    }

    private mutating func takeCallBytes(_ count: Int) -> Bool {
        callBytes += count
        return callBytes <= replyLength * Self.callBytesPerCodePoint
    }

    private mutating func openMessage(_ id: Identifier) -> Identifier {
        step = newStep(id)
        openText = id
        log.append(.textStart(id))
        return id
    }

    private mutating func newStep(_ id: Identifier) -> Int {
        drafts.append(.assistant(id, calls: []))
        return drafts.count - 1
    }

    private func text(of message: Identifier) -> String {
        dropped.contains(message) ? "" : log.text(of: message)
    }

    private mutating func closeText() {
        guard let message = openText else { return }
        openText = nil
        log.append(.textEnd(message))
    }

    private func index(of id: String, in phase: Call.Phase) -> Int? {
        calls.lastIndex { $0.id.isExactly(id) && $0.phase == phase }
    }

    private mutating func answer(_ index: Int, content: String, messageID: Identifier) {
        calls[index].phase = .done
        drafts.append(.tool(messageID, callID: calls[index].id, content: content))
        log.append(.toolCallResult(message: messageID, id: calls[index].id, content: content))
        step = nil
    }

    /// Closes what is open. A call that was announced and never carried out leaves the history with its end, so that
    /// no half of an exchange is stored: the client saw it begin and end without a result.
    private mutating func end(_ status: RunStatus) {
        closeText()
        for index in calls.indices where calls[index].phase == .arguments {
            log.append(.toolCallEnd(id: calls[index].id))
            calls[index].phase = .announced
        }
        // Nobody is asked any more where it has not come to that.
        if status != .suspended {
            for index in calls.indices where calls[index].phase == .asked { calls[index].phase = .announced }
        }
        for index in calls.indices.reversed() where calls[index].phase == .announced {
            let call = calls[index]
            if call.draft >= 0, case .assistant(let id, var list) = drafts[call.draft] {
                list.removeAll { $0.id.isExactly(call.id) }
                drafts[call.draft] = .assistant(id, calls: list)
            }
        }
        let (log, dropped) = (log, dropped)
        drafts.removeAll { draft in
            guard case .assistant(let id, let calls) = draft else { return false }
            return calls.isEmpty && (dropped.contains(id) || log.text(of: id).isEmpty)
        }
        state = .ending(status)
    }
}
