// One WebSocket at a time, kept alive: tokens, handshake, heartbeat, and coming back after a loss.
// Knows nothing of conversations. Events: `state`, `ready` (detail: the frame), `frame` (detail: any other frame),
// `lost` (detail: {code}), `expiring` (a new token is needed and nobody gave one).

import { diagnosed, misconfigured, watchPolicy } from "./parley-diagnosis.js";
import {
    BACKOFF_MAX_MS, HANDSHAKE_WITHIN_MS, PING_AFTER_MS, PONG_WITHIN_MS, STABLE_AFTER_MS, SUBPROTOCOL,
    backoffDelay, closePolicy, httpOrigin, isExpired, stopReason, tokenClaims,
} from "./parley-protocol.js";

const RENEW_AGAIN_MS = 10_000;
const ATTEMPTS_KEPT = 3; // of the back-off, by a connection that stood but not for long
const SOCKETS_FAILED = 2; // in a row, before an event stream is tried in a socket's place
const SOCKET_AGAIN_MS = [60_000, 120_000, 300_000, 600_000]; // while on a stream, when a socket is tried again
const ABANDONED = 4000; // our own close code for a socket that is given up

/** A moment on both clocks: the wall's may be set, the other one may stand still while the computer sleeps. */
function moment() {
    return { steady: performance.now(), wall: Date.now() };
}

/** Milliseconds since then, by the clock that says more; never negative. */
function since(then) {
    return Math.max(performance.now() - then.steady, Date.now() - then.wall, 0);
}

// What stands in for sockets comes where they don't get through. Null: it can't be had now.
function streamModule() {
    return import("./parley-event-stream.js").catch(() => null);
}

export class Connection extends EventTarget {
    /**
     * `name`: connecting | online | offline | signed-out. `retryAt` is a time of `performance.now()` while one is
     * planned: the wall clock may be set.
     * `reason`: of signed-out missing, refused or no_subject; else null, slow, drain, draining, too_large or protocol, and
     * of what is set up wrongly csp, origin or mixed_content.
     */
    state = { name: "signed-out", reason: null, retryAt: null };
    userId = null;

    #url;
    #provideToken;
    #token = null;
    #refusedToken = null;
    #offeredToken = null;
    #socket = null;
    #ready = false;
    #draining = null; // seconds, once the server announced its end
    #turn = 0; // outdates whatever an earlier attempt still has under way
    #attempt = 0;
    #failedHandshakes = 0;
    #failedSockets = 0; // in a row
    #streams = false; // an event stream stands for the socket
    #hasNoStream = false; // the gateway has none
    #policy = new AbortController();
    #probes = 0;
    #probeTimer = 0;
    #interruptible = false;
    #renewing = false;
    #retryTimer = 0;
    #handshakeTimer = 0;
    #heartbeatTimer = 0;
    #stableTimer = 0;
    #renewTimer = 0;
    #lastReceived = moment();
    #awaitingPong = false;

    /** `provideToken(reason)` resolves to a token or null; reasons: connect, expired, refused, expiring. */
    constructor({ url, provideToken }) {
        super();
        this.#url = url;
        this.#provideToken = provideToken;
    }

    get token() {
        return this.#token;
    }

    /** Whether operations may be sent now. A draining server still answers, but takes no new turns. */
    get isOnline() {
        return this.#ready;
    }

    get isDraining() {
        return this.#draining !== null;
    }

