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
    #examples = h("div", { class: "examples" });
    #texts;
    #choose;

    /** `choose(text)`: a suggestion was pressed. */
    constructor(texts, choose) {
        this.#texts = texts;
        this.#choose = choose;
        this.element = h("div", { class: "empty", "data-testid": "empty-state" },
            h("div", { class: "emblem" }, icon("bubble")), this.#greeting, this.#more, this.#examples);
        this.signedOut = h("div", { class: "signed-out" },
            h("slot", { name: "signed-out" },
                texts.bind(h("h3", {}), "signed-out"),
                texts.bind(h("p", {}), "signed-out.more")));
    }

    /** `greeting` and `suggestions` (with | between them) as a page gave them, or null. */
    update({ greeting, suggestions }) {
        const texts = this.#texts;
        this.#greeting.textContent = greeting ?? texts.get("greeting");
        this.#more.textContent = greeting === null ? texts.get("greeting.more") : "";
        const all = suggestions?.split("|").map((text) => text.trim()).filter(Boolean)
            ?? EXAMPLES.map((name) => texts.get(name));
        this.#examples.replaceChildren(...all.slice(0, MOST_SUGGESTIONS).map((text) =>
            button({ "data-testid": "example", dir: "auto", onclick: () => this.#choose(text) }, text)));
    }
}
