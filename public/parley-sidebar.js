// The list of conversations beside the chat; a drawer where there is no room for it.

import { button, h, icon, isComposing, setAttribute, setText } from "./parley-dom.js";

const UNITS = [
    ["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3_600], ["minute", 60],
]; // in seconds

/** `actions`: create(), open(threadId), loadMore(), rename(threadId, title), archive(threadId), remove(threadId). */
export class Sidebar {
    element;
    #list = h("ul", {});
    #more;
    #empty = h("p", { class: "faint" });
    #rows = new Map(); // by thread id → {element, button, title, time, name}
    #actions;
    #texts;

    constructor(actions, texts) {
        this.#actions = actions;
        this.#texts = texts;
        this.#more = button({ class: "more", hidden: true, onclick: () => actions.loadMore() });
        texts.bind(this.#more, "more");
        texts.bind(this.#empty, "no-conversations");
        this.element = h("nav", { class: "sidebar" },
            button({ class: "new", "data-testid": "new-conversation", onclick: () => actions.create() },
                icon("compose"), texts.bind(h("span", {}), "new-conversation")),
            h("div", { class: "conversations" }, this.#list, this.#empty, this.#more),
            h("slot", { name: "account" }));
        texts.bind(this.element, "conversations", "aria-label");
    }

    /** The texts have changed: all is built anew with the next rendering. */
    reset() {
        for (const { element } of this.#rows.values()) element.remove();
        this.#rows.clear();
    }

    render({ items, currentId, running, hasMore }) {
        const ids = new Set(items.map((item) => item.id));
        for (const [id, row] of this.#rows) {
            if (ids.has(id)) continue;
            row.element.remove();
            this.#rows.delete(id);
        }
        let next = this.#list.firstChild;
        for (const item of items) {
            let row = this.#rows.get(item.id);
            if (!row) this.#rows.set(item.id, (row = this.#create(item.id)));
            const isRunning = running.has(item.id);
            setText(row.title, item.title || this.#texts.get("new-conversation"));
            row.name = item.title;
            setText(row.time, isRunning ? this.#texts.get("answering") : this.#relative(item.updatedAt));
            setAttribute(row.button, "aria-current", item.id === currentId ? "true" : null);
            setAttribute(row.button, "data-running", isRunning);
            if (row.element === next) next = next.nextSibling;
            else this.#list.insertBefore(row.element, next);
        }
        this.#empty.hidden = items.length > 0;
        this.#more.hidden = !hasMore;
    }

    #create(id) {
        const title = h("span", { class: "title", dir: "auto" });
        const time = h("span", { class: "time" });
        const entry = button({
            class: "conversation", "data-testid": "conversation-item", "data-thread-id": id,
            onclick: () => this.#actions.open(id),
        }, title, time);
        const row = { button: entry, title, time, name: "" };
        row.element = h("li", {}, entry, this.#tools(id, row));
        return row;
    }

    // What can be done to a conversation; there when the row is pointed at or has the focus.
    #tools(id, row) {
        const tool = (name, label, onclick) =>
            button({ "data-testid": `conversation-${name}`, "aria-label": label, title: label, onclick }, icon(name));
        const texts = this.#texts;
        const remove = tool("trash", texts.get("delete"), () => {
            if (remove.hasAttribute("data-armed")) return this.#actions.remove(id);
            setAttribute(remove, "data-armed", true);
            setAttribute(remove, "aria-label", "Really delete");
            setAttribute(remove, "title", "Really delete");
        });
        // The second press does it: a look elsewhere takes the first one back.
        const disarm = () => {
            setAttribute(remove, "data-armed", null);
            setAttribute(remove, "aria-label", "Delete");
            setAttribute(remove, "title", "Delete");
        };
        remove.addEventListener("blur", disarm);
        remove.addEventListener("pointerleave", disarm);
        return h("div", { class: "tools" },
            tool("edit", texts.get("rename"), () => this.#rename(id, row)),
            tool("archive", texts.get("archive"), () => this.#actions.archive(id)),
            remove);
    }

    #rename(id, row) {
        let isOpen = true;
        const close = (isKept) => {
            // Its removal takes the focus from it, which is heard as a blur.
            if (!isOpen) return;
            isOpen = false;
            field.replaceWith(row.button);
            const title = field.value.trim();
            if (isKept && title && title !== row.name) this.#actions.rename(id, title);
            row.button.focus();
        };
        const field = h("input", {
            class: "rename", "data-testid": "conversation-title", "aria-label": this.#texts.get("title"), maxlength: 255, dir: "auto",
            onblur: () => close(true),
            onkeydown: (event) => {
                if (isComposing(event) || !["Enter", "Escape"].includes(event.key)) return;
                event.stopPropagation();
                close(event.key === "Enter");
            },
        });
        field.value = row.name;
        row.button.replaceWith(field);
        field.select();
        field.focus();
    }

    #relative(time) {
        const seconds = (Date.parse(time) - Date.now()) / 1000;
        if (Number.isNaN(seconds)) return "";
        const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length);
        if (!unit) return this.#texts.get("just-now");
        const format = new Intl.RelativeTimeFormat(this.#texts.locale, { numeric: "auto", style: "short" });
        return format.format(Math.round(seconds / unit[1]), unit[0]);
    }
}
