import Strings

/// What a run has said so far, in merged form: one growing text per message instead of its deltas, so that a log
/// costs its text and little more, and "everything after this cursor" is one operation for a live socket, a reconnect,
/// a second tab, a slow reader and the coalescing window.
///
/// A position counts one for every event and one for every byte of text:
///
/// ```
/// position   start   +1          +2         +2+n                     +3+n
///              │ RUN_STARTED │ TEXT_START │ n bytes of text │ TEXT_END │
/// ```
///
/// A cursor inside a text is therefore an offset into it, and no table of deltas is kept.
package struct RunLog: Sendable {
    package enum Item {
        case event(ChatEvent)
        /// Part of a message's text, to its end as it is now.
        case text(Identifier, UnsafeBufferPointer<UInt8>)
        /// The same of what the model thinks.
        case thought(Identifier, UnsafeBufferPointer<UInt8>)
    }

    private enum Content: Sendable {
        case event(ChatEvent)
        case text(Identifier, [UInt8], isThought: Bool)
    }

    private struct Entry: Sendable {
        var start: UInt64
        var content: Content
    }

    // What each delta looks at stands together.
    package private(set) var end: UInt64
    /// The text that is growing, kept apart from the entries so that it grows in place.
    private var openText: [UInt8] = []
    private var openMessage: Identifier?
    private var openStart: UInt64 = 0
    /// The thought that is growing, in the place of a message. Whatever else is added ends it.
    package private(set) var openThought: Identifier?
    /// Bytes of the text, and of the tool calls' arguments and results.
    private var textBytes = 0
    private var callBytes = 0
    package let runID: Identifier
    package let start: UInt64
    /// From here on nothing is missing. It moves when the log passes its bound and lets the events of answered tool
    /// calls go: who left off before it gets a snapshot, and of this run the text.
    package private(set) var complete: UInt64
    /// How often that has happened.
    package private(set) var drops = 0
    private let bound: Int
    private var entries: [Entry] = []

    /// - Parameters:
    ///   - start: the thread's position before the run's first event.
    ///   - bound: bytes above which tool calls are let go; the text is held in any case, since it is yet to be stored.
    package init(runID: Identifier, start: UInt64, bound: Int = 1 << 20) {
        self.runID = runID
        self.start = start
        self.bound = bound
        end = start
        complete = start
    }

    package mutating func append(_ event: ChatEvent) {
        closeText()
        closeThought()
        add(event)
        callBytes += event.callBytes
    }

    private mutating func add(_ event: ChatEvent) {
        entries.append(Entry(start: end, content: .event(event)))
        end += 1
    }

    /// Adds to the text of `message`, which the last `textStart` has opened.
    package mutating func append(text utf8: UnsafeBufferPointer<UInt8>, to message: Identifier) {
        if openMessage != message {
            closeText()
            closeThought()
            openMessage = message
            openStart = end
        }
        openText.append(contentsOf: utf8)
        textBytes += utf8.count
        end += UInt64(utf8.count)
    }

    /// Adds to what the model thinks; `thought` is new unless it is the one that is open.
    package mutating func append(thought utf8: UnsafeBufferPointer<UInt8>, to thought: Identifier) {
        if openThought != thought {
            closeText()
            closeThought()
            add(.reasoningStart(thought))
            add(.reasoningMessageStart(thought))
            openThought = thought
            openStart = end
        }
        openText.append(contentsOf: utf8)
        textBytes += utf8.count
        end += UInt64(utf8.count)
    }

    /// Ids of the messages that its events tell of, without the user's.
    package var messageIDs: Set<Identifier> {
        var ids: Set<Identifier> = []
        for entry in entries {
            switch entry.content {
            case .event(.textStart(let message)), .event(.toolCallStart(_, _, let message)),
                .event(.toolCallResult(let message, _, _)):
                ids.insert(message)
            default: break
            }
        }
        return ids
    }

    /// Whether a client that has everything up to `position` can be given the rest: it is not outside the log nor
    /// in the middle of a character.
    package func canResume(after position: UInt64) -> Bool {
        position >= complete && canReplay(after: position)
    }

    /// Whether what is still held behind `position` can be given to a client that is shown the run from its start.
    package func canReplay(after position: UInt64) -> Bool {
        guard position >= start, position <= end else { return false }
        if openMessage ?? openThought != nil, position >= openStart {
            return Self.isBoundary(Int(position - openStart), in: openText)
        }
        guard let entry = entries.last(where: { $0.start <= position }) else { return true }
        guard case .text(_, let bytes, _) = entry.content else { return true }
        return Self.isBoundary(Int(position - entry.start), in: bytes)
    }

    /// Everything after `position`, merged: each item with the position up to which it speaks. `body` returns
    /// `false` to stop early. `position` must be one that `canResume` accepts.
    package func forEach(after position: UInt64, _ body: (Item, UInt64) -> Bool) {
        var index = entries.count
        while index > 0, entries[index - 1].start >= position { index -= 1 }
        // The entry before may be a text that goes on behind the position.
        if index > 0, case .text(let message, let bytes, let isThought) = entries[index - 1].content {
            let entry = entries[index - 1]
            let offset = Int(position - entry.start)
            if offset < bytes.count,
                !emit(message, isThought, bytes, from: offset, end: entry.start + UInt64(bytes.count), body)
            {
                return
            }
        }
        while index < entries.count {
            let entry = entries[index]
            switch entry.content {
            case .event(let event):
                if !body(.event(event), entry.start + 1) { return }
            case .text(let message, let bytes, let isThought):
                if !emit(message, isThought, bytes, from: 0, end: entry.start + UInt64(bytes.count), body) { return }
            }
            index += 1
        }
        if let open = openMessage ?? openThought, position < end {
            let offset = position > openStart ? Int(position - openStart) : 0
            _ = emit(open, openMessage == nil, openText, from: offset, end: end, body)
        }
    }

    /// What the growing text has beyond `position`, when that is all there is beyond it: the usual case of a delta on its
    /// way to sockets that keep up.
    ///
    /// - Returns: the message, its open text, and where in that the rest begins; `nil` when something else is beyond the
    ///   position too, or nothing. The text is to be let go of before the log grows, which would copy it otherwise.
    @inline(__always)
    package func tail(after position: UInt64) -> (message: Identifier, text: [UInt8], offset: Int)? {
        guard let message = openMessage, position >= openStart, position < end else { return nil }
        return (message, openText, Int(position - openStart))
    }

    /// The text of a message so far.
    package func text(of message: Identifier) -> String {
        // A message has several parts where calls or results came between its deltas.
        var text = ""
        for entry in entries {
            if case .text(message, let bytes, isThought: false) = entry.content {
                text += String(decoding: bytes, as: UTF8.self)
            }
        }
        if message == openMessage { text += String(decoding: openText, as: UTF8.self) }
        return text
    }

    /// Lets go of the calls that have their result, where the log is over its bound. To be called when all that is in
    /// it has been handed out.
    package mutating func trim() {
        guard textBytes + callBytes > bound, callBytes > 0 else { return }
        var answered: Set<ExactString> = []
        for entry in entries {
            if case .event(.toolCallResult(_, let id, _)) = entry.content { answered.insert(ExactString(id)) }
        }
        guard !answered.isEmpty else { return }
        callBytes = 0
        entries.removeAll { entry in
            guard case .event(let event) = entry.content, let id = event.toolCallID else { return false }
            if answered.contains(ExactString(id)) { return true }
            callBytes += event.callBytes
            return false
        }
        complete = end
        drops += 1
    }

    private mutating func closeText() {
        guard let message = openMessage else { return }
        var bytes: [UInt8] = []
        swap(&bytes, &openText)
        entries.append(Entry(start: openStart, content: .text(message, bytes, isThought: false)))
        openMessage = nil
    }

    private mutating func closeThought() {
        guard let thought = openThought else { return }
        var bytes: [UInt8] = []
        swap(&bytes, &openText)
        entries.append(Entry(start: openStart, content: .text(thought, bytes, isThought: true)))
        openThought = nil
        add(.reasoningMessageEnd(thought))
        add(.reasoningEnd(thought))
    }

    private func emit(
        _ message: Identifier, _ isThought: Bool, _ bytes: [UInt8], from offset: Int, end: UInt64,
        _ body: (Item, UInt64) -> Bool
    ) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            let rest = UnsafeBufferPointer(rebasing: bytes[offset...])
            return body(isThought ? .thought(message, rest) : .text(message, rest), end)
        }
    }

    private static func isBoundary(_ offset: Int, in bytes: [UInt8]) -> Bool {
        offset >= bytes.count || bytes[offset] & 0xC0 != 0x80
    }
}

extension ChatEvent {
    /// The tool call that an event belongs to.
    fileprivate var toolCallID: String? {
        switch self {
        case .toolCallStart(let id, _, _), .toolCallArguments(let id, _), .toolCallEnd(let id),
            .toolCallResult(_, let id, _):
            id
        default: nil
        }
    }

    /// Bytes of a call's arguments or result.
    fileprivate var callBytes: Int {
        switch self {
        case .toolCallArguments(_, let delta): delta.utf8.count
        case .toolCallResult(_, _, let content): content.utf8.count
        default: 0
        }
    }
}
