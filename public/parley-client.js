// A Parley client without a page: follows conversations over one connection, sends, cancels, and resumes, so that what
// it holds is what the server holds, without a gap and without a repeat.
//
// Events: `state` (connection), `ready`, `change` (detail: {threadId}), `outbox`, `settled` (a draft became a thread;
// detail: {draftId, threadId, content}), `caughtup` (a run ended while nobody heard; detail: {threadId, runId}), `thread` (a notice of the server), `gone` (detail: {threadId}), `problem`
// (detail: {code, message, retryAt}), `expiring` (a token is needed).

import { Connection } from "./parley-connection.js";
import { Outbox } from "./parley-outbox.js";
import { Thread } from "./parley-thread.js";
import { storageName } from "./parley-storage.js";
import {
    DEFAULT_CONTENT_LIMIT, backoffDelay, newId, senderMetadata, sendErrorPolicy,
} from "./parley-protocol.js";

const KEPT_THREADS = 12;
const FOLLOWED_RUNS = 4; // beside the open conversation
const SUBSCRIBE_AGAIN_MS = 3_000;

export class ParleyClient extends EventTarget {
    contentLimit = DEFAULT_CONTENT_LIMIT;
    /** Ids of the followed conversations in which a run is under way. */
    running = new Set();
    /** Those that wait for a person's decision. */
    suspended = new Set();
    /** The language the person reads, a BCP 47 tag, told with what is sent; null: the browser's. */
    locale = null;

    #url;
    #connection;
    #outbox;
    #threads = new Map(); // by id, least recently opened first
    #open = new Map(); // who looks (a widget) → the thread on that screen: these are resumed first
    #operations = new Map(); // id of a subscribe or cancel → {kind, threadId, runId}
    #waiting = new Map(); // conversation → the ids of its queued runs, in their order
    #heldUntil = 0;
    #refusals = 0;
    #flushTimer = 0;
    #subscribeTimer = 0;

    constructor({ url, provideToken, storage }) {
        super();
        this.#url = url;
        this.#outbox = new Outbox(storage);
        this.#connection = new Connection({ url, provideToken });
        this.#connection.addEventListener("state", () => this.#emit("state"));
        this.#connection.addEventListener("ready", (event) => this.#ready(event.detail));
        this.#connection.addEventListener("frame", (event) => this.#receive(event.detail));
        this.#connection.addEventListener("lost", (event) => this.#lost(event.detail.code));
        this.#connection.addEventListener("expiring", (event) => this.#emit("expiring", event.detail));
    }

    get state() {
        return this.#connection.state;
    }

    get token() {
        return this.#connection.token;
    }

    /** Null until the first `ready`. */
    get userId() {
        return this.#connection.userId;
    }

    /** Whether operations may be sent now. */
    get isOnline() {
        return this.#connection.isOnline;
    }

    /** Loads what the user left unsent in this tab, then connects. */
    start(userId) {
        if (userId) this.#outbox.load(storageName(userId, this.#url));
        this.#connection.start();
    }

