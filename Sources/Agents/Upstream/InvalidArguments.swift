import JSON

/// Arguments of a call that are no object and that nobody can tell what they were meant to be. Whoever reads arguments
/// expects JSON, servers too, which refuse a conversation in which some are none: so they are shown, stored and given back
/// as an object that holds them, and no tool takes them.
enum InvalidArguments {
    private static let member = "invalid_arguments"

    static func wrapped(_ text: String) -> String { JSON.object([member: .string(text)]).description }

    /// The text that is held; `nil`: the object is another.
    static func text(in arguments: JSON) -> String? {
        guard let object = arguments.object, object.members.count == 1 else { return nil }
        return object[member]?.string
    }
}
