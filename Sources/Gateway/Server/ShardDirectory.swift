import EventLoop
import HTTP
import Synchronization
import WebSocket

/// All shards of the process, and which of them a user belongs to. Filled once at the start, before anyone asks.
final class ShardDirectory: Sendable {
    private let shards = Mutex<[LoopBound<Shard>]>([])
    /// Who gets a connection, on whichever shard.
    let limiter: ConnectionLimiter
    /// The same for those who come through a trusted proxy, whose own address stands for many.
    let forwarded: ConnectionLimiter
    /// How handshakes are answered.
    let handshake: Handshake.Options
    /// What the sockets may take of the process's descriptors.
    let budget: DescriptorBudget

    init(_ configuration: GatewayConfiguration, _ budget: DescriptorBudget) {
        self.budget = budget
        let trusted = configuration.trustedProxies
        limiter = ConnectionLimiter(
            total: budget.sockets, perAddress: configuration.maximumSocketsPerAddress,
            isExempt: { address in
                trusted.contains { $0.contains(IPAddress(high: address.high, low: address.low)) }
            })
        forwarded = ConnectionLimiter(total: .max, perAddress: configuration.maximumSocketsPerAddress)
        handshake = Handshake.Options(
            subprotocols: ["parley.v1"], deflate: configuration.deflate.policy(configuration.deflate.makeBudget()))
    }

    func fill(_ all: [LoopBound<Shard>]) {
        shards.withLock { $0 = all }
    }

    var all: [LoopBound<Shard>] { shards.withLock { $0 } }

    /// The same shard for the same user as long as the process lives: FNV-1a over the id's bytes.
    func home(of userID: String) -> LoopBound<Shard>? {
        shards.withLock { $0.isEmpty ? nil : $0[Self.home(of: userID, among: $0.count)] }
    }

    static func home(of userID: String, among shards: Int) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in userID.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(hash % UInt64(max(shards, 1)))
    }
}
