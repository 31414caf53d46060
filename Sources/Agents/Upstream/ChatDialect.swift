import Chat

/// What servers that speak the chat completions API differ in, and what one of them takes. Each is a word of
/// `AGENT_COMPAT`; what is not set there is found out (see `UpstreamProfile`).
package struct ChatDialect: Sendable, Equatable {
    package enum Feature: String, Sendable, CaseIterable {
        case streamOptions = "stream_options"
        case tools
        case toolChoice = "tool_choice"
        case parallelToolCalls = "parallel_tool_calls"
        case systemRole = "system"
        case name
        case alternation
        case emptyContent = "empty_content"
        case reasoning
        case callIDs = "call_ids"
        case schemas
        case stream
        case thoughts
    }

    package enum SystemRole: String, Sendable, CaseIterable {
        case system, developer
        /// Merged into the first message of the user's.
        case user
    }

    /// The content of an assistant's message that has calls and no text.
    package enum EmptyContent: String, Sendable, CaseIterable {
        case empty, null, absent, space
    }

    /// Whether what a model thought goes back to it with its calls.
    package enum Reasoning: String, Sendable, CaseIterable {
        /// Within the turn, in the member in which it came.
        case echo
        /// The same, and a stand-in where it is not known any more.
        case always
        case off
    }

    /// `stream_options: {include_usage}` is sent.
    package var streamOptions = true
    package var tools = true
    /// `tool_choice: "none"` is sent in the last step; without it the step offers no tools.
    package var toolChoice = true
    /// Not sent where `nil`.
    package var parallelToolCalls: Bool?
    package var systemRole = SystemRole.system
    /// `name` stands in messages of tools.
    package var name = true
    /// No roles but the user's and the assistant's, one after the other: what tools did is told in words.
    package var isStrict = false
    package var emptyContent = EmptyContent.empty
    package var reasoning = Reasoning.echo
    /// The ids of calls are of nine letters and digits, whatever the model called them.
    package var hasShortIDs = false
    /// The schemas of the tools have no bounds of lengths and no `additionalProperties`.
    package var hasPlainSchemas = false
    package var stream = true
    /// Replies begin with a thought whose opening tag the server's template has given: they are held back to its end. It is
    /// found out otherwise, by the first reply that shows it.
    package var hasBareThoughts = false
    /// What the operator has set: it is not found out.
    package private(set) var settled: Set<Feature> = []

    package init() {}

    /// `name=value`, separated by commas or spaces; see `words`.
    ///
    /// - Throws: `DialectError` for a word that is none.
    package init(_ text: String) throws(DialectError) {
        for word in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let feature = Feature(rawValue: String(parts[0])),
                set(feature, String(parts[1]))
            else { throw DialectError(word: String(word)) }
            settled.insert(feature)
        }
    }

    private mutating func set(_ feature: Feature, _ value: String) -> Bool {
        func flag(_ on: String = "on", _ off: String = "off") -> Bool? {
            value == on ? true : value == off ? false : nil
        }
        func put<Value>(_ value: Value?, _ member: WritableKeyPath<Self, Value>) -> Bool {
            guard let value else { return false }
            self[keyPath: member] = value
            return true
        }
        switch feature {
        case .streamOptions: return put(flag(), \.streamOptions)
        case .tools: return put(flag(), \.tools)
        case .toolChoice: return put(flag(), \.toolChoice)
        case .parallelToolCalls: return put(flag().map { $0 }, \.parallelToolCalls)
        case .systemRole: return put(SystemRole(rawValue: value), \.systemRole)
        case .name: return put(flag(), \.name)
        case .alternation: return put(flag("strict", "free"), \.isStrict)
        case .emptyContent: return put(EmptyContent(rawValue: value), \.emptyContent)
        case .reasoning: return put(Reasoning(rawValue: value), \.reasoning)
        case .callIDs: return put(flag("short", "own"), \.hasShortIDs)
        case .schemas: return put(flag("plain", "full"), \.hasPlainSchemas)
        case .stream: return put(flag(), \.stream)
        case .thoughts: return put(flag("bare", "tagged"), \.hasBareThoughts)
        }
    }

    mutating func take(_ feature: Feature, of other: ChatDialect) {
        if feature == .parallelToolCalls { parallelToolCalls = other.parallelToolCalls }
        _ = set(feature, other.value(feature))
    }

    /// What is sent of a feature, as `AGENT_COMPAT` would have it.
    package func value(_ feature: Feature) -> String {
        func word(_ isOn: Bool) -> String { isOn ? "on" : "off" }
        return switch feature {
        case .streamOptions: word(streamOptions)
        case .tools: word(tools)
        case .toolChoice: word(toolChoice)
        case .parallelToolCalls: parallelToolCalls.map(word) ?? "unset"
        case .systemRole: systemRole.rawValue
        case .name: word(name)
        case .alternation: isStrict ? "strict" : "free"
        case .emptyContent: emptyContent.rawValue
        case .reasoning: reasoning.rawValue
        case .callIDs: hasShortIDs ? "short" : "own"
        case .schemas: hasPlainSchemas ? "plain" : "full"
        case .stream: word(stream)
        case .thoughts: hasBareThoughts ? "bare" : "tagged"
        }
    }

    /// What differs from `other`, as `AGENT_COMPAT` would have it.
    package func differences(from other: ChatDialect) -> String {
        Feature.allCases.filter { value($0) != other.value($0) }
            .map { "\($0.rawValue)=\(value($0))" }.joined(separator: " ")
    }

    /// The dialect without the feature, or with the next form of it, after the upstream has refused the present one.
    /// `nil`: there is nothing else to try, or the operator has settled it.
    ///
    /// - Parameter words: what the upstream said, in small letters.
    package func without(_ feature: Feature, words: String = "") -> ChatDialect? {
        guard !settled.contains(feature) else { return nil }
        let isMissing = ["missing", "required", "must be passed", "must contain", "expected"].contains(
            where: words.contains)
        var next = self
        switch feature {
        case .streamOptions: next.streamOptions = false
        case .tools: next.tools = false
        case .toolChoice: next.toolChoice = false
        case .parallelToolCalls: next.parallelToolCalls = nil
        case .systemRole:
            next.systemRole =
                systemRole == .system && words.contains("developer") && !words.contains("not enabled")
                    && !words.contains("developer instruction") ? .developer : .user
        case .name: next.name = !name
        case .alternation: next.isStrict = true
        case .emptyContent:
            switch emptyContent {
            case .empty: next.emptyContent = .null
            case .null: next.emptyContent = .absent
            case .absent, .space: next.emptyContent = .space
            }
        case .reasoning: next.reasoning = isMissing ? .always : .off
        case .callIDs: next.hasShortIDs = true
        case .schemas: next.hasPlainSchemas = true
        case .stream:
            next.stream = false
            next.streamOptions = false
        // Nothing that a server refuses.
        case .thoughts: return nil
        }
        return next == self ? nil : next
    }
}

/// A word of `AGENT_COMPAT` that is none.
package struct DialectError: Error, CustomStringConvertible {
    package let word: String

    package var description: String {
        "\"\(word)\" is none of stream_options=on|off, tools=on|off, tool_choice=on|off, parallel_tool_calls=on|off, "
            + "system=system|developer|user, name=on|off, alternation=free|strict, "
            + "empty_content=empty|null|absent|space, reasoning=echo|always|off, call_ids=own|short, "
            + "schemas=full|plain, stream=on|off, thoughts=tagged|bare"
    }
}
