package import Postgres

extension Statements {
    /// Every statement that the store sends. A test looks for statements that are missing here, and tries each as
    /// somebody else.
    package static let all: [Statement] = [
        setUser, setUserForPages, setUserOnPrimary, setUserOnReplica,
        acceptTurns, endRuns, meetUsers, claimUser, releaseUsers, ownerOfMessage, checkpointRuns, beginRun, enlist,
        neighbours, livingNodes, fenceGone,
        beat, leave,
        recoverRuns, performTool,
        sentTurn, conversation, activeConversation, messagesBefore, messagesAfter, messagesOfRun, runOfMessage,
        path, pathAfter, messageAnchor, messageThread, branchTurn, selectHead, runTree,
        conversations, metadata, ping, workAsLogin, schemaSteps,
        createConversation, changeConversation, deleteConversation, deleteMessage, deleteUser,
        operations, tasks, tasksDue, task, addTask, changeTask, deleteTask, claimReminders,
        fireReminder,
        exportUser, exportConversations, exportMessages, exportRuns, exportOperations, exportApprovals, exportFeedback,
        exportTasks, answer, judge, takeFeedbackBack, feedback, search,
        retain, retentionDue, retainAudit, purgeTasks, usersToDelete, appendAudit,
        importLines, isAnothers, suspendRun, resumeRun, declineRun, expireApprovals, approvals, suspendedRuns,
        resumption,
        tellEndpoints, claimWebhooks, settleWebhook, webhookFigures, purgeWebhooks, webhookMessage, webhookRun,
    ]
}
