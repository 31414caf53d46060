import ArgumentParser
import Command
import Foundation
import Gateway
import JSON

struct User: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a user's data along, read it back, or delete it.",
        subcommands: [Export.self, Import.self, Delete.self])

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write everything that is stored of a user, as JSON lines.",
            discussion: "The last line has the type end. Example: parley user export --user alice > alice.jsonl")
        @OptionGroup var settings: SettingOptions
        @Option(help: "The user's id.") var user: String
        @Option(help: "Where to, instead of standard output; a file that is there stays.") var output: String?

        func run() async throws {
            let maintenance = StoreMaintenance(try await settings.configuration())
            var handle = FileHandle.standardOutput
            if let output {
                let descriptor = open(output, O_WRONLY | O_CREAT | O_EXCL, 0o600)
                guard descriptor >= 0 else {
                    throw ExitError(.usage, "\(output) can't be made: \(String(cString: strerror(errno)))")
                }
                handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            }
            let target = handle
            var lines = 0
            try await reporting {
                try await maintenance.exportUser(user) { piece in
                    lines += piece.count { $0 == UInt8(ascii: "\n") }
                    try target.write(contentsOf: Data(piece))
                }
            }
            // The end alone is nobody's: a name that was mistyped must not pass for a backup.
            guard lines > 1 else { throw ExitError(.usage, "there is no user \(user)") }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a user with everything.",
            discussion: """
                Sockets that the user has open at a gateway are not closed by it: there, DELETE /api/users/{user_id} does \
                both.

                Example: parley user delete --user alice --yes
                """)
        @OptionGroup var settings: SettingOptions
        @Option(help: "The user's id.") var user: String
        @Flag(help: "That it is meant.") var yes = false

        func validate() throws {
            guard yes else { throw ValidationError("this deletes everything of \(user): say --yes to do it") }
        }

        func run() async throws {
            let maintenance = StoreMaintenance(try await settings.configuration())
            var wasThere = false
            try await reporting { wasThere = try maintenance.deleteUser(user) }
            guard wasThere else { throw ExitError(.usage, "there is no user \(user)") }
            print("nothing of \(user) is left")
        }
    }
}

/// `parley import` and `parley user import`.
struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read back what an export holds, or lines of its plain form.",
        discussion: """
            Ids stay, and what is there already is left alone: the same file can be read again. A line that can't be used \
            is refused by itself and told of; then the command exits 1.

            Example: parley import alice.jsonl
            Example: parley import chats.jsonl --user alice
            """)
    @OptionGroup var settings: SettingOptions
    @Argument(help: "A file of JSON lines; - for standard input.") var file: String
    @Option(help: "Whose the lines become; without it whom they name.") var user: String?
    @Flag(help: "What became of the lines, as JSON.") var json = false

    func validate() throws {
        guard user.map({ (1...255).contains($0.unicodeScalars.count) }) ?? true else {
            throw ValidationError("--user must have 1 to 255 characters")
        }
    }

    func run() async throws {
        let maintenance = StoreMaintenance(try await settings.configuration())
        guard let lines = LineReader(path: file) else { throw ExitError(.usage, "\(file) can't be read") }
        var outcome: (report: JSON, refused: Int) = (.null, 0)
        try await reporting { outcome = try maintenance.importLines(of: user) { lines.next() } }
        if json {
            print(outcome.report)
        } else {
            for (type, count) in outcome.report["stored"]?.object?.members.map({ ($0.key, $0.value) }) ?? [] {
                print("\(type): \(count)")
            }
            print("known already: \(outcome.report["known"] ?? .null)")
            for refusal in outcome.report["refusals"]?.array ?? [] {
                complain("parley: line \(refusal["line"] ?? .null): \(refusal["reason"]?.string ?? "")")
            }
        }
        if outcome.refused > 0 {
            complain("parley: \(outcome.refused) lines were refused")
            throw ExitCode(1)
        }
    }
}

/// The lines of a file, one at a time.
private final class LineReader {
    private let handle: UnsafeMutablePointer<FILE>

    init?(path: String) {
        guard let handle = path == "-" ? fdopen(dup(STDIN_FILENO), "r") : fopen(path, "r") else { return nil }
        self.handle = handle
    }

    deinit { fclose(handle) }

    /// Without its end; of one that is too long for any use as much as shows that.
    func next() -> [UInt8]? {
        var pointer: UnsafeMutablePointer<CChar>?
        var capacity = 0
        let count = getline(&pointer, &capacity, handle)
        defer { free(pointer) }
        guard count >= 0, let pointer else { return nil }
        let bytes = UnsafeRawBufferPointer(start: pointer, count: count)
        return Array(bytes.last == UInt8(ascii: "\n") ? UnsafeRawBufferPointer(rebasing: bytes.dropLast()) : bytes)
    }
}
