import EventLoop
import HTTP
import JSON

/// The screen of a chat: the prompt at the bottom, what is said above it; or a pipe, whose lines are sent one after the
/// other. On its loop only.
final class ChatScreen {
    /// Of a pipe: lines that are read ahead, bytes of one line, and attempts to reach a gateway that is away.
    private static let linesAhead = 100
    private static let lineLimit = 1 << 20
    private static let attemptLimit = 8
    /// Seconds that an end waits for what was just sent to be stored.
    private static let leaveTime: UInt64 = 5
    /// Conversations that `/list` shows.
    private static let listLimit = 20

    private let loop: EventLoop
    private let terminal = Terminal()
    private var editor = LineEditor()
    private var chat: ChatConversation
    private var stream: FrameStream?
    private var ended: ((String?) -> Void)?
    private var isLost = false
    private var isReady = false
    /// The prompt is on the screen and must go before something is said.
    private var hasPrompt = false
    private var isAtLineStart = true
    private var lines: [String] = []
    private var rest: [UInt8] = []
    private var isReading = true
    private var isLeaving = false
    private var inputEnded = false

    init(_ loop: EventLoop, _ url: HTTPURL, _ token: String, thread: String?, ended: @escaping (String?) -> Void) {
        self.loop = loop
        self.ended = ended
        chat = ChatConversation(threadID: thread, nonce: String(UInt64.random(in: 0 ... .max), radix: 36))
        stream = FrameStream(GatewayAccess.client(on: loop), at: url, token: token) { self.heard($0) }
    }

    /// Keeps itself until the end.
    func start() {
        terminal.begin()
        stream?.open()
        let bound = LoopBound(self, on: loop)
        terminal.read { piece in bound.loop.execute { bound.value.typed(piece) } }
    }

    private func end(_ problem: String?) {
        guard let ended else { return }
        self.ended = nil
        wipe()
        if !isAtLineStart { terminal.write("\n") }
        if terminal.isInteractive, problem == nil, let thread = chat.threadID {
            show("parley chat --thread \(thread.printable) goes on with it\n", .note)
        }
        terminal.end()
        stream?.close()
        stream = nil
        ended(problem?.printable)
    }

    /// Ends it when what was sent is stored; the second time, or after a while, at once.
    private func leave() {
        guard chat.isSending, !isLeaving else { return end(nil) }
        isLeaving = true
        _ = loop.schedule(after: Self.leaveTime * 1_000_000_000) { [weak self] in
            self?.end("what was sent last may not have been stored: the gateway has not answered")
        }
    }

    private func heard(_ news: FrameStream.News) {
        guard ended != nil else { return }
        switch news {
        case .frame(let frame):
            isLost = false
            if frame["op"]?.string == "ready" { isReady = true }
            perform(chat.take(frame: frame))
        case .lost(let attempts):
            if !terminal.isInteractive, attempts > Self.attemptLimit {
                return end("the gateway can't be reached any more")
            }
            if !isLost { perform([.say("connecting…\n", .note)]) }
            isLost = true
        case .refused(let problem): perform([.say(problem + "\n", .failure)])
        case .over(let problem): return end(problem)
        }
        if isLeaving, !chat.isSending { return end(nil) }
        sendNext()
        if terminal.isGone { end("what is written is read no more") }
    }

    private func typed(_ bytes: [UInt8]) {
        guard ended != nil else { return }
        guard terminal.isInteractive else { return piped(bytes) }
        if bytes.isEmpty { return leave() }
        for event in editor.feed(bytes) {
            switch event {
            case .line(let line):
                wipe()
                if !line.trimmed.isEmpty { show("> \(line.printable)\n", .you) }
                perform(chat.take(line: line))
            case .interrupted(let wasEmpty):
                if chat.isBusy { perform(chat.cancel()) } else if wasEmpty { leave() }
            case .end: leave()
            case .clear:
                terminal.write("\u{1B}[2J\u{1B}[H")
                hasPrompt = false
                isAtLineStart = true
            case .changed: break
            }
        }
        prompt()
        terminal.more()
    }

