// What a client knows of one conversation: its messages and tool calls in order, the run under way, and the cursor up
// to which all of that is true. Pure: frames in, items out. No socket, no clock, no page.
//
// An item is {kind: "message", id, role, text, status, isOpen, runId, queued, createdAt}, {kind: "tool", id, name,
// arguments, result, status, runId}, {kind: "reasoning", id, text, isOpen, runId} or {kind: "notice", id, tone, code, message, runId, questionId}. `key` stays the same while an
// unacknowledged message becomes a stored one; `version` rises with every change, so that a view redraws what changed
// and no more. A question whose run did not end well has an `outcome` {status, code, message}; the notice of it, behind
// the last item of that run, follows from that alone, so that a reload shows what was shown when it happened.

import { contentText, fromAPI, isFailure, itemsOf, message, notice, reasoning, touch } from "./parley-items.js";
import { isAfter } from "./parley-protocol.js";

export class Thread {
    id;
    items = [];
    /** The active run: {id, userMessageId} or null. */
    run = null;
    /** What tools ask before they act (AG-UI interrupts), while the conversation is suspended for it. */
    interrupts = [];
    /** The answer to them that is on its way: {id, resume}; and what was wrong with the last one: {code, message}. */
    answering = null;
    refusal = null;
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
    #judgements = null; // of answers, by message id; null: not known
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

    /** What the person thinks of the answers: a map of {rating, comment} by message id. */
    get judgements() {
        return this.#judgements;
    }

    set judgements(judgements) {
        this.#judgements = judgements;
        this.#applyJudgements();
    }

    judge(id, judgement) {
        if (judgement) this.#judgements?.set(id, judgement);
        else this.#judgements?.delete(id);
        this.#applyJudgements();
    }

    #applyJudgements() {
        for (const item of this.items) {
            if (item.kind !== "message" || item.role === "user" || !this.#judgements) continue;
            const judgement = this.#judgements.get(item.id) ?? null;
            if (item.judgement === judgement) continue;
            item.judgement = judgement;
            touch(item);
        }
    }

    find(id) {
        return this.items.find((item) => item.id === id);
    }

    // MARK: catching up

    /** `waiting`: the ids of the runs that are queued, in their order. */
    applySnapshot(frame, waiting = []) {
        const keys = new Map(this.items.map((item) => [item.id, item.key]));
        this.items = itemsOf(frame.messages ?? [], keys);
        for (const item of this.items) {
            const at = item.role === "user" ? waiting.indexOf(item.runId) : -1;
            if (at >= 0) item.queued = at + 1;
        }
        this.#explain();
        this.#applyJudgements();
        this.#ask(frame.interrupts ?? []);
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
        this.#applyJudgements();
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
            item.messageId = event.messageId;
            touch(item);
            return true;
        }
        case "REASONING_MESSAGE_START":
            this.#insert(reasoning(event.messageId, this.run?.id ?? null));
            return true;
        case "REASONING_MESSAGE_CONTENT": {
            const item = this.#reasoningOf(event.messageId) ?? this.#insert(reasoning(event.messageId, this.run?.id ?? null));
            item.text += event.delta ?? "";
            touch(item);
            return true;
        }
        case "REASONING_MESSAGE_END":
        case "REASONING_END":
            for (const item of this.items) {
                if (item.kind !== "reasoning" || !item.isOpen) continue;
                item.isOpen = false;
                touch(item);
            }
            return true;
        case "RUN_FINISHED": {
            const { type, interrupts } = event.outcome ?? {};
            if (type === "interrupt") {
                this.answering = null;
                this.#ask(interrupts ?? []);
            }
            this.#runEnded(type === "cancelled" ? "cancelled" : "complete");
            return true;
        }
        case "RUN_ERROR":
            this.#runEnded("failed", event);
            return true;
        default:
            return false;
        }
    }

    // Nothing of what is asked for has been done. `otherwise`: what becomes of what was asked for before.
    #ask(interrupts, otherwise = "cancelled") {
        this.interrupts = interrupts;
        if (interrupts.length === 0) this.answering = null;
        this.refusal = null;
        for (const item of this.items) {
            if (item.kind !== "tool" || item.result !== null) continue;
            if (interrupts.some((each) => each.toolCallId === item.id)) item.status = "waiting";
            else if (item.status === "waiting") item.status = otherwise;
            else continue;
            touch(item);
        }
    }

    /** The question behind which a message is edited: the id of what stands before it, null at the beginning. */
    parentOf(questionId) {
        const at = this.items.findIndex((item) => item.id === questionId);
        if (at < 0) return undefined;
        if (this.items[at].parentId !== undefined) return this.items[at].parentId;
        if (this.hasMore && at === 0) return undefined;
        const before = this.items.slice(0, at).findLast((item) => item.kind === "message" || item.kind === "tool");
        if (!before) return null;
        return before.kind === "tool" ? before.messageId : before.id;
    }

    #runStarted(event) {
        const sent = (event.input?.messages ?? []).filter((each) => each.role === "user").at(-1);
        const runId = event.runId;
        if (this.run && this.run.id !== runId) this.#closeItems(this.run.id, "complete");
        this.items = this.items.filter((item) => item.runId !== runId || item.role === "user");
        this.run = { id: runId, userMessageId: sent?.id ?? null, replaces: event.parentRunId ?? null };
        this.lostRun = null;
        // What was approved is being carried out now.
        if (this.interrupts.length > 0) this.#ask([], event.input?.resume ? "running" : "cancelled");
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

    #reasoningOf(messageId) {
        return this.items.findLast((item) => item.kind === "reasoning" && item.id === `reasoning-${messageId}` && item.isOpen);
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
        this.#applyJudgements();
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
            } else if (item.kind === "reasoning" && item.isOpen) {
                item.isOpen = false;
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
