// What a client knows of one conversation: its messages and tool calls in order, the run under way, and the cursor up
// to which all of that is true. Pure: frames in, items out. No socket, no clock, no page.
//
// An item is {kind: "message", id, role, text, status, isOpen, runId, queued, createdAt}, {kind: "tool", id, name,
// arguments, result, status, runId} or {kind: "notice", id, tone, code, message, runId, questionId}. `key` stays the same while an
// unacknowledged message becomes a stored one; `version` rises with every change, so that a view redraws what changed
// and no more. A question whose run did not end well has an `outcome` {status, code, message}; the notice of it, behind
// the last item of that run, follows from that alone, so that a reload shows what was shown when it happened.

import { isAfter } from "./parley-protocol.js";

export class Thread {
    id;
    items = [];
    /** The active run: {id, userMessageId} or null. */
    run = null;
    /** The id of the run that was asked to stop, until its terminal event. */
    stopping = null;
    /** Older messages exist than the snapshot brought. */
    hasMore = false;
    /** Whether the history is known (a snapshot came, or the conversation began on this socket). */
    isLoaded = false;
    /** none (this socket does not follow the thread), pending (catching up), live. */
    sync = "none";
    /** The run that was under way when the events were lost, until it is known again what runs. */
    lostRun = null;

    #oldestId = null;
    #cursor = null;
    #isResumable = false;

    constructor(id) {
        this.id = id;
    }

    /** The `after` of a subscription. None while a snapshot is half applied: what it still owed would be lost. */
    get resumeCursor() {
        return this.#isResumable ? this.#cursor : null;
    }

    /** The stored message before which the earlier ones are. */
    get oldestId() {
        return this.#oldestId;
    }

    /** A conversation that begins on this socket has no history to load. */
    begin() {
        this.isLoaded = true;
        this.sync = "live";
        this.#isResumable = true;
    }

    /** Makes the next subscription bring a snapshot. */
    distrust() {
        this.#isResumable = false;
    }

    find(id) {
        return this.items.find((item) => item.id === id);
    }

    // MARK: catching up

    applySnapshot(frame) {
        const keys = new Map(this.items.map((item) => [item.id, item.key]));
        this.items = itemsOf(frame.messages ?? [], keys);
        this.#explain();
        this.lostRun ??= this.run?.id ?? null;
        this.run = null;
        this.#oldestId = frame.messages?.[0]?.id ?? null;
        this.hasMore = frame.hasMore === true;
        this.isLoaded = true;
        this.#cursor = null;
        this.#isResumable = false;
    }

    /** Puts messages of the HTTP API, which are those before `oldestId`, in front. */
    prepend(messages, hasMore) {
        const keys = new Map(this.items.map((item) => [item.id, item.key]));
        const earlier = itemsOf(messages.map(fromAPI), keys);
        // A tool's call and its result may be on either side of the page's edge.
        for (const item of earlier) {
            const known = item.kind === "tool" ? this.find(item.id) : null;
            if (!known) continue;
            item.result = known.result;
            item.status = known.status;
            item.version = known.version + 1;
            this.items = this.items.filter((each) => each !== known);
        }
        this.items = [...earlier.filter((item) => !this.find(item.id)), ...this.items];
        this.#explain();
        this.#oldestId = messages[0]?.id ?? this.#oldestId;
        this.hasMore = hasMore;
    }

