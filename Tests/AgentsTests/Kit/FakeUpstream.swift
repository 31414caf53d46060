import JSON
import Agents
import Chat
import Testing
import Tracing

/// An upstream that is told by the test what to say.
final class FakeUpstream: AgentTransport {
    final class Stream: AgentStream {
        let body: JSON
        let user: String
        let receiver: any AgentStreamReceiver
        var log: [String] = []

        init(_ body: [UInt8], _ user: String, _ receiver: any AgentStreamReceiver) {
            self.body = (try? JSON(parsing: body)) ?? .null
            self.user = user
            self.receiver = receiver
        }

        var isOver: Bool { log.contains("finish") || log.contains("cancel") }

        func commit() { if !log.contains("commit") { log.append("commit") } }
        func finish() { log.append("finish") }
        func conclude() { if !log.contains("conclude") { log.append("conclude") } }
        func discount(_ bytes: Int) { log.append("discount") }
        func reject(_ failure: AgentFailure) {
            log.append("reject \(failure.code.rawValue)")
            receiver.failed(failure)
        }
        func cancel() { log.append("cancel") }

        /// Sends events of AG-UI, or chunks.
        func say(_ events: JSON...) {
            for event in events { say(event.description) }
        }

        func say(_ data: String) {
            guard !isOver else { return }
            Array(data.utf8).withUnsafeBytes { receiver.event($0, isError: false) }
        }

        /// Chunks of a chat completion.
        func text(_ text: String) {
            say(["choices": [["index": 0, "delta": ["content": .string(text)]]]])
        }

        func call(_ index: Int64, _ id: String, _ name: String, _ arguments: String) {
            say([
                "choices": [
                    [
                        "index": 0,
                        "delta": [
                            "tool_calls": [
                                [
                                    "index": .integer(index), "id": .string(id),
                                    "function": ["name": .string(name), "arguments": .string(arguments)],
                                ]
                            ]
                        ],
                    ]
                ]
            ])
        }

        func usage(_ input: Int64, _ output: Int64) {
            say(["choices": [], "usage": ["prompt_tokens": .integer(input), "completion_tokens": .integer(output)]])
        }

        func done() { say("[DONE]") }

        /// The connection ends.
        func end() {
            guard !isOver else { return }
            if !receiver.ended() { receiver.failed(AgentFailure(.upstreamTruncated, "cut")) }
        }
    }

    var streams: [Stream] = []

    func open(
        _ body: [UInt8], user: String, conversation: Identifier, trace: TraceContext?,
        _ receiver: any AgentStreamReceiver
    ) -> any AgentStream {
        let stream = Stream(body, user, receiver)
        streams.append(stream)
        return stream
    }

    var last: Stream {
        get throws { try #require(streams.last) }
    }
}

/// A run that writes down what its assistant does. Tools answer at once, or when told.
final class RecordingRun: AgentRun {
    var events: [String] = []
    var usage: Usage?
    var holdsTools = false
    var held: [() -> Void] = []

    func text(_ delta: String) { events.append("text \(delta)") }
    func endText() { events.append("endText") }
    func toolCallStart(id: String, name: String) { events.append("start \(id) \(name)") }
    func toolCallArguments(id: String, delta: String) { events.append("arguments \(id) \(delta)") }
    func toolCallEnd(id: String) { events.append("endCall \(id)") }
    func perform(id: String, name: String, arguments: JSON, completion: @escaping (ToolOutcome) -> Void) {
        events.append("perform \(id) \(name) \(arguments)")
        let outcome = ToolOutcome(
            status: ToolName(rawValue: name) != nil && arguments.object != nil ? .success : .failed,
            result: ["did": .string(name)])
        if holdsTools { held.append { completion(outcome) } } else { completion(outcome) }
    }
    /// Tools that ask first.
    var asking: Set<String> = []
    private(set) var state: JSON?

    func ask(id: String, name: String, arguments: JSON, message: String?, always: Bool) -> Bool {
        guard always || asking.contains(name) else { return false }
        events.append("ask \(id) \(name) \(arguments)")
        return true
    }

    func ask(_ question: UpstreamQuestion) {
        events.append("question \(question.id) \(question.reason) \(question.callID ?? "-")")
    }

    func suspend(_ usage: Usage?, state: JSON?) {
        self.usage = usage
        self.state = state
        events.append("suspend")
    }

    func toolResult(id: String, content: String) { events.append("result \(id) \(content)") }
    func count(_ usage: Usage) { self.usage = usage }
    func finish(_ usage: Usage?) {
        self.usage = usage
        events.append("finish")
    }
    func fail(_ code: RunErrorCode, _ message: String) { events.append("fail \(code.rawValue)") }

    static func input(_ text: String, history: [Message] = []) -> AgentInput {
        AgentInput(
            userID: "u", threadID: Identifier(high: 1, low: 1), runID: Identifier(high: 2, low: 0xABCDEF),
            history: history, message: Message(id: Identifier(high: 3, low: 3), role: .user, content: text))
    }
}
