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
const pinned = document.getElementById("pinned");
const widgets = [];
const LATE = ["texts/ar", "texts/de", "texts/es", "texts/fr", "texts/ja", "texts/zh", "lib/marked", "lib/prism", "lib/katex"];
let hashes = null; // by address, once they were asked for

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

// Every module that the chat may ever load, with the hash of what this gateway serves (https://www.w3.org/TR/sri/).
async function hashesOf(entries) {
    const found = new Map();
    const visit = async (url) => {
        if (found.has(url)) return;
        found.set(url, null);
        const response = await fetch(url);
        if (!response.ok) return;
        const content = await response.arrayBuffer();
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-384", content));
        found.set(url, `sha384-${btoa(String.fromCharCode(...digest))}`);
        const names = new TextDecoder().decode(content).matchAll(/\b(?:from|import)\s*\(?\s*"(\.\/[^"]+\.js)"/g);
        await Promise.all([...names].map(([, name]) => visit(new URL(name, url).href)));
    };
    await Promise.all(entries.map((name) => visit(new URL(`${name}.js`, location.href).href)));
    return Object.fromEntries([...found].filter(([, hash]) => hash).sort());
}

function importMap() {
    const lines = JSON.stringify({ integrity: hashes }, null, 4).split("\n").map((line) => `    ${line}`);
    return ["<script type=\"importmap\">", ...lines, "</script>"].join("\n");
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
        ...pinned.checked && hashes ? [importMap()] : [],
        `<script type="module" src="${new URL("parley-chat.js", location.href)}"></script>`,
        `<parley-chat${attributes}></parley-chat>`,
        "<script>",
        "    document.querySelector(\"parley-chat\").tokenProvider = async () => (await fetch(\"/my/token\")).text();",
        "</script>",
    ].join("\n");
}

look.addEventListener("input", dress);
pinned.addEventListener("input", async () => {
    if (pinned.checked) hashes ??= await hashesOf(["parley-chat", ...LATE]);
    dress();
});
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
