/// A text that names somebody or something: it is the same as another one if its UTF-8 is, to the byte.
///
/// Swift takes Strings for equal that are canonically equivalent (`é` in one code point and in two, `K` and the Kelvin
/// sign), and so do its sets and dictionaries. PostgreSQL, JSON, HTTP and whoever issues tokens do not: to them these
/// are two users, two keys, two names. So what comes from outside and tells things apart is kept and looked up as this.
package struct ExactString: Hashable, Sendable {
    package let string: String

    package init(_ string: String) {
        self.string = string
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.string.isExactly(right.string)
    }

    package func hash(into hasher: inout Hasher) {
        string.withExactBytes { hasher.combine(bytes: $0) }
        // No text's bytes hold this one: two of them in a row can't be mixed up with two others.
        hasher.combine(UInt8.max)
    }
}

extension ExactString: Comparable {
    /// By the bytes, which is the order of the code points.
    package static func < (left: Self, right: Self) -> Bool {
        left.string.utf8.lexicographicallyPrecedes(right.string.utf8)
    }
}

extension ExactString: ExpressibleByStringLiteral, CustomStringConvertible {
    package init(stringLiteral value: String) { self.init(value) }
    package var description: String { string }
}
