// Where a message is written: grows with its text, counts near the limit, sends on Enter, and holds the Stop button.

import { button, h, icon, setAttribute, setText } from "./parley-dom.js";
import { DEFAULT_CONTENT_LIMIT, codePointCount } from "./parley-protocol.js";

const COUNT_FROM = 0.9; // share of the limit from which on the counter is shown

/** `actions`: send(text) → whether it was taken, stop(). */
export class Composer {
    element;
    #input;
    #send;
    #stop;
    #stopLabel = h("span", {}, "Stop");
    #counter = h("span", { class: "counter", id: "counter", role: "status" });
    #limit = DEFAULT_CONTENT_LIMIT;
    #isEnabled = true;
    #actions;

    constructor(actions) {
        this.#actions = actions;
        this.#input = h("textarea", {
            rows: "1", placeholder: "Message", "aria-label": "Message", "aria-describedby": "counter", dir: "auto",
            autocomplete: "off", enterkeyhint: "send", "data-testid": "composer",
            oninput: () => this.#changed(),
            onkeydown: (event) => this.#keyPressed(event),
        });
        this.#send = h("button", {
            class: "send", type: "submit", disabled: true, "data-testid": "send", "aria-label": "Send",
        }, icon("send"));
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
            h("span", { class: "hint" }, "Enter sends, Shift + Enter adds a line"), this.#counter));
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

    set text(value) {
        this.#input.value = value;
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
        setText(this.#stopLabel, run === "stopping" ? "Stopping…" : "Stop");
        if (hadFocus && run !== "running") this.focus();
        this.#judge();
    }

    #keyPressed(event) {
        // While an input method composes, Enter belongs to it (229: browsers that end the composition first).
        if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
        event.preventDefault();
        this.#submit();
    }

    #submit() {
        if (this.#judge() && this.#actions.send(this.text)) this.text = "";
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
        const numbers = new Intl.NumberFormat();
        setText(this.#counter, isNear && count >= this.#limit * COUNT_FROM
            ? `${numbers.format(count)} / ${numbers.format(this.#limit)}${isOver ? ": too long" : ""}`
            : "");
        setAttribute(this.#counter, "data-over", isOver);
        const isSendable = this.#isEnabled && !isOver && text.trim() !== "";
        this.#send.disabled = !isSendable;
        return isSendable;
    }
}
