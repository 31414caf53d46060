package import JSON
import Strings

/// Puts the tool calls of one reply together from their deltas, by index and by id, since servers differ:
///
/// | what comes | what it is |
/// | --- | --- |
/// | an id that is known | more of that call |
/// | a new id with a name | a new call, whatever its index says (some servers give every call index 0, or none) |
/// | a new id without a name, at a call that has one | more of that call (some servers make a new id for every delta) |
/// | no id, an index that is known | more of that call; a new one where a name comes and the call's arguments are whole |
/// | no id, no index | the same with the last call |
package struct ToolCallAssembly: Sendable {
    /// Calls in one reply at most.
    package static let callLimit = 128

    package struct Call: Sendable, Equatable {
        /// As it is shown and stored.
        package var id: String
        package var name: String
        package var arguments: String
        /// A provider's own data that must come back with the call (`extra_content`).
        package var extra: JSON?
        fileprivate var ownID: String?
        fileprivate var index: Int64?
        fileprivate var isAnnounced = false
    }

    package private(set) var calls: [Call] = []

    package var isEmpty: Bool { calls.isEmpty }

    /// One element of `delta.tool_calls`.
    ///
    /// - Returns: `false` when there are too many calls.
    mutating func take(_ delta: JSON, _ ids: inout CallIDs, into actions: inout [ChatCompletionsAssembler.Action])
        -> Bool
    {
        let function = delta["function"] ?? delta
        let name = function["name"]?.string ?? ""
        let arguments = Self.text(function["arguments"])
        let ownID = delta["id"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        let index = delta["index"]?.integer

        let place: Int
        if let known = self.place(ownID: ownID, index: index, name: name, arguments: arguments) {
            place = known
        } else {
            guard calls.count < Self.callLimit else { return false }
            calls.append(Call(id: ids.next(ownID), name: "", arguments: "", ownID: ownID, index: index))
            place = calls.count - 1
        }
        if let extra = delta["extra_content"], !extra.isNull { calls[place].extra = extra }
        if !calls[place].isAnnounced, !name.isEmpty, !calls[place].name.isExactly(name) { calls[place].name += name }
        if !arguments.isEmpty {
            announce(place, into: &actions)
            calls[place].arguments += arguments
            actions.append(.callArguments(id: calls[place].id, delta: arguments))
        }
        return true
    }

    /// No more of them comes.
    mutating func end(into actions: inout [ChatCompletionsAssembler.Action]) {
        for place in calls.indices {
            announce(place, into: &actions)
            actions.append(.callEnd(id: calls[place].id))
        }
    }

    /// The call that a delta goes on with; `nil`: it begins one.
    private func place(ownID: String?, index: Int64?, name: String, arguments: String) -> Int? {
        if let ownID {
            if let known = calls.lastIndex(where: { $0.ownID.isExactly(ownID) }) {
                // The same id for several calls, told apart by their index.
                let isOther = index != nil && calls[known].index != nil && index != calls[known].index
                return isOther && !name.isEmpty ? nil : known
            }
            guard name.isEmpty else { return nil }
            let candidate = index.flatMap { index in calls.lastIndex { $0.index == index } } ?? lastUnlessIndexed(index)
            return candidate.flatMap { calls[$0].name.isEmpty || arguments.isEmpty ? nil : $0 }
        }
        guard
            let candidate = index.flatMap({ index in calls.lastIndex { $0.index == index } })
                ?? lastUnlessIndexed(index)
        else { return name.isEmpty && !calls.isEmpty ? calls.count - 1 : nil }
        if name.isEmpty || calls[candidate].name.isEmpty { return candidate }
        // A name again: the call is named in every delta, or the next one begins where the one before is whole.
        let isWhole = (try? JSON(parsing: calls[candidate].arguments))?.object != nil
        if isWhole { return nil }
        return name.isExactly(calls[candidate].name) || !calls[candidate].isAnnounced ? candidate : nil
    }

    /// The last call, for deltas that do not say which one they mean.
    private func lastUnlessIndexed(_ index: Int64?) -> Int? {
        index == nil && !calls.isEmpty ? calls.count - 1 : nil
    }

    private mutating func announce(_ place: Int, into actions: inout [ChatCompletionsAssembler.Action]) {
        guard !calls[place].isAnnounced else { return }
        calls[place].isAnnounced = true
        if calls[place].name.isEmpty { calls[place].name = Self.unnamed }
        actions.append(.callStart(id: calls[place].id, name: calls[place].name))
    }

    /// The name of a call that came without one; no tool is called so.
    private static let unnamed = "unnamed"

    /// Arguments are JSON text; some servers send the object itself.
    private static func text(_ arguments: JSON?) -> String {
        switch arguments {
        case .string(let text): text
        case .object(let object): JSON.object(object).description
        default: ""
        }
    }
}