    applySubscribed(frame) {
        this.sync = "live";
        this.lostRun = null;
        this.isLoaded = true;
        if (frame.cursor && (!this.#cursor || isAfter(frame.cursor, this.#cursor))) this.#cursor = frame.cursor;
        this.#isResumable = true;
        if (this.stopping !== this.run?.id) this.stopping = null;
    }

    // MARK: sends

    /** Puts an acknowledged message in its place. Returns false when it is there already. */
    adopt({ id, key, text, runId, queued = null }) {
        if (this.find(id)) return false;
        this.items.push(message({ id, key, role: "user", text, runId, queued }));
        return true;
    }

    /** The server promised a run; its events are on their way. */
    expect(runId, userMessageId) {
        if (this.run === null) this.run = { id: runId, userMessageId };
    }

    /** A queued turn was taken back before it began. */
    withdraw(runId) {
        for (const item of this.items) {
            if (item.runId === runId && item.queued !== null && item.role === "user") {
                item.queued = null;
                item.status = "cancelled";
                touch(item);
            }
        }
    }

    // MARK: events

    /** Applies an AG-UI event. False: it was known already, or is of no interest here. */
    apply(event) {
        const { cursor, replay } = event.metadata?.parley ?? {};
        if (cursor) {
            if (!replay && this.#cursor && !isAfter(cursor, this.#cursor)) return false;
            this.#cursor = cursor;
        }
        switch (event.type) {
        case "RUN_STARTED":
            this.#runStarted(event);
            return true;
        case "TEXT_MESSAGE_START":
            this.#openText(event.messageId, event.role);
            return true;
        case "TEXT_MESSAGE_CONTENT": {
            const item = this.find(event.messageId) ?? this.#openText(event.messageId);
            item.text += event.delta ?? "";
            touch(item);
            return true;
        }
        case "TEXT_MESSAGE_END":
            this.#change(event.messageId, (item) => { item.isOpen = false; });
            return true;
        case "TOOL_CALL_START":
            this.#openTool(event.toolCallId, event.toolCallName);
            return true;
        case "TOOL_CALL_ARGS": {
            const item = this.find(event.toolCallId) ?? this.#openTool(event.toolCallId, "tool");
            item.arguments += event.delta ?? "";
            touch(item);
            return true;
        }
        case "TOOL_CALL_END":
            return true;
        case "TOOL_CALL_RESULT": {
            const item = this.find(event.toolCallId) ?? this.#openTool(event.toolCallId, "tool");
            item.result = contentText(event.content);
            item.status = isFailure(item.result) ? "failed" : "done";
            touch(item);
            return true;
        }
        case "RUN_FINISHED":
            this.#runEnded(event.outcome?.type === "cancelled" ? "cancelled" : "complete");
            return true;
        case "RUN_ERROR":
            this.#runEnded("failed", event);
            return true;
        default:
            return false;
        }
    }

    #runStarted(event) {
        const sent = (event.input?.messages ?? []).filter((each) => each.role === "user").at(-1);
        const runId = event.runId;
        if (this.run && this.run.id !== runId) this.#closeItems(this.run.id, "complete");
        this.items = this.items.filter((item) => item.runId !== runId || item.role === "user");
        this.run = { id: runId, userMessageId: sent?.id ?? null };
        this.lostRun = null;
        if (!sent) return;
        const known = this.find(sent.id);
        if (known) {
            known.runId = runId;
            known.queued = null;
            known.status = "complete";
            known.outcome = null;
            touch(known);
        } else {
            this.#insert(message({ id: sent.id, role: "user", text: contentText(sent.content), runId }));
        }
    }

    #openText(id, role = "assistant") {
        let item = this.find(id);
        if (item) {
            item.text = "";
            item.runId = this.run?.id ?? item.runId;
        } else {
            item = this.#insert(message({ id, role, text: "", runId: this.run?.id }));
        }
        item.isOpen = true;
        item.status = "streaming";
        touch(item);
        return item;
    }

    #openTool(id, name) {
        const fresh = { kind: "tool", id, key: id, name, arguments: "", result: null, status: "running", version: 0 };
        const item = this.find(id);
        if (!item) return this.#insert({ ...fresh, runId: this.run?.id ?? null });
        Object.assign(item, fresh, { key: item.key, version: item.version + 1, runId: this.run?.id ?? item.runId });
        return item;
    }

    // The items of a run stand before the messages that wait behind it.
    #insert(item) {
        let at = this.items.length;
        while (at > 0) {
            const before = this.items[at - 1];
            const isWaiting = before.role === "user" && before.id !== this.run?.userMessageId;
            if (!isWaiting || (before.queued === null && !this.#hasUserMessageBefore(at - 1))) break;
            at--;
        }
        this.items.splice(at, 0, item);
        return item;
    }

    #hasUserMessageBefore(end) {
        const id = this.run?.userMessageId;
        return id !== null && id !== undefined && this.items.slice(0, end).some((item) => item.id === id);
    }

