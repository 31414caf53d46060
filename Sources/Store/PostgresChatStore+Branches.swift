package import Chat
import Postgres

/// A message's place in its conversation.
package struct MessageAnchor: Sendable, Equatable {
    package var position: Int
    /// The run that it belongs to; `nil` where that is not known.
    package var runID: Identifier?

    package init(position: Int, runID: Identifier?) {
        self.position = position
        self.runID = runID
    }
}

/// Which messages of the shown path are wanted.
package enum PathRange: Sendable, Equatable {
    /// The newest ones.
    case newest
    /// The newest ones before this message.
    case before(MessageAnchor)
    /// The oldest ones behind this message.
    case after(MessageAnchor)
    /// Those that a run follows; with the position of its question.
    case beforeRun(Identifier, position: Int)

    /// The same among all messages of a conversation.
    package var byPosition: MessageRange {
        switch self {
        case .newest: .newest
        case .before(let anchor): .before(anchor.position)
        case .after(let anchor): .after(anchor.position)
        case .beforeRun(_, let position): .before(position)
        }
    }
}

/// Conversations that branch.
extension PostgresChatStore {
    /// Where a message stands in a conversation of this user; `nil`: it is none of its messages.
    package func anchor(
        userID: String, threadID: Identifier, messageID: Identifier,
        completion: @escaping (Result<MessageAnchor?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        parameters.append(messageID)
        read(userID, Statements.messageAnchor, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    guard rows.count > 0 else { return nil }
                    return MessageAnchor(
                        position: Int(try rows.int4(0, 0)),
                        runID: try rows.isNull(0, 1) ? nil : try rows.identifier(0, 1))
                })
        }
    }

    /// The conversation of this user's that a message is in; `nil`: there is no such message.
    package func thread(
        userID: String, messageID: Identifier, completion: @escaping (Result<Identifier?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(messageID)
        read(userID, Statements.messageThread, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in rows.count == 0 ? nil : try rows.identifier(0, 0) })
        }
    }

    package func newestMessages(
        userID: String, threadID: Identifier, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        shownMessages(userID: userID, threadID: threadID, .newest, limit: limit) { [self] result in
            completion(result)
            if case .success(nil) = result { missed(userID, threadID) }
        }
    }

    package func history(
        userID: String, threadID: Identifier, runID: Identifier, position: Int, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        shownMessages(
            userID: userID, threadID: threadID, .beforeRun(runID, position: position), limit: limit,
            completion: completion)
    }

    /// A page of the path that is shown, in its order; `nil`: there is no such conversation of this user. `hasMore` tells
    /// of older ones, for `after` of newer ones.
    package func shownMessages(
        userID: String, threadID: Identifier, _ range: PathRange, limit: Int,
        completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        messages(
            userID: userID, threadID: threadID, range.byPosition, limit: limit, isWhole: false
        ) { [self] result in
            guard case .success(.branched) = result else { return completion(result.map { $0.page }) }
            walk(userID: userID, threadID: threadID, range, limit: limit, completion)
        }
    }

    private func walk(
        userID: String, threadID: Identifier, _ range: PathRange, limit: Int,
        _ completion: @escaping (Result<MessagePage?, StoreError>) -> Void
    ) {
        let limit = min(max(limit, 0), 1_000)
        var run: Identifier?
        var bound = Int32.max
        var isBehind = false
        var isForward = false
        switch range {
        case .newest: break
        case .before(let anchor):
            run = anchor.runID
            bound = Int32(clamping: anchor.position)
        case .after(let anchor):
            run = anchor.runID
            bound = Int32(clamping: anchor.position)
            isForward = true
        case .beforeRun(let id, _):
            run = id
            isBehind = true
        }
        var parameters = Parameters()
        parameters.append(threadID)
        parameters.append(text: userID)
        parameters.append(int4: Int32(limit + 1))
        if let run { parameters.append(run) } else { parameters.appendNull() }
        parameters.append(int4: bound)
        parameters.append(bool: isBehind)
        read(userID, isForward ? Statements.pathAfter : Statements.path, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    try rows.page(limit: limit, isAscending: isForward, settings.contents, thread: threadID).page
                        ?? MessagePage(messages: [], hasMore: false)
                })
        }
    }

    package func branch(
        _ turn: NewBranch, completion: @escaping (StoreWrite<BranchAcceptance>) -> Void
    ) {
        let answer: (Result<BranchAcceptance, StoreError>) -> Void = { completion(StoreWrite($0)) }
        sealing(answer) { () throws(PostgresError) in
            var parameters = Parameters()
            parameters.append(text: turn.userID)
            parameters.append(turn.threadID)
            switch turn.kind {
            case .message(let id, let content, let parent):
                parameters.append(text: "edit")
                if let parent { parameters.append(parent) } else { parameters.appendNull() }
                parameters.append(id)
                parameters.append(text: turn.clientID)
                parameters.append(
                    text: try settings.contents.seal(content, .content, thread: turn.threadID, id: id))
                parameters.append(text: settings.contents.sealingKey)
            case .answer(let message):
                parameters.append(text: "again")
                parameters.append(message)
                parameters.appendNull()
                parameters.append(text: turn.clientID)
                parameters.appendNull()
                parameters.appendNull()
            }
            parameters.append(turn.runID)
            if turn.waits { parameters.append(bool: turn.startsNow) } else { parameters.appendNull() }
            parameters.append(text: settings.node)
            parameters.append(int4: Int32(clamping: settings.messagesPerConversation))
            run(turn.userID, Statements.branchTurn, parameters, isWrite: true) { [self] outcome in
                answer(
                    decoded(outcome) { rows throws(PostgresError) in
                        try rows.branchAcceptance(turn.threadID, settings.contents)
                    })
            }
        }
    }

    package func tree(
        userID: String, threadID: Identifier, messageID: Identifier,
        completion: @escaping (Result<RunTree?, StoreError>) -> Void
    ) {
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        parameters.append(messageID)
        run(userID, Statements.runTree, parameters) { [self] outcome in
            completion(
                decoded(outcome) { rows throws(PostgresError) in
                    guard rows.count > 0 else { return nil }
                    var tree = RunTree(nodes: [], named: [])
                    for row in 0..<rows.count {
                        let id = try rows.identifier(row, 0)
                        tree.nodes.append(
                            RunTree.Node(
                                id: id, question: try rows.isNull(row, 1) ? nil : try rows.identifier(row, 1),
                                parent: try rows.isNull(row, 2) ? nil : try rows.identifier(row, 2)))
                        if try rows.bool(row, 3) { tree.named.insert(id) }
                    }
                    return tree
                })
        }
    }

    package func select(
        userID: String, threadID: Identifier, head: Identifier,
        completion: @escaping (StoreWrite<SelectionOutcome>) -> Void
    ) {
        let answer: (Result<SelectionOutcome, StoreError>) -> Void = { completion(StoreWrite($0)) }
        var parameters = Parameters()
        parameters.append(text: userID)
        parameters.append(threadID)
        parameters.append(head)
        parameters.append(text: settings.node)
        run(userID, Statements.selectHead, parameters, isWrite: true) { [self] outcome in
            answer(
                decoded(outcome) { rows throws(PostgresError) in
                    switch try rows.int4(0, 0) {
                    case 0: return .selected
                    case 2: return .busy
                    case 3: return .noSuchPlace
                    default: return .threadNotFound
                    }
                })
        }
    }
}

