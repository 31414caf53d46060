// One line above the conversation: what has gone wrong and what can be done about it, with a countdown where it is tried
// again by itself.

import { button, h, icon, setAttribute, setText } from "./parley-dom.js";

export class Banner {
    element;
    /** {code, text, retryAt, action: {label, run}, isSticky, isGood, over, until} or null. `isGood`: no problem, but what was done.
     * `over()`: called when it goes, unless its action was chosen; `until`: when it goes by itself, of `performance.now()`. */
    problem = null;
    #text = h("span", {});
    #action = button({ class: "link", hidden: true });
    #texts;

    constructor(texts) {
        this.#texts = texts;
        const dismiss = button({ class: "close", onclick: () => this.show(null) }, icon("cross"));
        texts.bind(dismiss, "dismiss", "aria-label");
        this.element = h("div", { class: "banner", role: "alert", hidden: true, "data-testid": "error-banner" },
            icon("alert"), this.#text, this.#action, dismiss);
    }

    show(problem) {
        const over = this.problem?.over;
        this.problem = problem;
        over?.();
        // What was to be said of that stands.
        if (this.problem !== problem) return;
        this.element.hidden = problem === null;
        if (!problem) return;
        const { action } = problem;
        this.#action.hidden = !action;
        if (action) {
            setText(this.#action, action.label);
            this.#action.onclick = () => {
                problem.over = null;
                this.show(null);
                action.run();
            };
        }
        setAttribute(this.element, "data-code", problem.code);
        setAttribute(this.element, "data-good", problem.isGood);
        this.tick();
    }

    /** What changes with the seconds. */
    tick() {
        if (!this.problem) return;
        const { retryAt, text: problem, until } = this.problem;
        if (until && until <= performance.now()) return this.show(null);
        if (retryAt && retryAt <= performance.now()) return this.show(null);
        setText(this.#text, retryAt ? countdown(this.#texts, "again", retryAt, { problem }) : problem);
    }
}

/** "… in 5 s": the texts `name.in` and `name.now`. */
export function countdown(texts, name, time, values) {
    const seconds = Math.ceil((time - performance.now()) / 1000);
    return seconds > 0 ? texts.get(`${name}.in`, { ...values, seconds }) : texts.get(`${name}.now`, values);
}
