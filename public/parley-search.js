// Looking for words in conversations: what is written in the field above the list, and what was found in the list's place.

import { button, h, isComposing, setText } from "./parley-dom.js";

const PAUSE_MS = 250; // behind the last key, before it is asked for

/** `actions`: find(words, next) → {hits, next, isSealed} or null; open(threadId, messageId). */
export class Search {
    results = h("div", { class: "found", hidden: true });
    #field;
    #list = h("ul", { "data-testid": "found" });
    #note = h("p", { class: "faint", role: "status", "data-testid": "found-note" });
    #more;
    #actions;
    #texts;
    #changed;
    #timer = 0;
    #turn = 0;
    #next = null;

    /** `field`: where the words are written; `changed(isSearching)`: the list gives way, or comes back. */
    constructor(field, actions, texts, changed) {
        this.#actions = actions;
        this.#texts = texts;
        this.#changed = changed;
        this.#field = field;
        // What an input method composes is looked for when it is whole.
        field.addEventListener("input", (event) => { if (!event.isComposing) this.#typed(); });
        field.addEventListener("compositionend", () => this.#typed());
        field.addEventListener("keydown", (event) => this.#keyPressed(event));
        this.#more = button({ class: "more", hidden: true, onclick: () => this.#find(this.#next) });
        texts.bind(this.#more, "more");
        this.results.append(this.#note, this.#list, this.#more);
        this.results.addEventListener("keydown", (event) => this.#keyPressed(event));
        // What was typed before all this was there.
        if (this.#words !== "") this.#typed();
    }

    get #words() {
        return this.#field.value.trim();
    }

    /** Another user, or the archive: what was found is no answer any more. */
    reset() {
        if (this.#field.value === "") return;
        this.#field.value = "";
        this.#typed();
    }

    #typed() {
        clearTimeout(this.#timer);
        this.#turn++;
        const isSearching = this.#words !== "";
        this.results.hidden = !isSearching;
        this.#changed(isSearching);
        if (isSearching) this.#timer = setTimeout(() => this.#find(null), PAUSE_MS);
        else this.#show([], { isNew: true });
    }

    // Only the newest question's answer counts.
    async #find(next) {
        const turn = ++this.#turn;
        const words = this.#words;
        const page = await this.#actions.find(words, next);
        if (turn !== this.#turn) return;
        const texts = this.#texts;
        this.#next = page?.next ?? null;
        this.#show(page?.hits ?? [], { isNew: next === null, words });
        const count = this.#list.childElementCount;
        const found = page === null ? texts.get("search.failed") : count === 0 ? texts.get("search.none") : texts.get("search.count", { count });
        setText(this.#note, page?.isSealed ? texts.get("search.sealed") : found);
    }

    #show(hits, { isNew, words = "" }) {
        const rows = hits.map((hit) => h("li", {}, button({
            class: "conversation", "data-testid": "found-item", "data-thread-id": hit.threadId, "data-message-id": hit.messageId,
            onclick: () => this.#actions.open(hit.threadId, hit.messageId),
        },
        h("span", { class: "title", dir: "auto" }, ...marked(hit.title || this.#texts.get("new-conversation"), hit.messageId ? "" : words)),
        hit.excerpt ? h("span", { class: "excerpt", dir: "auto" }, ...marked(hit.excerpt, words)) : null,
        h("time", { class: "time", datetime: hit.createdAt }, this.#date(hit.createdAt)))));
        if (isNew) {
            this.#list.replaceChildren(...rows);
            setText(this.#note, "");
        } else {
            this.#list.append(...rows);
        }
        this.#more.hidden = this.#next === null || rows.length === 0;
    }

    #date(time) {
        return new Intl.DateTimeFormat(this.#texts.locale, { dateStyle: "medium" }).format(new Date(time));
    }

    #keyPressed(event) {
        if (isComposing(event)) return;
        const { activeElement } = this.#field.getRootNode();
        const stops = [this.#field, ...this.#list.querySelectorAll("button")];
        const at = stops.indexOf(activeElement);
        if (event.key === "Escape" && this.#field.value !== "") {
            event.stopPropagation();
            event.preventDefault();
            this.reset();
            this.#field.focus();
        } else if (event.key === "Enter" && activeElement === this.#field) {
            clearTimeout(this.#timer);
            if (this.#words) this.#find(null);
        } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && at >= 0) {
            event.preventDefault();
            stops[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
        }
    }
}

/** A text with the words that were looked for marked: text nodes and `mark` elements. */
function marked(text, words) {
    const parts = words.split(/[^\p{L}\p{N}\p{M}]+/u).filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    if (parts.length === 0) return [text];
    const pattern = new RegExp(`(${parts.join("|")})`, "giu");
    return text.split(pattern).map((part, at) => at % 2 === 1 ? h("mark", {}, part) : part);
}
