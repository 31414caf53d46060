import Glibc

/// What the text chunks of one stream have in common: most servers send, token after token, the same bytes but for the
/// text. A chunk that has this form is read by comparing.
///
/// ```
/// {"id":"…","object":"…","choices":[{"index":0,"delta":{"content":"  text  "},"logprobs":null,"finish_reason":null}]}
/// └──────────────────────────── head ─────────────────────────────┘      └──────────────── tail ────────────────┘
/// ```
///
/// The form is learnt from a chunk that `TextChunk` has read. That reads from left to right and looks at nothing twice, so
/// what it makes of the tail does not depend on the text: a chunk with the same head and tail, and between them what can
/// stand in a JSON string as it is (no quote, no backslash, no control character, valid UTF-8), means that text.
package struct TextChunkForm: Sendable {
    /// Head and tail, one behind the other.
    private var bytes: [UInt8] = []
    private var headCount = 0
    private var lessons = 0

    /// Bytes of a form at most, since every stream under way has one.
    package static let mostBytes = 1_024
    /// Forms that are learnt of one stream: with a server whose chunks differ otherwise it is not tried for ever.
    package static let mostLessons = 4

    package init() {}

    /// The text of a chunk of this form, where it lies. `nil`: it has another form, or text that does not stand as it is.
    package func text(of chunk: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8>? {
        let count = chunk.count - bytes.count
        guard headCount > 0, count > 0, matches(chunk), let start = chunk.baseAddress else { return nil }
        let text = UnsafeBufferPointer(start: (start + headCount).assumingMemoryBound(to: UInt8.self), count: count)
        var isASCII = true
        for byte in text {
            guard byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return nil }
            if byte >= 0x80 { isASCII = false }
        }
        return isASCII || String(validating: text, as: UTF8.self) != nil ? text : nil
    }

    /// Takes the form of a chunk whose text, as it stands in the JSON, is at `range`.
    package mutating func learn(_ chunk: UnsafeRawBufferPointer, textAt range: Range<Int>) {
        let count = chunk.count - range.count
        guard lessons < Self.mostLessons, range.lowerBound > 0, count <= Self.mostBytes else { return }
        if headCount == range.lowerBound, bytes.count == count, matches(chunk) { return }
        lessons += 1
        headCount = range.lowerBound
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: chunk[..<range.lowerBound])
        bytes.append(contentsOf: chunk[range.upperBound...])
    }

    /// Whether head and tail are those of a chunk that is long enough for both.
    private func matches(_ chunk: UnsafeRawBufferPointer) -> Bool {
        bytes.withUnsafeBytes { form in
            guard let start = chunk.baseAddress, let head = form.baseAddress else { return false }
            let tailCount = form.count - headCount
            return memcmp(start, head, headCount) == 0
                && memcmp(start + chunk.count - tailCount, head + headCount, tailCount) == 0
        }
    }
}
