/// Whether a recovery is to tell again what earlier ones have given this process: an answer that got lost has given it
/// runs of which it does not know. Pure.
///
/// Several may be under way beside each other, at the start, every few seconds, and when another gateway has fallen
/// silent; only one that was asked after a loss, and asked for all, settles it.
package struct RecoveryDoubt: Sendable {
    /// A recovery that is under way.
    package struct Question: Sendable {
        /// Whether it asks for all that this process has.
        package var again: Bool
        fileprivate var losses: Int
    }

    private var losses = 0
    private var settled = 0

    package init() {}

    package func ask() -> Question { Question(again: losses > settled, losses: losses) }

    package mutating func lost() { losses += 1 }

    package mutating func answered(_ question: Question) {
        settled = max(settled, question.losses)
    }
}
