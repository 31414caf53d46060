import JSON
import Gateway
import Chat
import HTTP
import Store
import Testing

@Suite("Reading of requests")
struct RequestFieldsTests {
    private static let thread = "019a0000-0000-7000-8000-000000000000"

    private static func query(_ text: String) -> RequestQuery {
        RequestQuery(
            text.split(separator: "&").map { item in
                let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return HTTPQueryItem(name: String(parts[0]), value: parts.count == 2 ? String(parts[1]) : "")
            })
    }

    private static func object(_ text: String) throws -> JSONObject {
        try RequestBody.object(Array(text.utf8), contentType: "application/json")
    }

    @Test(
        "content types",
        arguments: [
            ("application/json", true), ("Application/JSON; charset=utf-8", true), ("application/json ;x", true),
            ("text/plain", false), ("", false), ("application/jsonp", false), (nil, false),
        ] as [(String?, Bool)])
    func contentTypes(_ type: String?, _ accepted: Bool) {
        #expect(RequestBody.isJSON(type) == accepted)
    }

    @Test("bodies that are none", arguments: ["", "{", "[]", "1", "null", "{\"a\":}", "\"x\""])
    func bodies(_ text: String) {
        #expect { try Self.object(text) } throws: { ($0 as? APIFailure)?.code == .invalidJSON }
    }

    @Test(
        "limits",
        arguments: [
            ("", 50), ("limit=1", 1), ("limit=200", 200), ("limit=0", nil), ("limit=201", nil), ("limit=+5", nil),
            ("limit=", nil), ("limit=x", nil), ("limit=99999999999999999999", nil), ("other=7", 50),
        ] as [(String, Int?)])
    func limits(_ text: String, _ expected: Int?) {
        #expect((try? Self.query(text).limit()) == expected)
    }

    @Test(
        "pages of messages",
        arguments: [
            ("", true), ("before=\(thread)", true), ("after=\(thread)", true), ("before=x", false),
            ("before=\(thread)&after=\(thread)", false), ("after=", false),
        ])
    func messagePages(_ text: String, _ accepted: Bool) {
        #expect(((try? MessageQuery(Self.query(text))) != nil) == accepted)
    }

    @Test(
        "pages of conversations",
        arguments: [
            ("status=active", true), ("status=archived", true), ("status=deleted", false), ("status=", false),
            ("before=5_\(thread)", true), ("before=-5_\(thread)", true), ("before=5", false), ("before=_", false),
            ("before=5_x", false), ("before=9223372036854775807_\(thread)", false), ("unknown=1", true),
            ("before=-9223372036854775808_\(thread)", false),
        ])
    func conversationPages(_ text: String, _ accepted: Bool) {
        #expect(((try? ConversationQuery(Self.query(text))) != nil) == accepted)
    }

    @Test(
        "new messages",
        arguments: [
            (#"{"content":"hello"}"#, nil), (#"{"content":"hello","id":"1","policy":"reject"}"#, nil),
            (#"{"content":"hello","id":null,"policy":null,"more":1}"#, nil), ("{}", .invalidField),
            (#"{"content":1}"#, .invalidField), (#"{"content":" \n"}"#, .emptyContent),
            (#"{"content":"a\u0000"}"#, .invalidField), (#"{"content":"a","id":""}"#, .invalidField),
            (#"{"content":"a","id":7}"#, .invalidField), (#"{"content":"a","policy":"later"}"#, .invalidField),
            (#"{"content":"abcdefghijk"}"#, .contentTooLong),
        ] as [(String, APIErrorCode?)])
    func messages(_ text: String, _ code: APIErrorCode?) throws {
        var limits = ChatLimits()
        limits.contentLength = 10
        let object = try Self.object(text)
        do {
            _ = try NewMessage(object, limits: limits)
            #expect(code == nil)
        } catch {
            #expect(error.code == code)
        }
    }

    @Test(
        "tasks' changes",
        arguments: [
            (#"{"title":"a"}"#, true), (#"{"is_completed":true}"#, true), (#"{"description":null}"#, true),
            ("{}", false), (#"{"title":null}"#, false), (#"{"title":" "}"#, false), (#"{"title":7}"#, false),
            (#"{"is_completed":"yes"}"#, false), (#"{"is_completed":null}"#, false), (#"{"unknown":1}"#, false),
        ])
    func taskChanges(_ text: String, _ accepted: Bool) throws {
        let object = try Self.object(text)
        #expect(((try? TaskFields.change(object)) != nil) == accepted)
    }

    @Test("a task's description is taken away by null")
    func descriptionTakenAway() throws {
        #expect(try TaskFields.change(Self.object(#"{"description":null}"#)).description == "")
        #expect(try TaskFields.change(Self.object(#"{"is_completed":false}"#)).description == nil)
    }

    @Test(
        "who wants an event stream",
        arguments: [
            ("text/event-stream", true), ("application/json, Text/Event-Stream;q=0.5", true), ("*/*", false),
            ("text/event-stream;q=0", false), ("text/*", false), ("", false), ("text/event-stream ; q=1", true),
        ])
    func accept(_ field: String, _ wanted: Bool) {
        #expect(AcceptHeader.wantsEventStream(field) == wanted)
    }
}
