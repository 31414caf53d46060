// What a model thought before it answered: folded away, with three dots while it goes on. It is not stored.

import { h, setAttribute, setText } from "./parley-dom.js";
import { textPlans } from "./parley-inline.js";
import { carryOut } from "./parley-plan.js";

export class Reasoning {
    element;
    #label = h("span", {});
    #text = h("div", { class: "text reasoning-text", dir: "auto" });
    #shown = [];
    #texts;

    constructor(texts) {
        this.#texts = texts;
        const dots = h("span", { class: "reasoning-dots", "aria-hidden": "true" }, h("i", {}), h("i", {}), h("i", {}));
        this.element = h("details", { class: "reasoning", "data-testid": "reasoning", ontoggle: () => this.#draw() },
            h("summary", {}, this.#label, dots), this.#text);
    }

    #item = null;

    update(item) {
        this.#item = item;
        setAttribute(this.element, "data-open", item.isOpen);
        setText(this.#label, this.#texts.get(item.isOpen ? "reasoning.running" : "reasoning"));
        this.#draw();
    }

    // Nothing is drawn that is folded away.
    #draw() {
        if (this.element.open && this.#item) this.#shown = carryOut(this.#text, this.#shown, textPlans(this.#item.text));
    }
}
