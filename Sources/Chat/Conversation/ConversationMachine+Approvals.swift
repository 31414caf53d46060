/// Runs that wait for a person (Protocol.md section 10). What is asked is in the database; here is only whether something
/// is, as far as anybody here has to know it.
extension ConversationMachine {
    /// Answers that were given, while they are on their way to the database. Named by the run that will go on.
    package struct PendingResume {
        package let runID: Identifier
        package let answers: [InterruptAnswer]
        package var answer: Answer
        /// The write was lost: it may be that they are committed.
        package var isInDoubt = false

        package init(runID: Identifier, answers: [InterruptAnswer], answer: Answer) {
            self.runID = runID
            self.answers = answers
            self.answer = answer
        }
    }

    /// What came of them.
    package enum Resuming {
        /// The run that goes on.
        case resumed(Turn)
        case duplicate(run: Identifier?)
        case refused(ClientError)
    }

    /// A history that was read says whether a run waits.
    mutating func asks(_ runID: Identifier?) {
        // What is being written, or has begun since, is newer than what was read.
        guard active == nil, writing == nil else { return }
        suspended = runID
    }

    mutating func resume(_ request: PendingResume) {
        if interruption != nil || isDraining || isStopping {
            effect(.answer(request.answer, .refused(.notStored(retryAfter: 2))))
        } else if isHeldUp {
            effect(.answer(request.answer, .refused(.notStored(retryAfter: 1))))
        } else if resumes.count >= waitingAnswers {
            effect(.answer(request.answer, .refused(.tooManyRequests)))
        } else {
            resumes.append(request)
            write(.resume(request.runID))
        }
    }

    mutating func resumed(_ outcome: StoreWrite<Resuming>) {
        guard case .resume(let runID)? = writing, let index = resumes.firstIndex(where: { $0.runID == runID }) else {
            return
        }
        let request = resumes[index]
        if case .failed(let error) = outcome, error == .unknown || request.isInDoubt, error != .rejected {
            if !request.isInDoubt { effect(.answer(request.answer, .refused(.notStored(retryAfter: 2)))) }
            resumes[index].isInDoubt = true
            resumes[index].answer = Answer(client: nil, id: nil)
            retry()
            return
        }
        resumes.remove(at: index)
        switch outcome {
        case .stored(.resumed(let turn)):
            var turn = turn
            // Who wanted it cancelled meanwhile means what goes on.
            if let suspended, let index = declining.firstIndex(where: { $0.runID == suspended }) {
                turn.cancellations = declining.remove(at: index).answers
            }
            suspended = nil
            effect(.committed(receivedAt: nil))
            effect(.answer(request.answer, .resumed(threadID: threadID, runID: turn.runID, .running)))
            effect(.join(request.answer, from: nil))
            begin(turn)
            if isStopping, let active { effect(.stop(active.id, .cancelled, nil)) }
        case .stored(.duplicate(let follower)):
            effect(.answer(request.answer, .resumed(threadID: threadID, runID: follower, .duplicate)))
            effect(.join(request.answer, from: follower))
        case .stored(.refused(let error)): effect(.answer(request.answer, .refused(error)))
        case .failed(.unavailable(let seconds)):
            effect(.answer(request.answer, .refused(.notStored(retryAfter: seconds))))
        case .fenced: effect(.answer(request.answer, .refused(.notStored(retryAfter: 1))))
        case .failed:
            effect(.report("thread \(threadID): the database refused an answer to what was asked"))
            effect(.answer(request.answer, .refused(ClientError(.internal, "The answer could not be stored."))))
        }
        written()
    }

    // MARK: A no without an answer

    /// Declines what is open, for who has cancelled; or it has expired.
    mutating func decline(_ runID: Identifier, as status: Approval.Status, for answers: [Answer]) {
        if let index = declining.firstIndex(where: { $0.runID == runID }) {
            declining[index].answers += answers
            return
        }
        declining.append(Declining(runID: runID, status: status, answers: answers))
        write(.decline(runID))
    }

    package struct Declining {
        package let runID: Identifier
        package let status: Approval.Status
        package var answers: [Answer]
    }

    mutating func declined(_ outcome: StoreWrite<Identifier?>) {
        guard case .decline(let runID)? = writing, let index = declining.firstIndex(where: { $0.runID == runID }) else {
            return
        }
        if case .failed(let error) = outcome, error != .rejected { return retry() }
        let request = declining.remove(at: index)
        var wasDeclined = false
        if case .stored(let run) = outcome { wasDeclined = run != nil }
        if suspended == runID { suspended = nil }
        tell(request.answers, .done(threadID: threadID, runID: runID, wasDeclined ? .cancelled : .idle))
        // Also where somebody else was quicker: it is not open any more.
        effect(.showAnew)
        written()
    }
}
