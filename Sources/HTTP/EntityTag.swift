/// Entity tags in the fields of a request (RFC 9110 section 8.8.3).
package enum EntityTag {
    /// Whether a field of `If-Match` or `If-None-Match` names the tag.
    ///
    /// What compresses on the way changes the tag of what it compresses: to a weak one (nginx, Cloudflare), or by the
    /// coding's name at its end (Apache, Caddy, Jetty). A client gives back what it got. Our tags are made of the
    /// content alone, so such a one still tells which content it was, for `If-Match` too.
    ///
    /// - Parameter tag: the current one, with its quotes.
    package static func matches(_ field: String, _ tag: String) -> Bool {
        let current = tag.utf8.dropFirst().dropLast()
        // Our tags hold no comma, so what is cut in the wrong place is no tag of ours.
        for element in field.utf8.split(separator: UInt8(ascii: ",")) {
            var element = element.drop(while: HTTPByte.isBlank)
            while let last = element.last, HTTPByte.isBlank(last) { element.removeLast() }
            if element.elementsEqual("*".utf8) { return true }
            if element.starts(with: "W/".utf8) { element.removeFirst(2) }
            guard element.count >= 2, element.popFirst() == UInt8(ascii: "\""), element.popLast() == UInt8(ascii: "\""),
                element.starts(with: current)
            else { continue }
            if isCoding(element.dropFirst(current.count)) { return true }
        }
        return false
    }

    private static let codings: [StaticString] = ["gzip", "x-gzip", "gz", "br", "zstd", "deflate"]

    /// Whether it is what a compressor adds at the end: nothing, or a mark such as `-`, `--` or `;` and a coding.
    private static func isCoding(_ rest: Substring.UTF8View) -> Bool {
        if rest.isEmpty { return true }
        let mark = rest.prefix { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: ":") }
        guard (1...2).contains(mark.count) else { return false }
        let name = rest.dropFirst(mark.count)
        return codings.contains { coding in
            name.elementsEqual(UnsafeBufferPointer(start: coding.utf8Start, count: coding.utf8CodeUnitCount))
        }
    }
}
