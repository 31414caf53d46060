import JSON
import Chat

/// A socket that notes every frame, and follows the events as a client would.
final class FakeClient: SessionClient {
    var isGone = false
    var isWritable = true
    private(set) var frames: [JSON] = []
    private(set) var texts: [String] = []
    private(set) var timesFellBehind = 0
    private(set) var threads: [Identifier: ThreadView] = [:]
    /// Called for every frame after it was noted, so that a test can come back into the session from here.
    var onFrame: (JSON) -> Void = { _ in }

    func send(_ json: UnsafeRawBufferPointer) {
        let text = String(decoding: json, as: UTF8.self)
        texts.append(text)
        guard let frame = try? JSON(parsing: json) else {
            frames.append(["broken": .string(text)])
            return
        }
        frames.append(frame)
        if frame["op"]?.string == "snapshot", let id = frame["threadId"]?.string.flatMap({ Identifier($0) }) {
            threads[id]?.beginAnew()
        }
        if frame["op"]?.string == "subscribed", let id = frame["threadId"]?.string.flatMap({ Identifier($0) }) {
            threads[id, default: ThreadView()].caughtUp(frame["cursor"]?.string ?? "")
        }
        if frame["type"] != nil, let id = frame["metadata"]?["parley"]?["threadId"]?.string, let id = Identifier(id) {
            threads[id, default: ThreadView()].feed(frame)
        }
        onFrame(frame)
    }

    func fellBehind() { timesFellBehind += 1 }

    /// A thread that it has left is begun anew.
    func forget(_ threadID: Identifier) { threads[threadID] = nil }

    /// Goes on where another socket of the same client was cut.
    func inherit(_ view: ThreadView?, of threadID: Identifier) { threads[threadID] = view }

    // MARK: What was seen

    func frames(op: String) -> [JSON] { frames.filter { $0["op"]?.string == op } }
    func events(_ type: String? = nil) -> [JSON] {
        frames.filter { $0["type"] != nil && (type == nil || $0["type"]?.string == type) }
    }

    /// The frames in short: `ack running`, `error busy`, `RUN_STARTED`.
    var summary: [String] { frames.map(Self.summary(of:)) }

    static func summary(of frame: JSON) -> String {
        if let type = frame["type"]?.string { return type }
        let detail = frame["status"]?.string ?? frame["code"]?.string ?? frame["mode"]?.string
        return [frame["op"]?.string ?? "?", detail].compactMap { $0 }.joined(separator: " ")
    }

    func clear() {
        frames = []
        texts = []
    }

    var problems: [String] { threads.values.flatMap(\.problems) }

    var terminals: Int { events("RUN_FINISHED").count + events("RUN_ERROR").count }
}

/// One thread's events on one socket: AG-UI's ordering rules, rising cursors, `subscribed` behind what its cursor stands
/// for, and the text that a client would hold.
struct ThreadView {
    private(set) var problems: [String] = []
    private(set) var text: [String: String] = [:]
    private(set) var cursor: String?
    private(set) var finished: [String] = []
    private var last: (epoch: String, position: UInt64)?
    private var run: String?
    private var messages: Set<String> = []
    private var calls: Set<String> = []

    var activeRun: String? { run }

    /// A snapshot replaces what came before, and the rules count from there.
    mutating func beginAnew() {
        var anew = ThreadView()
        anew.problems = problems
        anew.finished = finished
        self = anew
    }

    mutating func feed(_ event: JSON) {
        let type = event["type"]?.string ?? ""
        follow(event["metadata"]?["parley"]?["cursor"]?.string ?? "")
        switch type {
        case "RUN_STARTED":
            expect(run == nil, "a run starts while another is active")
            run = event["runId"]?.string
            messages = []
            calls = []
            return
        case "RUN_ERROR":
            expect(run != nil, "an error without a run")
            finished.append(run ?? "?")
            run = nil
            return
        default: break
        }
        expect(run != nil, "\(type) outside a run")
        let message = event["messageId"]?.string ?? ""
        let call = event["toolCallId"]?.string ?? ""
        switch type {
        case "TEXT_MESSAGE_START":
            expect(messages.insert(message).inserted, "a message opened twice")
            text[message] = text[message] ?? ""
        case "TEXT_MESSAGE_CONTENT":
            expect(messages.contains(message), "text for a message that is not open")
            expect(event["delta"]?.string?.isEmpty == false, "an empty delta")
            text[message, default: ""] += event["delta"]?.string ?? ""
        case "TEXT_MESSAGE_END":
            expect(messages.remove(message) != nil, "an end of a message that is not open")
        case "TOOL_CALL_START":
            expect(calls.insert(call).inserted, "a call opened twice")
        case "TOOL_CALL_ARGS":
            expect(calls.contains(call), "arguments for a call that is not open")
        case "TOOL_CALL_END":
            expect(calls.remove(call) != nil, "an end of a call that is not open")
        case "TOOL_CALL_RESULT": break
        case "RUN_FINISHED":
            expect(messages.isEmpty && calls.isEmpty, "finished with open items")
            expect(event["runId"]?.string == run, "finished another run")
            finished.append(run ?? "?")
            run = nil
        default: problems.append("unknown event \(type)")
        }
    }

    /// Everything up to there has been given, and what follows has a later cursor.
    mutating func caughtUp(_ cursor: String) {
        guard let place = place(of: cursor) else { return }
        if let last, last.epoch == place.epoch {
            expect(place.position >= last.position, "subscribed at \(place.position), behind \(last.position)")
        }
        self.cursor = cursor
        last = place
    }

    private mutating func follow(_ cursor: String) {
        self.cursor = cursor
        guard let place = place(of: cursor) else { return }
        if let last, last.epoch == place.epoch {
            expect(place.position > last.position, "the cursor did not rise: \(last.position), \(place.position)")
        }
        last = place
    }

    private mutating func place(of cursor: String) -> (epoch: String, position: UInt64)? {
        guard let dot = cursor.lastIndex(of: "."), let position = UInt64(cursor[cursor.index(after: dot)...]) else {
            problems.append("no cursor: \(cursor)")
            return nil
        }
        return (String(cursor[..<dot]), position)
    }

    private mutating func expect(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition { problems.append(problem()) }
    }
}
