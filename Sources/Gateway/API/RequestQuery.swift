import Chat
package import HTTP
import Store

/// The query of a list: names that nobody knows are ignored, wrong values are not.
package struct RequestQuery: Sendable {
    static let defaultLimit = 50
    static let maximumLimit = 200

    private let items: [HTTPQueryItem]

    package init(_ items: [HTTPQueryItem]) {
        self.items = items
    }

    func text(_ name: String) -> String? { items.first { $0.name == name }?.value }

    package func limit() throws(APIFailure) -> Int {
        guard let text = text("limit") else { return Self.defaultLimit }
        // Digits alone: `Int` would take a sign too.
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let limit = Int(text),
            (1...Self.maximumLimit).contains(limit)
        else { throw APIFailure(.invalidField, "\"limit\" is a number from 1 to \(Self.maximumLimit).") }
        return limit
    }

    func flag(_ name: String) throws(APIFailure) -> Bool? {
        guard let text = text(name) else { return nil }
        guard text == "true" || text == "false" else {
            throw APIFailure(.invalidField, "\"\(name)\" is true or false.")
        }
        return text == "true"
    }

    func identifier(_ name: String) throws(APIFailure) -> Identifier? {
        guard let text = text(name) else { return nil }
        guard let id = Identifier(text) else {
            throw APIFailure(.invalidField, "\"\(name)\" is the id of a message.")
        }
        return id
    }

    /// A place in a list that is ordered by time: `<microseconds>_<id>`, as an earlier page's `next` gave it.
    func place(_ name: String) throws(APIFailure) -> (time: Int64, id: Substring)? {
        guard let text = text(name) else { return nil }
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        // Years 1 to 9999: what the database can hold.
        guard parts.count == 2, let time = Int64(parts[0]),
            (-62_135_596_800_000_000..<253_402_300_800_000_000).contains(time)
        else { throw Self.wrongPlace(name) }
        return (time, parts[1])
    }

    static func wrongPlace(_ name: String) -> APIFailure {
        APIFailure(.invalidField, "\"\(name)\" is the \"next\" of an earlier page.")
    }
}
