// The words of the widget. English is here; every other language is a module of its own below texts/, loaded when a
// page wants it. A page replaces single texts by the `texts` property of an element.
//
// A text is a string with {names}, or an object by plural category ({one, other, …}) that is chosen by {count}.

import { english } from "./texts/en.js";

const LANGUAGES = ["ar", "de", "en", "es", "fr", "ja", "zh"];
const RIGHT_TO_LEFT = ["ar"];

export class Texts extends EventTarget {
    /** The language of the texts, and of numbers, dates and times: a BCP 47 tag. */
    language = "en";
    #table = english;
    #replaced = {};
    #bound = [];
    #turn = 0;

    get direction() {
        return RIGHT_TO_LEFT.includes(primary(this.language)) ? "rtl" : "ltr";
    }

    /** The tag for `Intl`: the language of the texts, with its region. */
    get locale() {
        try {
            return Intl.getCanonicalLocales(this.language)[0];
        } catch {
            return "en";
        }
    }

    /** Texts of the page's own, in place of those of the table. Event `change` when they are there. */
    replace(texts) {
        this.#replaced = texts !== null && typeof texts === "object" ? { ...texts } : {};
        this.#changed();
    }

    /** Speaks `tag` (BCP 47), or English where there are no texts of that language. Event `change`. */
    async use(tag) {
        const turn = ++this.#turn;
        const wanted = LANGUAGES.includes(primary(tag)) ? tag : "en";
        let table = english;
        if (primary(wanted) !== "en") {
            try {
                table = (await import(`./texts/${primary(wanted)}.js`)).texts;
            } catch {
                // The file is not there: English is better than nothing.
                if (turn === this.#turn) this.#adopt("en", english);
                return;
            }
        }
        if (turn === this.#turn) this.#adopt(wanted, table);
    }

    /** The text of this name, with its {names} filled in. An unknown name is its own text. */
    get(name, values = {}) {
        let text = this.#replaced[name] ?? this.#table[name] ?? english[name] ?? name;
        if (typeof text === "object") text = text[this.#category(values.count)] ?? text.other ?? name;
        return text.replace(/\{(\w+)\}/g, (whole, key) => {
            const value = values[key];
            if (value === undefined) return whole;
            return typeof value === "number" ? this.number(value) : String(value);
        });
    }

    has(name) {
        return Object.hasOwn(this.#replaced, name) || Object.hasOwn(english, name);
    }

    /** Keeps the text, or an attribute, of an element that lives as long as the widget in the language of the day. */
    bind(element, name, attribute = null) {
        this.#bound.push({ element, name, attribute });
        this.#apply({ element, name, attribute });
        return element;
    }

    number(value) {
        return new Intl.NumberFormat(this.locale).format(value);
    }

    #adopt(language, table) {
        if (language === this.language && table === this.#table) return;
        this.language = language;
        this.#table = table;
        this.#changed();
    }

    #changed() {
        for (const each of this.#bound) this.#apply(each);
        this.dispatchEvent(new CustomEvent("change"));
    }

    #apply({ element, name, attribute }) {
        if (attribute) element.setAttribute(attribute, this.get(name));
        else element.textContent = this.get(name);
    }

    #category(count) {
        return new Intl.PluralRules(this.locale).select(Number(count) || 0);
    }
}

function primary(tag) {
    return String(tag ?? "").toLowerCase().split("-")[0];
}

/** What an error of the server means to a person. The server's own words are kept where they say more. */
export function errorText(texts, code, message) {
    const name = `error.${code}`;
    if (!texts.has(name)) return message || texts.get("error.other");
    const known = texts.get(name);
    return message && (code === "invalid_field" || code === "forbidden") ? `${known} (${message})` : known;
}

/** Why a turn ended badly. */
export function runErrorText(texts, code, message) {
    const name = `run.${code}`;
    return texts.has(name) ? texts.get(name) : message || texts.get("run.other");
}

/** Why the connection is not there: a reason of Connection's, in words. */
export function reasonText(texts, reason) {
    if (!reason) return null;
    const name = `reason.${reason}`;
    return texts.has(name) ? texts.get(name) : reason;
}
