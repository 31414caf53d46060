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
        /// One JSON object where it is certain which one was meant, once the reply has ended.
        package var arguments: String
        /// A provider's own data that must come back with the call (`extra_content`).
        package var extra: JSON?
        /// The id that goes back to the upstream: its own, however long, where that is there and one alone has it.
        package var returnedID: String
        fileprivate var ownID: String?
        /// The last piece, while each piece has held all that came before it.
        fileprivate var cumulative: String?
        fileprivate var joiner = HalfCharacter.Joiner()

        package static func == (left: Self, right: Self) -> Bool {
            left.id.isExactly(right.id) && left.name.isExactly(right.name) && left.arguments.isExactly(right.arguments)
                && left.extra == right.extra
        }
        fileprivate var index: Int64?
        fileprivate var isAnnounced = false
    }

    package private(set) var calls: [Call] = []

    package var isEmpty: Bool { calls.isEmpty }

    /// One element of `delta.tool_calls`.
    ///
    /// - Parameter isWhole: it is one of `message.tool_calls`, with all that there is of the call.
    /// - Returns: `false` when there are too many calls.
    mutating func take(
        _ delta: JSON, isWhole: Bool = false, _ ids: inout CallIDs,
        into actions: inout [ChatCompletionsAssembler.Action]
    ) -> Bool {
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
            let (id, returned) = ids.pair(ownID)
            calls.append(Call(id: id, name: "", arguments: "", returnedID: returned, ownID: ownID, index: index))
            place = calls.count - 1
        }
        if let extra = delta["extra_content"], !extra.isNull { calls[place].extra = extra }
        if !calls[place].isAnnounced, !name.isEmpty, !calls[place].name.isExactly(name) { calls[place].name += name }
        let piece = calls[place].joiner.join(arguments)
        if !piece.isEmpty {
            // Some servers give the name last.
            if !calls[place].name.isEmpty { announce(place, into: &actions) }
            add(piece, to: place, isWhole: isWhole)
        }
        return true
    }

    /// A call that was written into the text.
    ///
    /// - Returns: `false` when there are too many calls.
    mutating func take(
        name: String, arguments: String, _ ids: inout CallIDs, into actions: inout [ChatCompletionsAssembler.Action]
    ) -> Bool {
        guard calls.count < Self.callLimit else { return false }
        let (id, returned) = ids.pair(nil)
        calls.append(Call(id: id, name: name, arguments: arguments, returnedID: returned))
        announce(calls.count - 1, into: &actions)
        return true
    }

    /// No more of them comes. Their arguments are shown now, since only now it is known what they are.
    mutating func end(into actions: inout [ChatCompletionsAssembler.Action]) {
        for place in calls.indices {
            announce(place, into: &actions)
            calls[place].arguments += calls[place].joiner.end()
            let arguments = Self.settled(calls[place])
            calls[place].arguments = arguments
            if !arguments.isEmpty { actions.append(.callArguments(id: calls[place].id, delta: arguments)) }
            actions.append(.callEnd(id: calls[place].id))
        }
    }

    private mutating func add(_ piece: String, to place: Int, isWhole: Bool) {
        let known = calls[place].arguments
        if known.isEmpty {
            calls[place].cumulative = piece
        } else if let last = calls[place].cumulative {
            calls[place].cumulative = piece.utf8.starts(with: last.utf8) ? piece : nil
        }
        // Of a call that is there already, its whole says what is missing.
        if isWhole, !known.isEmpty {
            if piece.utf8.starts(with: known.utf8) || ArgumentRepair.mended(known) == "{}" {
                calls[place].arguments = piece
            }
        } else {
            calls[place].arguments += piece
        }
    }

    private static func settled(_ call: Call) -> String {
        if (try? JSON(parsing: call.arguments))?.object != nil { return call.arguments }
        if let last = call.cumulative, (try? JSON(parsing: last))?.object != nil { return last }
        guard call.arguments.utf8.contains(where: { $0 > 0x20 }) else { return "" }
        // Everybody is told JSON, and the model that they are none.
        return ArgumentRepair.mended(call.arguments) ?? InvalidArguments.wrapped(call.arguments)
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
        calls[place].name = ToolNames.valid(calls[place].name)
        actions.append(.callStart(id: calls[place].id, name: calls[place].name))
    }

    /// Arguments are JSON text; some servers send the object itself.
    private static func text(_ arguments: JSON?) -> String {
        switch arguments {
        case .string(let text): text
        case .object(let object): JSON.object(object).description
        default: ""
        }
    }
}
