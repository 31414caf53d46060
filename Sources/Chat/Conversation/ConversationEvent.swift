extension ConversationMachine {
    /// What a conversation hears of.
    package enum Event {
        // MARK: From its user's clients

        /// - Parameter refusal: it is refused by a rule of its user, unless its client's id was used before.
        case send(Turn, ClientCommand.QueuePolicy, refusal: ClientError?)
        /// The same id again, while the message is on its way to the database; named by its run.
        case sendAgain(Identifier, Answer)
        /// The run that is meant; `nil`: the active one.
        case cancel(Identifier?, Answer)
        indirect case resume(PendingResume)
        case unsubscribed(any SessionClient)
        case gone(any SessionClient)

        // MARK: From its user's session

        /// A message that was sent to this conversation before.
        ///
        /// - Parameter isOver: its run has ended, or what it says is still held here.
        case duplicate(Turn, message: Identifier, run: Identifier, isOver: Bool)
        /// A stored turn whose run nobody has.
        case adopt(Turn)
        /// Something is to be said without having been asked.
        case tell(UnaskedMessage)
        /// The conversation is about to be deleted; it is not after all.
        case stop, allow
        /// No more is taken over.
        case drain
        case interrupt(RunFailure)
        case abandon

        // MARK: From the run

        /// What it leaves is known and can be stored.
        case canEnd(Identifier)
        /// The same, and it waits for a person.
        case canSuspend(Identifier)
        /// It is another gateway's.
        case lost(Identifier)

        // MARK: From the store

        /// - Parameter isHeld: it is a repetition, and what the run of the original says is held here.
        case accepted(StoreWrite<Acceptance>, isHeld: Bool)
        /// The same of a turn that goes elsewhere than behind what is shown.
        case branched(StoreWrite<BranchAcceptance>, isHeld: Bool)
        case ended(Ending)
        case withdrawn(StoreWrite<EndingOutcome>)
        indirect case resumed(StoreWrite<Resuming>)
        /// - Parameter outcome: the run that waited; `nil`: none does any more.
        case declined(StoreWrite<Identifier?>)
        /// The run that waits for a person, as was read; `nil`: none does.
        case asks(Identifier?)
        /// It was not answered in time.
        case expired(Identifier)
        /// The storing of what nobody asked for is over, whatever came of it.
        case told
        case begun(Identifier, StoreWrite<Beginning>)
        /// - Parameter isHeld: the run that was found is in memory, in whichever conversation.
        case found(Identifier, Result<SentTurn?, StoreError>, isHeld: Bool)
        /// - Parameter isHeld: what the run says is held here.
        case claimed(Identifier, Result<SentTurn?, StoreError>, isHeld: Bool)

        case due(Timer)
    }

    /// What came of storing the end of the active run.
    package enum Ending: Sendable, Equatable {
        /// As which it is stored.
        case stored(RunStatus)
        case fenced
        /// The database refuses what there was to store. There is less of it now, or there was nothing left of it.
        case refused(isBare: Bool)
        case failed
    }

    package enum Timer: Sendable, Equatable {
        /// The write under way is offered again.
        case retry
        case askToBegin(Identifier)
        case claim(Identifier)
    }

    /// What is to be done, in this order. Runs are named by their id.
    package enum Effect {
        case answer(Answer, Reply)
        /// To a cancel, behind the end of its run, however slow the client.
        case answerBehindEnd(Answer, run: Identifier, ServerFrame.AckStatus)
        /// Subscribes who has sent; from that run's beginning, as far as it is held, or from the active one's.
        case join(Answer, from: Identifier?)
        /// Once more, as an event: what was asked of a turn that turned out to be another.
        case cancel(Identifier, Answer)
        /// Whatever becomes of the message with this client's id, it is known.
        case settled(run: Identifier, key: String)
        /// It was sent before, perhaps to another conversation.
        indirect case duplicate(Turn, of: SentTurn)
        indirect case announce(Conversation)
        /// A turn is stored; when it had arrived.
        case committed(receivedAt: UInt64?)
        /// The history has changed otherwise than by events.
        case showAnew
        /// Another path is shown.
        case showPath

        case begin(Turn, isWorking: Bool)
        case stop(Identifier, RunStatus, RunFailure?)
        /// The end is stored and due.
        case finish(Identifier)
        /// It ends without an end of its own.
        case abandon(Identifier)

        case accept(Turn, startsNow: Bool, isNew: Bool)
        case end(Identifier, next: Identifier?)
        case withdraw(Identifier, next: Identifier?)
        /// Stores what nobody asked for, and says it.
        indirect case tell(UnaskedMessage)
        case resume(Identifier, [InterruptAnswer])
        case decline(Identifier, Approval.Status)
        /// What a run asks is stored: it is known to the process that something is open.
        case asked
        case askToBegin(Identifier)
        case find(run: Identifier, key: String)
        case claim(turn: Identifier, key: String)
        /// Another gateway's run: whoever is subscribed is shown what it leaves.
        case watch(Identifier, key: String)
        case schedule(Timer, after: UInt64)

        /// Nothing is left that the deletion waits for, or it is not waited any more.
        case stopped
        case report(String)
    }
}
