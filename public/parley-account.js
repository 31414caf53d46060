// Who is signed in, in one widget: the token that the page gave, the provider that may be asked for others, and the share
// of a client that follows from them. Events: `begin` (detail: {client, userId, signal}; listeners end with the signal)
// and `end`, when the client is given back.

import { isExpired, tokenClaims } from "./parley-protocol.js";
import { share } from "./parley-shared.js";

/** The address of a gateway's socket from that of the gateway, or of the socket itself. */
export function socketURL(source) {
    // Without an address of its own the widget talks to the gateway that its modules came from.
    const url = source ? new URL(source, location.href) : new URL("/ws", import.meta.url);
    if (url.pathname === "/") url.pathname = "/ws";
    return url.href.replace(/^http/, "ws");
}

export class Account extends EventTarget {
    /** Null while nobody is signed in. */
    client = null;
    #url = null; // null: not attached
    #token = null;
    #provider = null;
    #share = null;
    #unlisten = null;
    #userId = null;
    #isAsking = false; // the provider, for the token that tells who the user is
    #asked = null; // what it answered: {token} or {error}
    #turn = 0;

    get token() {
        return this.client?.token ?? this.#token;
    }

    /** A new token of the same user goes to the open connection; one of another user begins anew. */
    set token(value) {
        this.#token = value || null;
        if (!this.#url) return;
        const isSameUser = value && this.#userId !== null && tokenClaims(value).sub === this.#userId;
        if (isSameUser && this.state.name !== "signed-out") this.client.offerToken(value);
        else this.restart();
    }

    get provider() {
        return this.#provider;
    }

    set provider(provider) {
        this.#provider = typeof provider === "function" ? provider : null;
        if (this.#url && (!this.client || this.client.state.name === "signed-out")) this.restart();
    }

    /** The connection's state; without a client it says why there is none. */
    get state() {
        const name = this.#isAsking ? "connecting" : "signed-out";
        return this.client?.state ?? { name, reason: this.#isAsking ? null : "missing", retryAt: null };
    }

    get isAttached() {
        return this.#url !== null;
    }

    get url() {
        return this.#url;
    }

    /** The widget is in a page: signs in, if there is anything to sign in with. */
    attach(url) {
        this.#url = url;
        this.restart();
    }

    detach() {
        this.#stop();
        this.#url = null;
    }

    restart() {
        this.#stop();
        if (this.#token) return this.#begin(tokenClaims(this.#token).sub ?? null);
        if (!this.#provider) return;
        // Who the user is decides which client is shared. What the provider answers is used for the connection.
        const turn = this.#turn;
        this.#isAsking = true;
        this.#ask("connect").then((asked) => {
            if (turn !== this.#turn) return;
            this.#isAsking = false;
            this.#asked = asked;
            this.#begin(asked.token ? tokenClaims(asked.token).sub ?? null : null);
        });
    }

    async #ask(reason) {
        try {
            return { token: await this.#provider(reason) };
        } catch (error) {
            return { error };
        }
    }

    #begin(userId) {
        this.#userId = userId;
        this.#share = share({ url: this.#url, userId, provideToken: (reason) => this.#provideToken(reason) });
        this.client = this.#share.client;
        this.#unlisten = new AbortController();
        const { signal } = this.#unlisten;
        this.client.addEventListener("ready", ({ detail }) => { this.#userId = detail.userId ?? this.#userId; }, { signal });
        this.dispatchEvent(new CustomEvent("begin", { detail: { client: this.client, userId, signal } }));
        this.#share.start();
    }

    #stop() {
        this.#turn++;
        this.#isAsking = false;
        this.#asked = null;
        this.#userId = null;
        if (!this.client) return;
        this.#unlisten.abort();
        this.dispatchEvent(new CustomEvent("end", { detail: { client: this.client } }));
        this.#share.release();
        this.#share = null;
        this.client = null;
    }

    async #provideToken(reason) {
        if (!this.#provider) return this.#token;
        // A token that was set is good for the first connection; the provider is asked when it isn't any more.
        if (reason === "connect" && this.#token && !isExpired(this.#token)) return this.#token;
        const { token, error } = this.#asked ?? await this.#ask(reason);
        this.#asked = null;
        if (error) throw error;
        if (token) this.#token = token;
        return token;
    }
}
