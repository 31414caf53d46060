import COpenSSL

/// One numbered step of the schema. Once released it is not edited but where it fails to apply, which its checksum
/// guards: what is stored in the database must match what is in the program.
package struct Migration: Sendable {
    /// 1, 2, 3… without gaps.
    package let version: Int
    package let name: String
    package let up: String
    package let down: String
    /// Checksums of texts that it had before. It is mended only where it fails to apply, and so that it leaves the same
    /// schema where it did not: a database that has it from then goes on.
    package let formerChecksums: [String]
    /// What is looked after again at each `migrate up` once the step is there, because it lives outside of the database
    /// and can get lost. To be repeated without harm.
    package let upkeep: String?
    /// SHA-256 of both directions, in hexadecimal.
    package let checksum: String

    package init(
        version: Int, name: String, up: String, down: String, formerChecksums: [String] = [], upkeep: String? = nil
    ) {
        self.version = version
        self.name = name
        self.up = up
        self.down = down
        self.formerChecksums = formerChecksums
        self.upkeep = upkeep
        checksum = Self.checksum(up, down)
    }

    private static func checksum(_ up: String, _ down: String) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        // The separator keeps text from wandering between the two unnoticed.
        let text = Array((up + "\u{0}" + down).utf8)
        _ = SHA256(text, text.count, &digest)
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Whether a step that was applied under that checksum is this one.
    package func hadChecksum(_ sum: String) -> Bool { sum == checksum || formerChecksums.contains(sum) }

    /// All steps, in order.
    package static let all: [Migration] = [
        Migration(
            version: 1, name: "chat",
            up: [
                Schema1.tables, Schema1.messages, Schema1.compression, Schema1.acceptTurns, Schema1.endRuns,
                Schema1.runs, Schema1.recovery, Schema1.tools, Schema1.role, Schema1.rights,
            ].joined(separator: "\n"),
            down: Schema1.down,
            formerChecksums: [
                // Failed on a server without lz4, and on PostgreSQL 16 and later where the login was no superuser.
                "c15ccfb21185d8c7ada5212f90452d9ca01dddb1f64a39a7d9162f581c382729"
            ],
            upkeep: Schema1.role),
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
                Schema4.recovery, Schema4.objects, Schema4.rights, Schema4.tasks, Schema4.feedback,
                Schema4.importing,
            ].joined(separator: "\n"),
            down: [Schema4.importingDown, Schema4.feedbackDown, Schema4.objectsDown, Schema4.down]
                .joined(separator: "\n")),
        Migration(
            version: 5, name: "one owner, and paths",
            up: [
                Schema5.processes, Schema5.branches, Schema5.webhooks, Schema5.ownership, Schema5.approvals,
                Schema5.cluster,
            ].joined(separator: "\n"),
            down: [
                Schema5.clusterDown, Schema5.approvalsDown, Schema5.ownershipDown, Schema5.webhooksDown,
                Schema5.branchesDown,
                Schema5.processesDown, Schema5.formerFunctions, Schema5.pathless,
            ].joined(separator: "\n")),
    ]
}

/// The SQL of migration 1, by subject.
enum Schema1 {}
