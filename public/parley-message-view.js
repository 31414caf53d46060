// One message on the page: its text, what became of it, and what can be done about it.

import { copyBy } from "./parley-clipboard.js";
import { button, h, icon, isComposing, setAttribute, setText } from "./parley-dom.js";
import { Judgement } from "./parley-judgement.js";
import { MessageText } from "./parley-message-text.js";
import { sendErrorPolicy } from "./parley-protocol.js";
import { errorText } from "./parley-texts.js";

// What can be done about a message that the server refused, by what refused it.
const FAILED_ACTIONS = {
    retry: [["retry", "retry"], ["edit", "edit"]],
    edit: [["edit", "edit"]],
    drop: [["move-on", "moveOn"]],
};

export class MessageView {
    element;
    #speaker = h("span", { class: "visually-hidden" });
    #text;
    #meta = h("div", { class: "meta" });
    #metaState = "";
    #time = h("time", {});
    #copy;
    #judgement = null; // of an answer, once it is known whether it can be judged
    #branch = h("span", { class: "branch", hidden: true });
    #branchState = "";
    #seenAt = new Date();
    #actions;
    #texts;
    #name;

    /** `name`: the assistant's, or null. */
    constructor(actions, texts, name) {
        this.#actions = actions;
        this.#texts = texts;
        this.#name = name;
        this.#text = new MessageText({ texts, say: (text) => actions.say(text) });
        this.#copy = button({
            class: "copy", "data-testid": "copy-message",
            "aria-label": texts.get("copy.message"), title: texts.get("copy.message"),
            onclick: () => copyBy(this.#copy, this.#text.text, texts, (text) => actions.say(text)),
        }, icon("copy"), icon("check"));
        this.element = h("article", { "data-testid": "message", part: "message" }, this.#speaker, this.#text.element,
            this.#meta, h("div", { class: "message-tools" }, this.#copy, this.#branch, this.#time));
    }

    update(row) {
        if (row.kind === "pending") this.#updatePending(row);
        else this.#updateStored(row);
    }

    #updateStored(item) {
        this.#show({ role: item.role, id: item.id, status: item.status, text: item.text, isOpen: item.isOpen });
        setAttribute(this.element, "data-queued", item.queued);
        this.#showBranch(item);
        this.#showJudgement(item);
        this.#stamp(timeOf(item) ?? this.#seenAt);
        this.#caption(`${item.status} ${item.queued} ${item.role} ${item.isExplained}`, () => this.#storedCaption(item));
    }

    #showJudgement({ id, isOpen, judgement }) {
        const judged = isOpen ? undefined : judgement;
        if (!this.#judgement && judged !== undefined) {
            this.#judgement = new Judgement((...what) => this.#actions.judge(...what), this.#texts);
            this.#copy.after(this.#judgement.element);
            this.element.append(this.#judgement.form);
        }
        this.#judgement?.update(id, judged);
    }

    // Which of several it is, and the ways to another: edited, asked for anew, or chosen.
    #showBranch({ branch, id, text }) {
        const { siblings = null, shown, canChange = false, canEdit = false, questionId = null } = branch ?? {};
        const state = JSON.stringify([siblings, shown, canChange, canEdit, questionId]);
        if (state === this.#branchState) return;
        this.#branchState = state;
        this.#branch.hidden = !branch;
        const texts = this.#texts;
        const parts = [];
        if (siblings && siblings.length > 1) {
            const at = siblings.indexOf(shown);
            const step = (by, name) => button({
                class: "copy", disabled: !canChange || !siblings[at + by], "data-testid": `sibling-${name}`,
                "aria-label": texts.get(`sibling.${name}`), title: texts.get(`sibling.${name}`),
                onclick: () => this.#actions.select(siblings[at + by]),
            }, icon(name === "before" ? "left" : "right"));
            parts.push(step(-1, "before"),
                h("span", { class: "sibling", "data-testid": "sibling" }, texts.get("sibling", { number: at + 1, count: siblings.length })),
                step(1, "next"));
        }
        const act = (name, symbol, run) => button({
            class: "copy", "data-testid": name, "aria-label": texts.get(name), title: texts.get(name), onclick: run,
        }, icon(symbol));
        if (canEdit) parts.push(act("rewrite", "edit", () => this.#rewrite(id, text)));
        if (questionId && canChange) parts.push(act("regenerate", "again", () => this.#actions.regenerate(questionId)));
        this.#branch.replaceChildren(...parts);
    }

    // In the place of the text; Escape leaves it as it was.
    #rewrite(id, text) {
        const texts = this.#texts;
        const field = h("textarea", {
            class: "rewrite-field", rows: 1, dir: "auto", "aria-label": texts.get("rewrite"), "data-testid": "rewrite-field",
            oninput: () => grow(),
            onkeydown: (event) => {
                if (isComposing(event)) return;
                if (event.key === "Escape") {
                    event.stopPropagation();
                    close();
                } else if (event.key === "Enter" && !event.shiftKey) {
                    event.preventDefault();
                    done();
                }
            },
        });
        const grow = () => {
            field.style.height = "auto";
            field.style.height = `${field.scrollHeight}px`;
        };
        const close = () => {
            form.replaceWith(this.#text.element);
            this.#branch.querySelector("[data-testid=rewrite]")?.focus();
        };
        const done = () => {
            const words = field.value.trim();
            if (!words) return;
            if (words === text || this.#actions.rewrite(id, words)) close();
        };
        const form = h("form", { class: "rewrite", onsubmit: (event) => {
            event.preventDefault();
            done();
        } }, field, h("div", { class: "approval-buttons" },
            h("button", { class: "primary", type: "submit", "data-testid": "rewrite-send" }, texts.get("send")),
            button({ class: "plain", onclick: close }, texts.get("cancel"))));
        field.value = text;
        this.#text.element.replaceWith(form);
        grow();
        field.focus();
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
        const name = role !== "user" && this.#name ? `${this.#name}:` : null;
        setText(this.#speaker, name ?? this.#texts.get(role === "user" ? "you" : "assistant"));
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
