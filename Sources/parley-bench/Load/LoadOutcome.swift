/// What a load test found.
struct LoadOutcome: Sendable {
    struct Watched: Sendable {
        var name: String
        /// Resident bytes before the first socket, with all sockets open, and at the end of the measurement.
        var residentBefore = 0
        var residentOpen = 0
        var residentEnd = 0
        /// Microseconds of CPU time in the measurement.
        var cpu = 0.0
    }

    var plan: LoadPlan
    var measures = LoadMeasures()
    var opened = 0
    var neverOpened = 0
    var openAtEnd = 0
    /// From the first connection to the last `ready`.
    var openSeconds = 0.0
    /// Of the measurement.
    var seconds = 0.0
    /// Microseconds of CPU time of this process in the measurement.
    var ownCPU = 0.0
    var bytesReceived = 0
    var bytesSent = 0
    var watched: [Watched] = []
    /// Turns that did not end in the time left to them.
    var unfinished = 0
    /// From the cut of all sockets until all were back.
    var stormSeconds: Double?
    var runsInStorm = 0

    init(plan: LoadPlan) {
        self.plan = plan
    }

    var turnsPerSecond: Double { seconds > 0 ? Double(measures.turns) / seconds : 0 }
    var tokensPerSecond: Double { seconds > 0 ? Double(measures.tokens) / seconds : 0 }

    /// Whether the server kept to the protocol.
    var isClean: Bool { measures.violationCount == 0 && unfinished == 0 }
}
