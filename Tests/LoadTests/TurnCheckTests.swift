import Testing
import parley_bench

/// Frames as a server sends them, and what a load test says to each.
@Suite("Turn check")
struct TurnCheckTests {
    private static let thread = "018f0000-0000-7000-8000-000000000001"
    private static let run = "018f0000-0000-7000-8000-000000000002"
    private static let message = "018f0000-0000-7000-8000-000000000003"

    private static func event(_ fields: String, _ cursor: Int, epoch: String = "e1", thread: String = thread) -> String
    {
        #"{\#(fields),"metadata":{"parley":{"threadId":"\#(thread)","cursor":"\#(epoch).\#(cursor)"}}}"#
    }

    private static let ack =
        #"{"op":"ack","id":"c1","threadId":"\#(thread)","messageId":"m","runId":"\#(run)","status":"running"}"#
    private static let started = event(#""type":"RUN_STARTED","threadId":"\#(thread)","runId":"\#(run)""#, 1)
    private static let textStart = event(#""type":"TEXT_MESSAGE_START","messageId":"\#(message)""#, 2)
    private static func text(_ delta: String, _ cursor: Int) -> String {
        event(#""type":"TEXT_MESSAGE_CONTENT","messageId":"\#(message)","delta":"\#(delta)""#, cursor)
    }
    private static let textEnd = event(#""type":"TEXT_MESSAGE_END","messageId":"\#(message)""#, 20)
    private static func finished(_ cursor: Int, outcome: String = "success") -> String {
        event(#""type":"RUN_FINISHED","runId":"\#(run)","outcome":{"type":"\#(outcome)"}"#, cursor)
    }

    /// Sends a message and gives the frames to a check; its steps, or the violation.
    private static func follow(_ frames: [String], _ check: inout TurnCheck) -> Result<
        [TurnCheck.Step], TurnCheck.Violation
    > {
        check.epoch = FrameName("e1")
        check.send(id: FrameName("c1"))
        var steps: [TurnCheck.Step] = []
        for frame in frames {
            let bytes = Array(frame.utf8)
            let result: Result<TurnCheck.Step, TurnCheck.Violation> = bytes.withUnsafeBytes { bytes in
                guard let fields = FrameFields(bytes) else { return .failure(.notJSON) }
                do throws(TurnCheck.Violation) {
                    return .success(
                        fields.type.isEmpty
                            ? try check.ack(fields, mayBeDuplicate: false) : try check.event(fields))
                } catch {
                    return .failure(error)
                }
            }
            switch result {
            case .success(let step): steps.append(step)
            case .failure(let violation): return .failure(violation)
            }
        }
        return .success(steps)
    }

    @Test("a turn as it should be")
    func wholeTurn() throws {
        var check = TurnCheck()
        let steps = try Self.follow(
            [
                Self.ack, Self.started, Self.textStart, Self.text("h\\u00e9", 5), Self.text("\\\"", 6), Self.textEnd,
                Self.finished(21),
            ],
            &check
        ).get()
        #expect(steps == [.acknowledged, .none, .none, .firstText, .text, .none, .finished(error: nil)])
        var expected = TextHash()
        Array("hé\"".utf8).withUnsafeBytes { expected.add($0) }
        #expect(check.text == expected)
        #expect(check.hasReply && check.state == .idle && check.position == 21)
    }

    @Test("an end that is no success is an error of the run, not a violation")
    func badEnds() throws {
        var check = TurnCheck()
        let cancelled = try Self.follow([Self.ack, Self.started, Self.finished(2, outcome: "cancelled")], &check).get()
        #expect(cancelled.last == .finished(error: "cancelled"))
        let error = Self.event(#""type":"RUN_ERROR","message":"m","code":"upstream_error""#, 9)
        #expect(
            try Self.follow([Self.ack, Self.event(#""type":"RUN_STARTED","runId":"\#(Self.run)""#, 8), error], &check)
                .get().last == .finished(error: "upstream_error"))
        #expect(!check.hasReply)
    }

    @Test(
        "what a server must not do",
        arguments: [
            ([started], TurnCheck.Violation.eventBeforeAck),
            ([ack, textStart], .eventOutsideRun),
            ([ack, started, event(#""type":"RUN_STARTED","runId":"\#(run)""#, 2)], .startedTwice),
            ([ack, event(#""type":"RUN_STARTED","runId":"other""#, 1)], .wrongRun),
            ([ack, event(#""type":"RUN_STARTED","runId":"\#(run)""#, 1, thread: "other")], .wrongThread),
            ([ack, started, event(#""type":"TEXT_MESSAGE_START","messageId":"m""#, 1)], .cursor),
            ([ack, started, event(#""type":"TEXT_MESSAGE_START","messageId":"m""#, 2, epoch: "e2")], .epoch),
            ([ack, started, text("a", 3)], .textNotOpen),
            ([ack, started, textStart, text("a", 3), text("b", 3)], .cursor),
            ([ack, started, textStart, text("", 3)], .emptyDelta),
            ([ack, started, textStart, event(#""type":"TEXT_MESSAGE_START","messageId":"m""#, 3)], .textOpenTwice),
            ([ack, started, textStart, finished(21)], .leftOpen),
            ([ack, started, event(#""type":"TOOL_CALL_ARGS","toolCallId":"t","delta":"{}""#, 2)], .callNotOpen),
            ([ack, started, textStart, textEnd, finished(21), finished(22)], .eventOutsideRun),
            (
                [#"{"op":"ack","id":"c2","threadId":"t","messageId":"m","runId":"r","status":"running"}"#],
                .unexpectedAck
            ),
            ([#"{"op":"ack","id":"c1","threadId":"t","runId":"r","status":"running"}"#], .ackWithoutIDs),
            ([#"{"op":"ack""#], .notJSON),
        ])
    func violations(frames: [String], violation: TurnCheck.Violation) {
        var check = TurnCheck()
        #expect(Self.follow(frames, &check) == .failure(violation))
    }

    @Test("a duplicate is an answer only to a message that was sent again")
    func duplicates() {
        let frame = Self.ack.replacing("running", with: "duplicate")
        for (isResent, expected) in [
            (true, Result<TurnCheck.Step, TurnCheck.Violation>.success(.acknowledged)),
            (false, .failure(.unexpectedAck)),
        ] {
            var check = TurnCheck()
            check.send(id: FrameName("c1"))
            let bytes = Array(frame.utf8)
            let result: Result<TurnCheck.Step, TurnCheck.Violation> = bytes.withUnsafeBytes { bytes in
                guard let fields = FrameFields(bytes) else { return .failure(.notJSON) }
                do throws(TurnCheck.Violation) {
                    return .success(try check.ack(fields, mayBeDuplicate: isResent))
                } catch {
                    return .failure(error)
                }
            }
            #expect(result == expected)
        }
    }

    @Test("another process counts its cursors anew, and no other epoch is taken")
    func epochs() throws {
        var check = TurnCheck()
        _ = try Self.follow([Self.ack, Self.started, Self.finished(40)], &check).get()
        check.epoch = FrameName("e2")
        check.send(id: FrameName("c1"))
        for (frame, expected) in [
            (Self.event(#""type":"RUN_STARTED","runId":"\#(Self.run)""#, 41), TurnCheck.Violation?.some(.epoch)),
            (Self.event(#""type":"RUN_STARTED","runId":"\#(Self.run)""#, 3, epoch: "e2"), nil),
            (Self.event(#""type":"TEXT_MESSAGE_START","messageId":"m""#, 3, epoch: "e2"), .cursor),
        ] {
            if check.state == .sent { #expect(Self.take(Self.ack, &check) == nil) }
            #expect(Self.take(frame, &check) == expected)
        }
    }

    /// The violation that a frame shows.
    private static func take(_ frame: String, _ check: inout TurnCheck) -> TurnCheck.Violation? {
        Array(frame.utf8).withUnsafeBytes { bytes in
            guard let fields = FrameFields(bytes) else { return .notJSON }
            do throws(TurnCheck.Violation) {
                _ = fields.type.isEmpty ? try check.ack(fields, mayBeDuplicate: false) : try check.event(fields)
                return nil
            } catch {
                return error
            }
        }
    }

    @Test("after a snapshot the run is told again, in full")
    func restart() throws {
        var check = TurnCheck()
        _ = try Self.follow([Self.ack, Self.started, Self.textStart, Self.text("abc", 5)], &check).get()
        check.restart()
        #expect(check.state == .acknowledged && check.text.count == 0)
    }
}

@Suite("Frame fields")
struct FrameFieldsTests {
    @Test(
        "objects are followed, all else is refused",
        arguments: [
            (#"{}"#, true), (#" { "type" : "A" , "x" : [1, {"]": "}"}], "y": null, "z": -1.5e3, "t": true } "#, true),
            (#"{"a":"\\\"","b":{"c":{"d":["\"}"]}}}"#, true),
            ("", false), ("[]", false), ("{", false), (#"{"a"}"#, false), (#"{"a":}"#, false), (#"{"a":"b}"#, false),
            (#"{"a":1}{"#, false), (#"{"a":[1}"#, false), (#"{"a":"\"#, false),
        ])
    func structure(frame: String, isObject: Bool) {
        let bytes = Array(frame.utf8)
        bytes.withUnsafeBytes { #expect((FrameFields($0) != nil) == isObject) }
    }

    @Test("members are taken from their own level only")
    func levels() throws {
        let frame = Array(
            #"{"input":{"type":"X","cursor":"n"},"metadata":{"parley":{"replay":true,"cursor":"e.1"}},"type":"T"}"#.utf8
        )
        try frame.withUnsafeBytes { bytes in
            let fields = try #require(FrameFields(bytes))
            #expect(String(decoding: fields.type, as: UTF8.self) == "T")
            #expect(String(decoding: fields.cursor, as: UTF8.self) == "e.1")
            #expect(fields.isReplay)
        }
    }
}
