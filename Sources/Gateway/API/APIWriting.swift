import JSON
import Store

/// The API's JSON, written straight into the bytes that are sent.
extension [UInt8] {
    /// An object of which `write` appends the members.
    mutating func append(object write: (inout [UInt8]) -> Void) {
        append("{")
        write(&self)
        append("}")
    }

    static func object(_ write: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(object: write)
        return bytes
    }

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

    /// A list of objects of which `write` appends the members.
    mutating func append<Item>(list items: [Item], _ write: (inout [UInt8], Item) -> Void) {
        append("[")
        for (index, item) in items.enumerated() {
            if index > 0 { append(",") }
            append(object: { write(&$0, item) })
        }
        append("]")
    }
}
