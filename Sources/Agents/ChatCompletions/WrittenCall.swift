import JSON

/// A call that a model has written into its text, in the forms of the templates that models were trained with.
///
/// ```
/// {"name": "add_task", "arguments": {"title": "milk"}}          Hermes, Qwen; "parameters" in Llama's
/// <function=add_task><parameter=title>milk</parameter></function>    Qwen3-Coder
/// [{"name": …}, …]     add_task[ARGS]{"title": "milk"}          Mistral, behind [TOOL_CALLS]
/// ```
enum WrittenCall {
    typealias Call = (name: String, arguments: String)

    /// Calls of a list that are read.
    private static let listLimit = 64

    /// What stands between the tags of one call; `nil`: it is none.
    static func call(_ body: String) -> Call? {
        let body = trimmed(body[...])
        if body.hasPrefix("<function=") { return tagged(body) }
        guard let text = ArgumentRepair.mended(String(body)), let json = try? JSON(parsing: text) else { return nil }
        return call(json)
    }

    /// What stands behind a token that goes before calls, to the end of the text; empty: none that can be read.
    static func calls(_ body: String) -> [Call] {
        let body = trimmed(body[...])
        if let mark = body.firstRange(of: "[ARGS]") {
            let name = trimmed(body[..<mark.lowerBound])
            guard !name.isEmpty, let arguments = ArgumentRepair.mended(String(body[mark.upperBound...])) else {
                return []
            }
            return [(String(name), arguments)]
        }
        if let list = (try? JSON(parsing: String(body)))?.array {
            let calls = list.prefix(listLimit).compactMap { call($0) }
            return calls.count == list.count ? calls : []
        }
        return call(String(body)).map { [$0] } ?? []
    }

    private static func call(_ json: JSON) -> Call? {
        guard let name = json["name"]?.string, !name.isEmpty else { return nil }
        switch json["arguments"] ?? json["parameters"] {
        case .object(let object)?: return (name, JSON.object(object).description)
        case .string(let text)?: return (name, text)
        case nil, .null?: return (name, "{}")
        default: return nil
        }
    }

    private static func tagged(_ body: Substring) -> Call? {
        guard let end = body.firstIndex(of: ">") else { return nil }
        let name = trimmed(body[body.index(body.startIndex, offsetBy: "<function=".count)..<end])
        guard !name.isEmpty else { return nil }
        var arguments: JSONObject = [:]
        var rest = body[body.index(after: end)...]
        while let opening = rest.firstRange(of: "<parameter=") {
            guard let end = rest[opening.upperBound...].firstIndex(of: ">"),
                let closing = rest[end...].firstRange(of: "</parameter>")
            else { return nil }
            let key = String(trimmed(rest[opening.upperBound..<end]))
            arguments[key] = value(String(trimmed(rest[rest.index(after: end)..<closing.lowerBound])), of: key)
            rest = rest[closing.upperBound...]
        }
        return (String(name), JSON.object(arguments).description)
    }

    /// The form has no types: what is a number or a truth is one, but in what is a text by its name.
    private static func value(_ text: String, of key: String) -> JSON {
        guard key != "title", key != "description", let json = try? JSON(parsing: text), json.string == nil else {
            return .string(text)
        }
        return json
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}
