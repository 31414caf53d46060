// A tool that asks first, as a card: what it would do, with what, to be corrected, approved or declined.

import { button, h, icon, setAttribute, setText } from "./parley-dom.js";
import { errorText } from "./parley-texts.js";

const LONG = 80; // characters of a text from which on it has several lines

/** `act(interruptId, decision)`: a decision is {status, payload}, or null: to be decided anew. */
export class Approval {
    element;
    #title = h("h4", { class: "approval-title", dir: "auto" });
    #why = h("p", { class: "approval-why", dir: "auto" });
    #fields = h("div", { class: "approval-fields" });
    #reason;
    #error = h("p", { class: "tool-error", role: "alert", dir: "auto", hidden: true });
    #yes;
    #no;
    #again;
    #state = h("p", { class: "faint", role: "status" });
    #inputs = new Map(); // name → {read() → value, isBroken()}
    #given = null;
    #interrupt = null;
    #act;
    #texts;

    constructor(act, texts) {
        this.#act = act;
        this.#texts = texts;
        this.#yes = button({ class: "primary", "data-testid": "approve", onclick: () => this.#approve() }, texts.get("approve"));
        this.#no = button({ class: "plain", "data-testid": "decline", onclick: () => this.#decline() }, texts.get("decline"));
        this.#again = button({ class: "link", hidden: true, onclick: () => this.#act(this.#interrupt.id, null) }, texts.get("approval.again"));
        this.#reason = h("input", {
            class: "task-field", dir: "auto", autocomplete: "off", maxlength: 500, "data-testid": "decline-reason",
            "aria-label": texts.get("approval.reason"), placeholder: texts.get("approval.reason"),
        });
        this.element = h("div", { class: "approval", role: "group", "data-testid": "approval", part: "approval" },
            h("div", { class: "approval-head" }, h("span", { class: "tool-mark" }, icon("alert")), this.#title),
            this.#why, this.#fields, this.#error,
            h("div", { class: "approval-buttons" }, this.#yes, this.#no, this.#reason), this.#state, this.#again);
    }

    /** `row`: {interrupt, tool, decision, isSent, refusal}. */
    update({ interrupt, tool, decision, isSent, refusal }) {
        const texts = this.#texts;
        const isNew = this.#interrupt?.id !== interrupt.id;
        this.#interrupt = interrupt;
        if (isNew) this.#ask(interrupt, tool);
        setAttribute(this.element, "data-decision", decision ? (isYes(decision) ? "approved" : "declined") : null);
        for (const each of [this.#yes, this.#no, this.#reason]) each.hidden = Boolean(decision);
        this.#fields.inert = Boolean(decision);
        this.#again.hidden = !decision || isSent;
        setText(this.#state, !decision ? this.#expiry(interrupt) : texts.get(isYes(decision) ? "approval.approved" : "approval.declined"));
        this.#error.hidden = !refusal;
        if (refusal) setText(this.#error, errorText(texts, refusal.code, refusal.message));
    }

    #ask(interrupt, tool) {
        const texts = this.#texts;
        const name = tool?.name ?? "";
        const known = texts.has(`${name}.running`) ? texts.get(`${name}.running`) : human(name);
        setText(this.#title, known ? texts.get("approval.question", { tool: known }) : texts.get("approval"));
        setText(this.#why, interrupt.message ?? "");
        this.#why.hidden = !interrupt.message;
        this.element.setAttribute("aria-label", this.#title.textContent);
        const schema = interrupt.responseSchema?.properties ?? null;
        this.#given = schema
            ? Object.fromEntries(Object.keys(schema).map((each) => [each, schema[each]?.default ?? emptyOf(schema[each]?.type)]))
            : parsed(tool?.arguments);
        this.#inputs.clear();
        this.#fields.replaceChildren(...Object.entries(this.#given ?? {}).map(([each, value]) => this.#field(each, value, schema?.[each])));
    }

    #field(name, value, schema) {
        const label = h("span", { class: "approval-name" }, human(name));
        const testId = { "data-testid": "approval-field", "data-name": name, dir: "auto" };
        let input;
        let read;
        if (typeof value === "boolean" || schema?.type === "boolean") {
            input = h("input", { type: "checkbox", ...testId });
            input.checked = value === true;
            read = () => input.checked;
        } else if (Array.isArray(schema?.enum)) {
            input = h("select", testId, schema.enum.map((each) => h("option", { value: each }, String(each))));
            read = () => schema.enum[input.selectedIndex];
        } else if (typeof value === "number") {
            input = h("input", { type: "number", step: "any", ...testId });
            input.value = value;
            read = () => input.value.trim() === "" ? null : Number(input.value);
        } else if (typeof value === "string") {
            input = value.length > LONG || value.includes("\n") ? h("textarea", { rows: 3, ...testId }) : h("input", testId);
            input.value = value;
            read = () => input.value;
        } else {
            input = h("textarea", { rows: 2, ...testId, class: "mono", dir: "ltr", spellcheck: "false" });
            input.value = JSON.stringify(value, null, 2);
            read = () => JSON.parse(input.value);
        }
        this.#inputs.set(name, read);
        return h("label", { class: "approval-field" }, label, input);
    }

    #approve() {
        const parameters = {};
        for (const [name, read] of this.#inputs) {
            try {
                parameters[name] = read();
            } catch {
                this.#error.hidden = false;
                return setText(this.#error, this.#texts.get("approval.broken", { field: human(name) }));
            }
        }
        const isOwnTool = !this.#interrupt.responseSchema;
        const payload = isOwnTool ? { approved: true } : { ...parameters };
        if (isOwnTool && JSON.stringify(parameters) !== JSON.stringify(this.#given ?? {})) payload.parameters = parameters;
        this.#act(this.#interrupt.id, { status: "resolved", payload });
    }

    #decline() {
        const reason = this.#reason.value.trim();
        this.#act(this.#interrupt.id, this.#interrupt.responseSchema
            ? { status: "cancelled" }
            : { status: "resolved", payload: { approved: false, ...reason ? { reason } : {} } });
    }

    #expiry({ expiresAt }) {
        const time = Date.parse(expiresAt ?? "");
        if (Number.isNaN(time)) return "";
        const format = new Intl.DateTimeFormat(this.#texts.locale, { dateStyle: "medium", timeStyle: "short" });
        return this.#texts.get("approval.until", { time: format.format(time) });
    }
}

export function isYes({ status, payload }) {
    return status === "resolved" && payload?.approved !== false;
}

function human(name) {
    const words = String(name).replace(/([a-z\d])([A-Z])/g, "$1 $2").replace(/[_\-.]+/g, " ").trim().toLowerCase();
    return words ? words[0].toUpperCase() + words.slice(1) : "";
}

function emptyOf(type) {
    return type === "boolean" ? false : type === "number" || type === "integer" ? 0 : "";
}

function parsed(text) {
    try {
        const value = JSON.parse(text);
        return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
    } catch {
        return null;
    }
}
