// <parley-tasks>: the to-do list that the assistant keeps, beside the chat or alone; live with every call of a tool.
//
//   <script type="module" src="/parley-tasks.js"></script>
//   <parley-tasks token="…"></parley-tasks>
//
// Attributes: `src`, `token`, `lang`, `theme`, as of <parley-chat>. Properties: `token`, `texts`. A page's other widgets
// of the same user share their connection with it.

import { Api } from "./parley-api.js";
import { Announcer } from "./parley-announcer.js";
import { button, h, icon, isComposing, setAttribute, setText } from "./parley-dom.js";
import { tokenClaims } from "./parley-protocol.js";
import { share } from "./parley-shared.js";
import { styles, taskStyles } from "./parley-styles.js";
import { Texts } from "./parley-texts.js";

const TITLE_LENGTH = 200; // of a task, as the server has it

class ParleyTasks extends HTMLElement {
    static observedAttributes = ["src", "token", "lang"];

    #texts = new Texts();
    #announcer = new Announcer();
    #token = null;
    #userId = null;
    #share = null;
    #unlisten = null;
    #api = null;
    #tasks = [];
    #showsDone = false;
    #turn = 0;
    #rows = new Map(); // by id → {element, box, title}
    #list = h("ul", { class: "tasks", "data-testid": "tasks" });
    #empty = h("p", { class: "faint" });
    #field = h("input", { class: "task-field", maxlength: TITLE_LENGTH, dir: "auto", autocomplete: "off", "data-testid": "task-field" });
    #toggle;