extension Rows {
    fileprivate func branchAcceptance(
        _ thread: Identifier, _ contents: ContentCipher
    ) throws(PostgresError) -> BranchAcceptance {
        switch try int4(0, 0) {
        case 0:
            let title = contents.open(title: try optionalText(0, 6), key: try optionalText(0, 7), thread: thread)
            let question = try identifier(0, 2)
            return .accepted(
                Conversation(
                    id: thread, title: title, status: .active, messageCount: Int(try int4(0, 8)),
                    createdAt: try timestamp(0, 9), updatedAt: try timestamp(0, 10), wasAsleep: try bool(0, 11)),
                question: Message(
                    id: question, role: .user,
                    content: try contents.open(
                        try text(0, 13), key: try optionalText(0, 14), .content, thread: thread, id: question),
                    position: Int(try int4(0, 5))),
                isRunning: try bool(0, 12), replaced: try isNull(0, 15) ? nil : try identifier(0, 15))
        case 1:
            return .duplicate(
                threadID: try identifier(0, 1), messageID: try identifier(0, 2), runID: try identifier(0, 3),
                runEnded: try bool(0, 4))
        case 3: return .conversationFull
        case 5: return .busy
        case 6: return .noSuchPlace
        default: return .threadNotFound
        }
    }
}
