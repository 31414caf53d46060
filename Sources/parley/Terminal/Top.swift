import ArgumentParser
import Command
import EventLoop
import Foundation
import Gateway
import HTTP
import HTTPTypes
import JSON

struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Live figures of a gateway: sockets, runs, rates, the slowest writes.",
        discussion: """
            Read from /metrics, which answers this machine, or who brings METRICS_TOKEN. q quits. Not at a terminal it \
            prints one picture and ends.

            Example: parley top --url http://127.0.0.1:8080 --interval 2
            """)

    @OptionGroup var settings: SettingOptions
    @Option(help: "The gateway (default: the one of HTTP_HOST and HTTP_PORT).") var url: String?
    @Option(help: "Seconds between two looks, 1 to 60.") var interval = 2

    func validate() throws {
        guard (1...60).contains(interval) else {
            throw ValidationError("--interval is a number of seconds from 1 to 60")
        }
    }

    func run() async throws {
        let configuration = try await settings.configuration()
        let address = try GatewayAccess.address(url, of: configuration)
        let loop = try EventLoop(label: "parley.top")
        loop.start()
        defer { loop.stop() }
        let (seconds, token) = (UInt64(interval), configuration.metricsToken)
        let problem: String? = await withCheckedContinuation { continuation in
            loop.execute {
                TopScreen(loop, address, token, every: seconds) { continuation.resume(returning: $0) }.start()
            }
        }
        if let problem { throw ExitError(.unavailable, problem) }
    }
}

/// A look at /metrics: the sums over shards.
package struct MetricsLook {
    private var sums: [String: Double] = [:]
    private var series: [(name: String, labels: String, value: Double)] = []

    package init(_ text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
                continue
            }
            let name = line[..<space].prefix { $0 != "{" }
            sums[String(name), default: 0] += value
            series.append((String(name), String(line[..<space].dropFirst(name.count)), value))
        }
    }

    /// Of all series of that name, or of those with that value of a label.
    package func sum(_ name: String, _ value: String? = nil) -> Double {
        guard let value else { return sums[name] ?? 0 }
        return series.reduce(0) { $1.name == name && $1.labels.contains("\"\(value)\"") ? $0 + $1.value : $0 }
    }

    /// The bound under which so many of a histogram's observations since an earlier look were.
    package func quantile(_ name: String, _ part: Double, since earlier: MetricsLook?) -> Double? {
        var buckets: [(bound: Double, count: Double)] = []
        for (other, labels, value) in series where other == name + "_bucket" {
            guard let start = labels.range(of: "le=\"") else { continue }
            let text = labels[start.upperBound...].prefix { $0 != "\"" }
            let bound = Double(text) ?? .infinity
            let before =
                earlier?.series.first { $0.name == other && $0.labels == labels }?.value ?? 0
            if let index = buckets.firstIndex(where: { $0.bound == bound }) {
                buckets[index].count += value - before
            } else {
                buckets.append((bound, value - before))
            }
        }
        buckets.sort { $0.bound < $1.bound }
        guard let total = buckets.last?.count, total > 0 else { return nil }
        return buckets.first { $0.count >= total * part }?.bound
    }
}

private final class TopScreen: HTTPClientReceiver {
    private let loop: EventLoop
    private let client: HTTPClient
    private let url: HTTPURL
    private let token: String
    private let interval: UInt64
    private let terminal = Terminal()
    private var ended: ((String?) -> Void)?
    private var body: [UInt8] = []
    private var status = 0
    private var last: (look: MetricsLook, at: UInt64)?
    /// A look may have so many bytes.
    private static let bodyLimit = 16 << 20

    init(
        _ loop: EventLoop, _ url: HTTPURL, _ token: String, every seconds: UInt64, ended: @escaping (String?) -> Void
    ) {
        self.loop = loop
        self.url = url
        self.token = token
        interval = seconds
        self.ended = ended
        client = GatewayAccess.client(on: loop)
    }

    func start() {
        terminal.begin()
        if terminal.isInteractive {
            let bound = LoopBound(self, on: loop)
            terminal.read { piece in bound.loop.execute { bound.value.typed(piece) } }
        }
        look()
    }

    private func typed(_ bytes: [UInt8]) {
        if bytes.isEmpty || bytes.contains(where: { [0x71, 0x51, 0x03, 0x04].contains($0) }) { return end(nil) }
        terminal.more()
    }

    private func end(_ problem: String?) {
        guard let ended else { return }
        self.ended = nil
        if terminal.isInteractive { terminal.write("\u{1B}[?25h\n") }
        terminal.end()
        client.close()
        ended(problem)
    }

    private func look() {
        guard ended != nil else { return }
        body = []
        status = 0
        let headers = token.isEmpty ? [] : [("Authorization", "Bearer \(token)")]
        client.start(HTTPClientRequest(.get, url.appending(path: "metrics"), headers: headers), self)
    }

    func exchange(_ exchange: HTTPExchange, head: HTTPClientHead) { status = head.status }
    func exchange(_ exchange: HTTPExchange, body: UnsafeRawBufferPointer) {
        self.body.append(contentsOf: body.prefix(Self.bodyLimit - min(self.body.count, Self.bodyLimit)))
    }
    func exchange(_ exchange: HTTPExchange, failed failure: HTTPClientFailure) {
        guard last != nil, terminal.isInteractive else { return end("the gateway can't be reached: \(failure)") }
        terminal.write("\u{1B}[H\u{1B}[2Jthe gateway can't be reached: \(failure)\n")
        again()
    }

    func exchangeEnded(_ exchange: HTTPExchange) {
        guard status == 200 else {
            let hint = [401, 403, 404].contains(status) ? ": METRICS_TOKEN is needed from another machine" : ""
            return end("/metrics answered HTTP \(status)\(hint)")
        }
        let look = MetricsLook(String(decoding: body, as: UTF8.self))
        let now = loop.now
        let text = TopPicture.draw(
            look, since: last?.look, seconds: last.map { Double(now &- $0.at) / 1e9 }, of: "\(url)")
        last = (look, now)
        if terminal.isInteractive {
            terminal.write("\u{1B}[?25l\u{1B}[H\u{1B}[2J" + text + "\nq quits\n")
            again()
        } else {
            terminal.write(text)
            end(nil)
        }
    }

    private func again() {
        _ = loop.schedule(after: interval * 1_000_000_000) { [weak self] in self?.look() }
    }
}
