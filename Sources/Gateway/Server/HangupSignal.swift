import Dispatch
import Glibc

/// Calls back at every SIGHUP until it is cancelled: the sign for daemons to read their files again.
///
/// `@unchecked Sendable`: the source is made once and only cancelled afterwards, which Dispatch allows from any thread.
final class HangupSignal: @unchecked Sendable {
    private let source: any DispatchSourceSignal

    init(_ action: @escaping @Sendable () -> Void) {
        // A dispatch source sees the signal only where its default, the end of the process, is off.
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler(handler: action)
        source.activate()
        self.source = source
    }

    func cancel() {
        source.cancel()
    }
}
