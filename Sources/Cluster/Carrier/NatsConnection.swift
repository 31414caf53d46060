import CNats
import Dispatch
import EventLoop
import Glibc
import Synchronization

/// Why there is no connection to NATS, in words for the log: never with an address, which may have a password in it.
package struct CarrierError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
}

/// A connection of libnats, which the loop drives: the library has no thread that reads or writes.
///
/// libnats locks what it has and may be called from any thread. It calls back under its lock: from the thread that
/// connects (`attached`), from the loop (while it reads, writes or publishes), and from its own timer's thread (pings, and
/// a connection that is given up because nobody answers them). So the calls back only note what is wanted, and the loop
/// does it at the end of its tick.
///
/// `@unchecked Sendable`: `descriptor` and `handle` are written before the loop is given the connection; all else that
/// changes is used on the loop.
final class NatsConnection: @unchecked Sendable, ReadinessHandler, TickParticipant {
    private let loop: EventLoop
    private var handle: OpaquePointer?
    private var subscription: OpaquePointer?
    private var statistics: OpaquePointer?
    /// Messages of all subscriptions until now.
    private var seen: UInt64 = 0
    /// For each who is written to: where is said that nobody listens there.
    private var nobodies: [ClusterAddress: OpaquePointer] = [:]
    /// Of our own: libnats closes its own before the loop has forgotten it.
    private var descriptor: Int32 = -1
    private var token: WatchToken?
    private var isEnlisted = false
    private var wantsToWrite = false
    private var isOver = false

    /// What libnats calls back, by number: it may still be calling from a thread of its own when the connection has been
    /// destroyed, and the connection may be gone where a loop has ended before it was given it.
    private struct Calls: ~Copyable {
        private struct Entry {
            weak var connection: NatsConnection?
        }
        private static let entries = Mutex<(last: UInt, connections: [UInt: Entry])>((0, [:]))

        /// The address that libnats is given; nothing is there.
        let place: UnsafeMutableRawPointer?
        private let number: UInt

        init(_ connection: NatsConnection) {
            number = Self.entries.withLock { entries in
                entries.last += 1
                entries.connections[entries.last] = Entry(connection: connection)
                return entries.last
            }
            place = UnsafeMutableRawPointer(bitPattern: number)
        }

        deinit {
            let number = number
            Self.entries.withLock { $0.connections[number] = nil }
        }

        static func of(_ place: UnsafeMutableRawPointer) -> NatsConnection? {
            entries.withLock { $0.connections[UInt(bitPattern: place)]?.connection }
        }
    }
    private var calls: Calls?

    private let address: ClusterAddress
    private let cluster: String

    /// On the loop: what came; the bytes are there for the call alone.
    var received: (UnsafeRawBufferPointer) -> Void = { _ in }
    /// On the loop: nobody listens there.
    var nobody: (ClusterAddress) -> Void = { _ in }
    /// On the loop, once: it is over.
    var lost: () -> Void = {}

    /// Messages and bytes that libnats keeps until they are fetched: never more than one read holds.
    private static let pendingMessages: Int32 = 65_536
    private static let pendingBytes: Int32 = 64 << 20

    /// Connects, which takes its time: not on a loop.
    init(_ options: CarrierOptions, as address: ClusterAddress, on loop: EventLoop) throws(CarrierError) {
        self.loop = loop
        self.address = address
        cluster = options.cluster
        do throws(CarrierError) {
            try connect(options)
        } catch {
            destroy()
            throw error
        }
    }

    deinit { destroy() }

