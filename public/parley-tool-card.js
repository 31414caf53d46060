// A tool call as a card: what is done in words, whether it worked, and the details for those who look.

import { h, icon, setAttribute, setText } from "./parley-dom.js";

// name: [icon, while it runs, when it is done, when it failed]
const TOOLS = {
    add_task: ["plus", "Adding a task", "Added a task", "Couldn’t add the task"],
    list_tasks: ["list", "Looking at your tasks", "Looked at your tasks", "Couldn’t read your tasks"],
    get_task: ["search", "Looking up a task", "Looked up a task", "Couldn’t find the task"],
    update_task: ["edit", "Changing a task", "Changed a task", "Couldn’t change the task"],
    delete_task: ["trash", "Deleting a task", "Deleted a task", "Couldn’t delete the task"],
    complete_task: ["check", "Completing a task", "Completed a task", "Couldn’t complete the task"],
};
const REOPEN = ["undo", "Reopening a task", "Reopened a task", "Couldn’t reopen the task"];

const STATUS_TEXT = { running: "running", done: "done", failed: "failed", cancelled: "stopped" };
const STATUS_ICON = { done: "check", failed: "alert", cancelled: "stop" };

export class ToolCard {
    element;
    #label = h("span", { class: "tool-label" });
    #subject = h("span", { class: "tool-subject", dir: "auto" });
    #badge = h("span", { class: "tool-badge" });
    #mark = h("span", { class: "tool-mark" });
    #body = h("div", { class: "tool-body" });
    #isTouched = false;
    #hadResult = false;

    constructor() {
        const summary = h("summary", { onclick: () => { this.#isTouched = true; } },
            this.#mark, h("span", { class: "tool-title" }, this.#label, this.#subject), this.#badge, icon("chevron"));
        this.element = h("details", { class: "tool", "data-testid": "tool-card" }, summary, this.#body);
    }

    update(item) {
        const input = parsed(item.arguments);
        const output = parsed(item.result);
        const [symbol, running, done, failed] = wording(item.name, input);
        setAttribute(this.element, "data-tool", item.name);
        setAttribute(this.element, "data-status", item.status);
        setAttribute(this.element, "data-tool-call-id", item.id);
        this.#mark.replaceChildren(icon(symbol));
        setText(this.#label, { done, failed }[item.status] ?? running);
        setText(this.#subject, subject(input, output));
        this.#badge.replaceChildren(
            item.status === "running" ? h("span", { class: "spinner" }) : icon(STATUS_ICON[item.status]),
            h("span", { class: "visually-hidden" }, STATUS_TEXT[item.status]));
        const sections = [resultView(item.result, output), argumentsView(item.arguments, input)];
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

function wording(name, input) {
    if (name === "complete_task" && input?.completed === false) return REOPEN;
    if (Object.hasOwn(TOOLS, name)) return TOOLS[name];
    const words = name.replace(/([a-z\d])([A-Z])/g, "$1 $2").replace(/[_\-.]+/g, " ").trim().toLowerCase();
    const human = words ? words[0].toUpperCase() + words.slice(1) : "Tool";
    return ["tool", human, human, `${human} failed`];
}

function subject(input, output) {
    const tasks = tasksIn(output);
    if (tasks && !Array.isArray(output.tasks)) return tasks[0].title;
    if (tasks) {
        const total = output.total > tasks.length ? output.total : tasks.length;
        return total === 1 ? "1 task" : `${total} tasks`;
    }
    if (typeof input?.title === "string") return input.title;
    return input?.task_id !== undefined ? `#${input.task_id}` : "";
}

function argumentsView(text, input) {
    if (!text || text === "{}") return null;
    const isRecord = input !== null && typeof input === "object" && !Array.isArray(input);
    if (!isRecord) return section("Arguments", h("pre", {}, text));
    const rows = Object.entries(input).map(([name, value]) => h("div", {},
        h("dt", {}, name.replaceAll("_", " ")),
        h("dd", { dir: "auto" }, typeof value === "string" ? value : JSON.stringify(value))));
    return rows.length > 0 ? section("Arguments", h("dl", {}, rows)) : null;
}

function resultView(text, output) {
    if (text === null || text === "") return null;
    const failure = output?.error;
    if (failure) {
        const words = typeof failure === "string" ? failure : failure.message ?? JSON.stringify(failure);
        return section("Result", h("p", { class: "tool-error", dir: "auto" }, words));
    }
    const tasks = tasksIn(output);
    if (tasks?.length === 0) return section("Result", h("p", { class: "faint" }, "No tasks."));
    if (tasks) {
        const rest = output.total > tasks.length ? `and ${output.total - tasks.length} more` : null;
        return section("Result", checklist(tasks), rest ? h("p", { class: "faint" }, rest) : null);
    }
    return section("Result", h("pre", {}, output === undefined ? text : JSON.stringify(output, null, 2)));
}

function section(title, ...content) {
    return h("section", {}, h("h4", {}, title), ...content);
}

function checklist(tasks) {
    return h("ul", { class: "checklist" }, tasks.map(checklistItem));
}

function checklistItem({ id, title, description, is_completed: isCompleted }) {
    return h("li", { "data-completed": String(isCompleted === true) },
        h("span", { class: "tick" }, isCompleted ? icon("check") : null),
        h("span", { class: "task-title", dir: "auto" },
            title,
            h("span", { class: "visually-hidden" }, isCompleted ? " (done)" : " (open)"),
            description ? h("span", { class: "task-description", dir: "auto" }, description) : null),
        id === undefined ? null : h("span", { class: "task-id" }, `#${id}`));
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
