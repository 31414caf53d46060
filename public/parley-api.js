// The HTTP API, for what the socket has no commands for: earlier messages, and what is done to a conversation.

import { httpOrigin } from "./parley-protocol.js";

const PAGE = 50;
const MOST_TASKS = 200;

export class Api {
    #origin;
    #getToken;

    constructor({ url, getToken }) {
        this.#origin = httpOrigin(url);
        this.#getToken = getToken;
    }

    /** The messages before one, oldest first: {data, next}; next is null where there are none before those. */
    async earlier(threadId, messageId) {
        const path = `${pathOf(threadId)}/messages?limit=${PAGE}&before=${encodeURIComponent(messageId)}`;
        const response = await this.#request("GET", path);
        return response?.ok ? response.json() : null;
    }

    /** What is thought of a conversation's answers, by message id: {rating, comment}; null where that can't be had. */
    async feedback(threadId) {
        const response = await this.#request("GET", `${pathOf(threadId)}/feedback`);
        if (!response?.ok) return null;
        const { data } = await response.json();
        return new Map(data.map(({ message_id: id, rating, comment }) => [id, { rating, comment }]));
    }

    async judge(messageId, rating, comment) {
        const path = `/api/messages/${encodeURIComponent(messageId)}/feedback`;
        return (await this.#request("POST", path, { rating, comment }))?.ok ?? false;
    }

    /** {hits: [{threadId, title, messageId, excerpt, createdAt}], next, isSealed}; null where that failed. */
    async search(userId, words, next) {
        const query = new URLSearchParams({ q: words, ...next ? { before: next } : {} });
        const response = await this.#request("GET", `/api/users/${encodeURIComponent(userId)}/search?${query}`);
        if (!response?.ok) return null;
        const { data, next: following, not_searched: passedOver } = await response.json();
        const hits = data.map((hit) => ({
            threadId: hit.conversation_id, title: hit.title, messageId: hit.message_id, excerpt: hit.excerpt,
            createdAt: hit.created_at,
        }));
        return { hits, next: following, isSealed: passedOver.length > 0 };
    }

    /** How the assistant introduces itself: {name, greeting, picture, suggestions}; null where that can't be had. */
    async agent() {
        const response = await this.#request("GET", "/api/agents");
        const agent = response?.ok ? (await response.json()).data?.[0] : null;
        if (!agent) return null;
        const { name, greeting, picture, suggestions } = agent;
        return {
            name, greeting, picture: picture && new URL(picture, this.#origin).href,
            suggestions: suggestions?.length > 0 ? suggestions : null,
        };
    }

    /** `change`: {title} or {status}. Tells whether it was done. */
    async change(threadId, change) {
        return (await this.#request("PATCH", pathOf(threadId), change))?.ok ?? false;
    }

    /** A conversation that was gone already is as good. */
    async remove(threadId) {
        // Told also by a page that is being left.
        const response = await this.#request("DELETE", pathOf(threadId), null, { keepalive: true });
        return response !== null && (response.ok || response.status === 404);
    }

    /** The newest open tasks of a user, and with `isDoneToo` the finished ones; null where that failed. */
    async tasks(userId, isDoneToo) {
        const path = `/api/users/${encodeURIComponent(userId)}/tasks?limit=${MOST_TASKS}`;
        const response = await this.#request("GET", path);
        if (!response?.ok) return null;
        const { data } = await response.json();
        return isDoneToo ? data : data.filter((task) => !task.is_completed);
    }

    async addTask(userId, title) {
        return (await this.#request("POST", `/api/users/${encodeURIComponent(userId)}/tasks`, { title }))?.ok ?? false;
    }

    /** `change`: {title} or {is_completed}. Tells whether it was done. */
    async changeTask(id, change) {
        return (await this.#request("PATCH", `/api/tasks/${encodeURIComponent(id)}`, change))?.ok ?? false;
    }

    async #request(method, path, body, options = {}) {
        const headers = { Authorization: `Bearer ${this.#getToken()}` };
        if (body) headers["Content-Type"] = "application/json";
        try {
            return await fetch(new URL(path, this.#origin), {
                method, headers, body: body && JSON.stringify(body), cache: "no-store", ...options,
            });
        } catch {
            return null;
        }
    }
}

function pathOf(threadId) {
    return `/api/conversations/${encodeURIComponent(threadId)}`;
}
