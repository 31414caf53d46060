// The list of conversations beside the chat; a drawer where there is no room for it.

import { button, h, icon, isComposing, setAttribute, setText } from "./parley-dom.js";

const QUERY_LENGTH = 200; // of what is looked for, as the server has it
const UNITS = [
    ["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3_600], ["minute", 60],
]; // in seconds

/**
 * `actions`: create(), open(threadId), loadMore(), showArchive(isShown), rename(threadId, title), archive(threadId),
 * restore(threadId), remove(threadId), find(words, next), reveal(threadId, messageId).
 */
export class Sidebar {
    element;
    #list = h("ul", { "data-testid": "conversation-list" });
    #more;
    #empty = h("p", { class: "faint" });
    #archiveButton;
    #archiveLabel = h("span", {});
    #isArchive = false;
    #isRenaming = false;
    #search = null; // once somebody looks for something
    #searchField;
    #found = h("div", {});
    #place;
    #rows = new Map(); // by thread id → {element, button, title, time, name}
    #dialogs = null; // promise of {menu, question}, once one was wanted
    #actions;
    #texts;

    constructor(actions, texts) {
        this.#actions = actions;
        this.#texts = texts;
        this.#more = button({ class: "more", hidden: true, onclick: () => actions.loadMore() });
        texts.bind(this.#more, "more");
        this.#archiveButton = button({
            class: "archive-switch", "data-testid": "archive-switch", onclick: () => actions.showArchive(!this.#isArchive),
        }, icon("archive"), this.#archiveLabel);
        const looks = () => this.#looks();
        this.#searchField = h("input", {
            type: "search", class: "search-field", maxlength: QUERY_LENGTH, dir: "auto", autocomplete: "off",
            enterkeyhint: "search", "data-testid": "search", onfocus: looks, oninput: looks,
        });
        texts.bind(this.#searchField, "search", "aria-label");
        texts.bind(this.#searchField, "search", "placeholder");
        this.#place = h("div", { class: "place" }, this.#list, this.#empty, this.#more);
        this.element = h("nav", { class: "sidebar", part: "sidebar" },
            button({ class: "new", "data-testid": "new-conversation", onclick: () => actions.create() },
                icon("compose"), texts.bind(h("span", {}), "new-conversation")),
            h("div", { class: "search", role: "search" }, icon("search"), this.#searchField),
            h("div", { class: "conversations", onkeydown: (event) => this.#keyPressed(event) },
                this.#place, this.#found),
            this.#archiveButton,
            h("slot", { name: "account" }));
        texts.bind(this.element, "conversations", "aria-label");
    }

    /** Nobody's words are looked for any more. */
    clear() {
        if (this.#search) this.#search.reset();
        else this.#searchField.value = "";
    }

    // What looks comes with the first look.
    async #looks() {
        if (this.#search) return;
        const module = await import("./parley-search.js").catch(() => null); // The next key tries again.
        if (!module || this.#search) return;
        const { find, reveal: open } = this.#actions;
        this.#search = new module.Search(this.#searchField, { find, open }, this.#texts, (isSearching) => {
            this.#place.hidden = isSearching;
        });
        this.#found.replaceWith(this.#search.results);
    }

    /** The texts have changed: all is built anew with the next rendering. */
    reset() {
        for (const { element } of this.#rows.values()) element.remove();
        this.#rows.clear();
    }

    render({ items, currentId, running, suspended, unread, hasMore, isArchive }) {
        const texts = this.#texts;
        if (isArchive !== this.#isArchive) {
            this.reset();
            this.clear();
        }
        this.#isArchive = isArchive;
        const ids = new Set(items.map((item) => item.id));
        for (const [id, row] of this.#rows) {
            if (ids.has(id)) continue;
            this.#leave(row);
            row.element.remove();
            this.#rows.delete(id);
        }
        let next = this.#list.firstChild;
        for (const item of items) {
            let row = this.#rows.get(item.id);
            if (!row) this.#rows.set(item.id, (row = this.#create(item.id)));
            const isRunning = running.has(item.id);
            const isUnread = unread.has(item.id) && item.id !== currentId;
            const title = item.title || texts.get("new-conversation");
            setText(row.title, title);
            row.name = item.title;
            const state = isRunning ? texts.get("answering") : suspended.has(item.id) ? texts.get("tool.waiting") : null;
            setText(row.time, state ?? this.#relative(item.updatedAt));
            setAttribute(row.button, "data-suspended", suspended.has(item.id));
            setText(row.unread, isUnread ? texts.get("unread") : "");
            setAttribute(row.menu, "aria-label", texts.get("menu", { title }));
            setAttribute(row.button, "aria-current", item.id === currentId ? "true" : null);
            setAttribute(row.button, "data-running", isRunning);
            setAttribute(row.button, "data-unread", isUnread);
            if (row.element === next) next = next.nextSibling;
            // A field that is moved loses the focus, and what is being composed in it: then the order has to wait.
            else if (!this.#isRenaming || !row.element.isConnected) this.#list.insertBefore(row.element, next);
        }
        this.#empty.hidden = items.length > 0;
        setText(this.#empty, texts.get(isArchive ? "archived.none" : "no-conversations"));
        setText(this.#archiveLabel, texts.get(isArchive ? "archived.back" : "archived"));
        setAttribute(this.#archiveButton, "data-shown", isArchive);
        this.#more.hidden = !hasMore;
    }

    // A row that goes while it has the focus hands it on: it is never lost.
    #leave(row) {
        const { activeElement } = row.element.getRootNode();
        if (!activeElement || !row.element.contains(activeElement)) return;
        const neighbour = row.element.nextElementSibling ?? row.element.previousElementSibling;
        (neighbour?.querySelector("button") ?? this.#archiveButton).focus();
    }

    #create(id) {
        const row = {
            name: "", title: h("span", { class: "title", dir: "auto" }), time: h("span", { class: "time" }),
            unread: h("span", { class: "visually-hidden" }),
        };
        row.button = button({
            class: "conversation", "data-testid": "conversation-item", "data-thread-id": id,
            onclick: () => this.#actions.open(id),
        }, row.title, row.time, row.unread);
        row.menu = button({
            class: "row-menu", "aria-haspopup": "menu", "aria-expanded": "false", "data-testid": "conversation-menu",
            onclick: () => this.#showMenu(id, row),
        }, icon("dots"));
        row.element = h("li", {}, row.button, row.menu);
        return row;
    }

    // Their module comes with the first press.
    async #opened() {
        this.#dialogs ??= import("./parley-menu.js").then(({ Menu, Question }) => {
            const [menu, question] = [new Menu(), new Question()];
            this.element.append(menu.element, question.element);
            return { menu, question };
        });
        try {
            return await this.#dialogs;
        } catch {
            this.#dialogs = null; // The next press tries again.
            return null;
        }
    }

    async #showMenu(id, row) {
        const dialogs = await this.#opened();
        if (!dialogs || !row.element.isConnected) return;
        const texts = this.#texts;
        const [name, act] = this.#isArchive ? ["restore", "restore"] : ["archive", "archive"];
        dialogs.menu.open(row.menu, row.menu.getAttribute("aria-label"), [
            { name: "edit", icon: "edit", label: texts.get("rename"), run: () => this.#rename(id, row) },
            { name, icon: name === "restore" ? "undo" : "archive", label: texts.get(name), run: () => this.#actions[act](id) },
            { name: "trash", icon: "trash", label: texts.get("delete"), isBad: true, run: () => this.#askToRemove(id, row, dialogs.question) },
        ]);
    }

    #askToRemove(id, row, question) {
        const texts = this.#texts;
        question.ask({
            title: texts.get("delete.question", { title: row.title.textContent }), more: texts.get("delete.more"),
            yes: texts.get("delete"), no: texts.get("cancel"),
        }, () => this.#actions.remove(id));
    }

    // Up and down through the list; the first letter of nothing is taken from whoever types elsewhere.
    #keyPressed(event) {
        if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) || isComposing(event)) return;
        const buttons = [...this.#list.querySelectorAll(".conversation")];
        const at = buttons.indexOf(this.element.getRootNode().activeElement);
        if (at < 0) return;
        const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
        event.preventDefault();
        buttons[to]?.focus();
    }

    #rename(id, row) {
        let isOpen = true;
        this.#isRenaming = true;
        const close = (isKept) => {
            // Its removal takes the focus from it, which is heard as a blur.
            if (!isOpen) return;
            isOpen = false;
            this.#isRenaming = false;
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
