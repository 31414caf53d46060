// The demo page: sign-in by name where the gateway runs in development mode, by a given token where it does not.

import "./parley-chat.js";

const NAME = "parley.demo.name";
const TOKEN = "parley.demo.token";

const welcome = document.getElementById("welcome");
const signInForm = document.getElementById("sign-in-form");
const tokenForm = document.getElementById("token-form");
const tokenHelp = document.getElementById("token-help");
const message = document.getElementById("message");

class NotInDevMode extends Error {}

/** A token for this name, or an error whose message can be shown. */
async function fetchToken(name) {
    const response = await fetch("/dev/token", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ user_id: name }),
    });
    if (response.status === 404) throw new NotInDevMode("This gateway gives no tokens away.");
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(body.error?.message ?? `The gateway answered ${response.status}.`);
    return body.token;
}

function showWelcome(text = "") {
    document.getElementById("chat")?.remove();
    welcome.hidden = false;
    message.textContent = text;
    message.hidden = text === "";
    signInForm.elements.name.value = remembered(NAME) ?? "";
    signInForm.elements.name.focus();
}

function showChat({ name, token, canRenew }) {
    welcome.hidden = true;
    const chat = document.createElement("parley-chat");
    chat.token = token;
    if (canRenew) {
        chat.tokenProvider = async () => {
            try {
                const fresh = await fetchToken(name);
                remember(TOKEN, fresh);
                return fresh;
            } catch (error) {
                if (error instanceof NotInDevMode) return null; // for good; anything else may pass
                throw error;
            }
        };
    }
    chat.addEventListener("parley-token-needed", ({ detail }) => {
        if (detail.reason === "expiring") return;
        remember(TOKEN, null);
        showWelcome("Your token is not valid any more. Please sign in again.");
    });
    chat.append(account(name));
    const main = document.createElement("main");
    main.id = "chat";
    const title = document.createElement("h1");
    title.className = "hidden-title";
    title.textContent = "Parley";
    main.append(title, chat);
    document.body.append(main);
}

function account(name) {
    const bar = document.createElement("div");
    bar.slot = "account";
    bar.className = "account";
    const initial = document.createElement("span");
    initial.className = "initial";
    initial.setAttribute("aria-hidden", "true");
    initial.textContent = Array.from(name)[0]?.toUpperCase() ?? "?";
    const label = document.createElement("span");
    label.className = "name";
    label.textContent = name;
    const signOut = document.createElement("button");
    signOut.type = "button";
    signOut.dataset.testid = "sign-out";
    signOut.textContent = "Sign out";
    signOut.addEventListener("click", () => {
        remember(TOKEN, null);
        showWelcome();
    });
    bar.append(initial, label, signOut);
    return bar;
}

signInForm.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = signInForm.elements.name.value.trim();
    if (!name) return;
    const button = signInForm.querySelector("button");
    button.disabled = true;
    try {
        const token = await fetchToken(name);
        remember(NAME, name);
        remember(TOKEN, token);
        showChat({ name, token, canRenew: true });
        // The form took the focus along. A phone's keyboard comes when it is wanted.
        if (!matchMedia("(pointer: coarse)").matches) document.querySelector("parley-chat").focusComposer();
    } catch (error) {
        if (error instanceof NotInDevMode) {
            signInForm.hidden = true;
            tokenHelp.hidden = false;
            tokenForm.elements.token.focus();
        } else {
            message.textContent = error instanceof TypeError ? "The gateway can’t be reached." : error.message;
            message.hidden = false;
        }
    } finally {
        button.disabled = false;
    }
});

tokenForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const token = tokenForm.elements.token.value.trim();
    remember(NAME, null);
    remember(TOKEN, token);
    showChat({ name: subject(token), token, canRenew: false });
});

function subject(token) {
    try {
        const bytes = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
        return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)))).sub ?? "You";
    } catch {
        return "You";
    }
}

function remember(key, value) {
    try {
        if (value === null) localStorage.removeItem(key);
        else localStorage.setItem(key, value);
    } catch {
        // Storage may be forbidden; then the next visit asks again.
    }
}

function remembered(key) {
    try {
        return localStorage.getItem(key);
    } catch {
        return null;
    }
}

const token = remembered(TOKEN);
const name = remembered(NAME);
if (token) showChat({ name: name ?? subject(token), token, canRenew: name !== null });
else showWelcome();
