// Tool calls that the page draws itself: what it makes of a call is put into the page's own document, beside the widget's
// shadow root, and shown in the place of the card, so that the page's styles reach it.

import { h, setAttribute } from "./parley-dom.js";

export class OwnCard {
    element;
    #host;
    #draw;
    #slot;
    #node = null;

    /** `draw(call)` → a node, or null for the widget's own card; `call`: {id, name, arguments, result, status}. */
    constructor(host, draw, item) {
        this.#host = host;
        this.#draw = draw;
        this.#slot = `tool-${item.id}`;
        this.element = h("div", { class: "own-card", "data-testid": "own-card", part: "tool" }, h("slot", { name: this.#slot }));
    }

    /** Whether the page drew it. */
    update(item) {
        setAttribute(this.element, "data-tool", item.name);
        setAttribute(this.element, "data-status", item.status);
        const { id, name, status } = item;
        let node = null;
        try {
            node = this.#draw({ id, name, status, arguments: parsed(item.arguments), result: parsed(item.result) });
        } catch (error) {
            // The page's fault must not end the conversation; the page hears of it.
            reportError(error);
        }
        if (!(node instanceof Element)) return false;
        if (node !== this.#node) {
            this.#node?.remove();
            this.#node = node;
            node.slot = this.#slot;
            this.#host.append(node);
        }
        return true;
    }

    remove() {
        this.#node?.remove();
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
