// Mathematics: $…$ and \(…\) within a line, $$…$$ and \[…\] as blocks. KaTeX makes MathML of it, node by node, which the
// browser draws with its own fonts and a screen reader can read; it is loaded when the first formula occurs.

import { h } from "./parley-dom.js";
import { library } from "./parley-libraries.js";

const LENGTH = 4_096; // of a formula; a longer one stays as it is written
const SETTINGS = {
    output: "mathml", throwOnError: true, trust: false, strict: "ignore", maxSize: 20, maxExpand: 500,
};

// A dollar is money unless it embraces something, with no space inside and no digit behind (as Pandoc reads it).
const INLINE = [/^\$(?![\s$])((?:\\.|[^\\\n$])*?)(?<![\s\\])\$(?!\d)/, /^\\\(((?:[^\\]|\\(?!\)))+?)\\\)/];
const DISPLAY = [/^\$\$((?:\\.|[^\\$]|\$(?!\$))+?)\$\$/, /^\\\[((?:[^\\]|\\(?!\]))+?)\\\]/];

function token(src, rules, isDisplay) {
    for (const rule of rules) {
        const match = rule.exec(src.length > LENGTH ? src.slice(0, LENGTH) : src);
        if (match && match[1].trim() !== "") return { type: "math", raw: match[0], text: match[1].trim(), isDisplay };
    }
    return undefined;
}

/** For the lexer of marked. */
export const mathExtensions = {
    inline: [(src) => token(src, DISPLAY, true) ?? token(src, INLINE, false)],
    startInline: [(src) => {
        const at = src.search(/\$|\\[([]/);
        return at < 0 ? undefined : at;
    }],
    renderers: {}, childTokens: {},
};

export function mathPlan({ raw, text, isDisplay }) {
    return {
        kind: `math ${isDisplay}`, key: raw,
        make: () => h("span", { class: isDisplay ? "math display" : "math", dir: "ltr" }),
        update: (node) => {
            node.textContent = raw;
            draw(node, raw, text, isDisplay);
        },
    };
}

async function draw(node, raw, text, displayMode) {
    const katex = await library("katex");
    if (!katex || node.textContent !== raw) return;
    const drawn = h("span", {});
    try {
        katex.render(text, drawn, { ...SETTINGS, displayMode });
    } catch {
        return; // Not mathematics, or not whole yet.
    }
    node.setAttribute("data-source", raw);
    node.replaceChildren(...drawn.childNodes);
}
