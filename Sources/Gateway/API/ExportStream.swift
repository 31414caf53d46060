import Chat
import HTTP
import HTTPTypes
import Store

/// The answer to an export: a piece is read when the client has taken the one before, so that what is held of it is one
/// piece, however much is stored and however slowly it is fetched.
final class ExportStream {
    static let mediaType = "application/jsonl"
    /// Bytes of one write, well below what a socket takes at once.
    private static let pieceBytes = 64 << 10

    private let call: APICall
    private let export: UserExport
    private var stream: HTTPResponseStream?
    private var piece: [UInt8] = []
    private var sent = 0
    private var isReading = false
    private var isBlocked = false

    private init(_ call: APICall) {
        self.call = call
        export = call.store.export(userID: call.userID)
    }

    /// Keeps itself until the client has it all, or has gone.
    static func start(_ call: APICall) {
        if call.request.method == .head {
            call.responder.beginStream(head)?.end()
        } else {
            ExportStream(call).read()
        }
    }

    private static let head: HTTPResponse = {
        var head = HTTPResponse(
            status: .ok, headerFields: [.contentType: mediaType, .cacheControl: "no-store, no-transform"])
        head.headerFields[.contentDisposition] = "attachment; filename=\"parley-export.jsonl\""
        return head
    }()

    private func read() {
        isReading = true
        export.next { [self] result in
            isReading = false
            switch result {
            case .success(let bytes?): take(bytes)
            case .success(nil):
                stream?.end()
                stream = nil
            case .failure(let error):
                // Once begun it can only be cut, and lacks its last line.
                if stream == nil { call.fail(APIFailure(error)) }
                stream = nil
            }
        }
    }

    private func take(_ bytes: [UInt8]) {
        if stream == nil {
            guard let begun = call.responder.beginStream(Self.head) else { return }
            stream = begun
            // The stream's actions keep this alive while it is open, and are let go with it.
            begun.onDrained {
                self.isBlocked = false
                self.write()
            }
            begun.onClosed { self.stream = nil }
        }
        piece = bytes
        sent = 0
        write()
    }

    private func write() {
        guard let stream, !isReading else { return }
        while !isBlocked, sent < piece.count {
            let end = min(sent + Self.pieceBytes, piece.count)
            let outcome = piece.withUnsafeBytes { stream.write(UnsafeRawBufferPointer(rebasing: $0[sent..<end])) }
            if outcome != .refused { sent = end }
            if outcome != .taken { isBlocked = true }
        }
        if sent == piece.count, !isBlocked { read() }
    }
}
