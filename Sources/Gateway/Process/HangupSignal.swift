import Dispatch
import Glibc
import Synchronization

/// SIGHUP, the sign for daemons to read their files again: heard from the moment that this is made, passed on to whoever
/// has something to read, until it is cancelled.
///
/// `@unchecked Sendable`: the source is made once and only cancelled afterwards, which Dispatch allows from any thread.
final class HangupSignal: @unchecked Sendable {
    private struct State {
        var actions: [@Sendable () -> Void] = []
        var wasHeard = false
    }

    private let state: Box
    private let source: any DispatchSourceSignal

    private final class Box: Sendable {
        let value = Mutex(State())
    }

    init() {
        // A dispatch source sees the signal only where its default, the end of the process, is off.
        signal(SIGHUP, SIG_IGN)
        let state = Box()
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler {
            let actions = state.value.withLock { state in
                state.wasHeard = true
                return state.actions
            }
            for action in actions { action() }
        }
        source.activate()
        self.state = state
        self.source = source
    }

    /// Calls back at every signal; at once, if one came before: what was read until then may be old.
    func observe(_ action: @escaping @Sendable () -> Void) {
        let wasHeard = state.value.withLock { state in
            state.actions.append(action)
            return state.wasHeard
        }
        if wasHeard { action() }
    }

    var isObserved: Bool { state.value.withLock { !$0.actions.isEmpty } }

    func cancel() {
        source.cancel()
    }
}
