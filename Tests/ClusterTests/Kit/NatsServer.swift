import Foundation
import Testing

/// A NATS server for a test, in a directory and on a port of its own. Where its program is says
/// `PARLEY_TEST_NATS_SERVER`, which `deploy/test` sets; without it the test fails.
final class NatsServer: @unchecked Sendable {
    struct Failure: Error { var reason: String }

    let directory: URL
    private(set) var port: Int
    private let configuration: String
    private var process: Process?

    /// - Parameters:
    ///   - configuration: what is in its file; `DIRECTORY` stands for the test's directory.
    ///   - files: what the configuration needs, made before it starts.
    init(_ configuration: String = "server_name: test", files: (URL) throws -> Void = { _ in }) throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "parley-nats-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        self.configuration = configuration.replacingOccurrences(of: "DIRECTORY", with: directory.path)
        port = -1
        try files(directory)
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }

    /// On the port that it had, if it had one.
    func start() throws {
        guard let program = ProcessInfo.processInfo.environment["PARLEY_TEST_NATS_SERVER"] else {
            throw Failure(reason: "PARLEY_TEST_NATS_SERVER does not say where nats-server is")
        }
        let file = directory.appending(path: "nats.conf")
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        let ports = directory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: ports, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = [
            "--config", file.path, "--addr", "127.0.0.1", "--port", "\(port)", "--ports_file_dir", ports.path, "--log",
            directory.appending(path: "log").path,
        ]
        try process.run()
        self.process = process
        struct Ports: Decodable { var nats: [String] }
        for _ in 0..<2_000 {
            let names = try FileManager.default.contentsOfDirectory(atPath: ports.path)
            if let name = names.first(where: { $0.hasSuffix(".ports") }),
                let data = try? Data(contentsOf: ports.appending(path: name)),
                let read = try? JSONDecoder().decode(Ports.self, from: data),
                let number = read.nats.first.flatMap({ URL(string: $0)?.port })
            {
                port = number
                return
            }
            guard process.isRunning else { break }
            usleep(5_000)
        }
        kill()
        let log = (try? String(contentsOf: directory.appending(path: "log"), encoding: .utf8)) ?? ""
        throw Failure(reason: "nats-server does not start: \(log)")
    }

    func kill() {
        guard let process else { return }
        signal(SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    func signal(_ number: Int32) {
        if let process { Foundation.kill(process.processIdentifier, number) }
    }
}
