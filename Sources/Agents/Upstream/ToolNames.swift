import Chat

/// Names of tools as a model writes them, and as they can be written back: servers refuse a conversation in which one
/// is not of `[A-Za-z0-9_-]{1,64}`.
enum ToolNames {
    static let lengthLimit = 64
    /// The name of a call that came without one; no tool is called so.
    static let unnamed = "unnamed"

    /// The tool that is meant, where that is certain; otherwise a name that can be written back, which no tool has.
    static func valid(_ name: String) -> String {
        if ToolName(rawValue: name) != nil { return name }
        // Tokens of a template that have leaked into the name: `list_tasks<|channel|>commentary`.
        var rest = name.unicodeScalars[...]
        if let mark = rest.firstIndex(of: "<") { rest = rest[..<mark] }
        // `functions.list_tasks`, `default_api:list_tasks`, `tools/list_tasks`.
        if let mark = rest.lastIndex(where: { ".:/".unicodeScalars.contains($0) }) {
            let last = clean(rest[rest.index(after: mark)...])
            if ToolName(rawValue: last) != nil { return last }
        }
        let cleaned = clean(rest)
        return cleaned.isEmpty ? unnamed : cleaned
    }

    private static func clean(_ name: Substring.UnicodeScalarView) -> String {
        let isBlank = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace }
        var name = name.drop(while: isBlank)
        while let last = name.last, isBlank(last) { name.removeLast() }
        var result = ""
        for scalar in name.prefix(lengthLimit) {
            let isValid =
                scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
                || scalar == "_" || scalar == "-"
            result.unicodeScalars.append(isValid ? scalar : "_")
        }
        return result
    }
}
