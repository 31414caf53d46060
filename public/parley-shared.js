// One client for all widgets of a page that talk to the same gateway as the same user: one connection, one outbox.

import { ParleyClient } from "./parley-client.js";
import { isExpired, tokenClaims } from "./parley-protocol.js";
import { ofTab } from "./parley-storage.js";

const shared = new Map(); // "url user" → Shared

class Shared {
    client;
    users = new Set(); // of {provideToken}
    #userId;
    #key;
    #isStarted = false;

    constructor({ url, userId, key }) {
        this.#userId = userId;
        this.#key = key;
        this.client = new ParleyClient({ url, provideToken: (reason) => this.#provide(reason), storage: ofTab });
    }

    start() {
        if (!this.#isStarted) {
            this.#isStarted = true;
            this.client.start(this.#userId);
            return;
        }
        // Who comes later may have what brings it back.
        const { name, isFinal } = this.client.state;
        if (name === "offline" && isFinal) this.client.retryNow();
        if (name !== "signed-out") return;
        this.#provide("connect").then((token) => { if (token) this.client.offerToken(token); }, () => {});
    }

    // A widget that is moved within the page leaves and comes back in one breath: the connection lives on.
    leave(user) {
        this.users.delete(user);
        setTimeout(() => {
            if (this.users.size > 0) return;
            if (shared.get(this.#key) === this) shared.delete(this.#key);
            this.client.stop();
        });
    }

    // The first token that is news and of this user; else what there is, so that the connection can tell why not.
    async #provide(reason) {
        let given = null;
        let problem = null;
        for (const { provideToken } of [...this.users]) {
            try {
                const token = await provideToken(reason);
                if (!token || (this.#userId && tokenClaims(token).sub !== this.#userId)) continue;
                if (token !== this.client.token && !isExpired(token)) return token;
                given ??= token;
            } catch (error) {
                problem = error;
            }
        }
        if (given === null && problem !== null) throw problem;
        return given;
    }
}

/**
 * A share of the client for this gateway and user; `userId` null: not known yet, a client of its own.
 * To be given back by `release()`, and put to work by `start()` once its events are listened to.
 */
export function share({ url, userId, provideToken }) {
    const key = userId ? `${url} ${userId}` : null;
    let found = key ? shared.get(key) : undefined;
    if (!found) {
        found = new Shared({ url, userId, key });
        if (key) shared.set(key, found);
    }
    const user = { provideToken };
    found.users.add(user);
    return { client: found.client, start: () => found.start(), release: () => found.leave(user) };
}
