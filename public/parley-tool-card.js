// A tool call as a card: what is done in words, whether it worked, and the details for those who look.

import { h, icon, setAttribute, setText } from "./parley-dom.js";

const ICONS = {
    add_task: "plus", list_tasks: "list", get_task: "search", update_task: "edit", delete_task: "trash",
    complete_task: "check", reopen_task: "undo",
};
const STATUS_TEXT = { running: "tool.running", done: "tool.done", failed: "tool.wrong", cancelled: "tool.cancelled", waiting: "tool.waiting" };
const STATUS_ICON = { done: "check", failed: "alert", cancelled: "stop", waiting: "alert" };

export class ToolCard {
    element;
    #label = h("span", { class: "tool-label" });
    #subject = h("span", { class: "tool-subject", dir: "auto" });
    #badge = h("span", { class: "tool-badge" });
    #mark = h("span", { class: "tool-mark" });
    #body = h("div", { class: "tool-body" });
    #isTouched = false;
    #hadResult = false;
    #texts;

    constructor(texts) {
        this.#texts = texts;
        const summary = h("summary", { onclick: () => { this.#isTouched = true; } },
            this.#mark, h("span", { class: "tool-title" }, this.#label, this.#subject), this.#badge, icon("chevron"));
        this.element = h("details", { class: "tool", "data-testid": "tool-card" }, summary, this.#body);
    }

    update(item) {
        const input = parsed(item.arguments);
        const output = parsed(item.result);
        const texts = this.#texts;
        const tool = item.name === "complete_task" && input?.completed === false ? "reopen_task" : item.name;
        setAttribute(this.element, "data-tool", item.name);
        setAttribute(this.element, "data-status", item.status);
        setAttribute(this.element, "data-tool-call-id", item.id);
        this.#mark.replaceChildren(icon(Object.hasOwn(ICONS, tool) ? ICONS[tool] : "tool"));
        setText(this.#label, wording(texts, tool, item.status));
        setText(this.#subject, subject(texts, input, output));
        this.#badge.replaceChildren(
            item.status === "running" ? h("span", { class: "spinner" }) : icon(STATUS_ICON[item.status]),
            h("span", { class: "visually-hidden" }, texts.get(STATUS_TEXT[item.status])));
        const sections = [resultView(texts, item.result, output), argumentsView(texts, item.arguments, input)];
        this.#body.replaceChildren(...sections.filter(Boolean));
        this.#openOnce(item, output);
    }

    // A list is an answer worth seeing; a single task is named in the title already.
    #openOnce(item, output) {
        if (item.result === null || this.#hadResult) return;
        this.#hadResult = true;
        if (!this.#isTouched && (tasksIn(output)?.length ?? 0) > 1) this.element.open = true;
    }
}

function wording(texts, tool, status) {
    const phase = status === "done" || status === "failed" ? status : "running";
    if (texts.has(`${tool}.${phase}`)) return texts.get(`${tool}.${phase}`);
    const words = tool.replace(/([a-z\d])([A-Z])/g, "$1 $2").replace(/[_\-.]+/g, " ").trim().toLowerCase();
    const human = words ? words[0].toUpperCase() + words.slice(1) : texts.get("tool");
    return phase === "failed" ? texts.get("tool.failed", { tool: human }) : human;
}

function subject(texts, input, output) {
    const tasks = tasksIn(output);
    if (tasks && !Array.isArray(output.tasks)) return tasks[0].title;
    if (tasks) {
        const total = output.total > tasks.length ? output.total : tasks.length;
        return texts.get("tasks.count", { count: total });
    }
    if (typeof input?.title === "string") return input.title;
    return input?.task_id !== undefined ? `#${input.task_id}` : "";
}

function argumentsView(texts, text, input) {
    if (!text || text === "{}") return null;
    const isRecord = input !== null && typeof input === "object" && !Array.isArray(input);
    if (!isRecord) return section(texts.get("tool.arguments"), h("pre", {}, text));
    const rows = Object.entries(input).map(([name, value]) => h("div", {},
        h("dt", {}, name.replaceAll("_", " ")),
        h("dd", { dir: "auto" }, typeof value === "string" ? value : JSON.stringify(value))));
    return rows.length > 0 ? section(texts.get("tool.arguments"), h("dl", {}, rows)) : null;
}

function resultView(texts, text, output) {
    if (text === null || text === "") return null;
    const failure = output?.error;
    if (failure) {
        const words = typeof failure === "string" ? failure : failure.message ?? JSON.stringify(failure);
        return section(texts.get("tool.result"), h("p", { class: "tool-error", dir: "auto" }, words));
    }
    const tasks = tasksIn(output);
    if (tasks?.length === 0) return section(texts.get("tool.result"), h("p", { class: "faint" }, texts.get("tasks.none")));
    if (tasks) {
        const rest = output.total > tasks.length ? texts.get("tasks.more", { count: output.total - tasks.length }) : null;
        return section(texts.get("tool.result"), checklist(texts, tasks), rest ? h("p", { class: "faint" }, rest) : null);
    }
    return section(texts.get("tool.result"), h("pre", {}, output === undefined ? text : JSON.stringify(output, null, 2)));
}

function section(title, ...content) {
    return h("section", {}, h("h4", {}, title), ...content);
}

function checklist(texts, tasks) {
    return h("ul", { class: "checklist" }, tasks.map((task) => checklistItem(texts, task)));
}

function checklistItem(texts, { id, number = id, title, description, is_completed: isCompleted }) {
    return h("li", { "data-completed": String(isCompleted === true) },
        h("span", { class: "tick" }, isCompleted ? icon("check") : null),
        h("span", { class: "task-title", dir: "auto" },
            title,
            h("span", { class: "visually-hidden" }, ` ${texts.get(isCompleted ? "task.done" : "task.open")}`),
            description ? h("span", { class: "task-description", dir: "auto" }, description) : null),
        number === undefined ? null : h("span", { class: "task-id" }, `#${number}`));
}

/** The tasks of a result, if it has the shape of one: `{"tasks":[…]}`, `{"task":{…}}` or `{"deleted":{…}}`. */
function tasksIn(output) {
    const found = Array.isArray(output?.tasks) ? output.tasks : [output?.task ?? output?.deleted];
    return found.every(isTask) ? found : null;
}

function isTask(value) {
    return value !== null && typeof value === "object" && typeof value.title === "string";
}

/** Undefined: not JSON (or not yet, while arguments stream in). */
function parsed(text) {
    if (!text) return undefined;
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
}
