import Dispatch
import Glibc
import Synchronization

/// The terminal that a command is used at; or pipes in its place, where nothing is edited and nothing coloured.
final class Terminal: Sendable {
    let isInteractive: Bool
    let hasColours: Bool
    private let before: termios
    private let isBroken = Atomic(false)
    /// Given back by `more()`: what is read waits until what was read before is taken.
    private let taken = DispatchSemaphore(value: 0)
    private static let endings = [SIGTERM, SIGHUP]
    private let signals = Mutex<[any DispatchSourceSignal]>([])

    init() {
        isInteractive = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
        // https://no-color.org
        let refused = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        let isDumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
        hasColours = isatty(STDOUT_FILENO) == 1 && !refused && !isDumb
        var attributes = termios()
        tcgetattr(STDIN_FILENO, &attributes)
        before = attributes
    }

    /// Keys come one by one and are not shown by the terminal; Ctrl-C is a key.
    func begin() {
        guard isInteractive else { return }
        var attributes = before
        attributes.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
        attributes.c_iflag &= ~tcflag_t(IXON | ICRNL)
        tcsetattr(STDIN_FILENO, TCSANOW, &attributes)
        // What is pasted comes between two marks.
        write("\u{1B}[?2004h")
        // A terminal outlives the command, also one that is ended by a signal.
        signals.withLock { signals in
            signals = Self.endings.map { number in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number)
                source.setEventHandler {
                    self.end()
                    _exit(128 + number)
                }
                source.resume()
                return source
            }
        }
    }

    func end() {
        guard isInteractive else { return }
        write("\u{1B}[?2004l")
        var attributes = before
        tcsetattr(STDIN_FILENO, TCSADRAIN, &attributes)
    }

    /// Columns and rows.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Whether what is written reaches nobody any more.
    var isGone: Bool { isBroken.load(ordering: .relaxed) }

    func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return isBroken.store(true, ordering: .relaxed) }
            bytes = bytes.dropFirst(count)
        }
    }

    /// What was read last is taken.
    func more() { taken.signal() }

    /// Reads what is typed, on a thread of its own, until the input ends: then an empty piece comes. After each piece it
    /// waits for `more()`.
    func read(_ piece: @escaping @Sendable ([UInt8]) -> Void) {
        DispatchQueue.global().async {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = buffer.withUnsafeMutableBytes { Glibc.read(STDIN_FILENO, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                piece(count > 0 ? Array(buffer[..<count]) : [])
                if count <= 0 { return }
                self.taken.wait()
            }
        }
    }
}
