// Text within a line, as plans: links that may be followed, and characters that would reorder what is read.

import { button, h, icon } from "./parley-dom.js";

const MAX_ADDRESS = 2_048;

// Embeddings, overrides and isolates (UAX #9): invisible, and able to make a line read as another than it is.
const BIDI = {
    "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO",
    "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI",
};
const BIDI_CHARACTER = /[\u202a-\u202e\u2066-\u2069]/;
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`{}|\\^\u202a-\u202e\u2066-\u2069]+/gi;

/** Plans of a text that is only text. The control characters stay in it, alone in elements that say their names. */
export function textPlans(text) {
    if (!BIDI_CHARACTER.test(text)) return text === "" ? [] : [text];
    return text.split(/([\u202a-\u202e\u2066-\u2069])/).filter((part) => part !== "").map((part) => {
        const name = BIDI[part];
        if (!name) return part;
        return {
            kind: `bidi ${name}`, key: name,
            make: () => h("bdi", { class: "bidi-control", dir: "ltr", "data-name": name }, part),
        };
    });
}

/** Plans of what a person wrote: text, with its addresses as links. */
export function writtenPlans(text) {
    const plans = [];
    let end = 0;
    for (const match of text.matchAll(ADDRESS)) {
        const address = withoutTail(match[0]);
        const link = safeAddress(address);
        if (!link) continue;
        plans.push(...textPlans(text.slice(end, match.index)), linkPlan(link, address, () => [address]));
        end = match.index + address.length;
    }
    plans.push(...textPlans(text.slice(end)));
    return plans;
}

// Punctuation behind an address belongs to the sentence; a bracket does, unless it was opened within.
function withoutTail(address) {
    let end = address.length;
    while (end > 0) {
        const last = address[end - 1];
        const open = { ")": "(", "]": "[" }[last];
        const isOdd = open && count(address, last, end) > count(address, open, end);
        if (!isOdd && !/[.,;:!?…’”*_~]/.test(last)) break;
        end--;
    }
    return address.slice(0, end);
}

function count(text, character, end) {
    let found = 0;
    for (let at = text.indexOf(character); at >= 0 && at < end; at = text.indexOf(character, at + 1)) found++;
    return found;
}

/** The address that may be followed: https, http or mailto, absolute, with no password in it. Null: none. */
export function safeAddress(text) {
    if (text.length > MAX_ADDRESS || !/^(https?:\/\/|mailto:)/i.test(text)) return null;
    try {
        const url = new URL(text);
        if (!["https:", "http:", "mailto:"].includes(url.protocol) || url.username || url.password) return null;
        return url;
    } catch {
        return null;
    }
}

/** `shown` is the text of the link: one that names another host than it leads to is told apart. */
export function linkPlan(url, shown, children) {
    const { href } = url;
    const named = url.protocol === "mailto:" ? null : hostNamed(shown);
    const differs = named !== null && named !== url.hostname.replace(/^www\./, "");
    return {
        kind: `a ${href} ${differs}`, key: shown,
        make: () => h("a", {
            href, target: "_blank", rel: "noopener noreferrer nofollow ugc", title: href,
            "data-host": differs ? url.host : null,
        }),
        children,
    };
}

function hostNamed(text) {
    const match = /^\s*(?:https?:\/\/)?(?:[^\s/@]*@)?((?:[\p{L}\p{N}-]+\.)+[\p{L}-]{2,})(?:[:/?#]\S*)?\s*$/iu.exec(text);
    if (!match) return null;
    try {
        return new URL(`http://${match[1]}`).hostname.replace(/^www\./, "");
    } catch {
        return null;
    }
}

/** A picture: a button until it is pressed, since what is fetched tells its host who reads what. */
export function imagePlan(url, description, texts) {
    return {
        kind: `image ${url.href}`, key: description,
        make: () => {
            const place = h("span", { class: "image" });
            const label = description || url.pathname.split("/").at(-1) || url.host;
            const show = button({ class: "image-button", title: url.href, onclick: () => {
                const link = (content) => h("a", {
                    href: url.href, target: "_blank", rel: "noopener noreferrer nofollow ugc", title: url.href,
                }, content);
                const picture = h("img", {
                    src: url.href, alt: description, referrerpolicy: "no-referrer", decoding: "async",
                    onerror: () => place.replaceChildren(link(`${texts.get("image.failed")} ${label}`)),
                });
                place.replaceChildren(link(picture));
                place.querySelector("a").focus();
            } }, icon("image"), h("span", {}, `${texts.get("image")}: ${label} (${url.host})`));
            place.append(show);
            return place;
        },
    };
}
