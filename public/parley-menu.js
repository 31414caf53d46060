// A menu at a button, and a question that must be answered: a popover and a dialog, which the browser puts above all else,
// closes on Escape, and gives the focus back from.

import { button, h, icon } from "./parley-dom.js";

export class Menu {
    element;
    #opener = null;

    constructor() {
        this.element = h("div", {
            class: "popup", popover: "auto", role: "menu", "data-testid": "menu",
            onkeydown: (event) => this.#keyPressed(event),
            ontoggle: (event) => { if (event.newState === "closed") this.#closed(); },
        });
    }

    /** `items`: [{name, icon, label, isBad, run}]. */
    open(opener, label, items) {
        this.#opener?.setAttribute("aria-expanded", "false");
        this.#opener = opener;
        opener.setAttribute("aria-expanded", "true");
        this.element.setAttribute("aria-label", label);
        this.element.replaceChildren(...items.map((item) => button({
            role: "menuitem", tabindex: "-1", class: item.isBad ? "bad" : null, "data-testid": `conversation-${item.name}`,
            onclick: () => {
                this.close();
                item.run();
            },
        }, icon(item.icon), h("span", {}, item.label))));
        this.element.showPopover();
        this.#place();
        this.element.firstElementChild?.focus();
    }

    close() {
        if (this.element.matches(":popover-open")) this.element.hidePopover();
    }

    #closed() {
        const opener = this.#opener;
        this.#opener = null;
        opener?.setAttribute("aria-expanded", "false");
        const root = this.element.getRootNode();
        if (!root.activeElement || this.element.contains(root.activeElement)) opener?.focus();
    }

    // Below the button, or above it where there is no room; never beyond the window.
    #place() {
        const at = this.#opener.getBoundingClientRect();
        const { width, height } = this.element.getBoundingClientRect();
        const isRightToLeft = getComputedStyle(this.element).direction === "rtl";
        const left = isRightToLeft ? at.left : at.right - width;
        const top = at.bottom + height + 8 > innerHeight ? at.top - height - 4 : at.bottom + 4;
        this.element.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
        this.element.style.top = `${Math.max(8, top)}px`;
    }

    #keyPressed(event) {
        const items = [...this.element.children];
        const at = items.indexOf(this.element.getRootNode().activeElement);
        const to = {
            ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length,
            Home: 0, End: items.length - 1,
        }[event.key];
        if (event.key === "Tab") return this.close();
        if (to === undefined) return;
        event.preventDefault();
        items[to].focus();
    }
}

export class Question {
    element;
    #title = h("h3", { id: "question", dir: "auto" });
    #more = h("p", {});
    #yes = button({ class: "danger", "data-testid": "confirm" });
    #no = button({ class: "plain", "data-testid": "refuse" });
    #act = null;

    constructor() {
        this.#yes.addEventListener("click", () => {
            const act = this.#act;
            this.element.close();
            act?.();
        });
        this.#no.addEventListener("click", () => this.element.close());
        this.element = h("dialog", {
            class: "question", "aria-labelledby": "question", "data-testid": "question",
            // A press beside it is a no.
            onclick: (event) => { if (event.target === this.element) this.element.close(); },
        }, h("div", { class: "question-body" }, this.#title, this.#more,
            h("div", { class: "question-buttons" }, this.#no, this.#yes)));
    }

    ask({ title, more, yes, no }, act) {
        this.#act = act;
        this.#title.textContent = title;
        this.#more.textContent = more;
        this.#yes.textContent = yes;
        this.#no.textContent = no;
        this.element.showModal();
        this.#no.focus();
    }
}
