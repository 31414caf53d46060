import EventLoop
import HTTP

/// One answer; of its body nothing is kept.
final class StatusReply: HTTPClientReceiver {
    enum Answer {
        case status(Int, retryAfter: Int64?)
        case failure(HTTPClientFailure)
    }

    private let done: (Answer) -> Void
    private var head: Answer?

    init(_ done: @escaping (Answer) -> Void) {
        self.done = done
    }

    func exchange(_ exchange: HTTPExchange, head: HTTPClientHead) {
        let now = Int(wallClockMicroseconds() / 1_000_000)
        let seconds = head.headers["retry-after"].flatMap { text in
            Int(text).flatMap { $0 >= 0 ? $0 : nil } ?? HTTPDate.seconds(text).map { max($0 - now, 0) }
        }
        self.head = .status(head.status, retryAfter: seconds.map { Int64(min($0, 86_400)) * 1_000 })
    }

    func exchange(_ exchange: HTTPExchange, body: UnsafeRawBufferPointer) {}

    func exchangeEnded(_ exchange: HTTPExchange) {
        done(head ?? .failure(.truncated))
    }

    /// Who has answered has answered, also where the rest of it is too long or does not come.
    func exchange(_ exchange: HTTPExchange, failed failure: HTTPClientFailure) {
        done(head ?? .failure(failure))
    }
}