    constructor() {
        super();
        const texts = this.#texts;
        this.#toggle = button({ class: "link", "aria-pressed": "false", onclick: () => {
            this.#showsDone = !this.#showsDone;
            this.#toggle.setAttribute("aria-pressed", String(this.#showsDone));
            this.#refresh();
        } });
        const add = h("button", { class: "send", type: "submit", "data-testid": "task-add" }, icon("plus"));
        const form = h("form", { class: "task-form", onsubmit: (event) => {
            event.preventDefault();
            this.#add();
        } }, this.#field, add);
        const title = texts.bind(h("h2", { class: "heading" }), "tasks");
        texts.bind(this.#field, "tasks.add", "aria-label");
        texts.bind(this.#field, "tasks.add", "placeholder");
        texts.bind(add, "tasks.add", "aria-label");
        texts.bind(this.#empty, "tasks.none");
        texts.bind(this.#toggle, "tasks.show-done");
        texts.addEventListener("change", () => this.#render());
        const root = this.attachShadow({ mode: "open" });
        root.adoptedStyleSheets = [styles, taskStyles];
        root.append(h("section", { class: "task-panel frame" },
            h("header", {}, title, this.#toggle), this.#list, this.#empty, form, this.#announcer.element));
    }

    connectedCallback() {
        for (const name of ["token", "texts"]) {
            if (!Object.hasOwn(this, name)) continue;
            const value = this[name];
            delete this[name];
            this[name] = value;
        }
        this.#speak();
        document.addEventListener("visibilitychange", this.#looked);
        this.#restart();
    }

    disconnectedCallback() {
        document.removeEventListener("visibilitychange", this.#looked);
        this.#stop();
    }

    attributeChangedCallback(name, _, value) {
        if (name === "token") this.token = value;
        else if (name === "lang") this.#speak();
        else if (this.isConnected) this.#restart();
    }

    get token() {
        return this.#share?.client.token ?? this.#token;
    }

    set token(value) {
        this.#token = value || null;
        if (this.isConnected) this.#restart();
    }

    set texts(texts) {
        this.#texts.replace(texts);
    }

    #speak() {
        const tag = this.closest("[lang]")?.lang || document.documentElement.lang || navigator.language;
        this.#texts.use(tag || "en");
    }

    #looked = () => { if (document.visibilityState === "visible") this.#refresh(); };

    #restart() {
        this.#stop();
        if (!this.#token) return this.#render();
        const url = new URL(this.getAttribute("src") ?? new URL("/ws", import.meta.url), location.href).href.replace(/^http/, "ws");
        this.#userId = tokenClaims(this.#token).sub ?? null;
        this.#share = share({ url, userId: this.#userId, provideToken: async () => this.#token });
        this.#unlisten = new AbortController();
        const { signal } = this.#unlisten;
        const { client } = this.#share;
        client.addEventListener("ready", () => this.#refresh(), { signal });
        // A tool has done something, here or in another tab.
        client.addEventListener("change", ({ detail }) => {
            if (detail.event?.type === "TOOL_CALL_RESULT") this.#refresh();
        }, { signal });
        client.addEventListener("thread", () => this.#refresh(), { signal });
        this.#api = new Api({ url, getToken: () => this.token });
        this.#share.start();
        if (client.isOnline) this.#refresh();
    }

    #stop() {
        this.#turn++;
        this.#unlisten?.abort();
        this.#share?.release();
        this.#share = null;
        this.#tasks = [];
    }

    // Only the newest answer counts, whatever order they come in.
    async #refresh() {
        const userId = this.#userId ?? this.#share?.client.userId;
        if (!userId) return;
        const turn = ++this.#turn;
        const tasks = await this.#api.tasks(userId, this.#showsDone);
        if (turn !== this.#turn || !tasks) return;
        this.#tasks = tasks;
        this.#render();
    }

    async #add() {
        const title = this.#field.value.trim();
        const userId = this.#userId ?? this.#share?.client.userId;
        if (!title || !userId) return;
        if (await this.#api.addTask(userId, title)) this.#field.value = "";
        else this.#announcer.say(this.#texts.get("tasks.failed"));
        this.#refresh();
    }

    async #change(id, change) {
        if (!await this.#api.changeTask(id, change)) this.#announcer.say(this.#texts.get("tasks.failed"));
        this.#refresh();
    }

    #render() {
        const ids = new Set(this.#tasks.map((task) => task.id));
        for (const [id, row] of this.#rows) {
            if (ids.has(id)) continue;
            row.element.remove();
            this.#rows.delete(id);
        }
        let next = this.#list.firstChild;
        for (const task of this.#tasks) {
            let row = this.#rows.get(task.id);
            if (!row) this.#rows.set(task.id, (row = this.#row(task.id)));
            row.box.checked = task.is_completed;
            setText(row.title, task.title);
            setText(row.due, task.due_at ? this.#date(task.due_at) : "");
            setAttribute(row.element, "data-completed", String(task.is_completed));
            setAttribute(row.edit, "aria-label", `${this.#texts.get("edit")}: ${task.title}`);
            if (row.element === next) next = next.nextSibling;
            else this.#list.insertBefore(row.element, next);
        }
        this.#empty.hidden = this.#tasks.length > 0;
        this.#list.lang = this.#texts.language;
    }

    #date(time) {
        return new Intl.DateTimeFormat(this.#texts.locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
    }

    #row(id) {
        const title = h("span", { class: "task-title", dir: "auto" });
        const due = h("time", { class: "faint" });
        const box = h("input", { type: "checkbox", "data-testid": "task-box", onchange: () => this.#change(id, { is_completed: box.checked }) });
        const edit = button({ class: "copy", "data-testid": "task-edit", onclick: () => this.#edit(id, title, edit) }, icon("edit"));
        const element = h("li", { class: "task-row", "data-testid": "task" }, h("label", {}, box, title), due, edit);
        return { element, box, title, due, edit };
    }

    #edit(id, title, edit) {
        let isOpen = true;
        const old = title.textContent;
        const close = (isKept) => {
            if (!isOpen) return;
            isOpen = false;
            field.replaceWith(title);
            const text = field.value.trim();
            if (isKept && text && text !== old) this.#change(id, { title: text });
            edit.focus();
        };
        const field = h("input", {
            class: "rename", maxlength: TITLE_LENGTH, dir: "auto", "aria-label": this.#texts.get("title"), "data-testid": "task-title",
            onblur: () => close(true),
            onkeydown: (event) => {
                if (isComposing(event) || !["Enter", "Escape"].includes(event.key)) return;
                event.preventDefault();
                close(event.key === "Enter");
            },
        });
        field.value = old;
        title.replaceWith(field);
        field.select();
        field.focus();
    }
}

customElements.define("parley-tasks", ParleyTasks);
