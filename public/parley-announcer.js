// What a screen reader is told: a node for each thing that happened, since an unchanged text would not be heard again.

import { h } from "./parley-dom.js";

const KEPT = 4; // nodes; a reader that is slow has not yet come to the newest

export class Announcer {
    element = h("div", { class: "visually-hidden", "aria-live": "polite", "data-testid": "announcer" });

    say(text) {
        if (!text) return;
        while (this.element.childElementCount >= KEPT) this.element.firstElementChild.remove();
        this.element.append(h("p", { dir: "auto" }, text));
    }
}
