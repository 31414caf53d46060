// The widgets in one page: chat, tasks and launcher of one user, looks to be tried, and the code that embeds them.

import "./parley-chat.js";
import "./parley-launcher.js";
import "./parley-tasks.js";

const NAME = "parley.demo.name";
const stage = document.getElementById("stage");
const look = document.getElementById("look");
const signIn = document.getElementById("sign-in");
const problem = document.getElementById("problem");
const code = document.getElementById("code");
const widgets = [];

async function tokenOf(name) {
    const response = await fetch("/dev/token", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ user_id: name }),
    });
    if (response.status === 404) throw new Error("This gateway does not run in development mode, so it gives no tokens away.");
    if (!response.ok) throw new Error(`The gateway answered ${response.status}.`);
    return (await response.json()).token;
}

function show(name, token) {
    signIn.hidden = true;
    for (const tag of ["parley-chat", "parley-tasks", "parley-launcher"]) {
        const widget = document.createElement(tag);
        widget.id = tag;
        widget.token = token;
        widget.tokenProvider = () => tokenOf(name);
        widgets.push(widget);
    }
    const [chat, tasks, launcher] = widgets;
    chat.setAttribute("name", "Parley");
    stage.append(chat, tasks);
    document.body.append(launcher);
    dress();
}

function dress() {
    const { theme, accent, lang } = Object.fromEntries(new FormData(look));
    const isPlain = accent === look.elements.accent.defaultValue;
    document.documentElement.dataset.theme = theme;
    for (const widget of widgets) {
        widget.setAttribute("theme", theme);
        widget.setAttribute("lang", lang);
        if (isPlain) widget.style.removeProperty("--parley-accent");
        else widget.style.setProperty("--parley-accent", accent);
    }
    const attributes = [theme === "auto" ? "" : ` theme="${theme}"`, lang === "en" ? "" : ` lang="${lang}"`].join("");
    code.textContent = [
        `<style>parley-chat { display: block; height: 40rem;${isPlain ? "" : ` --parley-accent: ${accent};`} }</style>`,
        `<script type="module" src="${new URL("parley-chat.js", location.href)}"></script>`,
        `<parley-chat${attributes}></parley-chat>`,
        "<script>",
        "    document.querySelector(\"parley-chat\").tokenProvider = async () => (await fetch(\"/my/token\")).text();",
        "</script>",
    ].join("\n");
}

look.addEventListener("input", dress);
document.getElementById("copy").addEventListener("click", async ({ target }) => {
    await navigator.clipboard.writeText(code.textContent);
    target.textContent = "Copied";
});
signIn.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = signIn.elements.name.value.trim();
    try {
        show(name, await tokenOf(name));
        localStorage.setItem(NAME, name);
    } catch (error) {
        problem.textContent = error.message;
    }
});

dress();
let name = null;
try {
    name = localStorage.getItem(NAME);
} catch {
    // Storage may be forbidden: then it asks.
}
if (name) tokenOf(name).then((token) => show(name, token), () => { signIn.hidden = false; });
else signIn.hidden = false;
