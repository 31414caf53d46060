/// Where a shard of a gateway is spoken to: `parley.<cluster>.<node>.<shard>`.
///
/// A node's name has characters that mean something in a subject of NATS; all but letters, digits, `-` and `_` are written
/// as `=` and two hexadecimal digits a byte.
package struct ClusterAddress: Sendable, Hashable {
    package let node: String
    package let shard: UInt16

    package init(node: String, shard: UInt16) {
        self.node = node
        self.shard = shard
    }

    /// Bytes of a cluster's name.
    package static let clusterLimit = 64

    /// Whether a cluster may have this name: letters, digits, `-` and `_`, so that it is one token of a subject.
    package static func isCluster(_ name: String) -> Bool {
        (1...clusterLimit).contains(name.utf8.count) && name.utf8.allSatisfy(isPlain)
    }

    package func subject(in cluster: String) -> String { "parley.\(cluster).\(token)" }

    /// Where is said that nobody listens at `self`, to whoever listens at `sender`.
    func nobody(of sender: ClusterAddress, in cluster: String) -> String {
        "\(sender.subject(in: cluster)).nobody.\(token)"
    }

    private var token: String {
        var token: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in node.utf8 {
            if Self.isPlain(byte) {
                token.append(byte)
            } else {
                token += [UInt8(ascii: "="), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        // An empty token is none.
        return (token.isEmpty ? "=" : String(decoding: token, as: UTF8.self)) + ".\(shard)"
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
