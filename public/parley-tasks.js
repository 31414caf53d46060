// <parley-tasks>: the to-do list that the assistant keeps, beside the chat or alone; live with every call of a tool.
//
//   <script type="module" src="/parley-tasks.js"></script>
//   <parley-tasks token="…"></parley-tasks>
//
// Attributes: `src`, `token`, `lang`, `theme`, as of <parley-chat>. Properties: `token`, `tokenProvider`, `texts`. A
// page's other widgets of the same user share their connection with it.

import { Account, socketURL } from "./parley-account.js";
import { Api } from "./parley-api.js";
import { adoptProperties, button, h, icon, isComposing, setAttribute, setText, watchComposition } from "./parley-dom.js";
import { styles, taskStyles } from "./parley-styles.js";
import { Texts } from "./parley-texts.js";

const TITLE_LENGTH = 200; // of a task, as the server has it

class ParleyTasks extends HTMLElement {
    static observedAttributes = ["src", "token", "lang"];

    #texts = new Texts();
    #account = new Account();
    #userId = null;
    #api = null;
    #tasks = [];
    #showsDone = false;
    #turn = 0;
    #rows = new Map(); // by id → {element, box, title}
    #list = h("ul", { class: "tasks", "data-testid": "tasks" });
    #empty = h("p", { class: "faint" });
    #field = h("input", { class: "task-field", maxlength: TITLE_LENGTH, dir: "auto", autocomplete: "off", "data-testid": "task-field" });
    #toggle;
    #isEditing = false;
    #isComposed; // whether the key that would add it was the input method's
    #problem = h("p", { class: "task-problem", role: "status", "data-testid": "task-problem" });

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
        this.#isComposed = watchComposition(this.#field);
        texts.bind(this.#field, "tasks.add", "aria-label");
        texts.bind(this.#field, "tasks.add", "placeholder");
        texts.bind(add, "tasks.add", "aria-label");
        texts.bind(this.#empty, "tasks.none");
        texts.bind(this.#toggle, "tasks.show-done");
        texts.addEventListener("change", () => this.#render());
        this.#account.addEventListener("begin", ({ detail }) => this.#begun(detail));
        this.#account.addEventListener("end", () => this.#ended());
        const root = this.attachShadow({ mode: "open" });
        root.adoptedStyleSheets = [styles, taskStyles];
        root.append(h("section", { class: "task-panel frame" },
            h("header", {}, title, this.#toggle), this.#list, this.#empty, this.#problem, form));
    }

    connectedCallback() {
        adoptProperties(this, ["token", "tokenProvider", "texts"]);
        this.#account.token ??= this.getAttribute("token");
        this.#speak();
        document.addEventListener("visibilitychange", this.#looked);
        this.#account.attach(socketURL(this.getAttribute("src")));
        this.#render();
    }

    disconnectedCallback() {
        document.removeEventListener("visibilitychange", this.#looked);
        this.#account.detach();
    }

    attributeChangedCallback(name, _, value) {
        if (name === "token") this.token = value;
        else if (name === "lang") this.#speak();
        else if (this.#account.isAttached) this.#account.attach(socketURL(value));
    }

    get token() {
        return this.#account.token;
    }

    set token(value) {
        this.#account.token = value;
    }

    get tokenProvider() {
        return this.#account.provider;
    }

    set tokenProvider(provider) {
        this.#account.provider = provider;
    }

    set texts(texts) {
        this.#texts.replace(texts);
    }

    #speak() {
        const tag = this.closest("[lang]")?.lang || document.documentElement.lang || navigator.language;
        this.#texts.use(tag || "en");
    }

    #looked = () => { if (document.visibilityState === "visible") this.#refresh(); };

    #begun({ client, userId, signal }) {
        this.#userId = userId;
        const on = (name, handler) => client.addEventListener(name, (event) => handler(event.detail), { signal });
        on("ready", ({ userId: known }) => {
            this.#userId = known ?? this.#userId;
            this.#refresh();
        });
        // A tool has done something, here or in another tab.
        on("change", ({ event }) => { if (event?.type === "TOOL_CALL_RESULT") this.#refresh(); });
        on("thread", () => this.#refresh());
        this.#api = new Api({ url: this.#account.url, getToken: () => this.token });
        if (client.isOnline) this.#refresh();
    }

    #ended() {
        this.#turn++;
        this.#userId = null;
        this.#tasks = [];
        this.#render();
    }

    // Only the newest answer counts, whatever order they come in.
    async #refresh() {
        const userId = this.#userId;
        if (!userId) return;
        const turn = ++this.#turn;
        const tasks = await this.#api.tasks(userId, this.#showsDone);
        if (turn !== this.#turn || !tasks) return;
        // What is due comes first, in its order; the rest newest first, as it came.
        const dueOf = (task) => task.due_at && !task.is_completed ? Date.parse(task.due_at) : Infinity;
        this.#tasks = tasks.map((task, at) => ({ task, at }))
            .sort((a, b) => (dueOf(a.task) === dueOf(b.task) ? a.at - b.at : dueOf(a.task) - dueOf(b.task))).map(({ task }) => task);
        this.#render();
    }

    // The field is empty at once, so that pressed twice it is added once; what was not taken comes back.
    async #add() {
        const title = this.#field.value.trim();
        const userId = this.#userId;
        if (!title || !userId || this.#isComposed()) return;
        this.#field.value = "";
        const isDone = await this.#api.addTask(userId, title);
        if (!isDone) this.#field.value ||= title;
        this.#tell(isDone);
    }

    async #change(id, change) {
        this.#tell(await this.#api.changeTask(id, change));
    }

    // To see and to hear, until something is done again.
    #tell(isDone) {
        setText(this.#problem, isDone ? "" : this.#texts.get("tasks.failed"));
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
            setAttribute(row.due, "data-late", !task.is_completed && Date.parse(task.due_at) < Date.now());
            setAttribute(row.element, "data-completed", String(task.is_completed));
            setAttribute(row.edit, "aria-label", `${this.#texts.get("edit")}: ${task.title}`);
            if (row.element === next) next = next.nextSibling;
            // A field that is moved loses the focus: then the order has to wait.
            else if (!this.#isEditing || !row.element.isConnected) this.#list.insertBefore(row.element, next);
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
        const edit = button({ class: "copy", "data-testid": "task-edit", onclick: () => this.#edit(id, row) }, icon("edit"));
        const label = h("label", {}, box, title);
        const element = h("li", { class: "task-row", "data-testid": "task" }, label, due, edit);
        const row = { element, label, box, title, due, edit };
        return row;
    }

    // Title and, where the gateway keeps one, the time by which it is due; kept when the focus leaves both.
    #edit(id, row) {
        let isOpen = true;
        const task = this.#tasks.find((each) => each.id === id);
        if (!task) return;
        this.#isEditing = true;
        const close = (isKept) => {
            if (!isOpen) return;
            isOpen = false;
            this.#isEditing = false;
            form.replaceWith(row.label);
            const change = {};
            const text = field.value.trim();
            if (text && text !== task.title) change.title = text;
            const due = when.value ? new Date(when.value).toISOString() : null;
            if (when.value !== localTime(task.due_at)) change.due_at = due;
            if (isKept && Object.keys(change).length > 0) this.#change(id, change);
            row.edit.focus();
        };
        const keyed = (event) => {
            if (isComposing(event) || !["Enter", "Escape"].includes(event.key)) return;
            event.preventDefault();
            event.stopPropagation();
            close(event.key === "Enter");
        };
        const field = h("input", {
            class: "rename", maxlength: TITLE_LENGTH, dir: "auto", "aria-label": this.#texts.get("title"), "data-testid": "task-title",
            onkeydown: keyed,
        });
        const when = h("input", {
            type: "datetime-local", class: "rename", "aria-label": this.#texts.get("task.due"), "data-testid": "task-due",
            onkeydown: keyed, hidden: task.due_at === undefined,
        });
        const form = h("div", {
            class: "task-edit", onfocusout: (event) => { if (!form.contains(event.relatedTarget)) close(true); },
        }, field, when);
        field.value = task.title;
        when.value = localTime(task.due_at);
        row.label.replaceWith(form);
        field.select();
        field.focus();
    }
}

/** A time as a field for it has it: local, to the minute. */
function localTime(time) {
    if (!time) return "";
    const date = new Date(time);
    const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
    return local.toISOString().slice(0, 16);
}

customElements.define("parley-tasks", ParleyTasks);
