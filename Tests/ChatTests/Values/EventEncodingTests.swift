import JSON
import Chat
import Testing

@Suite("Event encoding")
struct EventEncodingTests {
    static let a = Identifier(high: 0xA, low: 1)
    static let b = Identifier(high: 0xB, low: 2)
    static let A = "00000000-0000-000a-0000-000000000001"
    static let B = "00000000-0000-000b-0000-000000000002"
    static let place = #","metadata":{"parley":{"threadId":"\#(A)","cursor":"e.7"}}}"#
    static let nasty = "q\"\\\n\u{1}é"
    static let nastyText = #"q\"\\\n\u0001é"#

    static let events: [(ChatEvent, String)] = [
        (
            .runStarted(runID: b, message: Message(id: a, role: .user, content: nasty)),
            #"{"type":"RUN_STARTED","threadId":"\#(A)","runId":"\#(B)","protocolVersion":"1.0","input":{"threadId":"\#(A)","runId":"\#(B)","messages":[{"id":"\#(A)","role":"user","content":"\#(nastyText)"}],"tools":[],"context":[]}"#
        ),
        (.textStart(b), #"{"type":"TEXT_MESSAGE_START","messageId":"\#(B)","role":"assistant""#),
        (.textEnd(b), #"{"type":"TEXT_MESSAGE_END","messageId":"\#(B)""#),
        (
            .toolCallStart(id: nasty, name: "add_task", parent: b),
            #"{"type":"TOOL_CALL_START","toolCallId":"\#(nastyText)","toolCallName":"add_task","parentMessageId":"\#(B)""#
        ),
        (
            .toolCallArguments(id: "t", delta: #"{"a":"\n"}"#),
            #"{"type":"TOOL_CALL_ARGS","toolCallId":"t","delta":"{\"a\":\"\\n\"}""#
        ),
        (.toolCallEnd(id: "t"), #"{"type":"TOOL_CALL_END","toolCallId":"t""#),
        (
            .toolCallResult(message: b, id: "t", content: "{}"),
            #"{"type":"TOOL_CALL_RESULT","messageId":"\#(B)","toolCallId":"t","content":"{}","role":"tool""#
        ),
        (
            .runFinished(runID: b, outcome: .success, usage: nil),
            #"{"type":"RUN_FINISHED","threadId":"\#(A)","runId":"\#(B)","outcome":{"type":"success"}"#
        ),
        (
            .runFinished(runID: b, outcome: .cancelled, usage: Usage(inputTokens: 3, outputTokens: 4)),
            #"{"type":"RUN_FINISHED","threadId":"\#(A)","runId":"\#(B)","outcome":{"type":"cancelled"},"usage":[{"inputTokens":3,"outputTokens":4,"totalTokens":7}]"#
        ),
        (
            .runError(code: .upstreamTimeout, message: nasty),
            #"{"type":"RUN_ERROR","message":"\#(nastyText)","code":"upstream_timeout""#
        ),
    ]

    @Test("exact text", arguments: events)
    func exact(event: ChatEvent, text: String) throws {
        for isReplay in [false, true] {
            var bytes: [UInt8] = []
            bytes.append(
                event: event, at: EventPlace(threadID: Self.a, epoch: "e", position: 7, isReplay: isReplay))
            let place = isReplay ? Self.place.dropLast(3) + #","replay":true}}}"# : Self.place[...]
            #expect(String(decoding: bytes, as: UTF8.self) == text + place)
            #expect(hasNoNull(try JSON(parsing: bytes)))
        }
    }

    @Test("the short way of a text delta writes what the general one does")
    func envelope() {
        let envelope = TextDeltaEnvelope(message: Self.b, threadID: Self.a, epoch: "epoch")
        let texts = ["", "word ", Self.nasty, "\u{0}\u{1F}\u{7F}", "漢😀", String(repeating: "\u{1}", count: 300)]
        let positions = (0..<20).flatMap { power in
            let ten = (0..<power).reduce(UInt64(1)) { value, _ in value * 10 }
            return [ten - 1, ten, ten + 1]
        }
        for var text in texts {
            text.withUTF8 { utf8 in
                let room = envelope.room(for: utf8.count)
                for position in positions + [.max] {
                    var expected: [UInt8] = []
                    expected.append(
                        textDelta: utf8, of: Self.b,
                        at: EventPlace(threadID: Self.a, epoch: "epoch", position: position, isReplay: false))
                    var written = [UInt8](repeating: 0, count: room)
                    let count = written.withUnsafeMutableBytes { envelope.write(utf8, endingAt: position, to: $0) }
                    #expect(Array(written[..<count]) == expected)
                }
                var small = [UInt8](repeating: 0, count: room - 1)
                #expect(small.withUnsafeMutableBytes { envelope.write(utf8, endingAt: 1, to: $0) } == 0)
            }
        }
    }

    @Test("a text delta")
    func delta() throws {
        var bytes: [UInt8] = []
        var text = "é\"\u{1F}😀"
        text.withUTF8 {
            bytes.append(
                textDelta: $0, of: Self.b, at: EventPlace(threadID: Self.a, epoch: "e", position: 7, isReplay: false))
        }
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"type":"TEXT_MESSAGE_CONTENT","messageId":"\#(Self.B)","delta":"é\"\u001f😀""# + Self.place)
    }

    @Test("usage that passes all counting is no trap")
    func usage() throws {
        var bytes: [UInt8] = []
        bytes.append(
            event: .runFinished(
                runID: Self.b, outcome: .success, usage: Usage(inputTokens: .max, outputTokens: .max)),
            at: EventPlace(threadID: Self.a, epoch: "e", position: 7, isReplay: false))
        #expect(throws: Never.self) { try JSON(parsing: bytes) }
    }

    @Test(
        "messages of a history",
        arguments: [
            (Message(id: a, role: .user, content: "x"), #"{"id":"\#(A)","role":"user","content":"x"}"#),
            (
                Message(
                    id: a, role: .assistant, content: "",
                    toolCalls: [
                        ToolCall(id: "1", name: "n", arguments: "{\"a\":1}"),
                        ToolCall(id: "2", name: "m", arguments: ""),
                    ]),
                #"{"id":"\#(A)","role":"assistant","content":"","toolCalls":[{"id":"1","type":"function","function":{"name":"n","arguments":"{\"a\":1}"}},{"id":"2","type":"function","function":{"name":"m","arguments":""}}]}"#
            ),
            (
                Message(id: a, role: .tool, content: "r", toolCallID: "1"),
                #"{"id":"\#(A)","role":"tool","content":"r","toolCallId":"1"}"#
            ),
            (
                Message(id: a, role: .assistant, content: "x", status: .failed),
                #"{"id":"\#(A)","role":"assistant","content":"x","metadata":{"parley":{"status":"failed"}}}"#
            ),
            // What a run came to is said where it did not end well.
            (
                Message(id: a, role: .user, content: "x", run: MessageRun(id: a, status: .failed, code: .toolFailed)),
                #"{"id":"\#(A)","role":"user","content":"x","metadata":{"parley":{"status":"complete","run":{"status":"failed","code":"tool_failed"}}}}"#
            ),
            (
                Message(id: a, role: .user, content: "x", run: MessageRun(id: a, status: .cancelled)),
                #"{"id":"\#(A)","role":"user","content":"x","metadata":{"parley":{"status":"complete","run":{"status":"cancelled"}}}}"#
            ),
            (
                Message(id: a, role: .user, content: "x", run: MessageRun(id: a, status: .running)),
                #"{"id":"\#(A)","role":"user","content":"x"}"#
            ),
            (
                Message(id: a, role: .user, content: "x", run: MessageRun(id: a, status: .completed)),
                #"{"id":"\#(A)","role":"user","content":"x"}"#
            ),
        ])
    func message(message: Message, text: String) {
        var bytes: [UInt8] = []
        bytes.append(message: message)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test("frames of ours leave out what they do not have")
    func frames() {
        func text(_ frame: [UInt8]) -> String { String(decoding: frame, as: UTF8.self) }
        #expect(text(ServerFrame.pong(id: nil)) == #"{"op":"pong"}"#)
        #expect(text(ServerFrame.pong(id: "a\"")) == #"{"op":"pong","id":"a\""}"#)
        #expect(
            text(ServerFrame.error(id: nil, ClientError(.busy, "B.")))
                == #"{"op":"error","code":"busy","message":"B."}"#)
        #expect(
            text(ServerFrame.error(id: "i", ClientError(.unavailable, "U.", retryAfter: 2)))
                == #"{"op":"error","id":"i","code":"unavailable","message":"U.","retryAfter":2}"#)
        #expect(text(ServerFrame.draining(reconnectAfter: 3)) == #"{"op":"draining","reconnectAfter":3}"#)
        #expect(
            text(ServerFrame.token("authenticated", id: "i", expiresAt: 0))
                == #"{"op":"authenticated","id":"i","expiresAt":"1970-01-01T00:00:00.000Z"}"#)
    }

    private func hasNoNull(_ value: JSON) -> Bool {
        switch value {
        case .null: false
        case .array(let elements): elements.allSatisfy { hasNoNull($0) }
        case .object(let object): object.members.allSatisfy { hasNoNull($0.value) }
        default: true
        }
    }
}
