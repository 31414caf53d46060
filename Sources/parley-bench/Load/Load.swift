import ArgumentParser
import Command
import Dispatch
import EventLoop
import Foundation
import Gateway

struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put load on a gateway, check what it says, and measure.",
        discussion: """
            idle       sockets that only stay
            turns      one turn after the other on every socket, or --rate turns a second of all together
            paced      long streams, of --stream-tokens deltas --pace milliseconds apart (needs AGENT=scripted)
            reconnect  streams, while a --share of the sockets is cut each second and resumes
            storm      --streams streams, then all sockets cut at once
            mixed      idle sockets, streams, a turn now and then, and sockets being cut

            A socket whose server restarts (draining, 1012) comes back when it was asked to, and goes on.
            Ends with exit code 1 when the server broke the protocol or a turn did not end. What it stored stays: the
            users load-0, load-1 … with their conversations and tasks.

            Example: AUTH_JWT_SECRET=… parley-bench load turns --sockets 100 --seconds 10
            """)

    @OptionGroup var settings: SettingOptions

    @Argument(help: "idle, turns, paced, reconnect, storm or mixed.")
    var scenario: String = "turns"

    @Option(help: "Where to (default: HTTP_HOST and HTTP_PORT).")
    var url: String?

    @Option(help: "Sockets to open.")
    var sockets = 100

    @Option(help: "Users that they belong to (default: one for each socket).")
    var users: Int?

    @Option(help: "A file with tokens, one a line, instead of ones signed with AUTH_JWT_SECRET.")
    var tokens: String?

    @Option(help: "New sockets a second, 0: as fast as possible.")
    var connectRate = 0

    @Option(help: "Seconds to measure.")
    var seconds: Double?

    @Option(help: "Turns to measure, instead of a time.")
    var turns: Int?

    @Option(help: "Seconds under load before the measurement.")
    var warmUp = 1.0

    @Option(help: "Turns a second of all sockets together, whether or not the last ones have ended.")
    var rate: Double?

    @Option(help: "What a turn says.")
    var content = "Add a task to buy groceries tomorrow"

    @Option(name: .customLong("stream-tokens"), help: "Deltas of a stream; with --peer those of a turn.")
    var streamTokens: Int?

    @Option(help: "Milliseconds between the deltas of a stream.")
    var pace = 20

    @Option(help: "Part of the sockets that is cut each second.")
    var share = 0.05

    @Option(help: "Streams under way in a storm.")
    var streams = 500

    @Option(help: "Turns of a conversation, then another is begun.")
    var turnsPerThread = 200

    @Option(help: "Stored replies to compare with what was streamed.")
    var verify = 100

    @Option(name: .customLong("watch"), help: "NAME=PID: measure that process's CPU time and memory too (repeatable).")
    var watched: [String] = []

    @Option(help: "Write the outcome to this file.")
    var json: String?

    @Flag(help: "Offer permessage-deflate.")
    var deflate = false

    @Flag(help: "The other end is a bare server for comparison: {\"content\":…}, token frames, RUN_FINISHED.")
    var peer = false

    @Flag(help: "Allow a target that is not this machine's loopback. It must be yours.")
    var yesRemote = false

    /// How long the signed tokens live, in seconds.
    private static let tokenLifetime = 86_400.0
    private static let measuredSeconds = 10.0

    func validate() throws {
        guard LoadPlan.Scenario(rawValue: scenario) != nil else {
            let known = LoadPlan.Scenario.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no scenario \"\(scenario)\": \(known)")
        }
        func check(_ holds: Bool, _ message: String) throws {
            if !holds { throw ValidationError(message) }
        }
        try check((1...200_000).contains(sockets), "--sockets is 1 to 200 000")
        try check(users.map { (1...sockets).contains($0) } ?? true, "--users is 1 to the number of sockets")
        try check((0...1_000_000).contains(connectRate), "--connect-rate is 0 to 1 000 000")
        try check(seconds.map { $0 > 0 && $0 <= 86_400 } ?? true, "--seconds is more than 0, and a day at most")
        try check(turns.map { $0 > 0 } ?? true, "--turns is 1 or more")
        try check(turns == nil || seconds == nil, "--turns and --seconds exclude each other")
        try check(warmUp >= 0 && warmUp <= 3_600, "--warm-up is 0 to 3600")
        try check(rate.map { $0 > 0 && $0 <= 1_000_000 } ?? true, "--rate is more than 0")
        try check(rate == nil || scenario == "turns", "--rate is for turns")
        try check(streamTokens.map { (1...40_000).contains($0) } ?? true, "--stream-tokens is 1 to 40 000")
        try check((0...60_000).contains(pace), "--pace is 0 to 60 000")
        try check((0...1).contains(share), "--share is 0 to 1")
        try check(streams >= 0, "--streams is 0 or more")
        try check((1...100_000).contains(turnsPerThread), "--turns-per-thread is 1 to 100 000")
        try check((0...100_000).contains(verify), "--verify is 0 to 100 000")
        try check(!peer || ["idle", "turns", "paced"].contains(scenario), "--peer goes with idle, turns and paced")
        for process in watched {
            try check(Self.process(process) != nil, "--watch takes NAME=PID, not \"\(process)\"")
        }
    }

    func run() async throws {
        let configuration = try await settings.configuration()
        let target: LoadTarget
        do {
            target = try LoadTarget(url ?? "ws://\(configuration.host):\(configuration.port)/ws")
        } catch {
            throw ExitError(.usage, error.description)
        }
        guard target.isLoopback || yesRemote else {
            throw ExitError(
                .usage,
                "\(target.host) is not this machine: load goes to loopback only, unless --yes-remote says that it is yours"
            )
        }
        try Self.raiseDescriptorLimit(for: sockets)
        let outcome = try await Self.perform(plan(target, tokens: signedTokens(configuration)))
        guard outcome.opened > 0 else {
            let reasons = outcome.measures.errors.keys.sorted().joined(separator: ", ")
            let advice =
                reasons.contains("401")
                ? " (\(tokens == nil ? "AUTH_JWT_SECRET must be the gateway's own" : "it does not know these --tokens"))"
                : ""
            throw ExitError(.unavailable, "no socket could be opened at \(target.authority): \(reasons)\(advice)")
        }
        let report = LoadReport(outcome)
        print(report.table)
        if let remark = report.remark { complain("parley-bench: \(remark)") }
        if let json {
            do {
                try report.json.write(to: URL(fileURLWithPath: json))
            } catch {
                throw ExitError(.software, "\(json) can't be written: \(error.localizedDescription)")
            }
        }
        if !outcome.isClean { throw ExitCode(1) }
    }

    private func plan(_ target: LoadTarget, tokens: [String]) -> LoadPlan {
        let scenario = LoadPlan.Scenario(rawValue: scenario) ?? .turns
        return LoadPlan(
            scenario: scenario, dialect: peer ? .peer : .parley, target: target, tokens: tokens, sockets: sockets,
            connectRate: connectRate,
            duration: turns == nil ? UInt64((seconds ?? Self.measuredSeconds) * 1e9) : nil, turns: turns,
            warmUp: UInt64(warmUp * 1e9), rate: rate, content: content,
            streamTokens: streamTokens ?? (peer && scenario == .turns ? 20 : 200), pace: pace, share: share,
            streams: min(streams, sockets), turnsPerThread: turnsPerThread, offersDeflate: deflate, verified: verify,
            watched: watched.compactMap(Self.process))
    }

    private func signedTokens(_ configuration: GatewayConfiguration) async throws -> [String] {
        if peer { return [] }
        if let tokens {
            guard let file = FileManager.default.contents(atPath: tokens) else {
                throw ExitError(.usage, "\(tokens) can't be read")
            }
            let lines = String(decoding: file, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
            guard !lines.isEmpty else { throw ExitError(.usage, "\(tokens) has no tokens") }
            return lines
        }
        guard !configuration.jwtSecret.isEmpty else {
            throw ExitError(.configuration, "AUTH_JWT_SECRET is not set, and there are no --tokens")
        }
        let signer = TokenSigner(secret: configuration.jwtSecret)
        var signed: [String] = []
        for number in 0..<(users ?? sockets) {
            signed.append(
                try await signer.sign(
                    userID: "load-\(number)", role: nil, issuer: configuration.issuer,
                    audience: configuration.audience, now: Date().timeIntervalSince1970,
                    lifetime: Self.tokenLifetime
                ).token)
        }
        return signed
    }

    /// Runs the plan on a loop of its own. Ctrl-C ends it early, with a report; a second one at once.
    private static func perform(_ plan: LoadPlan) async throws -> LoadOutcome {
        let loop: EventLoop
        do {
            loop = try EventLoop(label: "parley.load")
        } catch {
            throw ExitError(.software, error.description)
        }
        loop.start()
        let run = await withCheckedContinuation { continuation in
            loop.execute {
                continuation.resume(
                    returning: LoopBound(LoadRun(plan, on: loop, showsLiveLine: isatty(2) == 1), on: loop))
            }
        }
        signal(SIGINT, SIG_IGN)
        let interrupts = DispatchSource.makeSignalSource(signal: SIGINT)
        interrupts.setEventHandler { loop.execute { run.value.interrupt() } }
        interrupts.resume()
        let outcome = await withCheckedContinuation { continuation in
            loop.execute { run.value.begin { continuation.resume(returning: $0) } }
        }
        interrupts.cancel()
        loop.stop()
        return outcome
    }

    private static func process(_ text: String) -> LoadPlan.WatchedProcess? {
        guard let equals = text.lastIndex(of: "="), let pid = Int32(text[text.index(after: equals)...]), pid > 0 else {
            return nil
        }
        return LoadPlan.WatchedProcess(name: String(text[..<equals]), pid: pid)
    }

    /// Sockets are descriptors, and the usual limit is 1024.
    private static func raiseDescriptorLimit(for sockets: Int) throws(ExitError) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let wanted = rlim_t(sockets + 64)
        if limit.rlim_cur < wanted {
            guard limit.rlim_max >= wanted else {
                throw ExitError(
                    .usage, "\(sockets) sockets need \(wanted) descriptors, and the hard limit is \(limit.rlim_max)")
            }
            limit.rlim_cur = wanted
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
    }
}
