// <parley-launcher>: the chat behind a button in the corner of a page; a panel where there is room, the whole screen on
// a phone.
//
//   <script type="module" src="/parley-launcher.js"></script>
//   <parley-launcher token="…"></parley-launcher>
//
// Attributes: those of <parley-chat>, handed on, and `open`. Properties: `token`, `tokenProvider`, `texts`,
// `suggestions`, `toolCards`, handed on; `chat`, the <parley-chat> in it. Methods: show(), hide().

import "./parley-chat.js";
import { adoptProperties, button, h, icon, isComposing, setAttribute } from "./parley-dom.js";
import { launcherStyles, styles } from "./parley-styles.js";
import { Texts } from "./parley-texts.js";

const HANDED_ON = ["src", "token", "heading", "placeholder", "lang", "greeting", "suggestions", "name", "picture", "theme", "sidebar", "notify"];
const PHONE = "(max-width: 30rem), (max-height: 28rem)";

class ParleyLauncher extends HTMLElement {
    static observedAttributes = [...HANDED_ON, "open"];

    #chat = document.createElement("parley-chat");
    #texts = new Texts();
    #badge = h("span", { class: "badge", hidden: true });
    #bubble;
    #close;
    #panel;

    constructor() {
        super();
        this.#bubble = button({
            class: "bubble", part: "bubble", "aria-expanded": "false", "data-testid": "launcher",
            onclick: () => this.toggleAttribute("open"),
        }, icon("bubble"), this.#badge);
        this.#close = button({ class: "launcher-close", "data-testid": "launcher-close", onclick: () => this.hide() }, icon("cross"));
        this.#panel = h("dialog", {
            class: "panel", part: "panel", "data-testid": "launcher-panel",
            onclose: () => this.hide(),
            onkeydown: (event) => {
                // One that closes a menu, a question or a field in it is theirs.
                const isTheirs = event.composedPath().some((each) => each.matches?.(".popup, .question, .rename, [data-drawer]"));
                if (event.key === "Escape" && !isComposing(event) && !isTheirs) this.hide();
            },
        }, this.#chat, this.#close);
        const root = this.attachShadow({ mode: "open" });
        root.adoptedStyleSheets = [styles, launcherStyles];
        root.append(this.#panel, this.#bubble);
        this.#texts.bind(this.#close, "close", "aria-label");
        this.#texts.bind(this.#panel, "chat", "aria-label");
        this.#texts.addEventListener("change", () => this.#name());
        this.#chat.addEventListener("parley-unread", () => this.#name());
        this.#chat.addEventListener("parley-state", () => this.#name());
        this.#name();
    }

    connectedCallback() {
        adoptProperties(this, ["token", "tokenProvider", "texts", "suggestions", "toolCards"]);
        const tag = this.closest("[lang]")?.lang || document.documentElement.lang || navigator.language;
        this.#texts.use(tag || "en");
        if (!this.#chat.lang) this.#chat.lang = tag;
    }

    attributeChangedCallback(name, _, value) {
        if (name === "open") return value === null ? this.#hidden() : this.#shown();
        setAttribute(this.#chat, name, value);
        if (name === "lang") this.#texts.use(value ?? "en");
    }

    get chat() {
        return this.#chat;
    }

    get token() {
        return this.#chat.token;
    }

    set token(value) {
        this.#chat.token = value;
    }

    get tokenProvider() {
        return this.#chat.tokenProvider;
    }

    set tokenProvider(provider) {
        this.#chat.tokenProvider = provider;
    }

    get suggestions() {
        return this.#chat.suggestions;
    }

    set suggestions(suggestions) {
        this.#chat.suggestions = suggestions;
    }

    get toolCards() {
        return this.#chat.toolCards;
    }

    set toolCards(cards) {
        this.#chat.toolCards = cards;
    }

    set texts(texts) {
        this.#texts.replace(texts);
        this.#chat.texts = texts;
    }

    show() {
        this.setAttribute("open", "");
    }

    hide() {
        this.removeAttribute("open");
    }

    #shown() {
        if (this.#panel.open) return;
        // A phone has room for one thing: what is behind can't be reached meanwhile.
        if (matchMedia(PHONE).matches) this.#panel.showModal();
        else this.#panel.show();
        this.#bubble.setAttribute("aria-expanded", "true");
        this.#chat.focusComposer();
        this.#chat.look();
        this.#name();
    }

    #hidden() {
        if (this.#panel.open) this.#panel.close();
        this.#bubble.setAttribute("aria-expanded", "false");
        this.#bubble.focus();
        this.#name();
    }

    #name() {
        const isOpen = this.hasAttribute("open");
        const count = isOpen ? 0 : this.#chat.unread ?? 0;
        this.#badge.hidden = count === 0;
        this.#badge.textContent = count > 9 ? "9+" : String(count);
        const label = this.#texts.get(isOpen ? "close" : "open");
        this.#bubble.setAttribute("aria-label", count > 0 ? `${label}, ${count} ${this.#texts.get("unread")}` : label);
    }
}

customElements.define("parley-launcher", ParleyLauncher);
