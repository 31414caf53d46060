// What a page hears of a conversation: events of the element, made of the events of the wire.

const ENDS = { cancelled: "cancelled", interrupt: "suspended" };

/** [name, detail] pairs for an AG-UI event that a thread has applied. */
export function pageEvents(threadId, event, thread) {
    const { runId } = event;
    switch (event.type) {
    case "RUN_STARTED": {
        const said = (event.input?.messages ?? []).filter((each) => each.role === "user").map((each) =>
            ["parley-message", { threadId, messageId: each.id, role: "user", content: each.content }]);
        return [...said, ["parley-run", { threadId, runId, status: "running" }]];
    }
    case "TEXT_MESSAGE_END": {
        const { messageId } = event;
        const content = thread?.find(messageId)?.text ?? "";
        return [["parley-message", { threadId, messageId, role: "assistant", content }]];
    }
    case "TOOL_CALL_RESULT": {
        const { toolCallId } = event;
        const call = thread?.find(toolCallId);
        const detail = { threadId, toolCallId, name: call?.name, arguments: call?.arguments, result: call?.result };
        return [["parley-tool", { ...detail, failed: call?.status === "failed" }]];
    }
    case "RUN_FINISHED":
        return [["parley-run", { threadId, runId, status: ENDS[event.outcome?.type] ?? "completed" }]];
    case "RUN_ERROR":
        return [
            ["parley-run", { threadId, runId, status: "failed", code: event.code }],
            ["parley-error", { threadId, code: event.code, message: event.message }],
        ];
    default:
        return [];
    }
}
