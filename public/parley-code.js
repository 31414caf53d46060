// A block of code: its language, a button that copies it, its own scrolling, and colours once it is whole.

import { button, h, icon, setAttribute } from "./parley-dom.js";
import { copyBy } from "./parley-clipboard.js";
import { library } from "./parley-libraries.js";
import { textPlans } from "./parley-inline.js";
import { carryOut } from "./parley-plan.js";

const COLOURED_LENGTH = 30_000; // UTF-16 units; longer code stays as it is
const DEPTH = 12; // of tokens in tokens

const ALIASES = {
    "c++": "cpp", "c#": "csharp", console: "bash", dockerfile: "docker", golang: "go", h: "c", hpp: "cpp", jsonc: "json",
    make: "makefile", ps1: "powershell", rs: "rust", sh: "bash", shell: "bash", tex: "latex", vue: "markup", zsh: "bash",
};

export class CodeBlock {
    element;
    text = "";
    #code = h("code", {});
    #shown = [];
    #language = "";
    #coloured = null; // the text that has its colours

    /** `context`: {texts, say(text)}. */
    constructor(context) {
        const { texts, say } = context;
        const copy = button({
            class: "copy", "data-testid": "copy-code", "aria-label": texts.get("copy.code"), title: texts.get("copy.code"),
            onclick: () => copyBy(copy, this.text, texts, say),
        }, icon("copy"), icon("check"));
        this.element = h("div", { class: "code", dir: "ltr", "data-testid": "code-block" },
            h("div", { class: "code-head" }, copy),
            h("pre", { tabindex: "0", role: "group", "aria-label": texts.get("code") }, this.#code));
    }

    update({ language, text, isClosed }) {
        if (language !== this.#language) {
            this.#language = language;
            setAttribute(this.element, "data-language", language || null);
            this.#coloured = null;
        }
        if (text !== this.text || this.#shown.length === 0) {
            this.text = text;
            this.#coloured = null;
            this.#shown = carryOut(this.#code, this.#shown, textPlans(text));
        }
        if (isClosed && this.#coloured !== text) this.#colour();
    }

    #waits = false; // for what is selected to be let go

    async #colour() {
        const { text } = this;
        this.#coloured = text;
        const name = ALIASES[this.#language.toLowerCase()] ?? this.#language.toLowerCase();
        if (!/^[\w-]+$/.test(name) || text.length > COLOURED_LENGTH) return;
        const prism = await library("prism");
        const grammar = prism && Object.hasOwn(prism.languages, name) ? prism.languages[name] : null;
        if (!grammar || typeof grammar !== "object" || this.text !== text) return;
        if (isSelected(this.#code)) {
            // Other nodes would take the selection along: the colours wait until it is let go.
            if (this.#waits) return;
            this.#waits = true;
            document.addEventListener("selectionchange", () => {
                this.#waits = false;
                if (this.#coloured === this.text && this.#code.isConnected) this.#colour();
            }, { once: true });
            return;
        }
        let plans;
        try {
            plans = tokenPlans(prism.tokenize(text, grammar), 0);
        } catch {
            return; // A grammar's mistake: the text stands as it is.
        }
        this.#shown = carryOut(this.#code, this.#shown, plans);
    }
}

/** Whether something in it is selected, in its shadow root. */
function isSelected(element) {
    const root = element.getRootNode();
    const selection = root.getSelection?.() ?? document.getSelection();
    if (!selection) return false;
    const [range] = root.getSelection || !selection.getComposedRanges
        ? selection.rangeCount > 0 ? [selection.getRangeAt(0)] : []
        : selection.getComposedRanges({ shadowRoots: root instanceof ShadowRoot ? [root] : [] });
    if (!range || range.startContainer === range.endContainer && range.startOffset === range.endOffset) return false;
    return element.contains(range.startContainer) || element.contains(range.endContainer);
}

function tokenPlans(tokens, depth) {
    return tokens.flatMap((token) => {
        if (typeof token === "string") return textPlans(token);
        const content = Array.isArray(token.content) ? token.content : [token.content];
        if (depth >= DEPTH) return textPlans(plainOf(token));
        const type = /^[a-z-]+$/.test(token.type) ? token.type : "other";
        return [{
            kind: `token ${type}`, key: {}, make: () => h("span", { class: `token-${type}` }),
            children: () => tokenPlans(content, depth + 1),
        }];
    });
}

function plainOf(token) {
    if (typeof token === "string") return token;
    return Array.isArray(token.content) ? token.content.map(plainOf).join("") : plainOf(token.content);
}
