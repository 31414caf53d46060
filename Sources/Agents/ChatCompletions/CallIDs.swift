import Strings

/// The ids of a run's tool calls: the upstream's own where they are there and not used yet, made ones otherwise. Some
/// servers give none, and some count from the beginning in every step.
package struct CallIDs: Sendable {
    /// Bytes of an id of the upstream's that is taken over; a longer one is replaced.
    package static let lengthLimit = 128

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

    package mutating func next(_ own: String?) -> String {
        if let own, !own.isEmpty, own.utf8.count <= Self.lengthLimit, used.insert(ExactString(own)).inserted {
            return own
        }
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
