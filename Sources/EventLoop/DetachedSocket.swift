import Glibc
import Synchronization

/// A connection between two loops: what `Socket.detach()` gives away and `Socket(attaching:)` takes. Closed when
/// nobody takes it.
///
/// `@unchecked Sendable`: what is in it is used by nobody until it is taken, once, by one loop.
package final class DetachedSocket: @unchecked Sendable {
    struct State {
        var descriptor: Int32
        var tls: TLSLayer?
        /// What was written and the peer has not taken.
        var unsent: [UInt8]
    }

    private let state: State
    private let isTaken = Atomic(false)

    init(descriptor: Int32, tls: TLSLayer?, unsent: [UInt8]) {
        state = State(descriptor: descriptor, tls: tls, unsent: unsent)
    }

    deinit {
        if !isTaken.load(ordering: .acquiring) { close(state.descriptor) }
    }

    func take() -> State? {
        isTaken.exchange(true, ordering: .acquiringAndReleasing) ? nil : state
    }
}
