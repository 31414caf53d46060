// The text of a message. What a person wrote is text with links. What an assistant wrote is Markdown, shown while it
// comes: blocks that are settled are not touched again, only the open end is read anew.

import { h, setAttribute } from "./parley-dom.js";
import { library, loaded } from "./parley-libraries.js";
import { textPlans, writtenPlans } from "./parley-inline.js";
import { blockPlans, normalised, plainText, tokensOf } from "./parley-markdown.js";
import { carryOut } from "./parley-plan.js";

const MARKDOWN_LENGTH = 100_000; // UTF-16 units; a longer answer is shown as it is
const SLOW_MS = 12; // a reading that took longer is followed by a pause of PAUSE times that, while more comes
const PAUSE = 8;

export class MessageText {
    element = h("div", { class: "text", "data-testid": "message-text", dir: "auto" });
    #context;
    #shown = [];
    #text = null;
    #mode = "";
    #isOpen = false;
    #waiting = false;
    // The settled part: how much of the text, of the plans, and the definitions of links in it.
    #settledLength = 0;
    #settledPlans = 0;
    #definitions = {};
    #notBefore = 0;
    #timer = 0;

    /** `context`: {texts, say(text)}. */
    constructor(context) {
        this.#context = context;
    }

    get text() {
        return this.#text ?? "";
    }

    update(text, { isMarkdown, isOpen }) {
        const isWhole = isMarkdown && text.length <= MARKDOWN_LENGTH;
        if (isWhole && !loaded("marked")) this.#upgradeLater();
        const mode = isWhole && loaded("marked") ? "markdown" : isMarkdown ? "plain" : "written";
        if (text === this.#text && mode === this.#mode && isOpen === this.#isOpen) return;
        if (mode !== this.#mode || !text.startsWith(this.#text ?? "")) this.#begin(mode);
        this.#text = text;
        this.#isOpen = isOpen;
        if (mode === "markdown") return this.#showMarkdown();
        this.#shown = carryOut(this.element, this.#shown, mode === "written" && !isOpen ? writtenPlans(text) : textPlans(text));
    }

    #begin(mode) {
        this.#mode = mode;
        setAttribute(this.element, "class", mode === "markdown" ? "text markdown" : "text");
        this.#settledLength = 0;
        this.#settledPlans = 0;
        this.#definitions = {};
        this.#notBefore = 0;
        clearTimeout(this.#timer);
        this.#timer = 0;
    }

    #upgradeLater() {
        if (this.#waiting) return;
        this.#waiting = true;
        library("marked").then((marked) => {
            this.#waiting = false;
            if (marked && this.#mode === "plain" && this.#text !== null) {
                this.update(this.#text, { isMarkdown: true, isOpen: this.#isOpen });
            }
        });
    }

    #showMarkdown() {
        const began = performance.now();
        if (this.#isOpen && began < this.#notBefore) {
            // The rest is shown together; the end of the answer is never waited for.
            this.#timer ||= setTimeout(() => {
                this.#timer = 0;
                this.#showMarkdown();
            }, this.#notBefore - began);
            return;
        }
        if (!this.#isOpen) {
            clearTimeout(this.#timer);
            this.#timer = 0;
        }
        const text = normalised(this.#isOpen && this.#text.endsWith("\r") ? this.#text.slice(0, -1) : this.#text);
        const tail = text.slice(this.#settledLength);
        const before = this.#shown.slice(0, this.#settledPlans);
        let plans;
        try {
            const { tokens, definitions } = tokensOf(loaded("marked"), tail, this.#definitions);
            plans = blockPlans(tokens, this.#planContext(text, tokens, definitions));
            const shown = carryOut(this.element, this.#shown.slice(this.#settledPlans), plans.flat(), this.#settledPlans);
            this.#shown = [...before, ...shown];
            if (this.#isOpen) {
                this.#settle(tokens, plans);
            } else if (this.#settledLength > 0 && Object.keys(definitions).length > 0) {
                // What was defined late counts for what came before: the whole is read once more.
                this.#begin("markdown");
                return this.#showMarkdown();
            }
        } catch {
            const shown = carryOut(this.element, this.#shown.slice(this.#settledPlans), textPlans(tail), this.#settledPlans);
            this.#shown = [...before, ...shown];
        }
        const took = performance.now() - began;
        this.#notBefore = took > SLOW_MS ? performance.now() + took * PAUSE : 0;
    }

    // A block is settled once another has begun behind it whose first line is whole: until then it may be more of it.
    #settle(tokens, plans) {
        const isBlock = (token) => token.type !== "space";
        let last = tokens.findLastIndex(isBlock);
        if (last > 0 && !tokens[last].raw.includes("\n")) last = tokens.findLastIndex((token, at) => at < last && isBlock(token));
        for (let at = 0; at < last; at++) {
            const { type, tag, href, title } = tokens[at];
            if (type === "def") this.#definitions[tag] ??= { href, title };
            this.#settledLength += tokens[at].raw.length;
            this.#settledPlans += plans[at].length;
        }
    }

    // Line ends and tabs of code are those of the text, whatever the lexer needs to see.
    #planContext(text, tokens, definitions) {
        const source = this.#text;
        const offsets = new Map();
        if (source !== text) {
            let offset = this.#settledLength;
            for (const token of tokens) {
                offsets.set(token, offset);
                offset += token.raw.length;
            }
        }
        const sourceOf = (token) => {
            if (!offsets.has(token) || !/^(`{3,}|~{3,})/.test(token.raw)) return null;
            const first = text.slice(0, offsets.get(token)).split("\n").length;
            const lines = source.split(/\r\n|\r|\n/).slice(first, first + token.text.split("\n").length);
            return lines.join("\n");
        };
        const generation = JSON.stringify(Object.entries(definitions)).replace("[]", "");
        return { ...this.#context, generation, isClosed: !this.#isOpen, sourceOf };
    }
}

/** An answer in words: without markup, and with the mention of code in its place. */
export function spokenText(text, texts) {
    const marked = loaded("marked");
    if (!marked || text.length > MARKDOWN_LENGTH) return text;
    try {
        const codeText = (language) => texts.get("code.spoken", { language: language || texts.get("code") });
        return plainText(tokensOf(marked, normalised(text)).tokens, codeText).replace(/\n{2,}/g, "\n").trim();
    } catch {
        return text;
    }
}
