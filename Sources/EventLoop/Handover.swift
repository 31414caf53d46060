import CLinux
import Glibc

/// How the listening socket of a gateway that stops comes to the one that replaces it.
///
/// The old one listens on a local socket whose name stands for the address that it serves. The new one, which finds that
/// address taken, asks there:
///
///     new                                   old
///      │── connects ────────────────────────▶│
///      │◀── "serving" ───────────────────────│   it has no intention to go: the address is taken
///      │◀── "stopping" and its descriptor ───│   it goes on accepting
///      │   … starts …                        │
///      │── "ready" ──────────────────────────▶│   it accepts no more; what waits is the new one's
///
/// It is one socket with one queue, so no connection is refused or cut in between; where the new one does not come up, the
/// old one has lost nothing. The name is in the abstract namespace, so it needs no file and its scope is the network
/// namespace, as the port's is. Either side talks to its own user (or root) only.
enum Handover {
    static let serving = Array("parley 1 serving".utf8)
    static let stopping = Array("parley 1 stopping".utf8)
    static let ready = Array("parley 1 ready".utf8)
    /// Bytes that are read of a packet.
    static let packetLength = 64

    static func name(of address: SocketAddress) -> [CChar] {
        let digits = Array("0123456789abcdef".utf8)
        var name = Array("parley-handover-".utf8)
        // Family, port and address; what follows in an IPv6 address is the same for all.
        for byte in address.storage.prefix(address.isIPv4 ? 8 : 24) {
            name.append(digits[Int(byte >> 4)])
            name.append(digits[Int(byte & 15)])
        }
        return name.map { CChar(bitPattern: $0) }
    }

    static func socket(isBlocking: Bool) throws(SystemError) -> Int32 {
        let kind = SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue | (isBlocking ? 0 : SOCK_NONBLOCK.rawValue)
        let descriptor = Glibc.socket(AF_UNIX, Int32(kind), 0)
        guard descriptor >= 0 else { throw SystemError("socket") }
        return descriptor
    }

    /// Whether the other end is the same user, or root.
    static func isTrusted(_ descriptor: Int32) -> Bool {
        let user = parley_peer_user(descriptor)
        return user == 0 || user == Int(geteuid())
    }

    static func send(_ packet: [UInt8], to descriptor: Int32, with passenger: Int32 = -1) -> Bool {
        retrying { packet.withUnsafeBytes { parley_send_packet(descriptor, $0.baseAddress, $0.count, passenger) } }
            == packet.count
    }

    /// The next packet, empty at the end, and the descriptor that came with it; nil for an error.
    static func receive(from descriptor: Int32) -> (packet: [UInt8], passenger: Int32)? {
        var passenger: Int32 = -1
        var packet = [UInt8](repeating: 0, count: packetLength)
        let count = retrying {
            packet.withUnsafeMutableBytes {
                parley_receive_packet(descriptor, $0.baseAddress, $0.count, &passenger)
            }
        }
        guard count >= 0 else { return nil }
        return (Array(packet.prefix(count)), passenger)
    }
}

