// The conversation on the page: one element per item, kept while the item lives, changed only where the item changed.

import { copyBy } from "./parley-clipboard.js";
import { button, h, icon, setAttribute, setText } from "./parley-dom.js";
import { MessageText } from "./parley-message-text.js";
import { sendErrorPolicy } from "./parley-protocol.js";
import { errorText, runErrorText } from "./parley-texts.js";
import { ToolCard } from "./parley-tool-card.js";

const AT_BOTTOM_PX = 8;

// What can be done about a message that the server refused, by what refused it.
const FAILED_ACTIONS = {
    retry: [["retry", "retry"], ["edit", "edit"]],
    edit: [["edit", "edit"]],
    drop: [["move-on", "moveOn"]],
};

/** `actions`: say(text), earlier(), retry, edit, discard and moveOn(entryId), withdraw(runId), askAgain(questionId). */
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

    constructor(actions, texts) {
        this.#actions = actions;
        this.#texts = texts;
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
            shown.element.remove();
            this.#rows.delete(key);
        }
        let next = this.#list.firstChild;
        for (const row of rows) {
            let shown = this.#rows.get(row.key);
            if (!shown || shown.kind !== viewKind(row)) {
                shown?.element.remove();
                if (next === shown?.element) next = next.nextSibling;
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
        if (this.#below !== null) {
            this.#scroller.scrollTop = this.#scroller.scrollHeight - this.#below;
            this.#lastTop = this.#scroller.scrollTop;
            this.#below = null;
        }
        this.#follow();
    }

    /** The texts have changed: all is built anew with the next rendering. */
    reset() {
        for (const { element } of this.#rows.values()) element.remove();
        this.#rows.clear();
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

    // MARK: scrolling

    #scrolled() {
        const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
        const isAtBottom = scrollHeight - clientHeight - scrollTop <= AT_BOTTOM_PX;
        // Only the person's own move upwards lets go; content that grows below does not.
        if (isAtBottom) this.#isPinned = true;
        else if (scrollTop < this.#lastTop) this.#isPinned = false;
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
        const kind = viewKind(row);
        switch (kind) {
        case "message": {
            const view = new MessageView(this.#actions, this.#texts);
            return { kind, element: view.element, update: (each) => view.update(each) };
        }
        case "tool": {
            const card = new ToolCard(this.#texts);
            return { kind, element: card.element, update: (item) => card.update(item) };
        }
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

function viewKind(row) {
    return row.kind === "pending" ? "message" : row.kind;
}

class MessageView {
    element;
    #speaker = h("span", { class: "visually-hidden" });
    #text;
    #meta = h("div", { class: "meta" });
    #metaState = "";
    #time = h("time", {});
    #copy;
    #seenAt = new Date();
    #actions;
    #texts;

    constructor(actions, texts) {
        this.#actions = actions;
        this.#texts = texts;
        this.#text = new MessageText({ texts, say: (text) => actions.say(text) });
        this.#copy = button({
            class: "copy", "data-testid": "copy-message",
            "aria-label": texts.get("copy.message"), title: texts.get("copy.message"),
            onclick: () => copyBy(this.#copy, this.#text.text, texts, (text) => actions.say(text)),
        }, icon("copy"), icon("check"));
        this.element = h("article", { "data-testid": "message", part: "message" }, this.#speaker, this.#text.element,
            this.#meta, h("div", { class: "message-tools" }, this.#copy, this.#time));
    }

    update(row) {
        if (row.kind === "pending") this.#updatePending(row);
        else this.#updateStored(row);
    }

    #updateStored(item) {
        this.#show({ role: item.role, id: item.id, status: item.status, text: item.text, isOpen: item.isOpen });
        setAttribute(this.element, "data-queued", item.queued);
        this.#stamp(timeOf(item) ?? this.#seenAt);
        this.#caption(`${item.status} ${item.queued} ${item.role} ${item.isExplained}`, () => this.#storedCaption(item));
    }

    #stamp(time) {
        const iso = time.toISOString();
        if (this.#time.dateTime === iso) return;
        this.#time.dateTime = iso;
        const { locale } = this.#texts;
        setText(this.#time, new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(time));
        this.#time.title = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" }).format(time);
    }

    #updatePending({ entry, isOnline }) {
        const isFailed = entry.status === "failed";
        const status = isFailed ? "failed" : "pending";
        this.#show({ role: "user", id: "", status, text: entry.content, isOpen: false });
        this.#stamp(this.#seenAt);
        const state = isFailed ? `failed ${entry.errorCode} ${entry.errorMessage}` : `pending ${isOnline}`;
        this.#caption(state, () => isFailed
            ? this.#failedCaption(entry)
            : [h("span", {}, this.#texts.get(isOnline ? "sending" : "offline"))]);
    }

    #show({ role, id, status, text, isOpen }) {
        setAttribute(this.element, "class", `message ${role}`);
        setAttribute(this.element, "data-role", role);
        setAttribute(this.element, "data-message-id", id);
        setAttribute(this.element, "data-status", status);
        setAttribute(this.element, "data-open", isOpen);
        setText(this.#speaker, this.#texts.get(role === "user" ? "you" : "assistant"));
        this.#text.update(text, { isMarkdown: role !== "user", isOpen });
    }

    #caption(state, build) {
        if (state === this.#metaState) return;
        this.#metaState = state;
        this.#meta.replaceChildren(...build());
    }

    #storedCaption(item) {
        const texts = this.#texts;
        if (item.queued !== null) {
            const place = item.queued > 1 ? texts.get("queued.at", { place: item.queued }) : texts.get("queued");
            return [h("span", {}, place), link(texts.get("withdraw"), () => this.#actions.withdraw(item.runId))];
        }
        if (item.status === "cancelled") {
            return [h("span", {}, texts.get(item.role === "user" ? "cancelled" : "stopped"))];
        }
        // Where the question's run says how it ended, a notice of its own does, and says more.
        if (item.status === "failed" && !item.isExplained) {
            return [h("span", { class: "bad" }, texts.get("incomplete"))];
        }
        return [];
    }

    #failedCaption(entry) {
        const actions = [...FAILED_ACTIONS[sendErrorPolicy(entry.errorCode)] ?? [], ["discard", "discard"]];
        return [
            h("span", { class: "bad" }, errorText(this.#texts, entry.errorCode, entry.errorMessage)),
            ...actions.map(([label, name]) => link(this.#texts.get(label), () => this.#actions[name](entry.id))),
        ];
    }
}

/** When a message was stored; its id tells, too (UUID version 7). Null: not known. */
export function timeOf({ id, createdAt }) {
    const time = createdAt !== null && createdAt !== undefined ? Date.parse(createdAt) : NaN;
    if (!Number.isNaN(time)) return new Date(time);
    const digits = String(id ?? "").replaceAll("-", "");
    return /^[0-9a-f]{12}7[0-9a-f]{19}$/i.test(digits) ? new Date(parseInt(digits.slice(0, 12), 16)) : null;
}

function link(label, onclick, testId = null) {
    return button({ class: "link", "data-testid": testId, onclick }, label);
}
