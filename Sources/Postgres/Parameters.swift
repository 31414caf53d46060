/// The parameters of one execution in PostgreSQL's binary form, in one buffer that can be used again.
///
/// An array is written as `beginArray`, its elements, `endArray`:
/// ```
/// int32 dimensions (1) · int32 has nulls · oid element type · int32 count · int32 lower bound (1)
/// then for each element: int32 length (-1: null) · bytes
/// ```
/// Numbers are in network order. Lengths are 32 bits wide: the caller's bounds keep far below that.
package struct Parameters {
    struct Item {
        var offset: Int
        /// -1: null.
        var length: Int
    }

    /// Never empty, so that an empty parameter has an address too: a null pointer would mean NULL.
    private(set) var bytes: [UInt8] = [0]
    private(set) var items: [Item] = []
    private var arrayStart = 0
    private var arrayCount: Int32 = 0

    package init() {}

    package var count: Int { items.count }

    /// Bytes of the encoded values.
    package var byteCount: Int { bytes.count - 1 }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(0)
        items.removeAll(keepingCapacity: true)
    }

    package mutating func appendNull() {
        items.append(Item(offset: 0, length: -1))
    }

    package mutating func append(text value: String) {
        let start = bytes.count
        bytes.append(contentsOf: value.utf8)
        items.append(Item(offset: start, length: bytes.count - start))
    }

    package mutating func append(text value: String?) {
        if let value { append(text: value) } else { appendNull() }
    }

    package mutating func append(uuid high: UInt64, _ low: UInt64) {
        items.append(Item(offset: bytes.count, length: 16))
        put(high)
        put(low)
    }

    package mutating func append(int4 value: Int32) {
        items.append(Item(offset: bytes.count, length: 4))
        put(value)
    }

    package mutating func append(int8 value: Int64) {
        items.append(Item(offset: bytes.count, length: 8))
        put(value)
    }

    package mutating func append(bool value: Bool) {
        items.append(Item(offset: bytes.count, length: 1))
        bytes.append(value ? 1 : 0)
    }

    /// - Parameter value: JSON text.
    package mutating func append(jsonb value: String) {
        items.append(Item(offset: bytes.count, length: 0))
        let start = bytes.count
        putVersionedJSON(value)
        items[items.count - 1].length = bytes.count - start
    }

    /// - Parameter microseconds: since 1970, UTC.
    package mutating func append(timestamptz microseconds: Int64) {
        append(int8: microseconds &- PostgresTime.epoch)
    }

    // MARK: arrays

    package mutating func beginArray(of elementType: UInt32) {
        arrayStart = bytes.count
        arrayCount = 0
        put(Int32(1))
        put(Int32(0))
        put(elementType)
        put(Int32(0))
        put(Int32(1))
    }

    package mutating func endArray() {
        patch(arrayCount, at: arrayStart + 12)
        items.append(Item(offset: arrayStart, length: bytes.count - arrayStart))
    }

    package mutating func addNull() {
        patch(1, at: arrayStart + 4)
        arrayCount &+= 1
        put(Int32(-1))
    }

    package mutating func add(text value: String) {
        arrayCount &+= 1
        let start = bytes.count
        put(Int32(0))
        bytes.append(contentsOf: value.utf8)
        patch(Int32(truncatingIfNeeded: bytes.count - start - 4), at: start)
    }

    package mutating func add(text value: String?) {
        if let value { add(text: value) } else { addNull() }
    }

    package mutating func add(uuid high: UInt64, _ low: UInt64) {
        arrayCount &+= 1
        put(Int32(16))
        put(high)
        put(low)
    }

    package mutating func add(int4 value: Int32) {
        arrayCount &+= 1
        put(Int32(4))
        put(value)
    }

    package mutating func add(int8 value: Int64) {
        arrayCount &+= 1
        put(Int32(8))
        put(UInt64(bitPattern: value))
    }

    package mutating func add(bool value: Bool) {
        arrayCount &+= 1
        put(Int32(1))
        bytes.append(value ? 1 : 0)
    }

    /// - Parameter value: JSON text; `nil` is NULL.
    package mutating func add(jsonb value: String?) {
        guard let value else { return addNull() }
        arrayCount &+= 1
        let start = bytes.count
        put(Int32(0))
        putVersionedJSON(value)
        patch(Int32(truncatingIfNeeded: bytes.count - start - 4), at: start)
    }

    /// What libpq is given for the parameter, for tests: `nil` is NULL.
    package func encoded(_ index: Int) -> [UInt8]? {
        let item = items[index]
        return item.length < 0 ? nil : Array(bytes[item.offset..<item.offset + item.length])
    }

    // MARK: bytes

    private mutating func putVersionedJSON(_ value: String) {
        // The version of jsonb's binary form.
        bytes.append(1)
        bytes.append(contentsOf: value.utf8)
    }

    private mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func patch(_ value: Int32, at offset: Int) {
        withUnsafeBytes(of: value.bigEndian) { source in
            for index in 0..<4 { bytes[offset + index] = source[index] }
        }
    }
}

package enum PostgresTime {
    /// 2000-01-01, from which the server counts, in microseconds since 1970.
    package static let epoch: Int64 = 946_684_800_000_000
}
