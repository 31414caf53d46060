// Tool calls that the page draws itself: what it makes of a call is put into the page's own document, beside the widget's
// shadow root, and shown in the place of the card, so that the page's styles reach it.

import { h, setAttribute } from "./parley-dom.js";
import { ToolCard } from "./parley-tool-card.js";

export class OwnCard {
    element;
    #plain; // the widget's own card, for what the page does not draw, or has taken out of its document
    #host;
    #draw;
    #slot;
    #node = null;
    #shownIn = null; // the page's element that its card is put into
    #way = null; // the slot on the way there

    /** `draw(call)` → a node, or null for the widget's own card; `call`: {id, name, arguments, result, status}. */
    constructor(host, draw, id, texts) {
        this.#host = host;
        this.#draw = draw;
        this.#slot = `tool-${id}`;
        this.#plain = new ToolCard(texts);
        this.element = h("div", { class: "own-card", "data-testid": "own-card", part: "tool" },
            h("slot", { name: this.#slot }, this.#plain.element));
    }

    update(item) {
        setAttribute(this.element, "data-tool", item.name);
        setAttribute(this.element, "data-status", item.status);
        this.#plain.update(item);
        const { id, name, status } = item;
        let node = null;
        try {
            node = this.#draw({ id, name, status, arguments: parsed(item.arguments), result: parsed(item.result) });
        } catch (error) {
            // The page's fault must not end the conversation; the page hears of it.
            reportError(error);
        }
        if (node !== this.#node) this.#node?.remove();
        this.#node = node instanceof Element ? node : null;
        if (!this.#node) return;
        node.slot = this.#slot;
        if (!node.parentNode || node.parentNode !== this.#shownIn) (this.#shownIn ??= this.#outside()).append(node);
    }

    // Where the widget stands in the page: outside of a launcher, which hands the place on by a slot.
    #outside() {
        const { host } = this.#host.getRootNode();
        if (host?.localName !== "parley-launcher") return this.#host;
        this.#way = h("slot", { name: this.#slot, slot: this.#slot });
        this.#host.append(this.#way);
        return host;
    }

    remove() {
        this.#node?.remove();
        this.#way?.remove();
        this.element.remove();
    }
}

/** JSON as a value; what is none (yet) as text. */
function parsed(text) {
    if (text === null || text === undefined || text === "") return null;
    try {
        return JSON.parse(text);
    } catch {
        return text;
    }
}
