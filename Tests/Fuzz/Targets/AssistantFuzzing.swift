import Agents
import HTTP
import JSON

enum AssistantFuzzing {
    // MARK: The tolerant reader

    /// The first byte says where the rest is split. As the bytes of a stream: what comes of it is the same however they
    /// are split. As the text of a reply: what the filter makes of it is the same in any pieces.
    static func reader(_ input: UnsafeRawBufferPointer) {
        guard let seed = input.first else { return }
        let rest = UnsafeRawBufferPointer(rebasing: input[1...])
        let whole = Reading([rest])
        precondition(whole == Reading(parts(of: rest, seed)), "a split stream is read differently")
        var filtered = [filter([rest]), filter(parts(of: rest, seed))]
        precondition(filtered[0] == filtered[1], "split text is read differently")
        filtered.removeAll()
    }

    private static func parts(of bytes: UnsafeRawBufferPointer, _ seed: UInt8) -> [UnsafeRawBufferPointer] {
        var splitter = Splitter(UInt64(seed))
        var (parts, rest): ([UnsafeRawBufferPointer], _) = ([], bytes)
        while !rest.isEmpty {
            let count = splitter.next(rest.count)
            parts.append(UnsafeRawBufferPointer(rebasing: rest[..<count]))
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return parts
    }

    private struct Reading: Equatable {
        var digest = Digest()
        var text: [UInt8] = []

        init(_ parts: [UnsafeRawBufferPointer]) {
            var assembler = ChatCompletionsAssembler(ids: CallIDs(seed: 1))
            var parser = ServerSentEventParser()
            var hasFailed = false
            for part in parts where !hasFailed {
                _ = parser.feed(part) { event in
                    if let piece = assembler.takeText(event.data) {
                        text.append(contentsOf: piece)
                        return true
                    }
                    var actions: [ChatCompletionsAssembler.Action] = []
                    do throws(AgentFailure) {
                        try assembler.take(event.data, into: &actions)
                    } catch {
                        hasFailed = true
                        digest.add("\(error.code)")
                    }
                    show(actions)
                    return !hasFailed
                }
            }
            var actions: [ChatCompletionsAssembler.Action] = []
            if !hasFailed { digest.add("\(assembler.end(into: &actions))") }
            show(actions)
            if !hasFailed { precondition(text.elementsEqual(assembler.text.utf8), "shown is not what is stored") }
        }

        private mutating func show(_ actions: [ChatCompletionsAssembler.Action]) {
            for action in actions {
                switch action {
                case .text(let piece): text.append(contentsOf: piece.utf8)
                case .textWasThought: text = []
                default: digest.add("\(action)")
                }
            }
        }
    }

    private struct Filtered: Equatable {
        var text: [UInt8] = []
        var thought: [UInt8] = []
        var calls: [String] = []
    }

    private static func filter(_ parts: [UnsafeRawBufferPointer]) -> Filtered {
        var filter = TextFilter()
        var result = Filtered()
        func take(_ pieces: [TextFilter.Piece]) {
            for piece in pieces {
                switch piece {
                case .text(let bytes): result.text += bytes
                case .thought(let bytes): result.thought += bytes
                case .textWasThought: (result.thought, result.text) = (result.text, [])
                case .call(let name, let arguments): result.calls.append("\(name) \(arguments)")
                }
            }
        }
        for part in parts {
            var pieces: [TextFilter.Piece] = []
            filter.take(part, behind: result.text, into: &pieces)
            take(pieces)
        }
        var pieces: [TextFilter.Piece] = []
        filter.end(behind: result.text, into: &pieces)
        take(pieces)
        return result
    }

    // MARK: The repair of arguments

    /// What is accepted is an object, and every value of it stands in the input, as it is or within JSON in JSON.
    static func arguments(_ input: UnsafeRawBufferPointer) {
        let text = String(decoding: input, as: UTF8.self)
        guard let mended = ArgumentRepair.mended(text) else { return }
        guard let value = try? JSON(parsing: mended), value.object != nil else {
            preconditionFailure("accepted, and no object")
        }
        var forms = [Array(text.utf8)]
        for _ in 0..<5 { if let last = forms.last { forms.append(unescaped(last)) } }
        for leaf in leaves(of: value) {
            precondition(forms.contains { contains($0, leaf) }, "a value that nobody gave")
        }
    }

    private static func leaves(of value: JSON) -> [[UInt8]] {
        switch value {
        case .string(let text): [Array(text.utf8)]
        case .object(let object): object.members.flatMap { [Array($0.key.utf8)] + leaves(of: $0.value) }
        case .array(let elements): elements.flatMap { leaves(of: $0) }
        default: []
        }
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard let first = part.first else { return true }
        var rest = bytes[...]
        while let index = rest.firstIndex(of: first) {
            rest = rest[index...]
            if rest.starts(with: part) { return true }
            rest = rest.dropFirst()
        }
        return false
    }

    /// The escapes of JSON, wherever they stand; what is none stays.
    private static func unescaped(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        var units: [UInt16] = []
        func flush() {
            if !units.isEmpty { result.append(contentsOf: String(decoding: units, as: UTF16.self).utf8) }
            units = []
        }
        while index < bytes.count {
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            guard bytes[index] == UInt8(ascii: "\\"), next != 0 else {
                flush()
                result.append(bytes[index])
                index += 1
                continue
            }
            if next == UInt8(ascii: "u"), index + 6 <= bytes.count,
                let unit = UInt16(String(decoding: bytes[(index + 2)..<(index + 6)], as: UTF8.self), radix: 16)
            {
                units.append(unit)
                index += 6
                continue
            }
            flush()
            let plain: [UInt8: UInt8] = [0x6E: 0x0A, 0x72: 0x0D, 0x74: 0x09, 0x62: 0x08, 0x66: 0x0C]
            result.append(plain[next] ?? next)
            index += 2
        }
        flush()
        return result
    }
}
