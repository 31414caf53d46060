// The list of a user's conversations: from the HTTP API where there is one, from what this browser has seen where
// there is not, and kept right by the server's `thread` notices. Event: `change`.

import { httpOrigin } from "./parley-protocol.js";

const PAGE = 50;
const REMEMBERED = 50;
const TITLE_LENGTH = 60;

export class ConversationList extends EventTarget {
    /** {id, title, updatedAt}, newest activity first. */
    items = [];
    hasMore = false;

    #origin;
    #userId;
    #getToken;
    #storage;
    #key;
    #next = null;
    #status;

    /** `status`: archived, or null for those that are not. `storage`: where the newest are remembered; null: nowhere. */
    constructor({ url, userId, owner, getToken, storage, status = null }) {
        super();
        this.#key = `parley.conversations.${owner}`;
        this.#status = status;
        this.#origin = httpOrigin(url);
        this.#userId = userId;
        this.#getToken = getToken;
        this.#storage = storage;
        this.items = this.#remembered();
    }

    /** Reads the newest page again. Failures leave what is known. */
    async refresh() {
        const page = await this.#fetchPage(null);
        if (!page) return;
        // What was seen while the request was under way, and is newer than its answer, stays.
        const fetched = new Set(page.items.map((item) => item.id));
        const newest = page.items[0]?.updatedAt ?? "";
        const seen = this.items.filter((item) => item.isLocal && !fetched.has(item.id) && item.updatedAt > newest);
        this.items = [...seen, ...page.items];
        this.#setNext(page.next);
        this.#changed();
    }

    async loadMore() {
        if (!this.#next) return;
        const page = await this.#fetchPage(this.#next);
        if (!page) return;
        const known = new Set(this.items.map((item) => item.id));
        this.items.push(...page.items.filter((item) => !known.has(item.id)));
        this.#setNext(page.next);
        this.#changed();
    }

    /** A `thread` notice. */
    note({ threadId, title, status, updatedAt }) {
        if (status === "deleted" || (status === "archived") !== (this.#status === "archived")) return this.remove(threadId);
        this.touch(threadId, { title, updatedAt });
    }

    /** There is activity: the conversation moves to the top. */
    touch(id, { title, fallbackTitle, updatedAt = new Date().toISOString() } = {}) {
        const item = this.items.find((each) => each.id === id) ?? { id, title: "", updatedAt };
        item.isLocal = true;
        item.updatedAt = updatedAt > item.updatedAt ? updatedAt : item.updatedAt;
        if (title) item.title = title;
        else if (!item.title && fallbackTitle) item.title = shortened(fallbackTitle);
        this.items = [item, ...this.items.filter((each) => each !== item)];
        this.items.sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : a.updatedAt > b.updatedAt ? -1 : 0));
        this.#changed();
    }

    remove(id) {
        this.items = this.items.filter((item) => item.id !== id);
        this.#changed();
    }

    titleOf(id) {
        return this.items.find((item) => item.id === id)?.title ?? "";
    }

    async #fetchPage(before) {
        const token = this.#getToken();
        if (!token || !this.#userId) return null;
        const url = new URL(`/api/users/${encodeURIComponent(this.#userId)}/conversations`, this.#origin);
        url.searchParams.set("limit", PAGE);
        if (this.#status) url.searchParams.set("status", this.#status);
        if (before) url.searchParams.set("before", before);
        try {
            const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` }, cache: "no-store" });
            if (!response.ok) return null;
            const { data, next } = await response.json();
            const items = data
                .filter((each) => each.status !== "deleted" && (each.status === "archived") === (this.#status === "archived"))
                .map((each) => ({ id: each.id, title: each.title ?? "", updatedAt: each.updated_at ?? "" }));
            for (const item of items) item.title ||= this.titleOf(item.id);
            return { items, next: next ?? null };
        } catch {
            return null;
        }
    }

    #setNext(next) {
        this.#next = next;
        this.hasMore = next !== null;
    }

    #remembered() {
        try {
            const stored = JSON.parse(this.#storage?.getItem(this.#key) ?? "[]");
            return Array.isArray(stored) ? stored.filter((item) => typeof item?.id === "string") : [];
        } catch {
            return [];
        }
    }

    #changed() {
        const newest = this.items.slice(0, REMEMBERED);
        const remembered = newest.map(({ id, title, updatedAt }) => ({ id, title, updatedAt }));
        try {
            this.#storage?.setItem(this.#key, JSON.stringify(remembered));
        } catch {
            // Only the fallback for gateways without the HTTP API is lost.
        }
        this.dispatchEvent(new CustomEvent("change"));
    }
}

function shortened(text) {
    const line = text.trim().replace(/\s+/gu, " ");
    const characters = Array.from(line);
    return characters.length > TITLE_LENGTH ? `${characters.slice(0, TITLE_LENGTH - 1).join("")}…` : line;
}
