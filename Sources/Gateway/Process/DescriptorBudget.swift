import EventLoop
import Glibc
import HTTP

/// The limit of descriptors of this process.
package enum DescriptorLimit {
    /// Raises the soft limit to the hard one, as far as the system lets us: the soft one is low for programs that use
    /// `select`, which this one does not. To be called before anything else is opened.
    package static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else {
            return
        }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Descriptors that the process may have now.
    static var current: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        return Int(clamping: limit.rlim_cur)
    }
}

/// How the process's descriptors are shared out, so that sockets which fill up leave the database, the assistant and those
/// who ask for health what they need.
package struct DescriptorBudget: Sendable, Equatable {
    /// What else than clients' sockets takes descriptors.
    package struct Needs: Sendable {
        package var shards = 1
        /// Connections to the database at most, with a replica's.
        package var database = 0
        /// Connections to the assistant at most, 0 where it is no other program.
        package var upstream = 0
        package var isEncrypted = false

        package init() {}
    }

    /// Clients' sockets at once; at most what was asked for.
    package let sockets: Int
    /// TLS handshakes at once on a shard, which are no sockets yet.
    package let handshakes: Int
    /// Connections at once on a shard that are told that there is no place.
    package let refusals: Int
    /// What can't be had, for the operator; nil when all can.
    package let shortage: String?

    /// Without so many it does not start: there would be no room for a single user beside what it needs itself.
    package static let minimum = 64
    /// Standard streams, files, keys that are fetched, a schema that is looked at.
    private static let own = 32
    /// A loop's own and its listener's.
    private static let perShard = 6

    /// - Parameters:
    ///   - limit: descriptors that the process may have.
    ///   - wanted: `MAX_SOCKETS`.
    package init(limit: Int, wanted: Int, needs: Needs) {
        let share = needs.isEncrypted ? limit / 8 / max(needs.shards, 1) : 0
        handshakes = max(1, min(HandshakeLimits().concurrent, share))
        refusals = min(HTTPServer.refusalsAtOnce, max(4, limit / 16 / max(needs.shards, 1)))
        let reserved =
            Self.own + needs.shards * (Self.perShard + refusals + (needs.isEncrypted ? handshakes : 0))
            + needs.database + needs.upstream
        // What is reserved is a maximum, and mostly not used: a low limit is not given away for it.
        let kept = min(reserved, limit / 2)
        sockets = max(1, min(wanted, limit - kept))
        if sockets < wanted {
            shortage =
                "MAX_SOCKETS is \(wanted), but the limit of \(limit) open files leaves room for \(sockets): raise the "
                + "hard limit (LimitNOFILE, ulimit -Hn) to \(wanted + reserved)"
        } else if kept < reserved {
            shortage =
                "the limit of \(limit) open files may be too low: the database and the assistant can take up to "
                + "\(reserved) of them"
        } else {
            shortage = nil
        }
    }
}
