import JSON
import Chat
import Foundation
import Glibc
package import Logging

/// Log lines on standard error, each written at once: as text for people, or as one JSON object a line for machines.
///
/// The members of a JSON line are `time`, `level`, `message` and the metadata by name (`user`, `session`, `run`,
/// `thread`, `request`…). Control characters are escaped in both forms, so that nobody can forge a line.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let format: GatewayConfiguration.LogFormat
    private let write: @Sendable ([UInt8]) -> Void

    /// Bytes of one value; longer ones are cut.
    private static let valueLength = 4_096

    package init(
        format: GatewayConfiguration.LogFormat, level: Logger.Level,
        write: @escaping @Sendable ([UInt8]) -> Void = Self.standardError
    ) {
        self.format = format
        self.write = write
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let more = event.metadata { all.merge(more) { $1 } }
        let time = Timestamp.rfc3339(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        var line: [UInt8] = []
        switch format {
        case .json:
            line.append(#"{"time":"#)
            line.append(jsonString: time)
            line.append(#","level":"#)
            line.append(jsonString: event.level.rawValue)
            line.append(#","message":"#)
            line.append(jsonString: Self.cut("\(event.message)"))
            for (key, value) in all.sorted(by: { $0.key < $1.key }) {
                line.append(",")
                line.append(jsonString: ["time", "level", "message"].contains(key) ? "_" + key : key)
                line.append(":")
                line.append(jsonString: Self.cut("\(value)"))
            }
            line.append("}")
        case .text:
            line.append(contentsOf: "\(time) \(event.level.rawValue) \(Self.plain("\(event.message)"))".utf8)
            for (key, value) in all.sorted(by: { $0.key < $1.key }) {
                line.append(contentsOf: " \(key)=\(Self.plain("\(value)"))".utf8)
            }
        }
        line.append("\n")
        write(line)
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count <= valueLength ? text : String(text.prefix(valueLength / 4)) + "…"
    }

    private static func plain(_ text: String) -> String {
        let text = cut(text)
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return text }
        return String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) })
    }

    /// One call for the whole line, so that lines of several threads do not mix.
    package static let standardError: @Sendable ([UInt8]) -> Void = { line in
        line.withUnsafeBytes { bytes in
            // What a full pipe does not take at once is tried again; a closed one is nobody's business any more.
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno != EINTR { return }
                rest = rest.dropFirst(max(count, 0))
            }
        }
    }
}
