import HTTP
import HTTPTypes
import Testing

@Suite struct APIErrorTests {
    @Test(arguments: [
        ("plain", "plain"), ("a \"quote\" \\ back", #"a \"quote\" \\ back"#), ("line\nfeed\r\t", #"line\nfeed\r\t"#),
        ("\u{0}\u{1F}\u{7F}", #"\u0000\u001f\u007f"#), ("你好 🎉", "你好 🎉"), ("<script>", #"\u003cscript>"#), ("", ""),
    ])
    func escapes(_ message: String, _ escaped: String) {
        let body = String(decoding: APIErrorBody.json(.invalidField, message), as: UTF8.self)
        #expect(body == #"{"error":{"code":"invalid_field","message":""# + escaped + #""}}"#)
    }

    @Test func codes() {
        #expect(
            APIErrorCode.allCases.map(\.rawValue) == [
                "unauthenticated", "forbidden", "not_found", "thread_not_found", "invalid_json", "invalid_op",
                "invalid_field", "empty_content", "content_too_long", "conversation_full", "busy", "queue_full",
                "rate_limited", "unavailable", "internal",
            ])
        for code in APIErrorCode.allCases { #expect((400...599).contains(code.status.code)) }
    }

    @Test(arguments: HTTPRefusal.allCases)
    func refusals(_ refusal: HTTPRefusal) {
        #expect([400, 408, 413, 414, 417, 431, 501, 505].contains(refusal.status.code))
        #expect(refusal.message.hasSuffix("."))
    }
}
