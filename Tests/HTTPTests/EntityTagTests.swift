import HTTP
import Testing

@Suite("Entity tags, RFC 9110 section 8.8.3")
struct EntityTagTests {
    @Test(
        "as they were made, and as proxies that compress change them",
        arguments: [
            (#""a-1""#, true), (#"W/"a-1""#, true), ("*", true), (#""b", "a-1""#, true), (#"  W/"a-1"\#t, "c""#, true),
            (#""a-1-gzip""#, true), (#"W/"a-1-gzip""#, true), (#""a-1--gzip""#, true), (#""a-1-br""#, true),
            (#""a-1;gz""#, true), (#""a-1:zstd""#, true), (#""a-1-deflate""#, true), (#""x-gzip", "a-1-x-gzip""#, true),
            (#""b""#, false), ("", false), ("a-1", false), (#""a-""#, false), (#""a-1-""#, false),
            (#""a-1gzip""#, false),
            (#""a-1-gzip2""#, false), (#""a-1---gzip""#, false), (#""a-1-2""#, false), (#"w/"a-1""#, false),
            (#""xa-1""#, false), (#"W/W/"a-1""#, false), (#""a-1"#, false), (#"""#, false), (#""a-1-GZIP""#, false),
        ])
    func matches(_ field: String, _ matches: Bool) {
        #expect(EntityTag.matches(field, #""a-1""#) == matches)
    }
}
