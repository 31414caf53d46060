import Chat
import Gateway
import Testing

/// What an edge keeps of a socket, as tables of what is said and what of it is known then.
@Suite struct EdgeLedgerTests {
    private static let thread = "019a0000-0000-7000-8000-000000000001"

    private static func told(_ ledger: inout EdgeLedger, _ frame: String) -> EdgeLedger.Told {
        Array(frame.utf8).withUnsafeBytes { ledger.told($0) }
    }

    private static func said(_ ledger: inout EdgeLedger, _ frame: String, isReached: Bool = true) throws -> String? {
        let bytes = Array(frame.utf8)
        let command = try ClientCommand(frame: bytes, limits: ChatLimits())
        return bytes.withUnsafeBytes { bytes in
            ledger.said(command, bytes, hiddenID: { EdgeLedger.hiddenID("e.0", 35) }, isReached: isReached)
        }.map { String(decoding: $0, as: UTF8.self) }
    }

    struct Place: Sendable {
        var frame: String
        /// Nil: it is not followed.
        var cursor: String?
    }

    static let places: [Place] = [
        Place(
            frame: #"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"\"cursor\":\"x\"","#
                + #""metadata":{"parley":{"threadId":"\#(thread)","cursor":"e.12"}}}"#, cursor: "e.12"),
        Place(
            frame:
                #"{"type":"RUN_STARTED","metadata":{"parley":{"threadId":"\#(thread)","cursor":"e.13","replay":true}}}"#,
            cursor: "e.13"),
        Place(
            frame: #"{"op":"snapshot","threadId":"\#(thread)","messages":[{"id":"m","content":"\"hasMore\":true,"#
                + #"\"cursor\":\"y\"","metadata":{"parley":{"position":1}}}],"hasMore":false,"cursor":"e.14","interrupts":[]}"#,
            cursor: "e.14"),
        Place(
            frame: #"{"op":"subscribed","id":"s","threadId":"\#(thread)","mode":"resumed","cursor":"e.15"}"#,
            cursor: "e.15"),
        Place(frame: #"{"op":"ack","id":"u","threadId":"\#(thread)","status":"unsubscribed"}"#, cursor: nil),
        Place(frame: #"{"op":"thread","threadId":"\#(thread)","title":null,"status":"deleted"}"#, cursor: nil),
        Place(frame: #"{"type":"CUSTOM"}"#, cursor: nil),
        Place(frame: "{", cursor: nil),
    ]

    @Test(arguments: places) func knowsThePlace(_ place: Place) {
        var ledger = EdgeLedger()
        if place.cursor == nil {
            _ = Self.told(&ledger, Self.places[0].frame)
            if !place.frame.contains("\"op\"") { ledger = EdgeLedger() }
        }
        #expect(Self.told(&ledger, place.frame) == .pass, "to the byte")
        #expect(ledger.places.first?.cursor == place.cursor)
        #expect(place.cursor == nil || ledger.places.first?.threadID == Identifier(Self.thread))
    }

    @Test func keepsWhatIsNotAnswered() throws {
        var ledger = EdgeLedger()
        let first = #"{"op":"send","id":"a","content":"x"}"#
        #expect(try Self.said(&ledger, first) == first)
        #expect(try Self.said(&ledger, #"{"op":"ping","id":"p"}"#) != nil)
        #expect(Self.told(&ledger, #"{"op":"ack","id":"other","threadId":"t","status":"running"}"#) == .pass)
        #expect(ledger.unanswered.count == 2)
        let ack = #"{"op":"ack","id":"a","threadId":"\#(Self.thread)","messageId":"m","runId":"r","status":"running"}"#
        #expect(Self.told(&ledger, ack) == .pass)
        #expect(ledger.lastThread == Identifier(Self.thread))
        #expect(Self.told(&ledger, #"{"op":"pong","id":"p"}"#) == .pass)
        #expect(ledger.unanswered.isEmpty)
    }

    @Test func namesWhatHasNoName() throws {
        var ledger = EdgeLedger()
        for frame in [#"{"op":"send","content":"x"}"#, #"{"op":"send","id":null,"content":"x"} "#] {
            let said = try #require(try Self.said(&ledger, frame))
            let command = try ClientCommand(frame: Array(said.utf8), limits: ChatLimits())
            #expect(command == .send(id: "~parley~e.0.z", threadID: nil, content: "x", policy: .enqueue))
            let ack = #"{"op":"ack","id":"~parley~e.0.z","threadId":"t","messageId":"m","runId":"r","status":"queued"}"#
            let bare = #"{"op":"ack","threadId":"t","messageId":"m","runId":"r","status":"queued"}"#
            #expect(Self.told(&ledger, ack) == .instead(Array(bare.utf8)))
            #expect(ledger.unanswered.isEmpty)
        }
        #expect(try Self.said(&ledger, #"{"op":"ping"}"#) == #"{"op":"ping"}"#, "it is answered without one")
        #expect(ledger.unanswered.isEmpty)
        #expect(try Self.said(&ledger, #"{"op":"ping"}"#, isReached: false) != nil)
        #expect(ledger.unanswered.count == 1, "until it was said")
        ledger.offered()
        #expect(ledger.unanswered.isEmpty)
    }

    @Test func keepsSoMuch() throws {
        var ledger = EdgeLedger()
        for number in 0..<EdgeLedger.pendingLimit {
            #expect(try Self.said(&ledger, #"{"op":"send","id":"\#(number)","content":"x"}"#) != nil)
        }
        #expect(try Self.said(&ledger, #"{"op":"send","id":"more","content":"x"}"#) == nil)
    }

    @Test func theOwnersEndIsItsOwn() {
        var ledger = EdgeLedger()
        #expect(Self.told(&ledger, #"{"op":"ready","sessionId":"s"}"#) == .pass)
        #expect(Self.told(&ledger, #"{"op":"ready","sessionId":"t"}"#) == .drop)
        #expect(Self.told(&ledger, #"{"op":"draining","reconnectAfter":2}"#) == .drop)
    }
}
