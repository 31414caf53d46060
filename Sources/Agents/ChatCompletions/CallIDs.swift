import Strings

/// The ids of a run's tool calls: the upstream's own where they are there and not used yet, made ones otherwise. Some
/// servers give none, and some count from the beginning in every step.
package struct CallIDs: Sendable {
    /// Bytes of an id of the upstream's that is shown and stored; a longer one is replaced there.
    package static let lengthLimit = 128
    /// Bytes of one that is given back to the upstream: some keep a signature in it.
    package static let returnLimit = 16 << 10

    private var used: Set<ExactString> = []
    private var made: UInt64 = 0
    private let seed: UInt64

    /// - Parameter seed: anything that differs from run to run.
    package init(seed: UInt64) {
        self.seed = seed
    }

    /// An id that stands in the conversation already.
    package mutating func use(_ id: String) {
        used.insert(ExactString(id))
    }

    package mutating func next(_ own: String?) -> String { pair(own).id }

    /// The id that is shown and stored, and the one that goes back to the upstream.
    package mutating func pair(_ own: String?) -> (id: String, returned: String) {
        guard let own, !own.isEmpty, own.utf8.count <= Self.returnLimit, used.insert(ExactString(own)).inserted else {
            let id = make()
            return (id, id)
        }
        return (own.utf8.count <= Self.lengthLimit ? own : make(), own)
    }

    /// The same id for the same one, in the form of `make`: for upstreams that take no other.
    package static func short(_ id: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in id.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return text(hash, hash >> 40)
    }

    private mutating func make() -> String {
        while true {
            made += 1
            let id = Self.text(seed, made)
            if used.insert(ExactString(id)).inserted { return id }
        }
    }

    /// Nine letters and digits: the strictest form that a provider is known to ask for.
    private static func text(_ seed: UInt64, _ ordinal: UInt64) -> String {
        let digits = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
        var bytes: [UInt8] = []
        var rest = seed
        for _ in 0..<6 {
            bytes.append(digits[Int(rest % 36)])
            rest /= 36
        }
        rest = ordinal
        for _ in 0..<3 {
            bytes.append(digits[Int(rest % 36)])
            rest /= 36
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