    stop() {
        clearTimeout(this.#flushTimer);
        clearTimeout(this.#subscribeTimer);
        this.#connection.stop();
        this.#outbox.close();
    }

    retryNow() {
        this.#connection.retryNow();
    }

    offerToken(token) {
        this.#connection.offerToken(token);
    }

    // MARK: conversations

    thread(id) {
        return this.#threads.get(id);
    }

    /** Follows a conversation and makes it one that is resumed first after a loss. Null: none. `viewer`: who looks. */
    open(threadId, viewer = null) {
        if (!threadId) return void this.#open.delete(viewer);
        this.#open.set(viewer, threadId);
        this.#follow(threadId);
    }

    #follow(threadId) {
        const thread = this.#threads.get(threadId) ?? new Thread(threadId);
        this.#keep(thread);
        if (thread.sync === "none") this.#subscribe(thread);
    }

    #followOpen() {
        for (const id of new Set(this.#open.values())) this.#follow(id);
    }

    /** Who looks at a conversation. */
    viewers(threadId) {
        return [...this.#open].filter(([, open]) => open === threadId).map(([viewer]) => viewer);
    }

    #isOpen(threadId) {
        return [...this.#open.values()].includes(threadId);
    }

    #keep(thread) {
        this.#threads.delete(thread.id);
        this.#threads.set(thread.id, thread);
        for (const [id, old] of this.#threads) {
            if (this.#threads.size <= KEPT_THREADS) break;
            if (this.#isOpen(id) || old.run || this.#outbox.of({ threadId: id }).length > 0) continue;
            this.#threads.delete(id);
            if (old.sync !== "none") this.#connection.send({ op: "unsubscribe", id: newId(), threadId: id });
        }
    }

    #subscribe(thread) {
        const operation = { op: "subscribe", id: newId(), threadId: thread.id };
        if (thread.resumeCursor) operation.after = thread.resumeCursor;
        if (!this.#connection.send(operation)) return;
        thread.sync = "pending";
        this.#operations.set(operation.id, { kind: "subscribe", threadId: thread.id });
    }

    // A socket that follows a thread already is not told again of the active run: it has to leave first.
    #readAgain(thread) {
        if (!this.#threads.has(thread.id)) return;
        thread.distrust();
        this.#connection.send({ op: "unsubscribe", id: newId(), threadId: thread.id });
        this.#subscribe(thread);
    }

    // MARK: sending

    /** Puts a message into the outbox and sends it as soon as that is possible. Null: the outbox is full. */
    send({ threadId = null, draftId = null, content, parentId }) {
        const branch = parentId === undefined ? {} : { parentId };
        const entry = this.#outbox.add({ threadId, draftId, content: wellFormed(content), after: this.#newest(threadId), ...branch });
        if (!entry) return null;
        this.#emit("outbox");
        this.#flush();
        return entry;
    }

    #newest(threadId) {
        return this.#threads.get(threadId)?.items.findLast((item) => item.kind === "message")?.id ?? null;
    }

    /** Says a message anew, in other words: behind what stands before it. Null: that is not known, or the outbox is full. */
    edit(threadId, questionId, content) {
        const parentId = this.#threads.get(threadId)?.parentOf(questionId);
        return parentId === undefined ? null : this.send({ threadId, content, parentId });
    }

    /** Asks for another answer to a question; it will stand beside the one that is there. */
    regenerate(threadId, questionId, id = newId()) {
        const question = this.#threads.get(threadId)?.find(questionId);
        // However often it is pressed.
        if (!question || this.#outbox.find(id) || this.#outbox.entries.some((each) => each.regenerates === questionId)) return false;
        const entry = { id, threadId, draftId: null, content: question.text, after: this.#newest(threadId), regenerates: questionId };
        if (!this.#outbox.add(entry)) return false;
        this.#emit("outbox");
        this.#flush();
        return true;
    }

    /** Shows another of several siblings, with what follows it. */
    select(threadId, messageId) {
        const operation = { op: "select", id: newId(), threadId, messageId };
        if (this.#connection.send(operation)) this.#operations.set(operation.id, { kind: "select", threadId });
    }

    /** Answers all that a suspended conversation asks: [{interruptId, status, payload?}]. Repeated after a reconnect. */
    resume(threadId, resume) {
        const thread = this.#threads.get(threadId);
        if (!thread || thread.answering) return;
        thread.answering = { id: newId(), resume };
        thread.refusal = null;
        this.#sendAnswer(thread);
        this.#changed(threadId);
    }

    #sendAnswer({ id: threadId, answering: { id, resume } }) {
        if (this.#connection.send({ op: "resume", id, threadId, resume })) this.#operations.set(id, { kind: "resume", threadId });
    }

    /**
     * Asks a question again that was not answered: once, from whichever tab and however often it is pressed, since what
     * asks is named after the run that failed. Whether that was news.
     */
    askAgain(threadId, questionId) {
        const items = this.#threads.get(threadId)?.items ?? [];
        const question = items.find((item) => item.id === questionId && item.role === "user");
        if (!question || this.isAskedAgain(threadId, questionId)) return false;
        return this.regenerate(threadId, questionId, againKey(question));
    }

    /** Whether a question was asked again, which waits to be sent. */
    isAskedAgain(threadId, questionId) {
        const items = this.#threads.get(threadId)?.items ?? [];
        const at = items.findIndex((item) => item.id === questionId);
        return at >= 0 && this.#outbox.find(againKey(items[at])) !== undefined;
    }

    /**
     * The unacknowledged messages of a conversation. One that may have arrived on an earlier connection, and stands
     * among the stored ones by now, is left out: its acknowledgement is about to say so.
     */
    unacknowledged(view) {
        const items = this.#threads.get(view.threadId)?.items ?? [];
        const claimed = new Set();
        return this.#outbox.of(view).filter((entry) => !entry.regenerates).filter((entry) => {
            if (entry.status === "failed" || entry.attempts === 0) return true;
            const start = items.findIndex((item) => item.id === entry.after) + 1;
            const twin = items.slice(start).find((item) =>
                item.role === "user" && item.text === entry.content && !item.isOwn && !claimed.has(item.id));
            if (twin) claimed.add(twin.id);
            return !twin;
        });
    }

    hasUnacknowledged(draftId) {
        return this.#outbox.of({ draftId }).some((entry) => !entry.threadId);
    }

    /** Sends a failed message again, with its id: should it have been stored after all, it is not stored twice. */
    retry(entryId) {
        const entry = this.#outbox.find(entryId);
        if (!entry) return;
        entry.status = "waiting";
        delete entry.errorCode;
        delete entry.errorMessage;
        this.#outbox.save();
        this.#emit("outbox");
        this.#flush();
    }

    /** Takes a failed message out and returns its text. */
    discard(entryId) {
        const content = this.#outbox.find(entryId)?.content ?? "";
        this.#outbox.remove(entryId);
        this.#emit("outbox");
        this.#flush();
        return content;
    }

    #flush() {
        clearTimeout(this.#flushTimer);
        if (!this.#connection.isOnline || this.#connection.isDraining) return;
        const held = this.#heldUntil - performance.now();
        if (held > 0) {
            this.#flushTimer = setTimeout(() => this.#flush(), held);
            return;
        }
        for (const entry of this.#outbox.sendable((id) => this.#isCatchingUp(id))) {
            const operation = entry.regenerates
                ? { op: "regenerate", id: entry.id, messageId: entry.regenerates }
                : { op: "send", id: entry.id, content: entry.content, metadata: senderMetadata(this.locale) };
            if (entry.threadId) operation.threadId = entry.threadId;
            if (entry.parentId !== undefined) operation.parentId = entry.parentId;
            if (!this.#connection.send(operation)) break;
            entry.status = "sent";
            entry.attempts++;
        }
        this.#outbox.save();
        this.#emit("outbox");
    }

    // A thread that is shown again later must not miss what came before the send that makes the socket follow it.
    #isCatchingUp(threadId) {
        const thread = this.#threads.get(threadId);
        if (thread?.sync === "none") this.#subscribe(thread);
        return thread?.sync === "pending";
    }

    // MARK: cancelling

    /** Stops the active run, or takes back a queued one. Repeated after a reconnect for as long as the run goes on. */
    cancel(threadId, runId = this.#threads.get(threadId)?.run?.id) {
        const thread = this.#threads.get(threadId);
        if (!thread || !runId) return;
        if (runId === thread.run?.id) thread.stopping = runId;
        const operation = { op: "cancel", id: newId(), threadId, runId };
        if (this.#connection.send(operation)) {
            this.#operations.set(operation.id, { kind: "cancel", threadId, runId });
        }
        this.#changed(threadId);
    }

    // MARK: the connection

    #ready(frame) {
        const limit = frame.limits?.maxContentLength ?? frame.limits?.contentLength;
        if (Number.isInteger(limit) && limit > 0) this.contentLimit = limit;
        if (frame.userId) this.#outbox.load(storageName(frame.userId, this.#url));
        this.running.clear();
        this.#waiting.clear();
        this.suspended.clear();
        for (const { threadId, runId, status } of frame.runs ?? []) {
            if (status === "queued") this.#waits(threadId, runId);
            else if (status === "suspended") this.suspended.add(threadId);
        }
        this.#heldUntil = 0;
        this.#emit("ready", frame);
        this.#followOpen();
        this.#followRunning(frame.runs ?? []);
        this.#flush();
    }

    // Runs elsewhere are followed, too: the list shows them, and their end.
    #followRunning(runs) {
        const ids = new Set(runs.map((run) => run.threadId));
        for (const id of [...ids].slice(0, FOLLOWED_RUNS)) {
            const thread = this.#threads.get(id) ?? new Thread(id);
            if (thread.sync !== "none") continue;
            this.#keep(thread);
            this.#subscribe(thread);
        }
    }

    #lost(code) {
        this.#operations.clear();
        clearTimeout(this.#subscribeTimer);
        for (const thread of this.#threads.values()) thread.sync = "none";
        if (code === 1009) {
            for (const entry of this.#outbox.entries) if (entry.status === "sent") fail(entry, "too_large");
        }
        this.#outbox.connectionLost();
        this.#emit("outbox");
    }

    #receive(frame) {
        if (typeof frame.type === "string") return this.#event(frame);
        switch (frame.op) {
        case "ack":
            return this.#acknowledged(frame);
        case "error":
            return this.#refused(frame);
        case "snapshot": {
            const thread = this.#threads.get(frame.threadId);
            if (!thread) return;
            thread.applySnapshot(frame, this.#waiting.get(frame.threadId));
            this.#noteSuspended(thread);
            return this.#changed(thread.id);
        }
        case "subscribed":
            return this.#subscribed(frame);
        case "thread":
            return this.#noticed(frame);
        }
    }

    #event(event) {
        const threadId = event.metadata?.parley?.threadId ?? event.threadId;
        const thread = this.#threads.get(threadId);
        if (event.type === "RUN_STARTED") this.#waitsNoMore(threadId, event.runId);
        const run = thread?.run;
        if (!thread?.apply(event)) return;
        // Which answers stand beside the new one a history tells.
        if (run?.replaces && !thread.run) this.#readAgain(thread);
        this.#noteSuspended(thread);
        this.#setRunning(threadId, thread.run !== null);
        this.#changed(threadId, event);
    }

    #noteSuspended({ id, interrupts }) {
        if (interrupts.length > 0) this.suspended.add(id);
        else this.suspended.delete(id);
    }

    #waitsNoMore(threadId, runId) {
        const waiting = this.#waiting.get(threadId)?.filter((each) => each !== runId) ?? [];
        if (waiting.length > 0) this.#waiting.set(threadId, waiting);
        else this.#waiting.delete(threadId);
    }

    #waits(threadId, runId) {
        this.#waiting.set(threadId, [...this.#waiting.get(threadId)?.filter((each) => each !== runId) ?? [], runId]);
    }

    #subscribed(frame) {
        this.#operations.delete(frame.id);
        const thread = this.#threads.get(frame.threadId);
        if (!thread) return;
        const lost = thread.lostRun;
        thread.applySubscribed(frame);
        this.#setRunning(thread.id, thread.run !== null);
        if (lost && lost !== thread.run?.id && frame.mode === "snapshot") {
            this.#emit("caughtup", { threadId: thread.id, runId: lost });
        }
        if (thread.stopping) this.cancel(thread.id, thread.stopping);
        if (thread.answering && thread.interrupts.length > 0) this.#sendAnswer(thread);
        else thread.answering = null;
        this.#changed(thread.id);
        this.#flush();
    }

    #noticed(frame) {
        this.#emit("thread", frame);
        if (frame.status !== "deleted") return;
        this.#threads.delete(frame.threadId);
        this.running.delete(frame.threadId);
        this.#emit("gone", { threadId: frame.threadId });
    }

