import JSON
import Chat

/// The API's JSON, written straight into the bytes that are sent.
extension [UInt8] {
    mutating func append(optional text: String?) {
        if let text { append(jsonString: text) } else { append("null") }
    }

    /// - Parameter microseconds: since 1970, UTC.
    mutating func append(time microseconds: Int64) {
        append(jsonString: Timestamp.rfc3339(microseconds: microseconds))
    }

    /// The JSON text of an object, or null.
    mutating func append(json text: String?) { append(contentsOf: (text ?? "null").utf8) }

    /// `{"data":[…],"next":…}`
    static func page<Item>(
        of items: [Item], next: String?, _ write: (inout [UInt8], Item) -> Void
    ) -> [UInt8] {
        var body: [UInt8] = []
        body.append(#"{"data":"#)
        body.append(list: items, write)
        body.append(#","next":"#)
        body.append(optional: next)
        body.append("}")
        return body
    }

    mutating func append<Item>(list items: [Item], _ write: (inout [UInt8], Item) -> Void) {
        append("[")
        for (index, item) in items.enumerated() {
            if index > 0 { append(",") }
            write(&self, item)
        }
        append("]")
    }
}
