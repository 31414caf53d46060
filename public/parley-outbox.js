// Messages that were written and not yet acknowledged. They outlive a lost connection and a reload (session storage),
// and are sent again with the same idempotency key, so that each becomes one message or none.
//
// An entry is {id, threadId, draftId, content, status, attempts, after, errorCode, errorMessage}. `draftId` names a
// conversation that the server has not named yet. `after` is the last stored message that stood before it. One that is
// edited has a `parentId` (null: at the beginning); one that asks for another answer names its question, `regenerates`.
// status: waiting (to be sent), sent (on this connection), failed (the person decides).
//
// Clients of one user that live in one page (they can't always share one) never take up, nor write over, what the
// others hold: an entry belongs to the outbox that took it first, until that one is closed.

import { newId } from "./parley-protocol.js";

export const OUTBOX_LIMIT = 50;

const owners = new Map(); // id of an entry → the outbox of this page that it belongs to

export class Outbox {
    entries = [];
    #storage;
    #key = null;

    constructor(storage) {
        this.#storage = storage;
    }

    /** Takes up what this user left behind in this tab. Called once it is known whose storage it is. */
    load(owner) {
        const key = `parley.outbox.${owner}`;
        if (key === this.#key) return;
        this.#key = key;
        const usable = this.#stored().filter((entry) => !owners.has(entry.id) && typeof entry.content === "string");
        for (const entry of usable) if (entry.status === "sent") entry.status = "waiting";
        this.entries = [...usable, ...this.entries].slice(0, OUTBOX_LIMIT);
        for (const entry of this.entries) owners.set(entry.id, this);
        this.save();
    }

    /** What is unsent stays stored, for whoever loads it next. */
    close() {
        this.save();
        for (const entry of this.entries) owners.delete(entry.id);
        this.entries = [];
        this.#key = null;
    }

    /** Null when the outbox is full. `id`: an idempotency key that is already known. */
    add({ id = newId(), threadId, draftId, content, after, ...branch }) {
        if (this.entries.length >= OUTBOX_LIMIT) return null;
        const entry = { id, threadId, draftId, content, after, ...branch, status: "waiting", attempts: 0 };
        this.entries.push(entry);
        owners.set(id, this);
        this.save();
        return entry;
    }

    find(id) {
        return this.entries.find((entry) => entry.id === id);
    }

    remove(id) {
        const entry = this.find(id);
        if (!entry) return;
        this.entries = this.entries.filter((each) => each !== entry);
        this.save();
        owners.delete(id);
    }

    /** Those of one conversation, oldest first. */
    of({ threadId, draftId }) {
        return this.entries.filter((entry) => threadId ? entry.threadId === threadId : entry.draftId === draftId);
    }

    /** The server has named the conversation that a draft became. */
    settleDraft(draftId, threadId) {
        for (const entry of this.entries) if (entry.draftId === draftId) entry.threadId = threadId;
        this.save();
    }

    /** The connection is gone: what was sent on it and not acknowledged is sent again on the next. */
    connectionLost() {
        for (const entry of this.entries) if (entry.status === "sent") entry.status = "waiting";
        this.save();
    }

    /**
     * What may be sent now, in order. Of a draft only the first message: the rest would each begin a conversation.
     * A thread that is still catching up waits, so that a snapshot on its way can't overtake the acknowledgement.
     */
    sendable(isCatchingUp) {
        const drafts = new Set();
        return this.entries.filter((entry) => {
            if (entry.status === "failed") return false;
            if (!entry.threadId) {
                if (drafts.has(entry.draftId)) return false;
                drafts.add(entry.draftId);
            } else if (isCatchingUp(entry.threadId)) {
                return false;
            }
            return entry.status === "waiting";
        });
    }

    save() {
        if (!this.#key) return;
        const entries = [...this.#stored().filter((entry) => owners.get(entry.id) !== this), ...this.entries];
        try {
            if (entries.length > 0) this.#storage?.setItem(this.#key, JSON.stringify(entries));
            else this.#storage?.removeItem(this.#key);
        } catch {
            // Storage may be full or forbidden: then the outbox lives as long as the page.
        }
    }

    #stored() {
        try {
            const stored = JSON.parse(this.#storage?.getItem(this.#key) ?? "[]");
            return Array.isArray(stored) ? stored.filter((entry) => typeof entry?.id === "string") : [];
        } catch {
            return []; // Damaged: there is nothing to be saved from it.
        }
    }
}