    // MARK: answers

    #acknowledged(frame) {
        const operation = this.#operations.get(frame.id);
        if (operation) {
            this.#operations.delete(frame.id);
            if (operation.kind === "cancel") this.#cancelled(frame, operation);
            else if (operation.kind === "resume") this.#resumed(frame, operation);
            return;
        }
        const entry = this.#outbox.find(frame.id);
        if (!entry) return;
        this.#refusals = 0;
        const { threadId, messageId, runId, status } = frame;
        const isNew = !entry.threadId;
        const thread = this.#threads.get(threadId) ?? new Thread(threadId);
        if (isNew && status !== "duplicate" && thread.sync === "none") thread.begin();
        if (isNew || this.#isOpen(threadId)) this.#keep(thread);
        if (isNew && entry.draftId) this.#outbox.settleDraft(entry.draftId, threadId);
        this.#outbox.remove(entry.id);
        if (entry.regenerates) return this.#regenerates(thread, frame);

        const queued = status === "queued" ? frame.position ?? 1 : null;
        if (queued !== null) this.#waits(threadId, runId);
        const isNews = thread.adopt({ id: messageId, key: entry.id, text: entry.content, runId, queued });
        const item = thread.find(messageId);
        if (item) item.isOwn = true;
        if (status === "running") {
            thread.expect(runId, messageId);
            if (this.#threads.has(threadId)) this.#setRunning(threadId, true);
        }
        if (isNew) this.#emit("settled", { draftId: entry.draftId, threadId, content: entry.content });
        if (status === "duplicate" && thread.sync !== "pending" && (isNews || thread.sync === "none")) {
            // It was stored while nobody was looking: only the history knows its place and what followed it.
            this.#readAgain(thread);
        }
        this.#changed(threadId);
        this.#emit("outbox");
        this.#flush();
    }

    // The snapshot in which it shows is on its way.
    #regenerates(thread, { status, runId, messageId }) {
        if (status === "duplicate") this.#readAgain(thread);
        else if (status === "queued") this.#waits(thread.id, runId);
        else thread.expect(runId, messageId);
        this.#changed(thread.id);
        this.#emit("outbox");
        this.#flush();
    }

