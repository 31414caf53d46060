// The parts of Parley's wire protocol that are rules and no state: close codes, back-off, cursors, tokens, and what is
// to be done about an error. Nothing here touches a socket, a clock or the page.

export const SUBPROTOCOL = "parley.v1";
export const DEFAULT_CONTENT_LIMIT = 10_000; // code points, unless `ready.limits` says otherwise

export const PING_AFTER_MS = 25_000; // silence after which the client asks whether the server is there
export const PONG_WITHIN_MS = 10_000; // silence after that which counts as a lost connection
export const HANDSHAKE_WITHIN_MS = 10_000; // from opening the socket to `ready`
export const BACKOFF_BASE_MS = 500;
export const BACKOFF_MAX_MS = 30_000;
export const STABLE_AFTER_MS = 10_000; // a connection this old starts the back-off anew when it is lost

/** Full jitter: any time up to the doubled base, so that a crowd that was cut together does not return together. */
export function backoffDelay(attempt, random = Math.random) {
    return random() * Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(attempt, 10));
}

/**
 * What a close code asks of the client: `stop` (do not come back by itself), `token` (come back with a new one),
 * `slow` (come back much later), `drain` (come back when the server said), `resume` (at once), `backoff`.
 */
export function closePolicy(code) {
    switch (code) {
    case 1002:
    case 1003:
    case 1007:
    case 1009:
        return "stop";
    case 4401:
        return "token";
    case 4429:
        return "slow";
    case 1012:
        return "drain";
    case 4408:
        return "resume";
    default:
        return "backoff";
    }
}

/** Whether cursor `a` stands for more than cursor `b`. Cursors of different epochs can't be compared: `a` is new. */
export function isAfter(a, b) {
    const [epochA, countA] = splitCursor(a);
    const [epochB, countB] = splitCursor(b);
    return epochA !== epochB || countA > countB;
}

function splitCursor(cursor) {
    const dot = cursor.lastIndexOf(".");
    return [cursor.slice(0, dot), Number(cursor.slice(dot + 1))];
}

/** The payload of a JWT, unverified: good for choosing storage keys and for asking for a new token in time. */
export function tokenClaims(token) {
    try {
        const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
        const bytes = Uint8Array.from(atob(part), (character) => character.charCodeAt(0));
        const claims = JSON.parse(new TextDecoder().decode(bytes));
        return claims !== null && typeof claims === "object" ? claims : {};
    } catch {
        return {};
    }
}

export function isExpired(token, now = Date.now()) {
    const { exp } = tokenClaims(token);
    return typeof exp === "number" && exp * 1000 <= now;
}

/** `crypto.randomUUID` is missing on pages served over plain HTTP from another machine. */
export function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * What a message tells of whoever sends it: the time zone (IANA), by which "tomorrow at nine" is understood, and the
 * language (BCP 47). Read with each message: a laptop travels.
 */
export function senderMetadata(locale = null) {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    return { ...timeZone ? { timeZone } : {}, locale: locale || globalThis.navigator?.language || "en" };
}

/** The length that the server counts: Unicode code points, not UTF-16 units. */
export function codePointCount(text) {
    let count = text.length;
    for (let i = 0; i < text.length - 1; i++) {
        const unit = text.charCodeAt(i);
        if (unit < 0xd800 || unit > 0xdbff) continue;
        const next = text.charCodeAt(i + 1);
        if (next >= 0xdc00 && next <= 0xdfff) {
            count--;
            i++;
        }
    }
    return count;
}

/**
 * What to do with an `error` that answers a `send`: `again` (same id, later), `retry` (when the person says so),
 * `edit` (the content must change first), `drop` (this conversation can't take it).
 */
export function sendErrorPolicy(code) {
    switch (code) {
    case "rate_limited":
    case "unavailable":
        return "again";
    case "busy":
    case "queue_full":
    case "internal":
    case "unauthenticated":
        return "retry";
    case "too_large":
        return "edit";
    case "conversation_full":
    case "thread_not_found":
    case "not_found":
    case "forbidden":
        return "drop";
    default:
        return "edit";
    }
}

/** Why the connection ended for good, for the codes whose policy is `stop`: the name of a reason. */
export function stopReason(code) {
    return code === 1009 ? "too_large" : "protocol";
}

/** The HTTP origin beside a WebSocket address. */
export function httpOrigin(url) {
    const origin = new URL(url);
    origin.protocol = origin.protocol === "wss:" ? "https:" : "http:";
    return origin.origin;
}
