import Chat
import EventLoop
import Logging
import Store
import TodoAssistant

/// Reminders of `serve`: one look of a gateway at a time, by its first shard, for all users (``ReminderMachine``); each is
/// told by its user's session, on that user's shard. What a gateway has claimed and can't tell, another look finds.
final class ReminderService: Sendable {
    private let directory: ShardDirectory
    private let logger: Logger

    init(directory: ShardDirectory, logger: Logger) {
        self.directory = directory
        self.logger = logger
    }

    /// - Returns: `nil` where there is no shard.
    func start(on shard: LoopBound<Shard>?) -> ReminderLook? {
        guard let shard else { return nil }
        return ReminderLook(shard, directory)
    }
}

/// The driver of the machine, on its shard's loop.
final class ReminderLook: Sendable {
    private final class State {
        var machine = ReminderMachine(batch: PostgresChatStore.claimedReminders)
        var timer: TimerToken?
    }

    private let shard: LoopBound<Shard>
    private let directory: ShardDirectory
    private let state: LoopBound<State>

    init(_ shard: LoopBound<Shard>, _ directory: ShardDirectory) {
        self.shard = shard
        self.directory = directory
        state = LoopBound(State(), on: shard.loop)
        shard.loop.execute { [self] in act(state.value.machine.next(.start)) }
    }

    func stop() {
        shard.loop.execute { [self] in
            act(state.value.machine.next(.stop))
            if let timer = state.value.timer { shard.loop.cancel(timer) }
            state.value.timer = nil
        }
    }

    private func act(_ action: ReminderMachine.Action) {
        switch action {
        case .none: break
        case .wait(let milliseconds):
            state.value.timer = shard.loop.schedule(after: UInt64(milliseconds) * 1_000_000) { [self] in
                act(state.value.machine.next(.tick))
            }
        case .look:
            // Who may hand out nothing does not take what others could.
            guard shard.value.holdsLease, !shard.value.isDraining else {
                return act(state.value.machine.next(.claimed(0, waits: nil)))
            }
            shard.value.chatStore.claimReminders { [self] result in
                switch result {
                case .failure: act(state.value.machine.next(.failed))
                case .success(let claimed):
                    act(state.value.machine.next(.claimed(claimed.reminders.count, waits: claimed.waits)))
                    for reminder in claimed.reminders {
                        tell(reminder)
                        act(state.value.machine.next(.told))
                    }
                }
            }
        }
    }

    private func tell(_ reminder: DueReminder) {
        guard let home = directory.home(of: reminder.userID) else { return }
        home.loop.execute { home.value.tell(reminder) }
    }
}

extension Shard {
    /// Hands a reminder to its user's session, which says it when nothing else is under way there.
    func tell(_ reminder: DueReminder) {
        guard !isDraining, !isFenced else { return }
        let clock = TodoClock(now: wallClockMicroseconds(), timeZone: reminder.timeZone)
        let content = ReminderText.make(
            number: reminder.number, title: reminder.title, due: reminder.due, clock: clock)
        let message = UnaskedMessage(
            key: reminder.id, threadID: reminder.threadID, runID: makeIdentifier(), messageID: makeIdentifier(),
            content: content)
        let stored = ReminderMessage(
            reminder: reminder, runID: message.runID, messageID: message.messageID, content: content,
            newThreadID: makeIdentifier(), title: "Reminder")
        // Where another gateway has the session it is offered again, until that one has claimed it.
        ownership.claim(known: reminder.userID) { [self] verdict in
            guard case .granted(let hold) = verdict else { return }
            session(of: reminder.userID).tell(message) { [self] completion in
                chatStore.fire(stored) { result in
                    switch result {
                    case .success(.stored(let conversation, _, _)): completion(.stored(conversation))
                    case .success(.gone): completion(.gone)
                    case .failure: completion(.failed)
                    }
                    withExtendedLifetime(hold) {}
                }
            }
        }
    }
}
