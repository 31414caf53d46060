// Why there is no connection, where a page can find out: what is set up wrongly is said in words, instead of trying for
// ever. A browser tells a page little of a handshake that failed; these ask it in other ways.

import { httpOrigin, tokenClaims } from "./parley-protocol.js";

const WITHIN_MS = 10_000;

/** Before a socket is opened: no_subject, mixed_content, or null. */
export function misconfigured(url, token) {
    const { sub } = tokenClaims(token);
    if (typeof sub !== "string" || sub === "") return "no_subject";
    const isLocal = /^(localhost|127\.[\d.]+|\[::1\])$/.test(new URL(url).hostname);
    if (globalThis.location?.protocol === "https:" && url.startsWith("ws:") && !isLocal) return "mixed_content";
    return null;
}

/** Behind a handshake that failed: refused (the token), origin (the page may not), or null: nothing is known. */
export async function diagnosed(url, token) {
    const { sub } = tokenClaims(token);
    const origin = httpOrigin(url);
    const request = (path, options) => fetch(new URL(path, origin), { cache: "no-store", signal: AbortSignal.timeout?.(WITHIN_MS), ...options });
    try {
        const headers = { Authorization: `Bearer ${token}` };
        const { status } = await request(`/api/users/${encodeURIComponent(sub)}/conversations?limit=1`, { headers });
        return status === 401 ? "refused" : null;
    } catch {
        if (origin === globalThis.location?.origin) return null;
    }
    // It answers, but not to this page.
    return request("/healthz", { mode: "no-cors" }).then(() => "origin", () => null);
}

/** Calls back once when the page's own policy (CSP) forbids the connection. Ends with the signal. */
export function watchPolicy(url, forbidden, signal) {
    const { host } = new URL(url);
    globalThis.document?.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, disposition }) => {
        if (disposition !== "enforce" || effectiveDirective !== "connect-src") return;
        try {
            if (new URL(blockedURI).host === host) forbidden();
        } catch {
            // A blocked address that is none is not ours.
        }
    }, { signal });
}