    private func connect(_ options: CarrierOptions) throws(CarrierError) {
        var settings: OpaquePointer?
        try check(natsOptions_Create(&settings), "options")
        defer { natsOptions_Destroy(settings) }
        let servers = options.servers.map { strdup($0) }
        defer { for server in servers { free(server) } }
        var list: [UnsafePointer<CChar>?] = servers.map { UnsafePointer($0) }
        try check(natsOptions_SetServers(settings, &list, Int32(list.count)), "servers")
        try check(natsOptions_SetName(settings, "parley \(address.node) \(address.shard)"), "name")
        try check(natsOptions_SetAllowReconnect(settings, false), "reconnect")
        try check(natsOptions_SetTimeout(settings, CarrierOptions.connectMilliseconds), "timeout")
        try check(natsOptions_SetPingInterval(settings, CarrierOptions.pingMilliseconds), "ping interval")
        try check(natsOptions_SetMaxPingsOut(settings, CarrierOptions.pingsWithoutAnswer), "pings")
        try check(natsOptions_SetNoEcho(settings, true), "echo")
        if options.isSecure {
            try check(natsOptions_SetSecure(settings, true), "TLS")
            if let file = options.authorityFile {
                try check(natsOptions_LoadCATrustedCertificates(settings, file), "certificates of authorities")
            }
            if let certificate = options.certificateFile, let key = options.keyFile {
                try check(natsOptions_LoadCertificatesChain(settings, certificate, key), "client certificate")
            }
        }
        if let file = options.credentialsFile {
            try check(natsOptions_SetUserCredentialsFromFiles(settings, file, nil), "credentials file")
        }
        let calls = Calls(self)
        let place = calls.place
        self.calls = consume calls
        let status = natsOptions_SetEventLoop(
            settings, place,
            { data, loop, _, socket in
                data?.pointee = loop
                guard let loop else { return NATS_ERR }
                return Calls.of(loop)?.attached(socket) ?? NATS_ERR
            },
            { data, isWanted in
                if !isWanted, let data { Calls.of(data)?.end() }
                return NATS_OK
            },
            { data, isWanted in
                if let data { Calls.of(data)?.write(isWanted) }
                return NATS_OK
            },
            { data in
                if let data { Calls.of(data)?.end() }
                return NATS_OK
            })
        try check(status, "event loop")
        try check(natsConnection_Connect(&handle, settings), "connecting")
        let room = natsConnection_GetMaxPayload(handle)
        guard room >= Int64(LinkMessage.limit) else {
            throw CarrierError(
                description: "the server's max_payload is \(room) bytes, and \(LinkMessage.limit) are needed")
        }
        subscription = try subscribe(address.subject(in: cluster))
        try check(natsStatistics_Create(&statistics), "statistics")
    }

    private func subscribe(_ subject: String) throws(CarrierError) -> OpaquePointer? {
        var subscription: OpaquePointer?
        try check(natsConnection_SubscribeSync(&subscription, handle, subject), "subscribing")
        natsSubscription_SetPendingLimits(subscription, Self.pendingMessages, Self.pendingBytes)
        return subscription
    }

    private func check(_ status: natsStatus, _ doing: String) throws(CarrierError) {
        guard status != NATS_OK else { return }
        let text = natsStatus_GetText(status).map { String(cString: $0) } ?? "status \(status.rawValue)"
        throw CarrierError(description: "\(doing): \(text)")
    }

    // MARK: Called by libnats

    private func attached(_ socket: Int32) -> natsStatus {
        descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        return descriptor >= 0 ? NATS_OK : NATS_SYS_ERROR
    }

    private func write(_ isWanted: Bool) {
        if loop.isCurrent { want(isWanted) } else { loop.execute { self.want(isWanted) } }
    }

    private func end() {
        loop.execute { self.over() }
    }

    // MARK: On the loop

    /// From now on it is the loop's.
    ///
    /// - Throws: when it is over already, or the kernel has no room for it.
    func begin() throws(CarrierError) {
        guard !isOver else { throw CarrierError(description: "connecting: closed at once") }
        do throws(SystemError) {
            token = try loop.watch(descriptor, .read, self)
        } catch {
            throw CarrierError(description: "\(error)")
        }
        // What was subscribed to is still to be written, and an answer may be there already.
        want(true)
    }

    private func want(_ isWanted: Bool) {
        guard isWanted, !isOver, token != nil, !isEnlisted, !wantsToWrite else { return }
        isEnlisted = true
        loop.atEndOfTick(self)
    }