    #resumed(frame, { threadId }) {
        const thread = this.#threads.get(threadId);
        if (!thread) return;
        // The first answer counted, which was another's.
        if (frame.status === "duplicate") this.#readAgain(thread);
        else if (frame.runId) thread.expect(frame.runId, null);
        this.#changed(threadId);
    }

    #cancelled(frame, { threadId, runId }) {
        const thread = this.#threads.get(threadId);
        if (!thread) return;
        this.#waitsNoMore(threadId, runId);
        if (frame.status === "cancelled") thread.withdraw(runId);
        if (thread.stopping === runId) thread.stopping = null;
        if (thread.run?.id === runId) {
            // The run is over and this client missed how.
            this.#readAgain(thread);
        }
        this.#changed(threadId);
    }

    #refused(frame) {
        const retryAt = frame.retryAfter > 0 ? performance.now() + frame.retryAfter * 1000 : null;
        const operation = this.#operations.get(frame.id);
        if (operation) {
            this.#operations.delete(frame.id);
            switch (operation.kind) {
            case "subscribe": return this.#subscribeRefused(frame, operation, retryAt);
            case "cancel": return this.#cancelRefused(frame, operation);
            case "resume": return this.#resumeRefused(frame, operation);
            default: return this.#problem(frame.code, frame.message, retryAt);
            }
        }
        const entry = frame.id === undefined ? undefined : this.#outbox.find(frame.id);
        if (!entry) return this.#problem(frame.code, frame.message, retryAt);
        const policy = sendErrorPolicy(frame.code);
        if (policy === "again") {
            entry.status = "waiting";
            const delay = frame.retryAfter > 0 ? frame.retryAfter * 1000 : 1000 + backoffDelay(this.#refusals++);
            this.#heldUntil = Math.max(this.#heldUntil, performance.now() + delay);
            this.#problem(frame.code, frame.message, this.#heldUntil);
        } else if (entry.regenerates) {
            this.#outbox.remove(entry.id);
            this.#problem(frame.code, frame.message);
        } else {
            fail(entry, frame.code, frame.message);
        }
        this.#outbox.save();
        this.#emit("outbox");
        this.#flush();
    }

    #subscribeRefused(frame, { threadId }, retryAt) {
        const thread = this.#threads.get(threadId);
        if (!thread) return;
        thread.sync = "none";
        if (["thread_not_found", "not_found", "forbidden", "invalid_field"].includes(frame.code)) {
            this.#threads.delete(threadId);
            this.#emit("gone", { threadId });
        } else {
            clearTimeout(this.#subscribeTimer);
            const delay = retryAt ? retryAt - performance.now() : SUBSCRIBE_AGAIN_MS;
            this.#subscribeTimer = setTimeout(() => this.#followOpen(), delay);
            this.#problem(frame.code, frame.message, performance.now() + delay);
        }
        this.#flush();
    }

    #resumeRefused(frame, { threadId }) {
        const thread = this.#threads.get(threadId);
        if (!thread) return;
        thread.answering = null;
        thread.refusal = { code: frame.code, message: frame.message };
        this.#changed(threadId);
    }

    #cancelRefused(frame, { threadId, runId }) {
        const thread = this.#threads.get(threadId);
        if (thread?.stopping === runId) thread.stopping = null;
        this.#problem(frame.code, frame.message);
        this.#changed(threadId);
    }

    // MARK: events of our own

    #setRunning(threadId, isRunning) {
        if (this.running.has(threadId) === isRunning) return;
        if (isRunning) this.running.add(threadId);
        else this.running.delete(threadId);
        this.#emit("running", { threadId, isRunning });
    }

    #problem(code, message, retryAt = null) {
        this.#emit("problem", { code, message, retryAt });
    }

    #changed(threadId, event = null) {
        this.#emit("change", { threadId, event });
    }

    #emit(name, detail = null) {
        this.dispatchEvent(new CustomEvent(name, { detail }));
    }
}

function fail(entry, code, message = null) {
    entry.status = "failed";
    entry.errorCode = code;
    entry.errorMessage = message;
}

function againKey(question) {
    return `again-${question.runId ?? question.id}`;
}

/** A lone surrogate can't be sent as UTF-8; the browser's own replacement is what the person sees, too. */
function wellFormed(text) {
    return text.toWellFormed ? text.toWellFormed() : text;
}
