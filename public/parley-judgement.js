// What a person thinks of an answer: two thumbs, and a word with them for who wants to say more.

import { button, h, icon, isComposing, setAttribute, watchComposition } from "./parley-dom.js";

const COMMENT_LENGTH = 2_000; // as the server has it, in code points at least

export class Judgement {
    element = h("span", { class: "judgement", hidden: true });
    /** Where the word is written, below the message. */
    form;
    #buttons;
    #field;
    #messageId = null;
    #judged = null; // {rating, comment} or null
    #act;
    #texts;

    /** `act(messageId, rating, comment)`: rating up, down or null. */
    constructor(act, texts) {
        this.#act = act;
        this.#texts = texts;
        const thumb = (rating) => button({
            class: "copy", "aria-pressed": "false", "data-testid": `judge-${rating}`,
            "aria-label": texts.get(`judge.${rating}`), title: texts.get(`judge.${rating}`),
            onclick: () => this.#pressed(rating),
        }, icon(rating === "up" ? "good" : "bad"));
        this.#buttons = { up: thumb("up"), down: thumb("down") };
        this.element.append(this.#buttons.up, this.#buttons.down);
        this.#field = h("input", {
            class: "task-field", maxlength: COMMENT_LENGTH, dir: "auto", autocomplete: "off", "data-testid": "judge-comment",
            "aria-label": texts.get("judge.comment"), placeholder: texts.get("judge.comment"),
            onkeydown: (event) => {
                if (event.key !== "Escape" || isComposing(event)) return;
                event.stopPropagation();
                this.#close();
            },
        });
        const isComposed = watchComposition(this.#field);
        const send = h("button", { class: "send", type: "submit", "aria-label": texts.get("send") }, icon("send"));
        const close = button({ class: "close", "aria-label": texts.get("dismiss"), onclick: () => this.#close() }, icon("cross"));
        this.form = h("form", {
            class: "judge-form", hidden: true, onsubmit: (event) => {
                event.preventDefault();
                if (isComposed()) return;
                this.#act(this.#messageId, this.#judged?.rating ?? "down", this.#field.value.trim() || null);
                this.#close();
            },
        }, this.#field, send, close);
    }

    /** `judged`: undefined where there is nothing to be judged. */
    update(messageId, judged) {
        this.#messageId = messageId;
        this.#judged = judged ?? null;
        this.element.hidden = judged === undefined;
        for (const [rating, each] of Object.entries(this.#buttons)) {
            setAttribute(each, "aria-pressed", String(judged?.rating === rating));
        }
        setAttribute(this.element, "data-judged", Boolean(judged));
    }

    #pressed(rating) {
        // Known at once: a second press may come before the next rendering.
        const isTakenBack = this.#judged?.rating === rating;
        this.#judged = isTakenBack ? null : { rating, comment: null };
        if (isTakenBack) {
            this.#act(this.#messageId, null, null);
            return this.#close(rating);
        }
        this.#act(this.#messageId, rating, null);
        this.#field.value = "";
        this.form.hidden = false;
        this.#field.focus();
    }

    #close(rating = this.#judged?.rating ?? "up") {
        const hadFocus = this.form.matches(":focus-within");
        this.form.hidden = true;
        if (hadFocus) this.#buttons[rating].focus();
    }
}