    /// All that the tick published goes in one write.
    func tickEnded() {
        isEnlisted = false
        flush()
    }

    private func flush() {
        guard let token, !isOver else { return }
        natsConnection_ProcessWriteEvent(handle)
        let isLeft = natsConnection_Buffered(handle) > 0
        guard isLeft != wantsToWrite else { return }
        wantsToWrite = isLeft
        loop.change(token, to: isLeft ? [.read, .write] : .read)
    }

    func ready(_ readiness: Readiness) {
        if readiness.contains(.write) { flush() }
        guard !isOver, !readiness.isDisjoint(with: [.read, .hangup, .error]) else { return }
        natsConnection_ProcessReadEvent(handle)
        fetch()
    }

    private func fetch() {
        var fetched: UInt64 = 0
        while !isOver {
            var message: OpaquePointer?
            let status = natsSubscription_NextMsg(&message, subscription, 0)
            // What was dropped for want of room is a gap, which the link finds.
            if status == NATS_SLOW_CONSUMER { continue }
            guard status == NATS_OK, let message else { break }
            fetched += 1
            received(
                UnsafeRawBufferPointer(start: natsMsg_GetData(message), count: Int(natsMsg_GetDataLength(message))))
            natsMsg_Destroy(message)
        }
        // A server says that there was nobody to one subscription of those that could hear it, and libnats says it without
        // the subject: there is one for each who is written to, and they are looked through only where more came than was
        // fetched.
        guard !isOver else { return }
        let before = seen
        natsConnection_GetStats(handle, statistics)
        natsStatistics_GetCounts(statistics, &seen, nil, nil, nil, nil)
        guard seen &- before != fetched else { return }
        for (address, subscription) in nobodies {
            var isSaid = false
            while Self.saysNobody(subscription) { isSaid = true }
            if isSaid, !isOver { nobody(address) }
        }
    }

    private static func saysNobody(_ subscription: OpaquePointer?) -> Bool {
        var message: OpaquePointer?
        let status = natsSubscription_NextMsg(&message, subscription, 0)
        natsMsg_Destroy(message)
        return status == NATS_NO_RESPONDERS
    }

    /// Bytes that were published and not written yet.
    var buffered: Int { isOver ? 0 : Int(max(natsConnection_Buffered(handle), 0)) }

    /// - Returns: whether it will be written, if the connection holds.
    func publish(_ bytes: UnsafeRawBufferPointer, to other: ClusterAddress) -> Bool {
        guard !isOver else { return false }
        let nobody = other.nobody(of: address, in: cluster)
        if nobodies[other] == nil {
            do throws(CarrierError) {
                nobodies[other] = try subscribe(nobody)
            } catch {
                return false
            }
        }
        return natsConnection_PublishRequest(
            handle, other.subject(in: cluster), nobody, bytes.baseAddress, Int32(bytes.count)) == NATS_OK
    }

    /// It is not written to any more.
    func forget(_ other: ClusterAddress) {
        guard let subscription = nobodies.removeValue(forKey: other) else { return }
        natsSubscription_Unsubscribe(subscription)
        natsSubscription_Destroy(subscription)
    }

    var peers: Int { nobodies.count }

    private func over() {
        guard !isOver else { return }
        leave()
        lost()
    }

    private func leave() {
        isOver = true
        if let token { loop.unwatch(token) }
        token = nil
    }

    /// Ends it; it does not say `lost` any more. `queue` is where libnats may take its time to close.
    func close(on queue: DispatchQueue) {
        lost = {}
        leave()
        queue.async { self.destroy() }
    }

    private func destroy() {
        for subscription in nobodies.values { natsSubscription_Destroy(subscription) }
        nobodies = [:]
        natsSubscription_Destroy(subscription)
        natsStatistics_Destroy(statistics)
        natsConnection_Destroy(handle)
        (subscription, statistics, handle) = (nil, nil, nil)
        calls = nil
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }
}
