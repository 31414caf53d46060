import Chat

/// Names of tools as a model writes them, and as they can be written back: servers refuse a conversation in which one
/// is not of `[A-Za-z0-9_-]{1,64}`.
enum ToolNames {
    static let lengthLimit = 64
    /// The name of a call that came without one; no tool is called so.
    static let unnamed = "unnamed"

    /// The tool that is meant, where that is certain; otherwise a name that can be written back, which no tool has.
    static func valid(_ name: String) -> String {
        if let tool = meant(name) { return tool.rawValue }
        // Tokens of a template that have leaked into the name: `list_tasks<|channel|>commentary`.
        var rest = name.unicodeScalars[...]
        if let mark = rest.firstIndex(of: "<") { rest = rest[..<mark] }
        let cleaned = clean(rest)
        return cleaned.isEmpty ? unnamed : cleaned
    }

    /// The tool that a name certainly means; `nil`: none, or more than one.
    static func meant(_ name: String) -> ToolName? {
        if let tool = ToolName(rawValue: name), ToolName.offered.contains(tool) { return tool }
        var rest = name.unicodeScalars[...]
        if let mark = rest.firstIndex(where: { $0 == "<" || $0 == "(" }) { rest = rest[..<mark] }
        guard rest.count <= 4 * lengthLimit else { return nil }
        if let tool = plain(rest) { return tool }
        // `functions.list_tasks:0`, `default_api:list_tasks`, `tools/list_tasks`, `mcp__todo__list_tasks`.
        let parts = rest.split { ".:/".unicodeScalars.contains($0) }.flatMap { part in
            String(part).split(separator: "__").map { $0.unicodeScalars[...] }
        }
        let tools = Set(parts.compactMap { plain($0) })
        return tools.count == 1 ? tools.first : nil
    }

    /// `List_Tasks`, `list-tasks`, `listTasks`, and a name that came twice.
    private static func plain(_ name: Substring.UnicodeScalarView) -> ToolName? {
        var folded = ""
        var before: Unicode.Scalar?
        for scalar in clean(name).unicodeScalars {
            if ("A"..."Z").contains(scalar), let before, ("a"..."z").contains(before) { folded += "_" }
            folded += scalar == "-" ? "_" : String(scalar).lowercased()
            before = scalar
        }
        return ToolName.offered.first { folded == $0.rawValue || folded == $0.rawValue + $0.rawValue }
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
