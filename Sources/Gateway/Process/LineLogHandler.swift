import JSON
import Chat
import Foundation
package import Logging

/// Log lines: as text for people, or as one JSON object a line for machines.
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
        write: @escaping @Sendable ([UInt8]) -> Void
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
        write(Self.line(format, event.level, "\(event.message)", all))
    }

    /// One line with its end, as of now.
    package static func line(
        _ format: GatewayConfiguration.LogFormat, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata
    ) -> [UInt8] {
        let time = Timestamp.rfc3339(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        var line: [UInt8] = []
        switch format {
        case .json:
            line.append(#"{"time":"#)
            line.append(jsonString: time)
            line.append(#","level":"#)
            line.append(jsonString: level.rawValue)
            line.append(#","message":"#)
            line.append(jsonString: cut(message))
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
                line.append(",")
                line.append(jsonString: ["time", "level", "message"].contains(key) ? "_" + key : key)
                line.append(":")
                line.append(jsonString: cut("\(value)"))
            }
            line.append("}")
        case .text:
            line.append(contentsOf: "\(time) \(level.rawValue) \(plain(message))".utf8)
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
                line.append(contentsOf: " \(key)=\(plain("\(value)"))".utf8)
            }
        }
        line.append("\n")
        return line
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count <= valueLength ? text : String(text.prefix(valueLength / 4)) + "…"
    }

    private static func plain(_ text: String) -> String {
        let text = cut(text)
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return text }
        return String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) })
    }
}