    // MARK: A pipe

    private func piped(_ bytes: [UInt8]) {
        inputEnded = bytes.isEmpty
        rest += inputEnded && !rest.isEmpty ? [UInt8(ascii: "\n")] : bytes
        var start = rest.startIndex
        while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(String(decoding: rest[start..<end], as: UTF8.self))
            start = end + 1
        }
        rest.removeSubrange(..<start)
        guard rest.count <= Self.lineLimit else { return end("a line of the input has over \(Self.lineLimit) bytes") }
        isReading = false
        sendNext()
    }

    private func sendNext() {
        guard !terminal.isInteractive, ended != nil else { return }
        if lines.count < Self.linesAhead, !isReading, !inputEnded {
            isReading = true
            terminal.more()
        }
        while isReady, chat.isIdle, !lines.isEmpty, ended != nil { perform(chat.take(line: lines.removeFirst())) }
        if isReady, inputEnded, lines.isEmpty, chat.isIdle { end(nil) }
    }

    // MARK: What is shown

    private func perform(_ effects: [ChatConversation.Effect]) {
        for effect in effects {
            switch effect {
            case .say(let text, let style):
                if style == .failure, !terminal.isInteractive { return end(text.trimmed) }
                wipe()
                show(text.printable, style)
            case .send(let frame): stream?.send(frame)
            case .list: list()
            case .end: return leave()
            }
        }
        prompt()
    }

    private func list() {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
        let user = (chat.userID ?? "").utf8.map { byte in
            plain.contains(byte)
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        stream?.read("api/users/\(user.joined())/conversations?limit=\(Self.listLimit)") { [self] answer in
            guard ended != nil else { return }
            guard let list = answer?["data"]?.array else {
                return perform([.say("the conversations can't be read now\n", .failure)])
            }
            perform(chat.take(list: list))
        }
    }

    private func show(_ text: String, _ style: ChatConversation.Style) {
        guard !text.isEmpty else { return }
        isAtLineStart = text.utf8.last == UInt8(ascii: "\n")
        let colour =
            switch style {
            case .answer: ""
            case .you: "\u{1B}[1m"
            case .tool, .note: "\u{1B}[2m"
            case .failure: "\u{1B}[31m"
            }
        if terminal.hasColours, !colour.isEmpty {
            terminal.write(colour + text + "\u{1B}[0m")
        } else {
            terminal.write(text)
        }
    }

    private func wipe() {
        guard hasPrompt else { return }
        terminal.write("\r\u{1B}[J")
        hasPrompt = false
    }

    /// Not while a line is being said: that would be torn.
    private func prompt() {
        guard terminal.isInteractive, isAtLineStart, ended != nil else { return }
        wipe()
        // What fits around the cursor: from it to the left, then to the right.
        var room = max(8, terminal.size.columns - 4)
        var start = editor.cursor
        while start > 0, room >= Self.width(editor.text[start - 1]) {
            start -= 1
            room -= Self.width(editor.text[start])
        }
        var end = editor.cursor
        while end < editor.text.count, room >= Self.width(editor.text[end]) {
            room -= Self.width(editor.text[end])
            end += 1
        }
        let before = Self.inOneLine(editor.text[start..<editor.cursor])
        let after = Self.inOneLine(editor.text[editor.cursor..<end])
        // The terminal keeps the place: it knows best how wide characters are.
        terminal.write("> \(before)\u{1B}7\(after)\u{1B}8")
        hasPrompt = true
    }

    private static func inOneLine(_ text: ArraySlice<Character>) -> String {
        String(text.map { $0.isNewline ? "⏎" : $0 == "\t" ? " " : $0 }).printable
    }

    /// Columns, rather too many than too few.
    private static func width(_ character: Character) -> Int {
        character.unicodeScalars.first.map { $0.value >= 0x1100 ? 2 : 1 } ?? 0
    }
}
