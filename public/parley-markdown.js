// Markdown as plans of nodes, by the tokens of marked's lexer. Never HTML: tags in a text are text. What is shown of a
// text without any markup is that text, to the last line end.

import { CodeBlock } from "./parley-code.js";
import { h } from "./parley-dom.js";
import { entitiesDecoded } from "./parley-entities.js";
import { imagePlan, linkPlan, safeAddress, textPlans } from "./parley-inline.js";
import { mathExtensions, mathPlan } from "./parley-math.js";

const INLINE_LENGTH = 16_384; // UTF-16 units of one paragraph; a longer one is shown as it is
const NESTED = 24; // quotes and lists in one another
const DEEP = /^(?: {0,3}>){24}|^(?:[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]){24}/m;

/** What a lexer is to see: its own line ends and indentation, so that offsets in it are offsets in this. */
export function normalised(text) {
    if (!/[\t\r]/.test(text)) return text;
    return text.replace(/\r\n|\r/g, "\n")
        .replace(/^( *)(\t+)/gm, (_, leading, tabs) => leading + "    ".repeat(tabs.length));
}

/**
 * The top-level tokens of a text, whose `raw`s together are the text, and the definitions of links that are in force.
 * Throws where the text can't be understood. `known`: definitions that stood before it.
 */
export function tokensOf(marked, text, known = {}) {
    if (DEEP.test(text)) throw new RangeError("nested too deeply");
    const options = {
        ...marked.getDefaults(), gfm: true, breaks: false, mangle: false, smartypants: false, silent: true,
        extensions: { ...mathExtensions, block: [definition] },
    };
    const lexer = new marked.Lexer(options);
    const definitions = Object.assign(Object.create(null), known);
    lexer.tokens.links = definitions;
    const tokens = [...lexer.blockTokens(text, lexer.tokens)];
    for (let next; (next = lexer.inlineQueue.shift());) {
        if (next.src.length > INLINE_LENGTH) next.tokens.push({ type: "text", raw: next.src });
        else lexer.inlineTokens(next.src, next.tokens);
    }
    return { tokens, definitions };
}

// The lexer itself keeps no token of a definition, and takes a footnote for one.
function definition(src) {
    const found = src.trimStart().startsWith("[") ? this.lexer.tokenizer.def(src) : undefined;
    if (!found) return undefined;
    const { raw, tag, href, title } = found;
    if (tag.startsWith("^")) return { type: "footnote", raw };
    this.lexer.tokens.links[tag] ??= { href, title };
    return { type: "def", raw, tag, href, title };
}

/** `context`: {texts, say, generation, isClosed, sourceOf(token)}, `generation` telling the definitions of links. The plans of each token, in an array of arrays. */
export function blockPlans(tokens, context, depth = 0) {
    return tokens.map((token) => {
        if (token.type === "space") return [token.raw];
        const plan = depth > NESTED ? token.raw : blockPlan(token, context, depth);
        const plans = typeof plan === "string" ? textPlans(plan.replace(/\n+$/, "")) : [plan];
        // The line ends between blocks are there for whoever reads the text of the nodes; they take no room.
        const after = /\n*$/.exec(token.raw)[0];
        return after === "" ? plans : [...plans, after];
    });
}

function blockPlan(token, context, depth) {
    const { generation } = context;
    const element = (tag, children, variant = "", attributes = {}) => ({
        kind: `${tag} ${variant}`, key: `${generation} ${token.raw}`,
        make: () => h(tag, attributes), children,
    });
    const inside = () => blockPlans(token.tokens, context, depth + 1).flat();
    switch (token.type) {
    case "paragraph":
        return element("p", () => inlinePlans(token.tokens, context), "", { dir: "auto" });
    case "text":
        return {
            kind: "span", key: `${generation} ${token.raw}`, make: () => h("span", { class: "line", dir: "auto" }),
            children: () => token.tokens ? inlinePlans(token.tokens, context) : textPlans(token.raw.replace(/\n+$/, "")),
        };
    case "heading":
        // The page and the widget have the highest ones.
        return element(`h${Math.min(6, token.depth + 2)}`, () => inlinePlans(token.tokens, context), "", { dir: "auto" });
    case "code":
        return codePlan(token, context);
    case "blockquote":
        return element("blockquote", inside, directionOf(token.text), { dir: directionOf(token.text) });
    case "hr":
        return element("hr", () => []);
    case "list":
        return listPlan(token, context, depth);
    case "table":
        return tablePlan(token, context);
    case "def":
        return { kind: "def", key: "", make: () => h("span", { class: "definition" }) };
    case "math":
        return mathPlan(token);
    default:
        return element("p", () => textPlans(token.raw.replace(/\n+$/, "")), "html", { dir: "auto" });
    }
}