    #runEnded(status, error) {
        const run = this.run;
        const outcome = status === "complete" ? null : { status, code: error?.code, message: error?.message };
        if (run) {
            this.#closeItems(run.id, status);
            const question = this.items.find((item) => item.runId === run.id && item.role === "user");
            if (question) question.outcome = outcome;
            else if (status === "failed") this.#insert(notice(run.id, "error", outcome));
            this.#explain();
            const last = this.items.findLast((item) => item.runId === run.id && item.kind === "message");
            if (last && status === "failed") last.isExplained = true;
        } else if (status === "failed") {
            this.#insert(notice(null, "error", outcome));
        }
        this.run = null;
        this.stopping = null;
        for (const item of this.items) {
            if (item.queued > 1) {
                item.queued--;
                touch(item);
            }
        }
    }

    // Puts the notices of turns that did not end well where they belong: behind the last item of each. An item whose run
    // is not known belongs to the question before it.
    #explain() {
        const questions = new Map();
        for (const item of this.items) {
            if (item.role === "user" && item.runId) questions.set(item.runId, item);
        }
        let before = null;
        const ends = new Map(); // question → its last item
        const shown = this.items.filter((item) => item.kind !== "notice" || item.questionId === null);
        for (const item of shown) {
            if (item.role === "user") before = item;
            const question = item.role === "user" ? item : questions.get(item.runId) ?? (item.runId ? null : before);
            if (question) ends.set(question, item);
        }
        const notices = new Map();
        for (const [{ id, runId, outcome, queued, status }, end] of ends) {
            if (!outcome || queued !== null || status === "cancelled") continue;
            if (outcome.status !== "cancelled") {
                if (!end.isExplained) touch(end);
                end.isExplained = true;
                notices.set(end, notice(runId, "error", outcome, id));
            } else if (end.status !== "cancelled") {
                // What was said until then would say itself that it was stopped.
                notices.set(end, notice(runId, "quiet", { code: "stopped" }, id));
            }
        }
        this.items = shown.flatMap((item) => notices.has(item) ? [item, notices.get(item)] : [item]);
    }

    #closeItems(runId, status) {
        const items = this.items.filter((item) => item.runId === runId && item.role !== "user");
        for (const item of items) {
            if (item.kind === "message" && item.status === "streaming") {
                item.isOpen = false;
                item.status = item === items.at(-1) ? status : "complete";
            } else if (item.kind === "tool" && item.status === "running") {
                item.status = status === "complete" ? "done" : status;
            } else {
                continue;
            }
            touch(item);
        }
    }

    #change(id, mutate) {
        const item = this.find(id);
        if (!item) return;
        mutate(item);
        touch(item);
    }
}

function touch(item) {
    item.version++;
}

function message({ id, key = id, role, text, runId = null, queued = null, status = "complete", createdAt = null }) {
    return { kind: "message", id, key, role, text, status, isOpen: false, runId, queued, createdAt, version: 0 };
}

/** `code` is one of a run's errors, or `stopped`; `message` the server's own words. */
function notice(runId, tone, { status, code, message: words }, questionId = null) {
    const id = `notice-${questionId ?? runId}`;
    const known = code ?? (status === "interrupted" ? "interrupted" : null);
    return { kind: "notice", id, key: id, tone, code: known, message: words ?? null, runId, questionId, version: 0 };
}

/** AG-UI content is a string, or a list of parts of which only text can be shown here. */
function contentText(content) {
    if (typeof content === "string") return content;
    if (Array.isArray(content)) return content.map((part) => part?.text ?? "").join("");
    return "";
}

/** A result that says `error` is a failed operation; the conversation goes on. */
function isFailure(result) {
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
function fromAPI(stored) {
    const { id, role, content, status, run, run_id: runId, tool_call_id: toolCallId, created_at: createdAt } = stored;
    // Calls come as a list, or in an object with one.
    const calls = stored.tool_calls?.tools ?? stored.tool_calls ?? [];
    const toolCalls = calls.map((call) => ({
        id: call.id, function: { name: call.tool, arguments: call.arguments ?? JSON.stringify(call.parameters ?? {}) },
    }));
    return { id, role, content, toolCalls, toolCallId, metadata: { parley: { status, run, runId, createdAt } } };
}

function itemsOf(messages, keys) {
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
    for (const each of messages) {
        const text = contentText(each.content);
        const { status, createdAt = null, run, runId = run?.id ?? null } = each.metadata?.parley ?? {};
        if (each.role === "tool") {
            const item = toolItem(each.toolCallId, runId);
            item.result = text;
            item.status = each.error || isFailure(text) ? "failed" : "done";
            continue;
        }
        if (each.role !== "user" && each.role !== "assistant") continue;
        if (text !== "") {
            const item = message({
                id: each.id, key: keys.get(each.id), role: each.role, text, runId, createdAt,
                status: STORED_STATUS[status],
            });
            if (each.role === "user") item.outcome = outcomeOf(run);
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
