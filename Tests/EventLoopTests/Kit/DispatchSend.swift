import Dispatch
import Glibc

enum DispatchSend {
    /// Sends so many bytes from a thread of its own, as far as the other side takes them.
    static func background(_ descriptor: Int32, count: Int) {
        DispatchQueue.global().async {
            let bytes = [UInt8](repeating: 120, count: count)
            var sent = 0
            while sent < count {
                let part = bytes.withUnsafeBytes {
                    send(descriptor, $0.baseAddress.map { $0 + sent }, count - sent, Int32(MSG_NOSIGNAL))
                }
                if part <= 0 { return }
                sent += part
            }
        }
    }
}
