import Testing

/// What a conversation's machine decides: each event in each state. An event that is not in a state's list leads to
/// nothing there.
enum ConversationTable {
    struct State: Sendable, CustomTestStringConvertible {
        let name: String
        let isNew: Bool
        /// The events that lead there.
        let setup: String
        /// `event: effects`, a line each.
        let decisions: String

        init(_ name: String, isNew: Bool = false, _ setup: String, _ decisions: String) {
            self.name = name
            self.isNew = isNew
            self.setup = setup
            self.decisions = decisions
        }

        var testDescription: String { name }
    }

    static let events: [String] = [
        "send n", "reject n", "interrupt n", "again a", "cancel", "cancel a", "cancel b", "repeated o n",
        "repeated a n", "adopt o waiting", "adopt o placed", "tell u", "told", "canEnd a", "lost a", "accepted running",
        "accepted waiting", "accepted duplicate", "accepted duplicate over", "accepted duplicate there",
        "accepted missing", "accepted full", "accepted fenced", "accepted away", "accepted unknown",
        "accepted rejected", "ended completed", "ended cancelled", "ended fenced", "ended refused", "ended bare",
        "ended away", "withdrawn now", "withdrawn away", "begun b now", "begun b waits", "begun b c", "begun b gone",
        "begun b fenced", "begun b away", "canSuspend a", "ended suspended", "asks w", "expired w", "resume r",
        "resumed running r", "resumed duplicate o", "resumed refused", "resumed unknown", "declined w", "declined none",
        "declined away", "accepted busy", "found n", "found n o", "claimed n ours", "claimed n elsewhere",
        "claimed n away", "claimed n none", "due retry", "due ask b", "due claim n", "stop", "allow", "drain",
        "shutdown", "abandon",
    ]

