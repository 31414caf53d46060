import Glibc

extension String {
    /// Whether the two are the same to the byte, which `==` does not say. Not in constant time.
    package func isExactly(_ other: String) -> Bool {
        // Most that differ do so in length, which is known without a look at the bytes.
        guard utf8.count == other.utf8.count else { return false }
        return withExactBytes { mine in
            other.withExactBytes { others in
                guard mine.count == others.count else { return false }
                guard let first = mine.baseAddress, let second = others.baseAddress else { return true }
                return memcmp(first, second, mine.count) == 0
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

    /// The UTF-8 where it lies; only a String that comes from another runtime is copied.
    func withExactBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
            ?? Array(utf8).withUnsafeBytes { body($0) }
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
