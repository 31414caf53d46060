package import HTTPTypes

/// The header fields of a request, as ranges over one copy of the head: no String is made until one is asked for.
///
/// Names are compared without regard to case. Values are trimmed, free of control characters, and repaired where
/// they are not UTF-8.
package struct HTTPHeaders: Sendable {
    /// Where a field lies in `bytes`.
    struct Field: Sendable {
        var name: Range<UInt32>
        var value: Range<UInt32>
    }

    let bytes: [UInt8]
    let fields: [Field]

    package var count: Int { fields.count }

    /// The value of the first field with this name, or nil. For a field that may come once.
    package subscript(_ name: String) -> String? {
        withFirst(name) { String(decoding: $0, as: UTF8.self) }
    }

    package subscript(_ name: HTTPField.Name) -> String? {
        self[name.canonicalName]
    }

    package func contains(_ name: String) -> Bool {
        withFirst(name) { _ in true } ?? false
    }

    /// The values of all fields with this name, in order.
    package func values(_ name: String) -> [String] {
        var values: [String] = []
        forEach(name) { values.append(String(decoding: $0, as: UTF8.self)) }
        return values
    }

    /// Whether the comma separated list in the fields of this name has `token`, without regard to case
    /// (`Connection`, `Upgrade`).
    package func hasToken(_ token: String, in name: String) -> Bool {
        var found = false
        forEach(name) { value in
            value.forEachListElement { element in
                found = found || Self.equal(element, token)
                return !found
            }
        }
        return found
    }

    /// Whether there is a field whose name, in lower case, is such a one.
    package func hasName(where isWanted: (String) -> Bool) -> Bool {
        bytes.withUnsafeBytes { all in
            fields.contains { field in
                isWanted(String(decoding: all.part(field.name).lazy.map(HTTPByte.lowercased), as: UTF8.self))
            }
        }
    }

    /// All of them as the common currency type. Costs two Strings a field.
    package var httpFields: HTTPFields {
        var result = HTTPFields()
        result.reserveCapacity(fields.count)
        bytes.withUnsafeBytes { all in
            for field in fields {
                guard let name = HTTPField.Name(String(decoding: all.part(field.name), as: UTF8.self)) else { continue }
                result.append(HTTPField(name: name, value: all.part(field.value)))
            }
        }
        return result
    }

    private func withFirst<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        bytes.withUnsafeBytes { all in
            for field in fields where Self.equal(all.part(field.name), name) {
                return body(all.part(field.value))
            }
            return nil
        }
    }

    private func forEach(_ name: String, _ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { all in
            for field in fields where Self.equal(all.part(field.name), name) {
                body(all.part(field.value))
            }
        }
    }

    private static func equal(_ bytes: UnsafeRawBufferPointer, _ text: String) -> Bool {
        let utf8 = text.utf8
        guard bytes.count == utf8.count else { return false }
        var index = 0
        for byte in utf8 {
            guard HTTPByte.lowercased(bytes[index]) == HTTPByte.lowercased(byte) else { return false }
            index += 1
        }
        return true
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    fileprivate func part(_ range: Range<UInt32>) -> UnsafeRawBufferPointer {
        part(Int(range.lowerBound)..<Int(range.upperBound))
    }
}
