import Strings

/// A JSON value (RFC 8259). Objects keep the order of their members, so what an assistant wrote is shown as it wrote it.
package enum JSON: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)

    /// The member of an object, `nil` for anything else.
    package subscript(_ key: String) -> JSON? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    package var isNull: Bool { self == .null }

    /// A whole number, also when it was written as `3.0`.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }
}

/// The members of a JSON object in their order. Of a repeated name the last one counts, as in most readers.
package struct JSONObject: Sendable, ExpressibleByDictionaryLiteral {
    package struct Member: Sendable {
        package var key: String
        package var value: JSON

        package init(key: String, value: JSON) {
            self.key = key
            self.value = value
        }
    }

    package var members: [Member]

    package init(members: [Member] = []) {
        self.members = members
    }

    package init(dictionaryLiteral elements: (String, JSON)...) {
        members = elements.map { Member(key: $0.0, value: $0.1) }
    }

    package subscript(_ key: String) -> JSON? {
        get {
            // Only the value that is found is copied.
            var index = members.count
            while index > 0 {
                index -= 1
                if members[index].key.isExactly(key) { return members[index].value }
            }
            return nil
        }
        set {
            members.removeAll { $0.key.isExactly(key) }
            if let newValue { members.append(Member(key: key, value: newValue)) }
        }
    }
}

extension JSON: Equatable {
    /// Strings are equal to the byte (RFC 8259 section 8.3), and whole numbers only to whole numbers.
    package static func == (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.isExactly(right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }
}

extension JSONObject.Member: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        left.key.isExactly(right.key) && left.value == right.value
    }
}

extension JSONObject: Equatable {
    /// Equal when the same names have the same values, in any order.
    package static func == (left: Self, right: Self) -> Bool {
        left.members.allSatisfy { left[$0.key] == right[$0.key] }
            && right.members.allSatisfy { left[$0.key] == right[$0.key] }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(JSONObject(members: elements.map { .init(key: $0.0, value: $0.1) }))
    }
}
