import COpenSSL

/// One numbered step of the schema. Once released it is never edited, which its checksum guards: what is stored in the
/// database must match what is in the program.
package struct Migration: Sendable {
    /// 1, 2, 3… without gaps.
    package let version: Int
    package let name: String
    package let up: String
    package let down: String

    package init(version: Int, name: String, up: String, down: String) {
        self.version = version
        self.name = name
        self.up = up
        self.down = down
    }

    /// SHA-256 of both directions, in hexadecimal.
    package var checksum: String {
        var digest = [UInt8](repeating: 0, count: 32)
        // The separator keeps text from wandering between the two unnoticed.
        let text = Array((up + "\u{0}" + down).utf8)
        _ = SHA256(text, text.count, &digest)
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// All steps, in order.
    package static let all: [Migration] = [
        Migration(
            version: 1, name: "chat",
            up: [
                Schema1.tables, Schema1.messages, Schema1.acceptTurns, Schema1.endRuns, Schema1.runs, Schema1.recovery,
                Schema1.tools, Schema1.role, Schema1.rights,
            ].joined(separator: "\n"),
            down: Schema1.down),
        Migration(
            version: 2, name: "life and secrecy of conversations",
            up: [
                Schema2.tables, Schema2.keys, Schema2.archive, Schema2.acceptTurns, Schema2.endRuns,
                Schema2.checkpoints, Schema2.recovery, Schema2.retention, Schema2.lifecycle, Schema2.deletion,
                Schema2.rights,
            ].joined(separator: "\n"),
            down: Schema2.down + "\n" + Schema2.formerFunctions),
        Migration(
            version: 3, name: "the short way for turns",
            up: [Schema3.tables, Schema3.acceptTurns, Schema3.endRuns, Schema3.rights].joined(separator: "\n"),
            down: Schema3.down),
        Migration(
            version: 4, name: "what a gateway writes is its own",
            up: [
                Schema4.nodes, Schema4.acceptTurns, Schema4.endRuns, Schema4.checkpoints, Schema4.beginRun,
                Schema4.tools, Schema4.recovery, Schema4.rights,
            ].joined(separator: "\n"),
            down: Schema4.down),
    ]
}

/// The SQL of migration 1, by subject.
enum Schema1 {}
