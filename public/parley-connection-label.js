// The connection in words, with a dot: connecting, connected, or when it is tried again.

import { countdown } from "./parley-banner.js";
import { button, h, setAttribute, setText } from "./parley-dom.js";
import { reasonText } from "./parley-texts.js";

const STATE_TEXT = { connecting: "connecting", online: "online", "signed-out": "signed-out.state" };

export class ConnectionLabel {
    element = h("div", { class: "connection", "data-testid": "connection-state", "data-state": "signed-out" });
    #text = h("span", {});
    #retry;
    #texts;

    constructor(texts, retry) {
        this.#texts = texts;
        this.#retry = button({ class: "link", hidden: true, onclick: retry });
        texts.bind(this.#retry, "retry-now");
        this.element.append(h("span", { class: "dot" }), this.#text, this.#retry);
    }

    update({ name, reason, retryAt, isFinal }) {
        const texts = this.#texts;
        setAttribute(this.element, "data-state", name);
        let text = reasonText(texts, reason) ?? texts.get(STATE_TEXT[name] ?? "offline.state");
        if (isFinal || reason === "origin") text = texts.get("offline.state");
        if (name === "signed-out" || name === "connecting") text = texts.get(STATE_TEXT[name]);
        if (name === "offline" && retryAt) text = countdown(texts, "retrying", retryAt, { reason: text });
        setText(this.#text, text);
        this.#retry.hidden = name !== "offline" || (retryAt !== null && retryAt - performance.now() < 1500);
    }
}