    static let states: [State] = [
        State(
            "idle", "",
            """
            send n: ACCEPT n now
            reject n: ACCEPT n now
            interrupt n: ACCEPT n now
            again a: a2 unavailable
            cancel: x idle
            cancel a: x idle
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            adopt o waiting: ask for o
            adopt o placed: begin o
            tell u: TELL u
            resume r: RESUME r
            stop: stopped
            allow: stopped
            abandon: stopped
            """),
        State(
            "being accepted", isNew: true, "send a",
            """
            reject n: find n
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            accepted running: settled a, committed, a running a, join a, announce, begin a
            accepted waiting: settled a, committed, a queued a at 1, join a, announce, ask for a
            accepted duplicate: settled a, a duplicate o, claim for a
            accepted duplicate over: settled a, a duplicate o, join a to o
            accepted duplicate there: settled a, duplicate a
            accepted missing: settled a, a threadNotFound
            accepted full: settled a, a conversationFull
            accepted fenced: settled a, a unavailable
            accepted away: settled a, a unavailable
            accepted unknown: a unavailable, retry in 100
            accepted rejected: settled a, report, a internal
            accepted busy: settled a, a busy
            due retry: ACCEPT a now new
            allow: stopped
            abandon: stopped
            """),
        State(
            "two being accepted", "send a, send b",
            """
            reject n: find n
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            accepted running: settled a, committed, a running a, join a, begin a, ACCEPT b
            accepted waiting: settled a, committed, a queued a at 1, join a, ACCEPT b
            accepted duplicate: settled a, a duplicate o, claim for a
            accepted duplicate over: settled a, a duplicate o, join a to o, ACCEPT b now
            accepted duplicate there: settled a, duplicate a, ACCEPT b now
            accepted missing: settled a, a threadNotFound, ACCEPT b now
            accepted full: settled a, a conversationFull, ACCEPT b now
            accepted fenced: settled a, a unavailable, ACCEPT b now
            accepted away: settled a, a unavailable, ACCEPT b now
            accepted unknown: a unavailable, retry in 100, settled b, b unavailable
            accepted rejected: settled a, report, a internal, ACCEPT b now
            accepted busy: settled a, a busy, ACCEPT b now
            due retry: ACCEPT a now
            allow: stopped
            abandon: stopped
            """),
        State(
            "in doubt", "send a, accepted unknown",
            """
            send n: find n
            reject n: find n
            interrupt n: find n
            again a: a2 unavailable
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            accepted running: settled a, committed, begin a
            accepted waiting: settled a, committed, ask for a
            accepted duplicate: settled a, claim for a
            accepted duplicate over: settled a
            accepted duplicate there: settled a, duplicate a
            accepted missing: settled a
            accepted full: settled a
            accepted fenced: settled a
            accepted away: retry in 200
            accepted unknown: retry in 200
            accepted rejected: settled a, report
            resume r: rr unavailable
            accepted busy: settled a
            due retry: ACCEPT a now
            allow: stopped
            abandon: stopped
            """),
        State(
            "running", "send a, accepted running",
            """
            send n: ACCEPT n
            reject n: find n
            interrupt n: ACCEPT n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            canEnd a: END a
            lost a: abandon a, show anew
            canSuspend a: END a
            resume r: RESUME r
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "running, one waits", "send a, accepted running, send b, accepted waiting",
            """
            send n: ACCEPT n
            reject n: find n
            interrupt n: ACCEPT n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            cancel b: WITHDRAW b
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            canEnd a: END a then b
            lost a: abandon a, show anew, ask for b
            canSuspend a: END a
            resume r: RESUME r
            stop: WITHDRAW b, stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "running, one is being accepted", "send a, accepted running, send b",
            """
            reject n: find n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            lost a: abandon a, show anew
            accepted running: settled b, committed, b queued b at 1, join b
            accepted waiting: settled b, committed, b queued b at 1, join b
            accepted duplicate: settled b, b duplicate o, claim for b
            accepted duplicate over: settled b, b duplicate o, join b to o
            accepted duplicate there: settled b, duplicate b
            accepted missing: settled b, b threadNotFound
            accepted full: settled b, b conversationFull
            accepted fenced: settled b, b unavailable
            accepted away: settled b, b unavailable
            accepted unknown: b unavailable, retry in 100
            accepted rejected: settled b, report, b internal
            accepted busy: settled b, b busy
            due retry: ACCEPT b
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "running, an interruption is being accepted", "send a, accepted running, interrupt b",
            """
            reject n: find n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            lost a: abandon a, show anew
            accepted running: settled b, committed, b queued b at 1, join b, stop a cancelled
            accepted waiting: settled b, committed, b queued b at 1, join b, stop a cancelled
            accepted duplicate: settled b, b duplicate o, claim for b
            accepted duplicate over: settled b, b duplicate o, join b to o
            accepted duplicate there: settled b, duplicate b
            accepted missing: settled b, b threadNotFound
            accepted full: settled b, b conversationFull
            accepted fenced: settled b, b unavailable
            accepted away: settled b, b unavailable
            accepted unknown: b unavailable, retry in 100
            accepted rejected: settled b, report, b internal
            accepted busy: settled b, b busy
            due retry: ACCEPT b
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "being cancelled", "send a, accepted running, cancel",
            """
            send n: ACCEPT n
            reject n: find n
            interrupt n: ACCEPT n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            canEnd a: END a
            lost a: abandon a, show anew
            canSuspend a: END a
            resume r: RESUME r
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "ending, one waits", "send a, accepted running, send b, accepted waiting, canEnd a",
            """
            reject n: find n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            lost a: abandon a, show anew
            ended completed: finish a, begin b
            ended cancelled: finish a, begin b
            ended fenced: abandon a, show anew, ask for b
            ended refused: report, END a then b
            ended bare: retry in 100
            ended away: retry in 100
            ended suspended: finish a, asked, begin b
            due retry: END a then b
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "ending, one is behind it", "send a, accepted running, canEnd a, send b",
            """
            reject n: find n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            lost a: abandon a, show anew
            ended completed: finish a, ACCEPT b now
            ended cancelled: finish a, ACCEPT b now
            ended fenced: abandon a, show anew, ACCEPT b now
            ended refused: report, END a
            ended bare: retry in 100, settled b, b unavailable
            ended away: retry in 100, settled b, b unavailable
            ended suspended: finish a, asked, ACCEPT b now
            due retry: END a
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "ending, not stored so far", "send a, accepted running, canEnd a, ended away",
            """
            send n: find n
            reject n: find n
            interrupt n: find n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            lost a: abandon a, show anew
            ended completed: finish a
            ended cancelled: finish a
            ended fenced: abandon a, show anew
            ended refused: report, END a
            ended bare: retry in 200
            ended away: retry in 200
            ended suspended: finish a, asked
            resume r: rr unavailable
            due retry: END a
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "lost while its end is being stored", "send a, accepted running, canEnd a, lost a",
            """
            again a: a2 unavailable
            cancel: x idle
            cancel a: x idle
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            due retry: END a
            allow: stopped
            abandon: stopped
            """),
        State(
            "a withdrawal", "send a, accepted running, send b, accepted waiting, cancel b",
            """
            reject n: find n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            lost a: abandon a, show anew
            withdrawn now: x cancelled
            withdrawn away: retry in 100
            due retry: WITHDRAW b
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "behind another gateway's run", "send b, accepted waiting",
            """
            send n: ACCEPT n
            reject n: find n
            interrupt n: ACCEPT n
            again a: a2 unavailable
            cancel: WITHDRAW b
            cancel a: x idle
            cancel b: WITHDRAW b
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            adopt o placed: begin o
            tell u: TELL u
            begun b now: show anew, begin b
            begun b waits: ask for b in 1000
            begun b c: ask for b in 1000
            begun b gone: show anew
            begun b fenced: show anew
            begun b away: ask for b in 1000
            resume r: RESUME r
            due ask b: ask for b
            stop: WITHDRAW b
            allow: stopped
            abandon: stopped
            """),
        State(
            "behind it, two", "send b, accepted waiting, send c, accepted waiting",
            """
            send n: ACCEPT n
            reject n: find n
            interrupt n: ACCEPT n
            again a: a2 unavailable
            cancel: WITHDRAW b then c
            cancel a: x idle
            cancel b: WITHDRAW b then c
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            adopt o placed: begin o
            tell u: TELL u
            begun b now: show anew, begin b
            begun b waits: ask for b in 1000
            begun b c: ask for c
            begun b gone: show anew, ask for c
            begun b fenced: show anew, ask for c
            begun b away: ask for b in 1000
            resume r: RESUME r
            due ask b: ask for b
            stop: WITHDRAW b then c
            allow: stopped
            abandon: stopped
            """),
        State(
            "something is being said", "tell u",
            """
            again a: a2 unavailable
            cancel: x idle
            cancel a: x idle
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            due retry: TELL u
            allow: stopped
            abandon: stopped
            """),
        State(
            "a claim", "repeated o n",
            """
            again a: a2 unavailable
            cancel: x idle
            cancel a: x idle
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            claimed n ours: ask for o, join n to o
            claimed n elsewhere: watch o, join n to o
            claimed n away: claim for n in 1000
            claimed n none: join n to o
            due claim n: claim for n
            stop: stopped
            allow: stopped
            abandon: stopped
            """),
        State(
            "a late claim", "repeated o n, claimed n away",
            """
            send n: find n
            reject n: find n
            interrupt n: find n
            again a: a2 unavailable
            cancel: x idle
            cancel a: x idle
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            resume r: rr unavailable
            claimed n ours: ask for o, join n to o
            claimed n elsewhere: watch o, join n to o
            claimed n away: claim for n in 1000
            claimed n none: join n to o
            due claim n: claim for n
            stop: stopped
            allow: stopped
            abandon: stopped
            """),
        State(
            "a refusal that is looked up", "send a, accepted running, reject n",
            """
            send n: ACCEPT n
            reject n: find n
            interrupt n: ACCEPT n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            canEnd a: END a
            lost a: abandon a, show anew
            canSuspend a: END a
            resume r: RESUME r
            found n: settled n, n busy
            found n o: find n
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "waiting for a person", "send a, accepted running, canSuspend a, ended suspended",
            """
            send n: ACCEPT n now
            reject n: find n
            interrupt n: ACCEPT n now
            again a: a2 unavailable
            cancel: DECLINE a declined
            cancel a: DECLINE a declined
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            adopt o waiting: ask for o
            adopt o placed: begin o
            tell u: TELL u
            resume r: RESUME r
            stop: stopped
            allow: stopped
            abandon: stopped
            """),
        State(
            "suspending with another behind", "send a, accepted running, send b, accepted waiting, canSuspend a",
            """
            reject n: find n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            lost a: abandon a, show anew
            ended completed: finish a, ask for b
            ended cancelled: finish a, ask for b
            ended fenced: abandon a, show anew, ask for b
            ended refused: report, END a
            ended bare: retry in 100
            ended away: retry in 100
            ended suspended: finish a, asked, ask for b
            due retry: END a
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "an answer on its way", "send a, accepted running, canSuspend a, ended suspended, resume r",
            """
            reject n: find n
            again a: a2 unavailable
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            resumed running r: committed, rr running r, join rr, begin r
            resumed duplicate o: rr duplicate o, join rr to o
            resumed refused: rr invalidField
            resumed unknown: rr unavailable, retry in 100
            due retry: RESUME r
            allow: stopped
            abandon: stopped
            """),
        State(
            "an answer on its way, and cancelled",
            "send a, accepted running, canSuspend a, ended suspended, resume r, cancel",
            """
            reject n: find n
            again a: a2 unavailable
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            resumed running r: committed, rr running r, join rr, begin r without work, stop r cancelled
            resumed duplicate o: rr duplicate o, join rr to o, DECLINE a declined
            resumed refused: rr invalidField, DECLINE a declined
            resumed unknown: rr unavailable, retry in 100
            due retry: RESUME r
            allow: stopped
            abandon: stopped
            """),
        State(
            "an answer whose fate is not known",
            "send a, accepted running, canSuspend a, ended suspended, resume r, resumed unknown",
            """
            send n: find n
            reject n: find n
            interrupt n: find n
            again a: a2 unavailable
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            resume r: rr unavailable
            resumed running r: committed, ? running r, join ?, begin r
            resumed duplicate o: ? duplicate o, join ? to o
            resumed refused: ? invalidField
            resumed unknown: retry in 200
            due retry: RESUME r
            allow: stopped
            abandon: stopped
            """),
        State(
            "declining", "send a, accepted running, canSuspend a, ended suspended, cancel",
            """
            reject n: find n
            again a: a2 unavailable
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            declined w: x cancelled, show anew
            declined none: x idle, show anew
            declined away: retry in 100
            due retry: DECLINE a declined
            allow: stopped
            abandon: stopped
            """),
        State(
            "suspended elsewhere", "asks w",
            """
            send n: ACCEPT n now
            reject n: find n
            interrupt n: ACCEPT n now
            again a: a2 unavailable
            cancel: DECLINE w declined
            cancel a: x idle
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            adopt o waiting: ask for o
            adopt o placed: begin o
            tell u: TELL u
            expired w: DECLINE w expired
            resume r: RESUME r
            stop: stopped
            allow: stopped
            abandon: stopped
            """),
        State(
            "a message in a suspended conversation", "asks w, send n",
            """
            send n: settled n, n duplicate n, join n to n
            reject n: settled n, n duplicate n, join n to n
            interrupt n: settled n, n duplicate n, join n to n
            again a: a2 unavailable
            cancel a: x idle
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, claim for n
            accepted running: settled n, committed, show anew, n running n, join n, begin n
            accepted waiting: settled n, committed, show anew, n queued n at 1, join n, ask for n
            accepted duplicate: settled n, n duplicate o, claim for n
            accepted duplicate over: settled n, n duplicate o, join n to o
            accepted duplicate there: settled n, duplicate n
            accepted missing: settled n, n threadNotFound
            accepted full: settled n, n conversationFull
            accepted fenced: settled n, n unavailable
            accepted away: settled n, n unavailable
            accepted unknown: n unavailable, retry in 100
            accepted rejected: settled n, report, n internal
            accepted busy: settled n, n busy
            due retry: ACCEPT n now
            allow: stopped
            abandon: stopped
            """),
        State(
            "stopping", "send a, accepted running, send b, accepted waiting, stop",
            """
            reject n: find n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            lost a: abandon a, show anew
            withdrawn away: retry in 100
            resume r: rr unavailable
            due retry: WITHDRAW b
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "shutting down", "send a, accepted running, send b, accepted waiting, shutdown",
            """
            send n: ACCEPT n
            reject n: find n
            interrupt n: ACCEPT n
            again a: a2 unavailable
            cancel: stop a cancelled
            cancel a: stop a cancelled
            cancel b: x idle
            repeated o n: n duplicate o, claim for n
            repeated a n: n duplicate a, join n to a
            canEnd a: END a
            lost a: abandon a, show anew
            canSuspend a: END a
            resume r: rr unavailable
            stop: stop a cancelled
            allow: stopped
            shutdown: stop a interrupted
            abandon: abandon a, stopped
            """),
        State(
            "abandoned", "send a, accepted running, abandon",
            """
            """),
    ]
}
