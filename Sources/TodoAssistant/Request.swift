/// What one clause of a message asks for.
package enum Request: Sendable, Equatable {
    /// New tasks. Empty: the person said "add" and not what.
    case add([String], description: String? = nil)
    /// New tasks that the person wants to be told of when they are due.
    case remind([String], description: String? = nil)
    /// Lines of a pasted list that were ticked there.
    case addDone([String])
    case list(Filter)
    case complete(Reference, Bool)
    /// Told in passing ("I called mum", "done!"): nothing is marked before the person was asked.
    case did(Reference)
    case rename(Reference, to: String)
    /// A time is never taken for a title: "change the meeting to Wednesday".
    case reschedule(Reference, When)
    /// It is due at no time any more; a task that came back comes back no more either.
    case undate(Reference)
    /// It is due once and comes back no more.
    case unrepeat(Reference)
    /// "remind me about 3 at five".
    case remindOf(Reference, When)
    /// A note goes behind the description that is there; a changed description replaces it.
    case describe(Reference, String, replacing: Bool)
    case delete(Reference)
    case clearCompleted
    case get(Reference)
    /// "I don't need the milk any more": done or deleted is asked once.
    case dropped(Reference)
    /// Takes back what the last changing turn of this conversation did.
    case undo
    /// "no, the other one", "I meant tuesday".
    case correct(Correction)
    /// What there is none of: it says so.
    case without(Feature)
    case foreign(Language)
    case help
    case thanks
    case greeting
    case goodbye
    case yes
    case no
    case choice(Choice)
    /// Bare words that could be tasks ("buy milk"): offered, not added.
    case phrase([String])
    case unknown(String)

    package enum Filter: Sendable, Equatable {
        case open, all, done
        /// Open, and due in these days.
        case due(Span)
        case overdue
        case added(Span)
        case finished(Span)
    }

    /// Days, seen from today.
    package enum Span: Sendable, Equatable {
        case day(When.Day)
        case yesterday
        case thisWeek, lastWeek, nextWeek, thisMonth, nextMonth
        /// Any day.
        case ever
    }

    package enum Correction: Sendable, Equatable {
        case other
        case when(When)
        case words(String)
    }

    package enum Feature: String, Sendable {
        case priorities, tags, sorting, redo, languages, calendars
    }
}

/// How a person points at tasks.
package enum Reference: Sendable, Equatable {
    case id(Int64)
    /// Words of a title, as typed, without "the … one" around them.
    case title(String)
    /// "it", "that one": the task last spoken of.
    case it
    /// "them", "both": the tasks last spoken of.
    case them
    /// Position in the list last shown, from 1.
    case ordinal(Int)
    /// The end of the list last shown; the newest task when none was.
    case last
    /// "the one I just added".
    case newest
    /// "the other one" of two.
    case other
    case all
    /// "the first two", "the last three" of the list last shown.
    case first(Int)
    case lastOnes(Int)
    /// "the ones with call in them", "all milk tasks".
    case having(String)
    /// "all but the milk".
    indirect case allBut([Reference])
    /// "all the call ones but the vet".
    indirect case havingBut(String, [Reference])
    /// "everything that is due today".
    case due(Request.Filter)
    /// "delete" and nothing more: the person is asked.
    case missing
}

/// An answer to "which one?".
package enum Choice: Sendable, Equatable {
    case picks([Pick])
    /// "both", "all of them".
    case all

    package enum Pick: Sendable, Equatable {
        /// "#5", "task 5".
        case id(Int64)
        /// "2": an id where one of the candidates has it, else a position.
        case number(Int64)
        case ordinal(Int)
        case last
    }
}

/// A message as understood.
package struct Utterance: Sendable, Equatable {
    /// At most ``RequestParser/limit`` requests, in the order in which they were made.
    package var requests: [Request]
    /// The message asked for more than that.
    package var isTruncated: Bool

    package init(requests: [Request], isTruncated: Bool = false) {
        self.requests = requests
        self.isTruncated = isTruncated
    }
}
