/// The functions of the schema as they are now, each in a file of its own (`Functions`).
///
/// The newest migration that made or changed a function quotes its text from there, all others have their own. To change
/// one: copy its text into the migration that quotes it, edit it in its file, drop the old one where its parameters or
/// result change, and quote it in the new migration. What was released then is what it was to the byte, which the
/// checksums see to; and a test holds these texts against what a migrated database has.
package enum SchemaFunctions {
    package static let all: [String: String] = [
        "accept_turns": acceptTurns,
        "accept_turns_any": acceptTurnsAny,
        "accept_turns_plain": acceptTurnsPlain,
        "beat": beat,
        "begin_run": beginRun,
        "change_conversation": changeConversation,
        "checkpoint_runs": checkpointRuns,
        "claim_reminders": claimReminders,
        "claim_user": claimUser,
        "claim_webhooks": claimWebhooks,
        "create_conversation": createConversation,
        "delete_conversation": deleteConversation,
        "delete_message": deleteMessage,
        "delete_runs_of_messages": deleteRunsOfMessages,
        "delete_user": deleteUser,
        "drop_key": dropKey,
        "end_runs": endRuns,
        "end_runs_any": endRunsAny,
        "end_runs_plain": endRunsPlain,
        "enlist": enlist,
        "fence": fence,
        "fence_gone": fenceGone,
        "fire_reminder": fireReminder,
        "forget_messages": forgetMessages,
        "from_archive": fromArchive,
        "hold_fence": holdFence,
        "import_lines": importLines,
        "is_anothers": isAnothers,
        "is_conversation": isConversation,
        "is_message": isMessage,
        "keep_single": keepSingle,
        "leave": leave,
        "max_content_length": maxContentLength,
        "meet_users": meetUsers,
        "move_reminders": moveReminders,
        "neighbours": neighbours,
        "next_occurrence": nextOccurrence,
        "note_events": noteEvents,
        "number_task": numberTask,
        "owner_of_message": ownerOfMessage,
        "perform_tool": performTool,
        "purge_tasks": purgeTasks,
        "purge_webhooks": purgeWebhooks,
        "recover_runs": recoverRuns,
        "refuse_message_change": refuseMessageChange,
        "release_users": releaseUsers,
        "reseal": reseal,
        "retain": retain,
        "retain_audit": retainAudit,
        "retention_candidates": retentionCandidates,
        "retention_due": retentionDue,
        "search": search,
        "search_text": searchText,
        "settle_webhook": settleWebhook,
        "take_users": takeUsers,
        "task_json": taskJSON,
        "tell_endpoints": tellEndpoints,
        "to_archive": toArchive,
        "touch_users": touchUsers,
        "undo_tasks": undoTasks,
        "use_key": useKey,
        "users_to_delete": usersToDelete,
        "webhook_figures": webhookFigures,
    ]

    /// The same text for a function that is there already with these parameters and this result: its rights stay.
    static func again(_ text: String) -> String {
        text.replacing("create function", with: "create or replace function")
    }
}
