import ArgumentParser
import Command
import EventLoop
import Foundation
import Gateway
import Logging
import Postgres
import Store

/// What `deploy/bench store` measures: the store's own interface, without sockets or sessions.
struct StoreBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Measure the store alone, for deploy/bench store.",
        discussion: """
            rate     user messages made durable a second, every conversation sending its next one when the last is
            lone     one message at a time
            history  the newest messages of one conversation after the other
            plan     prints the statement that reads them
            """)

    enum Scenario: String, ExpressibleByArgument { case rate, lone, history, plan }

    @OptionGroup var settings: SettingOptions

    @Argument(help: "rate, lone, history or plan.")
    var scenario: Scenario

    @Option(help: "Conversations, each of a user of its own.")
    var conversations = 1_000

    @Option(help: "Seconds to measure.")
    var seconds = 10.0

    @Option(help: "Seconds before the measurement.")
    var warmUp = 1.0

    @Option(help: "Code points of a message.")
    var length = 100

    @Option(help: "Batches under way at a time.")
    var flights: Int?

    @Option(help: "Rows that must wait for a batch to go beside another.")
    var flightRows: Int?

    @Option(help: "A file with conversations to read, `user id` a line.")
    var list: String?

    func run() async throws {
        if scenario == .plan {
            print(Statements.all.first { $0.name == "messages_before" }?.sql ?? "")
            return
        }
        let configuration = try await settings.configuration()
        guard !configuration.databaseURL.isEmpty else { throw ExitError(.configuration, "DATABASE_URL is not set") }
        var plan = StoreLoad.Plan()
        plan.databaseURL = configuration.databaseURL
        plan.messagesPerConversation = 1_000_000
        plan.conversations = scenario == .lone ? 1 : conversations
        plan.length = length
        plan.flights = flights
        plan.flightRows = flightRows
        if let list { plan.reads = try Self.read(list) }
        let shards = scenario == .rate ? configuration.shards : 1
        let results = try await StoreLoad.measure(
            plan, shards: shards, warmUp: warmUp, seconds: seconds, reads: scenario == .history)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        print(String(decoding: try encoder.encode(results), as: UTF8.self))
    }

    private static func read(_ path: String) throws -> [StoreLoad.Read] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ExitError(.usage, "\(path) can't be read")
        }
        return try text.split(whereSeparator: \.isNewline).map { line in
            guard let read = StoreLoad.Read(line) else { throw ExitError(.usage, "\(path): not `user id`: \(line)") }
            return read
        }
    }
}
