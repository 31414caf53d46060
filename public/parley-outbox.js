// Messages that were written and not yet acknowledged. They outlive a lost connection and a reload (session storage),
// and are sent again with the same idempotency key, so that each becomes one message or none.
//
// An entry is {id, threadId, draftId, content, status, attempts, after, errorCode, errorText}. `draftId` names a
// conversation that the server has not named yet. `after` is the last stored message that stood before it.
// status: waiting (to be sent), sent (on this connection), failed (the person decides).

import { newId } from "./parley-protocol.js";

export const OUTBOX_LIMIT = 50;

export class Outbox {
    entries = [];
    #storage;
    #key = null;

    constructor(storage) {
        this.#storage = storage;
    }

    /** Takes up what this user left behind in this tab. Called once the user is known. */
    load(userId) {
        const key = `parley.outbox.${userId}`;
        if (key === this.#key) return;
        this.#key = key;
        let stored = [];
        try {
            stored = JSON.parse(this.#storage?.getItem(key) ?? "[]");
        } catch {
            // A damaged entry is no reason to fail; there is nothing to be saved from it.
        }
        if (!Array.isArray(stored)) return;
        const known = new Set(this.entries.map((entry) => entry.id));
        const usable = stored.filter((entry) => typeof entry?.id === "string" && typeof entry.content === "string");
        for (const entry of usable) if (entry.status === "sent") entry.status = "waiting";
        this.entries = [...usable.filter((entry) => !known.has(entry.id)), ...this.entries].slice(0, OUTBOX_LIMIT);
        this.save();
    }

    /** Null when the outbox is full. */
    add({ threadId, draftId, content, after }) {
        if (this.entries.length >= OUTBOX_LIMIT) return null;
        const entry = { id: newId(), threadId, draftId, content, after, status: "waiting", attempts: 0 };
        this.entries.push(entry);
        this.save();
        return entry;
    }

    find(id) {
        return this.entries.find((entry) => entry.id === id);
    }

    remove(id) {
        this.entries = this.entries.filter((entry) => entry.id !== id);
        this.save();
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
        try {
            if (this.entries.length > 0) this.#storage?.setItem(this.#key, JSON.stringify(this.entries));
            else this.#storage?.removeItem(this.#key);
        } catch {
            // Storage may be full or forbidden: then the outbox lives as long as the page.
        }
    }
}