const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}\p{Script=Samaritan}\p{Script=Mandaic}]/u;

// Of what has no letters of its own to go by (its lines have): that of the first letter in it. Null: the page's.
function directionOf(text) {
    const letter = LETTER.exec(text)?.[0];
    if (!letter) return null;
    return RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
}

function codePlan(token, context) {
    const language = /^[^\s{]*/.exec(token.lang ?? "")[0].slice(0, 40);
    const isClosed = context.isClosed || token.codeBlockStyle === "indented" || /\n {0,3}(`{3,}|~{3,})[ \t]*\n*$/.test(token.raw);
    const text = context.sourceOf(token) ?? token.text;
    return {
        kind: "code", key: `${isClosed} ${language} ${text}`,
        make: () => {
            const block = new CodeBlock(context);
            block.element.block = block;
            return block.element;
        },
        update: (node) => node.block.update({ language, text, isClosed }),
    };
}

function listPlan(token, context, depth) {
    const tag = token.ordered ? "ol" : "ul";
    const start = token.ordered && token.start !== 1 && token.start !== "" ? token.start : null;
    const { generation } = context;
    const items = () => token.items.flatMap((item, index) => {
        const { task: isTask, checked: isDone } = item;
        const direction = directionOf(item.text);
        const plan = {
            kind: `li ${isTask} ${direction}`, key: `${generation} ${item.loose} ${isDone} ${item.raw}`,
            make: () => h("li", { class: isTask ? "task" : null, dir: direction }),
            children: () => {
                const inside = blockPlans(item.tokens, context, depth + 1).flat();
                if (typeof inside.at(-1) === "string") inside.push(inside.pop().replace(/\n+$/, ""));
                return [...isTask ? [tickPlan(isDone, context)] : [], ...inside.filter((each) => each !== "")];
            },
        };
        return index === 0 ? [plan] : ["\n", plan];
    });
    // Where the marks stand; an item that goes the other way has its own on its own side.
    const direction = directionOf(token.items[0]?.text ?? "");
    return {
        kind: `${tag} ${start} ${direction}`, key: `${generation} ${token.loose} ${token.raw}`,
        make: () => h(tag, { start, dir: direction }), children: items,
    };
}

function tickPlan(isDone, { texts }) {
    return {
        kind: `tick ${isDone}`, key: "",
        make: () => h("span", {
            class: "tick-mark", role: "img", "data-done": isDone, "aria-label": texts.get(isDone ? "task.done" : "task.open"),
        }),
    };
}

function tablePlan(token, context) {
    const cells = (tag, row) => row.map((cell, column) => {
        const align = ["left", "right", "center"].includes(token.align[column]) ? token.align[column] : null;
        return {
            kind: `${tag} ${align}`, key: `${context.generation} ${cell.text}`,
            make: () => h(tag, { class: align ? `align-${align}` : null, dir: "auto", scope: tag === "th" ? "col" : null }),
            children: () => inlinePlans(cell.tokens, context),
        };
    });
    const group = (tag, children, key) => ({ kind: tag, key, make: () => h(tag), children });
    const direction = directionOf(token.header.map((cell) => cell.text).join(" "));
    const rowKey = (row) => [context.generation, token.align, row.map((cell) => cell.text)].join("|");
    return {
        kind: `table ${direction}`, key: `${context.generation} ${token.raw}`,
        make: () => h("div", { class: "table", tabindex: "0", role: "group", dir: direction }),
        children: () => [group("table", () => [
            group("thead", () => [group("tr", () => cells("th", token.header), rowKey(token.header))], rowKey(token.header)),
            group("tbody", () => token.rows.map((row) => group("tr", () => cells("td", row), rowKey(row))), {}),
        ], {})],
    };
}

// MARK: within a line

const MARKS = { strong: "strong", em: "em", del: "del" };

export function inlinePlans(tokens, context, depth = 0) {
    return tokens.flatMap((token) => inlinePlan(token, context, depth));
}

function inlinePlan(token, context, depth) {
    const inside = () => depth > NESTED ? textPlans(token.raw) : inlinePlans(token.tokens ?? [], context, depth + 1);
    switch (token.type) {
    case "strong":
    case "em":
    case "del":
        return [{
            kind: token.type, key: `${context.generation} ${token.raw}`,
            make: () => h(MARKS[token.type]), children: inside,
        }];
    case "codespan": {
        const text = unescaped(token.text);
        return [{ kind: "code", key: text, make: () => h("code", { dir: "ltr" }), children: () => textPlans(text) }];
    }
    case "br":
        return ["\n"];
    case "escape":
        return textPlans(token.raw.slice(1));
    case "link":
        return linkPlans(token, context, inside);
    case "image": {
        const url = safeAddress(entitiesDecoded(token.href ?? ""));
        return url && url.protocol !== "mailto:"
            ? [imagePlan(url, entitiesDecoded(unescaped(token.text ?? "")), context.texts)]
            : textPlans(token.raw);
    }
    case "html":
        return /^<br *\/?>$/i.test(token.raw) ? [{ kind: "br", key: "", make: () => h("br") }] : textPlans(token.raw);
    case "math":
        return [mathPlan(token)];
    default:
        return textPlans(entitiesDecoded(token.raw));
    }
}

function linkPlans(token, context, inside) {
    const { raw } = token;
    if (raw.startsWith("[")) {
        const url = safeAddress(entitiesDecoded(token.href ?? ""));
        // One that may not be followed shows where it would have led.
        return url ? [linkPlan(url, plainText(token.tokens ?? []), inside)] : textPlans(raw);
    }
    const text = raw.startsWith("<") ? raw.slice(1, -1) : raw;
    const isComplete = /^[a-z][a-z0-9+.-]*:/i.test(text);
    const url = safeAddress(isComplete ? text : text.includes("@") ? `mailto:${text}` : `https://${text}`);
    return url ? [linkPlan(url, text, () => textPlans(text))] : textPlans(raw);
}

// Of marked's own escaping, which is for HTML.
function unescaped(text) {
    const characters = { "&lt;": "<", "&gt;": ">", "&quot;": "\"", "&#39;": "'", "&amp;": "&" };
    return text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => characters[entity]);
}

// MARK: in words

/** What the tokens say, without their markup: to be read out, or for a title. `codeText(language)` stands for code. */
export function plainText(tokens, codeText = null) {
    return tokens.map((token) => {
        switch (token.type) {
        case "space":
            return "\n";
        case "code":
            return codeText ? `${codeText(/^\S*/.exec(token.lang ?? "")[0])}\n` : `${token.text}\n`;
        case "codespan":
            return unescaped(token.text);
        case "escape":
            return token.raw.slice(1);
        case "br":
            return "\n";
        case "hr":
        case "def":
            return "";
        case "image":
            return unescaped(token.text ?? "");
        case "list":
            return `${token.items.map((item) => plainText(item.tokens, codeText).trim()).join("\n")}\n`;
        case "table":
            return `${[token.header, ...token.rows]
                .map((row) => row.map((cell) => plainText(cell.tokens, codeText)).join(", ")).join("\n")}\n`;
        case "math":
            return token.text;
        case "link":
            if (!token.raw.startsWith("[")) return token.raw.replace(/^<|>$/g, "");
            break;
        }
        if (token.tokens) {
            const isBlock = ["paragraph", "heading", "blockquote", "text"].includes(token.type) && token.raw.endsWith("\n");
            return plainText(token.tokens, codeText) + (isBlock || token.type === "heading" ? "\n" : "");
        }
        return entitiesDecoded(token.raw);
    }).join("");
}
