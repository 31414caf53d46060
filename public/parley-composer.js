// Where a message is written: grows with its text, counts near the limit, sends on Enter, and holds the Stop button.

import { button, h, icon, isComposing, setAttribute, setText } from "./parley-dom.js";
import { DEFAULT_CONTENT_LIMIT, codePointCount } from "./parley-protocol.js";

const COUNT_FROM = 0.9; // share of the limit from which on the counter is shown

/** `actions`: send(text) → whether it was taken, stop(), changed(text). */
export class Composer {
    element;
    #input;
    #send;
    #stop;
    #stopLabel = h("span", {});
    #counter = h("span", { class: "counter", id: "counter", role: "status" });
    #limit = DEFAULT_CONTENT_LIMIT;
    #isEnabled = true;
    #actions;
    #texts;

    constructor(actions, texts) {
        this.#actions = actions;
        this.#texts = texts;
        this.#input = h("textarea", {
            rows: "1", "aria-describedby": "counter", dir: "auto",
            autocomplete: "off", enterkeyhint: "send", "data-testid": "composer",
            oninput: () => {
                this.#changed();
                this.#actions.changed(this.text);
            },
            onkeydown: (event) => this.#keyPressed(event),
        });
        texts.bind(this.#input, "message", "aria-label");
        this.#send = h("button", { class: "send", type: "submit", disabled: true, "data-testid": "send" }, icon("send"));
        texts.bind(this.#send, "send", "aria-label");
        this.#stop = button({
            class: "stop", hidden: true, "data-testid": "stop", onclick: () => this.#actions.stop(),
        }, icon("stop"), this.#stopLabel);
        const box = h("div", { class: "box", onclick: (event) => { if (event.target === box) this.focus(); } },
            this.#input, h("div", { class: "buttons" }, this.#stop, this.#send));
        this.element = h("form", {
            class: "composer", onsubmit: (event) => {
                event.preventDefault();
                this.#submit();
            },
        }, box, h("div", { class: "under" },
            texts.bind(h("span", { class: "hint" }), "hint"), this.#counter));
    }

    set limit(value) {
        if (value === this.#limit) return;
        this.#limit = value;
        this.#changed();
    }

    set placeholder(value) {
        setAttribute(this.#input, "placeholder", value);
    }

    get text() {
        return this.#input.value;
    }

    // The same text again would move the caret, and end what an input method is composing.
    set text(value) {
        if (value !== this.#input.value) this.#input.value = value;
        this.#changed();
    }

    focus() {
        this.#input.focus();
    }

    /** `run`: none, running or stopping. */
    render({ isEnabled, run }) {
        this.#isEnabled = isEnabled;
        const hadFocus = this.#stop.matches(":focus");
        this.#stop.hidden = run === "none";
        this.#stop.disabled = run === "stopping";
        setText(this.#stopLabel, this.#texts.get(run === "stopping" ? "stopping" : "stop"));
        if (hadFocus && run !== "running") this.focus();
        this.#judge();
    }

    #keyPressed(event) {
        if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
        event.preventDefault();
        this.#submit();
    }

    #submit() {
        if (this.#judge() && this.#actions.send(this.text)) {
            this.text = "";
            this.#actions.changed("");
        }
        this.focus();
    }

    #changed() {
        // The height follows the text; the style sheet sets the bounds.
        this.#input.style.height = "auto";
        this.#input.style.height = `${this.#input.scrollHeight}px`;
        this.#judge();
    }

    // Counting is only worth it near the limit: a text never has more code points than UTF-16 units.
    #judge() {
        const { text } = this;
        const isNear = text.length >= this.#limit * COUNT_FROM;
        const count = isNear ? codePointCount(text) : 0;
        const isOver = count > this.#limit;
        setText(this.#counter, isNear && count >= this.#limit * COUNT_FROM
            ? this.#texts.get(isOver ? "count.over" : "count", { count, limit: this.#limit })
            : "");
        setAttribute(this.#counter, "data-over", isOver);
        const isSendable = this.#isEnabled && !isOver && text.trim() !== "";
        this.#send.disabled = !isSendable;
        return isSendable;
    }
}
