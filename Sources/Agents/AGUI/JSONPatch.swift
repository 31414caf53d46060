package import JSON

/// JSON Patch (RFC 6902), as far as an upstream's state needs it.
package enum JSONPatch {
    /// Operations that one patch may have.
    package static let operationLimit = 1_000

    /// - Returns: the document with all operations applied; `nil` when one of them can't be, and nothing is.
    package static func apply(_ operations: [JSON], to document: JSON) -> JSON? {
        guard operations.count <= operationLimit else { return nil }
        var document = document
        for operation in operations {
            guard let name = operation["op"]?.string, let path = pointer(operation["path"]) else { return nil }
            let isDone: Bool
            switch name {
            case "add": isDone = operation["value"].map { add($0, at: path, in: &document) } ?? false
            case "remove": isDone = remove(path, from: &document) != nil
            case "replace":
                guard let value = operation["value"], remove(path, from: &document) != nil else { return nil }
                isDone = add(value, at: path, in: &document)
            case "move":
                guard let from = pointer(operation["from"]), !(path.count > from.count && path.starts(with: from)),
                    let value = remove(from, from: &document)
                else { return nil }
                isDone = add(value, at: path, in: &document)
            case "copy":
                guard let from = pointer(operation["from"]), let value = get(from, in: document) else { return nil }
                isDone = add(value, at: path, in: &document)
            case "test": isDone = get(path, in: document) == operation["value"]
            default: return nil
            }
            guard isDone else { return nil }
        }
        return document
    }

    /// RFC 6901; deeper than JSON may be nested leads nowhere.
    private static func pointer(_ value: JSON?) -> [String]? {
        guard let text = value?.string else { return nil }
        if text.isEmpty { return [] }
        // By code points: a slash with a combining mark behind it is one character to Swift, and a slash to others.
        guard text.unicodeScalars.first == "/" else { return nil }
        let parts = text.unicodeScalars.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= JSON.maximumDepth else { return nil }
        return parts.map(unescaped)
    }

    private static func unescaped(_ token: Substring.UnicodeScalarView) -> String {
        var text = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in token {
            switch (isEscaped, scalar) {
            case (true, "0"): text.append("~")
            case (true, "1"): text.append("/")
            case (true, _): text.append(contentsOf: ["~", scalar])
            case (false, "~"): break
            case (false, _): text.append(scalar)
            }
            isEscaped = !isEscaped && scalar == "~"
        }
        if isEscaped { text.append("~") }
        return String(text)
    }

    private static func index(_ token: String, count: Int) -> Int? {
        guard let number = Int(token), String(number) == token, number >= 0, number <= count else { return nil }
        return number
    }

    private static func get(_ path: [String], in document: JSON) -> JSON? {
        var value = document
        for token in path {
            switch value {
            case .object(let object):
                guard let member = object[token] else { return nil }
                value = member
            case .array(let array):
                guard let index = index(token, count: array.count - 1) else { return nil }
                value = array[index]
            default: return nil
            }
        }
        return value
    }

    private static func add(_ new: JSON, at path: [String], in document: inout JSON) -> Bool {
        change(path[...], in: &document, root: { $0 = new }) { parent, token in
            switch parent {
            case .object(var object):
                object[token] = new
                parent = .object(object)
                return true
            case .array(var array):
                guard let index = token == "-" ? array.count : index(token, count: array.count) else { return false }
                array.insert(new, at: index)
                parent = .array(array)
                return true
            default: return false
            }
        }
    }

    private static func remove(_ path: [String], from document: inout JSON) -> JSON? {
        guard let old = get(path, in: document) else { return nil }
        let isDone = change(path[...], in: &document, root: { $0 = .null }) { parent, token in
            switch parent {
            case .object(var object):
                object[token] = nil
                parent = .object(object)
                return true
            case .array(var array):
                guard let index = index(token, count: array.count - 1) else { return false }
                array.remove(at: index)
                parent = .array(array)
                return true
            default: return false
            }
        }
        return isDone ? old : nil
    }

    /// Changes the value that holds the last token of a path.
    private static func change(
        _ path: ArraySlice<String>, in value: inout JSON, root: (inout JSON) -> Void,
        _ body: (inout JSON, String) -> Bool
    ) -> Bool {
        guard let token = path.first else {
            root(&value)
            return true
        }
        if path.count == 1 { return body(&value, token) }
        switch value {
        case .object(var object):
            guard var member = object[token] else { return false }
            guard change(path.dropFirst(), in: &member, root: root, body) else { return false }
            object[token] = member
            value = .object(object)
            return true
        case .array(var array):
            guard let index = index(token, count: array.count - 1) else { return false }
            guard change(path.dropFirst(), in: &array[index], root: root, body) else { return false }
            value = .array(array)
            return true
        default: return false
        }
    }
}
