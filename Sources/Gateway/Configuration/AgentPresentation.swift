/// How an assistant introduces itself in the widget: what the operator says of it. What is nil or empty the widget has words
/// of its own for.
package struct AgentPresentation: Sendable, Equatable {
    /// Code points.
    static let nameLength = 100
    static let greetingLength = 500
    static let suggestionLength = 200
    static let pictureLength = 2_048
    static let suggestionCount = 8

    package var name: String?
    package var greeting: String?
    /// An address for the browser: absolute, or below the gateway's.
    package var picture: String?
    /// What could be said first.
    package var suggestions: [String] = []

    package init() {}

    mutating func read(_ source: SettingReader) throws(ConfigurationError) {
        name = try Self.line(source, "agent.name", Self.nameLength) ?? name
        greeting = try Self.line(source, "agent.greeting", Self.greetingLength) ?? greeting
        if let address = try Self.line(source, "agent.picture", Self.pictureLength) {
            guard ["https://", "http://", "/"].contains(where: { address.hasPrefix($0) }) else {
                throw ConfigurationError("AGENT_PICTURE: \"\(address)\" is neither https://…, http://… nor /…")
            }
            picture = address
        }
        if let text = source.text("agent.suggestions") {
            let all = text.split(separator: "|").map(Self.trimmed).filter { !$0.isEmpty }
            guard all.count <= Self.suggestionCount else {
                throw ConfigurationError("AGENT_SUGGESTIONS: \(all.count), and \(Self.suggestionCount) is the most")
            }
            for each in all { try Self.check(each, "AGENT_SUGGESTIONS", Self.suggestionLength) }
            suggestions = all
        }
    }

    private static func line(
        _ source: SettingReader, _ key: String, _ length: Int
    ) throws(ConfigurationError) -> String? {
        guard let text = source.text(key).map({ trimmed($0[...]) }), !text.isEmpty else { return nil }
        try check(text, Setting.name(key), length)
        return text
    }

    private static func check(_ text: String, _ name: String, _ length: Int) throws(ConfigurationError) {
        guard text.unicodeScalars.count <= length, !text.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
            throw ConfigurationError("\(name): one line of at most \(length) characters")
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
