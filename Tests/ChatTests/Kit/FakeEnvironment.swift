import Chat

/// Time, ids and positions in the hands of a test.
final class FakeEnvironment: SessionEnvironment {
    var holdsLease = true
    let epoch = "e1"
    var limits = ChatLimits()
    let chatMetrics = ChatMetrics()
    /// Seconds that a message is asked to wait.
    var admission: Int?
    let fakeStore = FakeStore()
    let fakeAgent = FakeAgent()
    private(set) var incidents: [String] = []
    private(set) var nowMilliseconds: UInt64 = 1_000
    private var nextIdentifier: UInt64 = 0
    private var nextPosition: UInt64 = 0
    private var nextTimer: UInt64 = 0
    private var timers: [(id: UInt64, due: UInt64, action: () -> Void)] = []

    var store: any ChatStore { fakeStore }
    var tools: any ToolHost { fakeStore }
    private(set) lazy var agents: any AgentHost = SingleAgentHost(fakeAgent)
    var timerCount: Int { timers.count }

    func admitMessage(of userID: String) -> Int? { admission }

    func makeIdentifier() -> Identifier {
        nextIdentifier += 1
        return Identifier(version7: nowMilliseconds, sequence: 0, random: nextIdentifier)
    }

    func freshPosition() -> UInt64 {
        nextPosition += 1_000_000_000
        return nextPosition
    }

    func schedule(after milliseconds: UInt64, _ action: @escaping () -> Void) -> UInt64 {
        nextTimer += 1
        timers.append((nextTimer, nowMilliseconds + milliseconds, action))
        return nextTimer
    }

    func cancel(timer: UInt64) { timers.removeAll { $0.id == timer } }

    func report(_ incident: String) { incidents.append(incident) }

    /// Lets time pass, and fires on the way what falls due.
    func advance(_ milliseconds: UInt64) {
        let end = nowMilliseconds + milliseconds
        while let next = timers.filter({ $0.due <= end }).min(by: { ($0.due, $0.id) < ($1.due, $1.id) }) {
            nowMilliseconds = max(nowMilliseconds, next.due)
            timers.removeAll { $0.id == next.id }
            next.action()
        }
        nowMilliseconds = end
    }
}
