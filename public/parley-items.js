// The items of a conversation: made from stored messages, or one by one. See parley-thread.js for their shape.

export function touch(item) {
    item.version++;
}

export function message({ id, key = id, role, text, runId = null, queued = null, status = "complete", createdAt = null }) {
    return { kind: "message", id, key, role, text, status, isOpen: false, runId, queued, createdAt, version: 0 };
}

// Its thoughts may come in several pieces under one id, each of which is one item.
let reasonings = 0;

export function reasoning(messageId, runId) {
    const key = `reasoning-${messageId}-${++reasonings}`;
    return { kind: "reasoning", id: `reasoning-${messageId}`, key, text: "", isOpen: true, runId, version: 0 };
}

/** `code` is one of a run's errors, or `stopped`; `message` the server's own words. */
export function notice(runId, tone, { status, code, message: words }, questionId = null) {
    const id = `notice-${questionId ?? runId}`;
    const known = code ?? (status === "interrupted" ? "interrupted" : null);
    return { kind: "notice", id, key: id, tone, code: known, message: words ?? null, runId, questionId, version: 0 };
}

/** AG-UI content is a string, or a list of parts of which only text can be shown here. */
export function contentText(content) {
    if (typeof content === "string") return content;
    if (Array.isArray(content)) return content.map((part) => part?.text ?? "").join("");
    return "";
}

/** A result that says `error` is a failed operation; the conversation goes on. */
export function isFailure(result) {
    try {
        const value = JSON.parse(result);
        return value !== null && typeof value === "object" && Boolean(value.error);
    } catch {
        return false;
    }
}

const STORED_STATUS = { cancelled: "cancelled", interrupted: "failed", failed: "failed" };

/** How the run of a question ended, where that was not well. */
function outcomeOf(run) {
    if (run === null || typeof run !== "object") return null;
    return ["failed", "interrupted", "cancelled"].includes(run.status) ? { status: run.status, code: run.code } : null;
}

/** A message of the HTTP API in the shape of a snapshot's. */
export function fromAPI(stored) {
    const { id, role, content, status, run, run_id: runId, tool_call_id: toolCallId, created_at: createdAt } = stored;
    const branch = {};
    if (stored.parent_id !== undefined && role === "user") branch.parentId = stored.parent_id;
    if (stored.siblings) branch.siblings = stored.siblings;
    // Calls come as a list, or in an object with one.
    const calls = stored.tool_calls?.tools ?? stored.tool_calls ?? [];
    const toolCalls = calls.map((call) => ({
        id: call.id, function: { name: call.tool, arguments: call.arguments ?? JSON.stringify(call.parameters ?? {}) },
    }));
    return { id, role, content, toolCalls, toolCallId, metadata: { parley: { status, run, runId, createdAt, ...branch } } };
}

export function itemsOf(messages, keys) {
    const items = [];
    const tools = new Map();
    const toolItem = (id, runId) => {
        let item = tools.get(id);
        if (!item) {
            item = { kind: "tool", id, key: keys.get(id) ?? id, name: "tool", arguments: "", result: null };
            Object.assign(item, { status: "done", runId, version: 0 });
            tools.set(id, item);
            items.push(item);
        }
        return item;
    };
    let question = null;
    for (const each of messages) {
        const text = contentText(each.content);
        const parley = each.metadata?.parley ?? {};
        const { status, createdAt = null, run, runId = run?.id ?? null, siblings = null } = parley;
        // The answers to one question are siblings, named by their first messages.
        if (each.role !== "user" && siblings && question) question.answers = { ids: siblings, shown: each.id };
        if (each.role === "tool") {
            const item = toolItem(each.toolCallId, runId);
            item.result = text;
            item.status = each.error || isFailure(text) ? "failed" : "done";
            item.messageId = each.id;
            continue;
        }
        if (each.role !== "user" && each.role !== "assistant") continue;
        if (text !== "") {
            const item = message({
                id: each.id, key: keys.get(each.id), role: each.role, text, runId, createdAt,
                status: STORED_STATUS[status],
            });
            if (each.role === "user") {
                item.outcome = outcomeOf(run);
                if ("parentId" in parley) item.parentId = parley.parentId;
                item.siblings = siblings;
                question = item;
            }
            items.push(item);
        }
        for (const call of each.toolCalls ?? []) {
            const item = toolItem(call.id, runId);
            item.name = call.function?.name ?? item.name;
            item.arguments = call.function?.arguments ?? "";
        }
    }
    return items;
}