/// The old gateway's side. Confined to its loop, which keeps it until `close`.
package final class HandoverOffer {
    private let loop: EventLoop
    private let listening: ListeningSocket
    private let name: [CChar]
    private let isStopping: () -> Bool
    private let replaced: () -> Void
    private var isOpen = true
    private var watch: (token: WatchToken, descriptor: Int32)?
    private var retry: TimerToken?
    private var askers: [ObjectIdentifier: Asker] = [:]

    /// Nanoseconds until the name is tried again, while a predecessor still has it.
    private static let retryInterval: UInt64 = 1_000_000_000
    /// Who may ask at a time; others are cut.
    private static let maximumAskers = 4

    /// - Parameters:
    ///   - isStopping: whether the socket is given away.
    ///   - replaced: another has taken it over and is ready; called once at most.
    package init?(
        _ listening: ListeningSocket, on loop: EventLoop, isStopping: @escaping () -> Bool,
        replaced: @escaping () -> Void
    ) {
        guard let address = listening.address else { return nil }
        self.loop = loop
        self.listening = listening
        self.isStopping = isStopping
        self.replaced = replaced
        name = Handover.name(of: address)
        open()
    }

    private func open() {
        guard isOpen, let descriptor = try? Handover.socket(isBlocking: false) else { return }
        guard parley_bind_abstract(descriptor, name, name.count) == 0, listen(descriptor, 16) == 0,
            let token = try? loop.watch(descriptor, .read, self)
        else {
            Glibc.close(descriptor)
            retry = loop.schedule(after: Self.retryInterval) { [weak self] in self?.open() }
            return
        }
        watch = (token, descriptor)
    }

    package func close() {
        isOpen = false
        if let watch {
            loop.unwatch(watch.token)
            Glibc.close(watch.descriptor)
        }
        watch = nil
        if let retry { loop.cancel(retry) }
        retry = nil
        for asker in Array(askers.values) { asker.close() }
    }

    private func answer(_ descriptor: Int32) {
        guard Handover.isTrusted(descriptor), askers.count < Self.maximumAskers else {
            Glibc.close(descriptor)
            return
        }
        guard isStopping() else {
            _ = Handover.send(Handover.serving, to: descriptor)
            Glibc.close(descriptor)
            return
        }
        guard let asker = Asker(descriptor, on: loop, heard: { [weak self] in self?.heard($0, isReady: $1) }) else {
            return
        }
        askers[ObjectIdentifier(asker)] = asker
        if !Handover.send(Handover.stopping, to: descriptor, with: listening.descriptor) { asker.close() }
    }

    private func heard(_ asker: Asker, isReady: Bool) {
        askers[ObjectIdentifier(asker)] = nil
        guard isReady, isOpen else { return }
        close()
        replaced()
    }

    /// Who was given the descriptor, until it is ready or gone.
    private final class Asker: ReadinessHandler {
        private let loop: EventLoop
        private let descriptor: Int32
        private let heard: (Asker, Bool) -> Void
        private var token: WatchToken?

        init?(_ descriptor: Int32, on loop: EventLoop, heard: @escaping (Asker, Bool) -> Void) {
            self.loop = loop
            self.descriptor = descriptor
            self.heard = heard
            do {
                token = try loop.watch(descriptor, .read, self)
            } catch {
                Glibc.close(descriptor)
                return nil
            }
        }

        func ready(_ readiness: Readiness) {
            guard let (packet, passenger) = Handover.receive(from: descriptor) else {
                if errno != EAGAIN { close() }
                return
            }
            if passenger >= 0 { Glibc.close(passenger) }
            end(isReady: packet == Handover.ready)
        }

        func close() { end(isReady: false) }

        private func end(isReady: Bool) {
            guard let token else { return }
            loop.unwatch(token)
            self.token = nil
            Glibc.close(descriptor)
            heard(self, isReady)
        }
    }
}

extension HandoverOffer: ReadinessHandler {
    package func ready(_ readiness: Readiness) {
        guard let watch else { return }
        let descriptor = parley_accept(watch.descriptor, nil, nil)
        if descriptor >= 0 { answer(descriptor) }
    }
}

/// The new gateway's side, before it has a loop. **Blocks**, for a second at most.
package struct HandoverRequest {
    package enum Answer {
        /// Whoever has the address, it is nobody who hands it over.
        case nobody
        /// A gateway has it that does not stop.
        case serving
        case taken(ListeningSocket, Predecessor)
    }

    /// The gateway whose socket was taken over. Goes on accepting until it hears `ready`.
    package struct Predecessor: Sendable {
        let descriptor: Int32

        /// Connections are accepted here from now on.
        package func ready() {
            _ = Handover.send(Handover.ready, to: descriptor)
            Glibc.close(descriptor)
        }

        /// The start came to nothing.
        package func abandon() { Glibc.close(descriptor) }
    }

    /// Asks whoever listens on this address for its socket.
    package static func ask(host: String, port: UInt16) -> Answer {
        guard port != 0, let addresses = try? ListeningSocket.addresses(host: host, port: port) else { return .nobody }
        for address in addresses {
            switch ask(Handover.name(of: address)) {
            case .nobody: continue
            case let answer: return answer
            }
        }
        return .nobody
    }

    private static func ask(_ name: [CChar]) -> Answer {
        guard let descriptor = try? Handover.socket(isBlocking: true) else { return .nobody }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard parley_connect_abstract(descriptor, name, name.count) == 0, Handover.isTrusted(descriptor),
            let (packet, passenger) = Handover.receive(from: descriptor)
        else {
            Glibc.close(descriptor)
            return .nobody
        }
        if packet == Handover.stopping, passenger >= 0, let listening = try? ListeningSocket(adopting: passenger) {
            return .taken(listening, Predecessor(descriptor: descriptor))
        }
        if passenger >= 0 { Glibc.close(passenger) }
        Glibc.close(descriptor)
        return packet == Handover.serving ? .serving : .nobody
    }
}