    start() {
        globalThis.addEventListener?.("online", this.#nudge);
        globalThis.addEventListener?.("offline", this.#nudge);
        globalThis.addEventListener?.("pageshow", this.#nudge);
        globalThis.document?.addEventListener("visibilitychange", this.#nudge);
        watchPolicy(this.#url, () => {
            if (this.#ready) return;
            this.#turn++;
            this.#abandon(ABANDONED);
            this.#setState("offline", { reason: "csp", isFinal: true });
        }, this.#policy.signal);
        this.#connect();
    }

    stop() {
        this.#policy.abort();
        globalThis.removeEventListener?.("online", this.#nudge);
        globalThis.removeEventListener?.("offline", this.#nudge);
        globalThis.removeEventListener?.("pageshow", this.#nudge);
        globalThis.document?.removeEventListener("visibilitychange", this.#nudge);
        this.#turn++;
        this.#abandon(1000);
        this.#clearTimers();
    }

    /** Whether an event stream stands for the socket. */
    get isStream() {
        return this.#streams;
    }

    /** Sends one operation; false when there is no connection that could take it. */
    send(operation) {
        if (!this.#ready || this.#socket?.readyState !== WebSocket.OPEN) return false;
        this.#socket.send(JSON.stringify(operation));
        return true;
    }

    /** The person asked for it: try now, whatever was planned. */
    retryNow() {
        if (this.#socket) return;
        this.#refusedToken = null;
        this.#connect();
    }

    /** A token from outside: used on the open socket if it is of the same user, else on a new one. */
    offerToken(token) {
        if (!token || token === this.#token) return;
        if (this.#ready && tokenClaims(token).sub === tokenClaims(this.#token ?? "").sub) {
            this.#authenticate(token);
            return;
        }
        this.#token = token;
        this.#abandon(1000);
        this.#connect();
    }

    // MARK: connecting

    async #connect({ reason = "connect" } = {}) {
        const turn = ++this.#turn;
        this.#clearTimers();
        this.#setState("connecting");
        if (reason !== "connect" || !this.#token || isExpired(this.#token)) {
            let token;
            try {
                token = await this.#provideToken(this.#token && reason === "connect" ? "expired" : reason);
            } catch {
                if (turn === this.#turn) this.#waitBackoff();
                return;
            }
            if (turn !== this.#turn) return;
            if (!token) return this.#signOut("missing");
            if (token === this.#refusedToken) return this.#signOut("refused");
            this.#token = token;
        }
        const wrong = misconfigured(this.#url, this.#token);
        if (wrong === "no_subject") return this.#signOut(wrong);
        if (wrong) return this.#setState("offline", { reason: wrong, isFinal: true });
        this.#open(turn);
    }

    async #open(turn) {
        let socket;
        const streams = this.#streams ? await streamModule() : null;
        if (turn !== this.#turn) return;
        if (this.#streams && !streams) {
            this.#failedToStart();
            return this.#waitBackoff();
        }
        try {
            socket = streams
                ? new streams.EventStreamSocket(httpOrigin(this.#url), this.#token)
                : new WebSocket(this.#url, [SUBPROTOCOL, `bearer.${this.#token}`]);
        } catch {
            // Only a token that can't be a protocol name, or an address the page may not use, ends up here.
            return this.#signOut("refused");
        }
        let opened = false;
        this.#socket = socket;
        this.#ready = false;
        this.#draining = null;
        this.#lastReceived = moment();
        socket.onopen = () => { opened = true; };
        socket.onmessage = (message) => this.#receive(message.data);
        socket.onclose = (event) => {
            if (this.#socket !== socket) return;
            if (socket.isMissing) this.#hasNoStream = true;
            this.#closed(event.code, opened, turn);
        };
        this.#handshakeTimer = setTimeout(() => this.#giveUp(), HANDSHAKE_WITHIN_MS);
    }

    #closed(code, opened, turn) {
        const wasReady = this.#ready;
        const drainSeconds = this.#draining;
        this.#detach();
        if (wasReady) this.dispatchEvent(new CustomEvent("lost", { detail: { code } }));
        else if (closePolicy(code) === "backoff") this.#failedToStart();
        if (!opened) return void this.#handshakeFailed(turn);
        switch (drainSeconds !== null ? "drain" : closePolicy(code)) {
        case "stop":
            return this.#setState("offline", { reason: stopReason(code), isFinal: true });
        case "token":
            this.#refusedToken = this.#token;
            return void this.#connect({ reason: "refused" });
        case "slow":
            this.#attempt = Math.max(this.#attempt, 6);
            return this.#wait(BACKOFF_MAX_MS * (1 + Math.random()), { reason: "slow" });
        case "drain":
            return this.#wait((drainSeconds ?? 1) * 1000 + Math.random() * 1000, { reason: "drain" });
        case "resume":
            return this.#wait(Math.random() * 250, { interruptible: true });
        default:
            if (code === 1011) this.#attempt = Math.max(this.#attempt, 2);
            return this.#waitBackoff();
        }
    }

    // Where sockets don't get through twice an event stream is tried; where that does not either, sockets again.
    #failedToStart() {
        if (this.#streams) {
            this.#streams = false;
            this.#failedSockets = 0;
        } else if (++this.#failedSockets >= SOCKETS_FAILED && !this.#hasNoStream) {
            this.#streams = true;
        }
    }

    // Whether sockets get through by now is tried beside the stream, which goes on meanwhile.
    #probeLater() {
        clearTimeout(this.#probeTimer);
        if (!this.#streams) return;
        const delay = SOCKET_AGAIN_MS[Math.min(this.#probes++, SOCKET_AGAIN_MS.length - 1)];
        this.#probeTimer = setTimeout(() => this.#probe(), delay);
    }

    #probe() {
        let probe;
        try {
            probe = new WebSocket(this.#url, [SUBPROTOCOL, `bearer.${this.#token}`]);
        } catch {
            return;
        }
        const turn = this.#turn;
        let isThrough = false;
        probe.onmessage = () => {
            isThrough = true;
            probe.close(1000);
            if (turn !== this.#turn || !this.#streams) return;
            this.#streams = false;
            this.#failedSockets = 0;
            this.#abandon(1000);
            this.dispatchEvent(new CustomEvent("lost", { detail: { code: 1000 } }));
            this.#connect();
        };
        probe.onclose = () => { if (!isThrough && turn === this.#turn) this.#probeLater(); };
    }

    // A browser does not tell why a handshake failed. An HTTP request with the same token does.
    async #handshakeFailed(turn) {
        this.#failedHandshakes++;
        const cause = this.#failedHandshakes % 4 === 1 ? await diagnosed(this.#url, this.#token) : this.state.reason;
        if (turn !== this.#turn) return;
        if (cause === "refused") {
            this.#refusedToken = this.#token;
            return void this.#connect({ reason: "refused" });
        }
        if (cause === "origin") return this.#wait(BACKOFF_MAX_MS, { interruptible: true, reason: "origin" });
        if (this.#streams && this.#failedSockets === SOCKETS_FAILED) {
            // Not the server's fault, it seems: at once.
            this.#failedSockets++;
            return void this.#connect();
        }
        this.#waitBackoff({ reconnect: this.#failedHandshakes % 3 === 2 ? "expired" : "connect" });
    }

    #waitBackoff({ reconnect = "connect" } = {}) {
        this.#wait(backoffDelay(this.#attempt++), { interruptible: true, reconnect });
    }

    #wait(delay, { interruptible = false, reconnect = "connect", reason = null } = {}) {
        this.#interruptible = interruptible;
        this.#retryTimer = setTimeout(() => this.#connect({ reason: reconnect }), delay);
        this.#setState("offline", { reason, retryAt: performance.now() + delay });
    }

    #signOut(reason) {
        this.#setState("signed-out", { reason });
        this.dispatchEvent(new CustomEvent("expiring", { detail: { reason } }));
    }

    // Coming back to the tab, or to the network, is the best moment to try, and to doubt a silent socket.
    #nudge = (event) => {
        if (globalThis.document?.visibilityState === "hidden") return;
        // Another network may let sockets through.
        if (this.#streams && this.#ready && event?.type === "online") this.#probe();
        if (this.#socket) {
            if (this.#ready && since(this.#lastReceived) > 5_000) this.#ping();
        } else if (this.state.name === "offline" && this.#interruptible && globalThis.navigator?.onLine !== false) {
            this.#connect();
        }
    };

    // MARK: frames

    #receive(data) {
        this.#lastReceived = moment();
        this.#awaitingPong = false;
        let frame;
        try {
            frame = JSON.parse(data);
        } catch {
            return;
        }
        if (frame === null || typeof frame !== "object") return;
        switch (frame.op) {
        case "ready":
            return this.#becameReady(frame);
        case "pong":
            return;
        case "authExpiring":
            return void this.#renew();
        case "authenticated":
            clearTimeout(this.#renewTimer);
            if (this.#offeredToken) this.#token = this.#offeredToken;
            this.#offeredToken = null;
            return;
        case "draining":
            this.#draining = typeof frame.reconnectAfter === "number" ? frame.reconnectAfter : 1;
            return this.#setState("online", { reason: "draining" });
        default:
            this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
        }
    }

    #becameReady(frame) {
        clearTimeout(this.#handshakeTimer);
        this.#ready = true;
        this.#refusedToken = null;
        this.#failedHandshakes = 0;
        if (this.#streams) this.#probeLater();
        else this.#failedSockets = this.#probes = 0;
        this.userId = frame.userId ?? this.userId;
        this.#attempt = Math.min(this.#attempt, ATTEMPTS_KEPT);
        this.#stableTimer = setTimeout(() => { this.#attempt = 0; }, STABLE_AFTER_MS);
        this.#watch();
        this.#setState("online");
        this.dispatchEvent(new CustomEvent("ready", { detail: frame }));
    }

    // MARK: heartbeat

    #watch() {
        clearTimeout(this.#heartbeatTimer);
        const silence = since(this.#lastReceived);
        if (silence >= PING_AFTER_MS) return this.#ping();
        this.#heartbeatTimer = setTimeout(() => this.#watch(), PING_AFTER_MS - silence);
    }

    #ping() {
        if (this.#awaitingPong || !this.send({ op: "ping" })) return;
        this.#awaitingPong = true;
        clearTimeout(this.#heartbeatTimer);
        this.#heartbeatTimer = setTimeout(() => {
            if (this.#awaitingPong) this.#giveUp();
            else this.#watch();
        }, PONG_WITHIN_MS);
    }

    // The close handshake of a dead peer takes minutes; nothing is awaited from it.
    #giveUp() {
        if (!this.#socket) return;
        const wasReady = this.#ready;
        const turn = this.#turn;
        this.#abandon(ABANDONED);
        if (!wasReady) this.#failedToStart();
        if (wasReady) this.dispatchEvent(new CustomEvent("lost", { detail: { code: 1006 } }));
        if (turn === this.#turn) this.#waitBackoff();
    }

    #abandon(code) {
        const socket = this.#socket;
        this.#detach();
        socket?.close(code);
    }

    #detach() {
        if (this.#socket) this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
        this.#socket = null;
        this.#ready = false;
        this.#draining = null;
        this.#awaitingPong = false;
        this.#offeredToken = null;
        this.#clearTimers();
    }

    // MARK: tokens

    async #renew() {
        if (this.#renewing) return;
        this.#renewing = true;
        const socket = this.#socket;
        let token = null;
        try {
            token = await this.#provideToken("expiring");
        } catch {
            // Tried again below; the socket lives until its grace ends.
        }
        this.#renewing = false;
        if (socket !== this.#socket || !this.#ready) return;
        if (token && token !== this.#token) return this.#authenticate(token);
        this.dispatchEvent(new CustomEvent("expiring", { detail: { reason: "expiring" } }));
        clearTimeout(this.#renewTimer);
        this.#renewTimer = setTimeout(() => this.#renew(), RENEW_AGAIN_MS);
    }

    #authenticate(token) {
        this.#offeredToken = token;
        this.send({ op: "auth", token });
    }

    // MARK: state

    #setState(name, { reason = null, retryAt = null, isFinal = false } = {}) {
        this.state = { name, reason, retryAt, isFinal };
        this.dispatchEvent(new CustomEvent("state", { detail: this.state }));
    }

    #clearTimers() {
        clearTimeout(this.#retryTimer);
        clearTimeout(this.#handshakeTimer);
        clearTimeout(this.#heartbeatTimer);
        clearTimeout(this.#stableTimer);
        clearTimeout(this.#renewTimer);
        clearTimeout(this.#probeTimer);
    }
}
