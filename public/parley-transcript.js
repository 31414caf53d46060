// The conversation on the page: one element per item, kept while the item lives, changed only where the item changed.

import { button, h, icon, setAttribute, setText } from "./parley-dom.js";
import { lateView } from "./parley-late.js";
import { MessageView } from "./parley-message-view.js";
import { runErrorText } from "./parley-texts.js";

const AT_BOTTOM_PX = 8;
const EARLIER_PX = 300; // so near to the top what is before comes by itself
const NEAR_ROWS = 60; // at the end: those that are always laid out; what is far from the screen is laid out when it is near

/** `actions`: say(text), earlier(), retry, edit, discard and moveOn(entryId), withdraw(runId), askAgain(questionId),
 * judge(messageId, rating, comment), regenerate(questionId), select(messageId), rewrite(questionId, text),
 * decide(interruptId, decision). */
export class Transcript {
    element;
    #list = h("div", { class: "items" });
    #toLatest;
    #scroller;
    #rows = new Map(); // by key → {element, update(row), version}
    #actions;
    #isPinned = true;
    #below = null; // what is under the top of the screen, to be kept there while rows come in above
    #lastTop = 0;
    #texts;
    #host;
    #far = 0; // how many rows are marked as far
    /** How the page draws tool calls, by the name of the tool. */
    toolCards = {};
    /** What the assistant is called; null: nothing in particular. */
    name = null;

