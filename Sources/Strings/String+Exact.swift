import Glibc

extension String {
    /// Whether the two are the same to the byte, which `==` does not say. Not in constant time.
    package func isExactly(_ other: String) -> Bool {
        // Most that differ do so in length, which is known without a look at the bytes.
        guard utf8.count == other.utf8.count else { return false }
        let (mine, others) = (utf8Span, other.utf8Span)
        return mine.span.withUnsafeBufferPointer { mine in
            others.span.withUnsafeBufferPointer { others in
                guard let first = mine.baseAddress, let second = others.baseAddress else { return true }
                return memcmp(first, second, min(mine.count, others.count)) == 0
            }
        }
    }

    package func isExactly(_ other: String?) -> Bool {
        guard let other else { return false }
        return isExactly(other)
    }

    /// Letters of ASCII in lower case, and nothing else changed: `lowercased()` makes a `k` of the Kelvin sign.
    package var asciiLowercased: String {
        String(decoding: utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// The UTF-8 where it lies.
    func withExactBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        utf8Span.span.withUnsafeBytes(body)
    }
}

extension Optional where Wrapped == String {
    /// Two that are absent are the same.
    package func isExactly(_ other: String?) -> Bool {
        switch (self, other) {
        case (nil, nil): true
        case (let mine?, let other?): mine.isExactly(other)
        default: false
        }
    }
}
