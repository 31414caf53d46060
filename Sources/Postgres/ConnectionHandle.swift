import CLibPQ
import Dispatch
import EventLoop
import Glibc

/// Owner of one libpq connection; closes it when it goes.
///
/// libpq's contract (documentation, "Behavior in Threaded Programs"): the library is thread-safe when built so, but "no
/// two threads attempt to manipulate the same PGconn object at the same time". It may be made on one thread and used on
/// another.
///
/// `@unchecked Sendable`: there is one owner at a time. The background queue makes the handle and passes it on whole;
/// from then on only the loop touches it. The last reference may be dropped anywhere, when no other is left.
final class ConnectionHandle: @unchecked Sendable {
    private(set) var pointer: OpaquePointer?

    private init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        close()
    }

    func close() {
        if let pointer { PQfinish(pointer) }
        pointer = nil
    }

    /// The host as the connection string names it, and the port.
    var host: String { Self.text(pointer.flatMap { PQhost($0) }) }
    var port: String { Self.text(pointer.flatMap { PQport($0) }) }

    /// Tells servers apart, also those behind one name.
    var server: String { "\(host) \(Self.text(pointer.flatMap { PQhostaddr($0) })) \(port)" }

    /// What the server said of its database at the start; `nil` where a pooler did not pass it on.
    var encoding: String? {
        pointer.flatMap { PQparameterStatus($0, "server_encoding") }.map { String(cString: $0) }
    }

    private static func text(_ string: UnsafeMutablePointer<CChar>?) -> String {
        string.map { String(cString: $0) } ?? ""
    }

    /// Connects, waiting as long as `connect_timeout` allows for each host. Name resolution, TLS and authentication
    /// block: never called on a loop.
    static func connect(_ settings: PostgresSettings) -> Result<ConnectionHandle, PostgresError> {
        let pairs = settings.keywords
        let keywords = pairs.map { strdup($0.0) } + [nil]
        let values = pairs.map { strdup($0.1) } + [nil]
        defer {
            for string in keywords + values { free(string) }
        }
        let connection = PQconnectdbParams(
            keywords.map { UnsafePointer($0) }, values.map { UnsafePointer($0) }, 1)
        guard let connection else {
            return .failure(PostgresError(kind: .connection, message: "out of memory"))
        }
        let handle = ConnectionHandle(connection)
        guard PQstatus(connection) == CONNECTION_OK else {
            return .failure(PostgresError(kind: .connection, message: lastMessage(of: connection)))
        }
        settings.hosts.answered(host: handle.host, port: handle.port)
        // The default processor writes notices to stderr.
        _ = PQsetNoticeReceiver(connection, { _, _ in }, nil)
        return .success(handle)
    }

    /// Connects on a background queue and hands the outcome over on the loop.
    static func connect(
        _ settings: PostgresSettings, on loop: EventLoop,
        completion: LoopBound<(Result<ConnectionHandle, PostgresError>) -> Void>
    ) {
        queue.async {
            let outcome = connect(settings)
            loop.execute { completion.value(outcome) }
        }
    }

    /// libpq's last message as one line.
    static func lastMessage(of connection: OpaquePointer) -> String {
        oneLine(PQerrorMessage(connection))
    }

    static func oneLine(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "" }
        let lines = String(cString: text).split(whereSeparator: \.isNewline)
        return lines.map { line in
            var line = line
            while let first = line.first, first.isWhitespace { line.removeFirst() }
            while let last = line.last, last.isWhitespace { line.removeLast() }
            return String(line)
        }.joined(separator: "; ")
    }

    private static let queue = DispatchQueue(label: "parley.postgres.connect", attributes: .concurrent)
}
