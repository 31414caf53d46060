import JSON
import Glibc

/// Follows one conversation on one socket and says what the server may not do (Protocol.md sections 3 and 4): an event
/// before its ack, events out of order, a cursor that does not rise, a text of another message, an end without its
/// beginning. Pure: frames in, steps out.
package struct TurnCheck {
    package enum State {
        /// No turn is under way.
        case idle
        /// A message was sent; its ack is awaited.
        case sent
        /// The ack came; RUN_STARTED is awaited.
        case acknowledged
        case started
    }

    /// What a frame meant to the turn.
    package enum Step: Equatable {
        case none
        case acknowledged
        case firstText
        case text
        /// The run has ended; with the error's code if it ended badly.
        case finished(error: String?)
    }

    package enum Violation: String, Error, CaseIterable {
        case notJSON = "a frame that is no JSON object"
        case unknownFrame = "a frame that is neither event nor operation"
        case unexpectedAck = "an ack that nobody waits for"
        case ackWithoutIDs = "an ack without its ids"
        case eventBeforeAck = "an event before the ack"
        case eventOutsideRun = "an event outside a run"
        case wrongThread = "an event of another conversation"
        case wrongRun = "an event of another run"
        case startedTwice = "RUN_STARTED twice"
        case cursor = "a cursor that does not rise"
        case epoch = "a cursor of another epoch"
        case textNotOpen = "text of a message that is not open"
        case textOpenTwice = "TEXT_MESSAGE_START while a message is open"
        case callNotOpen = "a part of a tool call that is not open"
        case leftOpen = "the run ended with something open"
        case emptyDelta = "an empty delta"
        case storedText = "the stored reply is not what was streamed"
        case noSnapshot = "no snapshot of a conversation that was used"
    }

    package private(set) var state = State.idle
    /// The conversation; empty: the next message begins one.
    package private(set) var thread = FrameName()
    /// The newest cursor's number; 0: none yet.
    package private(set) var position: UInt64 = 0
    /// Of the reply so far, or of the last one.
    package private(set) var text = TextHash()
    /// Whether `text` is that of a reply which ended well.
    package private(set) var hasReply = false
    /// Of the socket, as `ready` gave it.
    package var epoch = FrameName()
    /// Of the newest cursor.
    package private(set) var cursorEpoch = FrameName()

    private var id = FrameName()
    private var run = FrameName()
    private var message = FrameName()
    private var lastMessage = FrameName()
    private var openCalls = 0
    private var hasText = false

    package init() {}

    /// A message with this id is sent, in this conversation or a new one.
    package mutating func send(id: FrameName) {
        state = .sent
        self.id = id
        run = FrameName()
        message = FrameName()
        lastMessage = FrameName()
        openCalls = 0
        hasText = false
        hasReply = false
        text = TextHash()
    }

    /// The next message begins a conversation.
    package mutating func forgetThread() {
        thread = FrameName()
        position = 0
        hasReply = false
    }

    /// The turn came to nothing: the server refused it.
    package mutating func refused() {
        state = .idle
    }

    /// A snapshot took the place of what was missed: the active run, if any, is told again from its beginning.
    package mutating func restart() {
        guard state == .started || state == .acknowledged else { return }
        state = .acknowledged
        message = FrameName()
        lastMessage = FrameName()
        openCalls = 0
        text = TextHash()
        position = 0
    }

    /// The run has ended while nobody was connected: the snapshot holds its reply.
    package mutating func endedUnseen() {
        state = .idle
        hasReply = false
    }

    /// Takes an ack to a message; others are not for here.
    package mutating func ack(_ fields: FrameFields, mayBeDuplicate: Bool) throws(Violation) -> Step {
        guard state == .sent, FrameName(fields.id) == id else {
            if mayBeDuplicate { return .none }
            throw .unexpectedAck
        }
        guard !fields.threadID.isEmpty, !fields.messageID.isEmpty, !fields.runID.isEmpty else { throw .ackWithoutIDs }
        guard
            fields.status.equals("running") || fields.status.equals("queued")
                || (mayBeDuplicate && fields.status.equals("duplicate"))
        else { throw .unexpectedAck }
        let named = FrameName(fields.threadID)
        if thread.isEmpty { position = 0 } else if thread != named { throw .wrongThread }
        thread = named
        run = FrameName(fields.runID)
        state = .acknowledged
        return .acknowledged
    }

    package mutating func event(_ fields: FrameFields) throws(Violation) -> Step {
        if state == .sent {
            // What another turn of this conversation says would be as wrong: there is none.
            throw .eventBeforeAck
        }
        guard FrameName(fields.eventThreadID) == thread else { throw .wrongThread }
        try advance(fields.cursor)
        let type = fields.type
        if type.equals("TEXT_MESSAGE_CONTENT") {
            guard state == .started else { throw .eventOutsideRun }
            guard !message.isEmpty, FrameName(fields.messageID) == message else { throw .textNotOpen }
            guard !fields.delta.isEmpty else { throw .emptyDelta }
            add(fields.delta)
            defer { hasText = true }
            return hasText ? .text : .firstText
        }
        if type.equals("RUN_STARTED") {
            guard state == .acknowledged else { throw state == .started ? .startedTwice : .eventOutsideRun }
            guard FrameName(fields.runID) == run else { throw .wrongRun }
            state = .started
            return .none
        }
        guard state == .started else { throw .eventOutsideRun }
        switch type.count {
        case _ where type.equals("TEXT_MESSAGE_START"):
            guard message.isEmpty else { throw .textOpenTwice }
            message = FrameName(fields.messageID)
            // A message goes on behind a tool call; another one begins a text of its own.
            if message != lastMessage { text = TextHash() }
            lastMessage = message
        case _ where type.equals("TEXT_MESSAGE_END"):
            guard !message.isEmpty, FrameName(fields.messageID) == message else { throw .textNotOpen }
            message = FrameName()
        case _ where type.equals("TOOL_CALL_START"):
            openCalls += 1
        case _ where type.equals("TOOL_CALL_ARGS"):
            guard openCalls > 0 else { throw .callNotOpen }
        case _ where type.equals("TOOL_CALL_END"):
            guard openCalls > 0 else { throw .callNotOpen }
            openCalls -= 1
        case _ where type.equals("RUN_FINISHED"):
            guard FrameName(fields.runID) == run else { throw .wrongRun }
            guard message.isEmpty, openCalls == 0 else { throw .leftOpen }
            state = .idle
            hasReply = fields.outcome.equals("success")
            return .finished(error: hasReply ? nil : fields.outcome.text)
        case _ where type.equals("RUN_ERROR"):
            state = .idle
            return .finished(error: fields.code.text)
        default:
            break
        }
        return .none
    }

    /// `<epoch>.<n>`, with `n` rising.
    private mutating func advance(_ cursor: UnsafeRawBufferPointer) throws(Violation) {
        var number: UInt64 = 0
        var scale: UInt64 = 1
        var index = cursor.count - 1
        while index >= 0, cursor[index] != UInt8(ascii: ".") {
            let digit = cursor[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { throw .cursor }
            number = number &+ UInt64(digit) &* scale
            scale = scale &* 10
            index -= 1
        }
        guard index > 0 else { throw .cursor }
        // Another process counts anew.
        let named = FrameName(UnsafeRawBufferPointer(rebasing: cursor[..<index]))
        guard named == epoch else { throw .epoch }
        guard number > position || named != cursorEpoch else { throw .cursor }
        position = number
        cursorEpoch = named
    }

    private mutating func add(_ delta: UnsafeRawBufferPointer) {
        if memchr(delta.baseAddress.unsafelyUnwrapped, Int32(UInt8(ascii: "\\")), delta.count) == nil {
            text.add(delta)
            return
        }
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        quoted.append(contentsOf: delta)
        quoted.append(UInt8(ascii: "\""))
        var plain = (try? JSON(parsing: quoted))?.string ?? ""
        plain.withUTF8 { text.add(UnsafeRawBufferPointer($0)) }
    }
}
