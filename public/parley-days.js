// The days of a conversation: a line before the first message of each, once it is older than today.

import { timeOf } from "./parley-message-view.js";

const DAY_MS = 86_400_000;

export class Days {
    #texts;
    #isOld;
    #last = null;
    #today;

    constructor(items, texts, now = new Date()) {
        this.#texts = texts;
        this.#today = dayOf(now);
        const first = items.find((item) => item.kind === "message");
        const time = first ? timeOf(first) : null;
        this.#isOld = time !== null && dayOf(time) !== this.#today;
    }

    /** The row in front of an item, or null. */
    before(item) {
        if (!this.#isOld || item.kind !== "message") return null;
        const time = timeOf(item);
        const day = time ? dayOf(time) : this.#today;
        if (day === this.#last) return null;
        this.#last = day;
        return { kind: "day", key: `day-${day}`, version: 0, day, text: this.#name(day) };
    }

    #name(day) {
        const date = new Date(`${day}T12:00:00`);
        const ago = Math.round((new Date(`${this.#today}T12:00:00`) - date) / DAY_MS);
        if (ago === 0) return this.#texts.get("today");
        if (ago === 1) return this.#texts.get("yesterday");
        const isThisYear = day.slice(0, 4) === this.#today.slice(0, 4);
        const options = { weekday: "long", day: "numeric", month: "long", ...isThisYear ? {} : { year: "numeric" } };
        return new Intl.DateTimeFormat(this.#texts.locale, options).format(date);
    }
}

// Local: the day as the person lived it.
function dayOf(time) {
    const two = (number) => String(number).padStart(2, "0");
    return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}
