// What stands in a conversation that has not begun: the page's words or those for the to-do assistant, and what could be
// said first; and what stands there while nobody is signed in.

import { button, h, icon } from "./parley-dom.js";

const MOST_SUGGESTIONS = 8;
const EXAMPLES = ["example.1", "example.2", "example.3"];

export class Welcome {
    element;
    signedOut;
    #greeting = h("h3", { dir: "auto" });
    #more = h("p", { dir: "auto" });
    #emblem = h("div", { class: "emblem" });
    #examples = h("div", { class: "examples" });
    #texts;
    #choose;
    #state = "";

    /** `choose(text)`: a suggestion was pressed. */
    constructor(texts, choose) {
        this.#texts = texts;
        this.#choose = choose;
        this.element = h("div", { class: "empty", "data-testid": "empty-state" },
            this.#emblem, this.#greeting, this.#more, this.#examples);
        this.signedOut = h("div", { class: "signed-out" },
            h("slot", { name: "signed-out" },
                texts.bind(h("h3", {}), "signed-out"),
                texts.bind(h("p", {}), "signed-out.more")));
    }

    /** `greeting`, `picture` (an address) and `suggestions` (texts) as a page gave them, or null. */
    update({ greeting, picture, suggestions }) {
        const texts = this.#texts;
        const all = suggestions ?? EXAMPLES.map((name) => texts.get(name));
        // A button that is made anew loses the focus.
        const state = JSON.stringify([greeting, picture, all, texts.get("greeting"), texts.get("greeting.more")]);
        if (state === this.#state) return;
        this.#state = state;
        this.#emblem.replaceChildren(picture ? h("img", { src: picture, alt: "" }) : icon("bubble"));
        this.#greeting.textContent = greeting ?? texts.get("greeting");
        this.#more.textContent = greeting === null ? texts.get("greeting.more") : "";
        this.#examples.replaceChildren(...suggested(all, "example", this.#choose));
    }
}

/** Buttons for what could be said, at most eight. */
export function suggested(suggestions, testId, choose) {
    return suggestions.slice(0, MOST_SUGGESTIONS).map((text) =>
        button({ "data-testid": testId, dir: "auto", onclick: () => choose(text) }, text));
}

/** Suggestions of a page: a list, or a text with | between them; null where there are none. */
export function suggestionsOf(value) {
    const list = typeof value === "string" ? value.split("|") : Array.isArray(value) ? value.map(String) : null;
    return list?.map((text) => text.trim()).filter(Boolean) ?? null;
}