    /** `host`: the widget's element, into which the page's own cards go. */
    constructor(actions, texts, host) {
        this.#actions = actions;
        this.#texts = texts;
        this.#host = host;
        this.#scroller = h("div", {
            class: "scroller", role: "log", "aria-live": "off", tabindex: "0",
            onscroll: () => this.#scrolled(),
        }, this.#list);
        texts.bind(this.#scroller, "messages", "aria-label");
        this.#toLatest = button({
            class: "to-latest", hidden: true, onclick: () => this.scrollToEnd(),
        }, icon("down"));
        texts.bind(this.#toLatest, "latest", "aria-label");
        this.element = h("div", { class: "transcript" }, this.#scroller, this.#toLatest);
        const observer = new ResizeObserver(() => this.#follow());
        observer.observe(this.#list);
        observer.observe(this.#scroller);
    }

    /** Shows `rows` in order: items of a thread, {kind: "pending", key, entry, isOnline}, or only a kind and a key. */
    render(rows) {
        const keys = new Set(rows.map((row) => row.key));
        for (const [key, shown] of this.#rows) {
            if (keys.has(key)) continue;
            shown.remove?.();
            shown.element.remove();
            this.#rows.delete(key);
        }
        let next = this.#list.firstChild;
        for (const row of rows) {
            let shown = this.#rows.get(row.key);
            if (!shown || shown.kind !== this.#viewKind(row)) {
                if (next === shown?.element) next = next.nextSibling;
                shown?.remove?.();
                shown?.element.remove();
                shown = this.#create(row);
                this.#rows.set(row.key, shown);
            }
            if (shown.version !== row.version || row.version === undefined) {
                shown.version = row.version;
                shown.update(row);
            }
            if (shown.element === next) next = next.nextSibling;
            else this.#list.insertBefore(shown.element, next);
        }
        this.#markFar(rows);
        if (this.#below !== null) {
            this.#scroller.scrollTop = this.#scroller.scrollHeight - this.#below;
            this.#lastTop = this.#scroller.scrollTop;
            this.#below = null;
        }
        this.#follow();
    }

    /** The texts have changed: all is built anew with the next rendering. */
    reset() {
        for (const shown of this.#rows.values()) {
            shown.remove?.();
            shown.element.remove();
        }
        this.#rows.clear();
        this.#far = 0;
    }

    // In a long conversation only what is near the screen costs anything. It is all in the document, and so is found.
    #markFar(rows) {
        const far = Math.max(0, rows.length - NEAR_ROWS);
        if (far === this.#far) return;
        this.#far = far;
        rows.forEach((row, at) => setAttribute(this.#rows.get(row.key).element, "data-far", at < far));
    }

    scrollToEnd() {
        this.#isPinned = true;
        this.#follow();
    }

    /** The next rendering brings rows above: what is on the screen stays where it is. */
    keepPlace() {
        this.#isPinned = false;
        this.#below = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    }

    /** Brings a message to the middle of the screen, and marks it for a moment. Whether it is there. */
    reveal(messageId) {
        for (const { element } of this.#rows.values()) {
            if (element.getAttribute("data-message-id") !== messageId) continue;
            this.#isPinned = false;
            // Within the transcript alone: the page around it stays where it is.
            const [box, place] = [element.getBoundingClientRect(), this.#scroller.getBoundingClientRect()];
            this.#scroller.scrollTop += box.top - place.top - Math.max(0, (place.height - box.height) / 2);
            this.#lastTop = this.#scroller.scrollTop;
            this.#scrolled();
            element.setAttribute("data-revealed", "");
            element.addEventListener("animationend", () => element.removeAttribute("data-revealed"), { once: true });
            return true;
        }
        return false;
    }

    // MARK: scrolling

    #scrolled() {
        const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
        const isAtBottom = scrollHeight - clientHeight - scrollTop <= AT_BOTTOM_PX;
        // Only the person's own move upwards lets go; content that grows below does not.
        if (isAtBottom) this.#isPinned = true;
        else if (scrollTop < this.#lastTop) {
            this.#isPinned = false;
            if (scrollTop < EARLIER_PX && this.#rows.has("more")) this.#actions.earlier();
        }
        this.#lastTop = scrollTop;
        this.#toLatest.hidden = this.#isPinned;
    }

    #follow() {
        if (this.#isPinned) {
            this.#scroller.scrollTop = this.#scroller.scrollHeight;
            this.#lastTop = this.#scroller.scrollTop;
        }
        this.#toLatest.hidden = this.#isPinned;
    }

    // MARK: rows

    #create(row) {
        const kind = this.#viewKind(row);
        switch (kind) {
        case "message": {
            const view = new MessageView(this.#actions, this.#texts, this.name);
            return { kind, element: view.element, update: (each) => view.update(each) };
        }
        case "tool":
            return this.#late(kind, () => import("./parley-tool-card.js"), ({ ToolCard }) => new ToolCard(this.#texts));
        case "own-card":
            return this.#late(kind, () => import("./parley-own-cards.js"), ({ OwnCard }) => (
                new OwnCard(this.#host, this.toolCards[row.name], row.id, this.#texts)));
        case "approval":
            return this.#late(kind, () => import("./parley-approval.js"), ({ Approval }) => (
                new Approval((...decision) => this.#actions.decide(...decision), this.#texts)));
        case "reasoning":
            return this.#late(kind, () => import("./parley-reasoning.js"), ({ Reasoning }) => new Reasoning(this.#texts));
        case "notice":
            return { kind, ...this.#notice(row) };
        case "day":
            return { kind, element: h("p", { class: "day", "data-testid": "day" }, h("time", { datetime: row.day }, row.text)), update() {} };
        case "typing":
            return { kind, element: this.#typing(), update() {} };
        case "loading":
            return { kind, element: this.#skeleton(), update() {} };
        default: {
            const earlier = button({
                class: "link", "data-testid": "earlier", onclick: () => this.#actions.earlier(),
            });
            const update = ({ isLoading }) => {
                earlier.disabled = isLoading;
                setText(earlier, this.#texts.get(isLoading ? "earlier.loading" : "earlier"));
            };
            return { kind, element: h("p", { class: "earlier" }, earlier), update };
        }
        }
    }

    #late(kind, load, make) {
        return { kind, ...lateView(load, make, () => this.#follow()) };
    }

    #viewKind(row) {
        if (row.kind === "pending") return "message";
        const isOwn = row.kind === "tool" && Object.hasOwn(this.toolCards, row.name) && typeof this.toolCards[row.name] === "function";
        return isOwn ? "own-card" : row.kind;
    }

    #notice({ tone, questionId, ...item }) {
        const isError = tone === "error";
        const again = isError && questionId
            ? link(this.#texts.get("ask-again"), () => this.#actions.askAgain(questionId), "ask-again")
            : null;
        const element = h("div", { class: `notice ${tone}`, "data-testid": "run-notice", "data-tone": tone },
            isError ? icon("alert") : null, h("span", { dir: "auto" }, noticeText(this.#texts, item)), again);
        const update = ({ isAskedAgain }) => {
            if (!again) return;
            if (isAskedAgain && again.matches(":focus")) this.#scroller.focus();
            again.hidden = isAskedAgain === true;
        };
        return { element, update };
    }

    #typing() {
        return h("div", { class: "typing", "data-testid": "typing" },
            h("span", { class: "visually-hidden" }, this.#texts.get("working")),
            h("i", {}), h("i", {}), h("i", {}));
    }

    #skeleton() {
        return h("div", { class: "skeleton", "aria-label": this.#texts.get("loading"), role: "img" },
            h("i", { class: "mine" }), h("i", {}), h("i", { class: "short" }), h("i", { class: "mine" }), h("i", {}));
    }
}

/** What a notice says; also what is said of it. */
export function noticeText(texts, { code, message }) {
    return code === "stopped" ? texts.get("stopped.early") : runErrorText(texts, code, message);
}

function link(label, onclick, testId = null) {
    return button({ class: "link", "data-testid": testId, onclick }, label);
}
