import COpenSSL
import Synchronization

/// The keys under which sessions are handed to clients to be taken up again (RFC 5077, RFC 8446 section 4.6.1). The
/// server keeps no session, so that any loop can take up what another has handed out, and memory does not grow with
/// the number of clients.
///
/// A key seals for `period` and opens for as long again; then it is forgotten, so that a stolen one opens nothing
/// older. Keys live in this process only: after a restart clients shake hands in full, once.
package final class TicketKeys: Sendable {
    package struct Key: Sendable {
        package var name: [UInt8]
        package var cipher: [UInt8]
        var authentication: [UInt8]
        var since: UInt64
    }

    package enum Opening {
        case current(Key)
        /// Still good, but the client should be given a new ticket.
        case previous(Key)
    }

    /// 12 hours: half of the time that a session may be taken up.
    package static let period: UInt64 = 12 * 3_600 * 1_000_000_000
    static let nameCount = 16

    private struct State {
        var current: Key?
        var previous: Key?
    }

    private let state = Mutex(State())
    private let period: UInt64
    private let clock: @Sendable () -> UInt64

    package init(
        period: UInt64 = TicketKeys.period, clock: @escaping @Sendable () -> UInt64 = { monotonicNanoseconds() }
    ) {
        self.period = period
        self.clock = clock
    }

    /// The key to seal with; nil when there is no randomness.
    package func sealing() -> Key? {
        let now = clock()
        return state.withLock { state in
            rotate(&state, now)
            if state.current == nil { state.current = Self.makeKey(now) }
            return state.current
        }
    }

    /// The key of that name, if it is still good.
    package func opening(_ name: UnsafeBufferPointer<UInt8>) -> Opening? {
        let now = clock()
        return state.withLock { state in
            rotate(&state, now)
            if let key = state.current, key.name.elementsEqual(name) { return .current(key) }
            if let key = state.previous, key.name.elementsEqual(name) { return .previous(key) }
            return nil
        }
    }

    private func rotate(_ state: inout State, _ now: UInt64) {
        if let key = state.current, now &- key.since >= period {
            state.previous = key
            state.current = nil
        }
        if let key = state.previous, now &- key.since >= 2 * period { state.previous = nil }
    }

    private static func makeKey(_ now: UInt64) -> Key? {
        var bytes = [UInt8](repeating: 0, count: nameCount + 64)
        guard RAND_bytes(&bytes, Int32(bytes.count)) == 1 else { return nil }
        return Key(
            name: Array(bytes[..<nameCount]), cipher: Array(bytes[nameCount..<(nameCount + 32)]),
            authentication: Array(bytes[(nameCount + 32)...]), since: now)
    }

    // MARK: OpenSSL's side

    /// Seals or opens a ticket: AES-256-CBC and HMAC-SHA256, as RFC 5077 section 4 recommends. The context knows the
    /// keys by `SSL_CTX` extra data.
    static let callback:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?, OpaquePointer?,
            Int32
        ) -> Int32 = { ssl, name, vector, cipher, mac, isSealing in
            guard let ssl, let name, let vector, let shared = TLSServerContext.shared(of: ssl) else { return -1 }
            let keys = shared.ticketKeys
            if isSealing == 1 {
                // Without a key there is no ticket, and the connection goes on.
                guard let key = keys.sealing(), RAND_bytes(vector, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1
                else { return 0 }
                for index in key.name.indices { name[index] = key.name[index] }
                guard EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipher, vector) == 1, use(key, mac) else {
                    return -1
                }
                return 1
            }
            let opening = keys.opening(UnsafeBufferPointer(start: name, count: nameCount))
            let (key, isCurrent): (Key, Bool)
            switch opening {
            case .current(let found): (key, isCurrent) = (found, true)
            case .previous(let found): (key, isCurrent) = (found, false)
            case nil: return 0
            }
            guard use(key, mac), EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipher, vector) == 1 else {
                return -1
            }
            return isCurrent ? 1 : 2
        }

    private static func use(_ key: Key, _ mac: OpaquePointer?) -> Bool {
        var key = key.authentication
        var digest = Array("SHA256".utf8CString)
        // A parameter holds pointers to its name and value: all must be there until they have been read.
        return OSSL_MAC_PARAM_KEY.withCString { keyName in
            OSSL_MAC_PARAM_DIGEST.withCString { digestName in
                key.withUnsafeMutableBytes { key in
                    digest.withUnsafeMutableBufferPointer { digest in
                        var parameters = [
                            OSSL_PARAM_construct_octet_string(keyName, key.baseAddress, key.count),
                            OSSL_PARAM_construct_utf8_string(digestName, digest.baseAddress, 0),
                            OSSL_PARAM_construct_end(),
                        ]
                        return EVP_MAC_CTX_set_params(mac, &parameters) == 1
                    }
                }
            }
        }
    }
}
