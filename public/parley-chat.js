// <parley-chat>: a Parley chat in a page.
//
//   <script type="module" src="/parley-chat.js"></script>
//   <parley-chat token="…"></parley-chat>
//
// Attributes: `src` (address of the gateway's WebSocket; default /ws of the page's origin), `token`, `heading`,
// `placeholder`.
// Properties: `token`, and `tokenProvider`, an async function (reason) => token | null, asked whenever a token is
// needed (reasons: connect, expired, refused, expiring). Events (they bubble): `parley-state` (detail: the connection's
// state) and `parley-token-needed` (no provider gave a usable token). Slot `account`: below the conversation list.

import { Announcer } from "./parley-announcer.js";
import { Api } from "./parley-api.js";
import { Composer } from "./parley-composer.js";
import { Drafts } from "./parley-drafts.js";
import { Lists } from "./parley-lists.js";
import { Sidebar } from "./parley-sidebar.js";
import { Texts, errorText, reasonText, runErrorText } from "./parley-texts.js";
import { Transcript, noticeText } from "./parley-transcript.js";
import { button, h, icon, isComposing, setAttribute, setText } from "./parley-dom.js";
import { isExpired, newId, tokenClaims } from "./parley-protocol.js";
import { Days } from "./parley-days.js";
import { spokenText } from "./parley-message-text.js";
import { lastView, ofTab, releaseInstance, takeInstance } from "./parley-storage.js";
import { pageEvents } from "./parley-events.js";
import { share } from "./parley-shared.js";
import { styles } from "./parley-styles.js";

const MOST_SUGGESTIONS = 8;
const EXAMPLES = ["example.1", "example.2", "example.3"];
const STATE_TEXT = { connecting: "connecting", online: "online", "signed-out": "signed-out.state" };

class ParleyChat extends HTMLElement {
    static observedAttributes = ["src", "token", "heading", "placeholder", "lang", "greeting", "suggestions"];

    #client = null;
    #share = null; // of the client, which other widgets of the page may use, too
    #unlisten = null;
    #instance = ""; // tells the widgets of a page apart
    #drafts = null;
    #texts = new Texts();
    #isAsking = false; // the provider, for the token that tells who the user is
    #asked = null; // what it answered: {token} or {error}
    #restarts = 0;
    #lists = null;
    #api = null;
    #earlierOf = null; // the conversation whose earlier messages are being fetched
    #provider = null;
    #fixedToken = null;
    #userId = null;
    #view = { threadId: null, draftId: null };
    #isAttached = false;
    #wasOnline = false;
    #isDirty = false;
    #clock = 0;
    #problem = null;

    #transcript;
    #sidebar;
    #composer;
    #shell;
    #title = h("h2", { class: "heading", dir: "auto" });
    #connection = h("div", { class: "connection", "data-testid": "connection-state", "data-state": "signed-out" });
    #connectionText = h("span", {});
    #retryButton = button({ class: "link", hidden: true, onclick: () => this.#client?.retryNow() });
    #bannerText = h("span", {});
    #bannerAction = button({ class: "link", hidden: true });
    #banner;
    #empty;
    #greeting = h("h3", { dir: "auto" });
    #greetingMore = h("p", {});
    #examples = h("div", { class: "examples" });
    #signedOut;
    #menuButton;
    #main;
    #announcer = new Announcer();

    constructor() {
        super();
        this.#transcript = new Transcript({
            say: (text) => this.#announcer.say(text),
            earlier: () => this.#showEarlier(),
            retry: (id) => this.#client?.retry(id),
            edit: (id) => this.#edit(id),
            discard: (id) => this.#client?.discard(id),
            moveOn: (id) => this.#moveOn(id),
            withdraw: (runId) => this.#client?.cancel(this.#view.threadId, runId),
            askAgain: (questionId) => this.#askAgain(questionId),
        }, this.#texts);
        this.#sidebar = new Sidebar({
            create: () => this.newConversation(),
            open: (id) => this.openConversation(id),
            loadMore: () => this.#lists?.shown.loadMore(),
            showArchive: (isShown) => this.#lists?.showArchive(isShown),
            restore: (id) => this.#change(id, { status: "active" }, "restore.failed"),
            rename: (id, title) => this.#change(id, { title }, "rename.failed"),
            archive: (id) => this.#archive(id),
            remove: (id) => this.#remove(id),
        }, this.#texts);
        this.#composer = new Composer({
            send: (text) => this.#send(text),
            stop: () => this.#client?.cancel(this.#view.threadId),
            changed: (text) => this.#drafts?.save(this.#view, text),
        }, this.#texts);
        this.#build();
        this.#texts.addEventListener("change", () => this.#retold());
    }

    #build() {
        const texts = this.#texts;
        this.#menuButton = button({
            class: "menu", "aria-expanded": "false",
            onclick: () => this.#showDrawer(!this.#shell.hasAttribute("data-drawer")),
        }, icon("menu"));
        texts.bind(this.#menuButton, "conversations", "aria-label");
        texts.bind(this.#retryButton, "retry-now");
        const dismiss = button({ class: "close", onclick: () => this.#showProblem(null) }, icon("cross"));
        texts.bind(dismiss, "dismiss", "aria-label");
        this.#banner = h("div", { class: "banner", role: "alert", hidden: true, "data-testid": "error-banner" },
            icon("alert"), this.#bannerText, this.#bannerAction, dismiss);
        this.#empty = h("div", { class: "empty", "data-testid": "empty-state" },
            h("div", { class: "emblem" }, icon("bubble")),
            this.#greeting, this.#greetingMore, this.#examples);
        this.#signedOut = h("div", { class: "signed-out" },
            h("slot", { name: "signed-out" },
                texts.bind(h("h3", {}), "signed-out"),
                texts.bind(h("p", {}), "signed-out.more")));
        this.#connection.append(h("span", { class: "dot" }), this.#connectionText, this.#retryButton);
        const closeOnEscape = (event) => {
            if (event.key === "Escape" && !isComposing(event)) this.#showDrawer(false);
        };
        const main = texts.bind(h("section", { class: "main", part: "main" }), "chat", "aria-label");
        this.#main = main;
        main.append(
            h("header", {}, this.#menuButton, h("div", { class: "where" }, this.#title, this.#connection)),
            this.#banner,
            h("div", { class: "stage" }, this.#transcript.element, this.#empty, this.#signedOut),
            this.#composer.element);
        this.#shell = h("div", { class: "shell", onkeydown: closeOnEscape },
            this.#sidebar.element,
            h("div", { class: "backdrop", onclick: () => this.#showDrawer(false) }),
            main,
            this.#announcer.element);
        for (const name of ["keydown", "keypress", "keyup"]) this.#shell.addEventListener(name, keptFromThePage);
        const root = this.attachShadow({ mode: "open" });
        root.adoptedStyleSheets = [styles];
        root.append(h("div", { class: "frame" }, this.#shell));
    }

    // MARK: the element

    connectedCallback() {
        this.#isAttached = true;
        this.#instance = takeInstance(this.id);
        document.addEventListener("visibilitychange", this.#looked);
        this.#speak();
        // Properties that were set before the element was defined hide the accessors until they are set again.
        for (const name of ["token", "tokenProvider", "texts"]) {
            if (!Object.hasOwn(this, name)) continue;
            const value = this[name];
            delete this[name];
            this[name] = value;
        }
        this.#fixedToken ??= this.getAttribute("token");
        this.#composer.placeholder = this.getAttribute("placeholder") ?? this.#texts.get("message");
        this.#restart();
    }

    disconnectedCallback() {
        this.#isAttached = false;
        document.removeEventListener("visibilitychange", this.#looked);
        this.#stop();
        releaseInstance(this.#instance);
    }

    attributeChangedCallback(name, _, value) {
        if (name === "token") this.token = value;
        else if (name === "placeholder") this.#composer.placeholder = value ?? this.#texts.get("message");
        else if (name === "src" && this.#client) this.#restart();
        else if (name === "lang") this.#speak();
        else if (name === "greeting" || name === "suggestions") this.#greet();
        else this.#changed();
    }

    get token() {
        return this.#client?.token ?? this.#fixedToken;
    }

    /** A new token of the same user goes to the open connection; one of another user begins anew. */
    set token(value) {
        this.#fixedToken = value || null;
        if (!this.#isAttached) return;
        const isSameUser = value && tokenClaims(value).sub === this.#userId;
        if (isSameUser && this.connectionState.name !== "signed-out") this.#client.offerToken(value);
        else this.#restart();
    }

    get tokenProvider() {
        return this.#provider;
    }

    set tokenProvider(provider) {
        this.#provider = typeof provider === "function" ? provider : null;
        if (this.#isAttached && (!this.#client || this.#client.state.name === "signed-out")) this.#restart();
    }

    /** Texts in place of the widget's own, by the names in texts/en.js. */
    set texts(texts) {
        this.#texts.replace(texts);
    }

    get connectionState() {
        const name = this.#isAsking ? "connecting" : "signed-out";
        return this.#client?.state ?? { name, reason: this.#isAsking ? null : "missing", retryAt: null };
    }

    get threadId() {
        return this.#view.threadId;
    }

    newConversation() {
        this.#show({ threadId: null, draftId: newId() });
        this.#composer.focus();
    }

    openConversation(threadId) {
        this.#show({ threadId, draftId: null });
        if (matchMedia("(pointer: fine)").matches) this.#composer.focus();
    }

    focusComposer() {
        this.#composer.focus();
    }

    // MARK: client

    #restart() {
        this.#stop();
        if (this.#fixedToken) return this.#begin(tokenClaims(this.#fixedToken).sub ?? null);
        if (!this.#provider) return this.#changed();
        // Who the user is decides which client is shared. What the provider answers is used for the connection.
        const restart = this.#restarts;
        this.#isAsking = true;
        this.#changed();
        this.#ask("connect").then((asked) => {
            if (restart !== this.#restarts) return;
            this.#isAsking = false;
            this.#asked = asked;
            this.#begin(asked.token ? tokenClaims(asked.token).sub ?? null : null);
        });
    }

    async #ask(reason) {
        try {
            return { token: await this.#provider(reason) };
        } catch (error) {
            return { error };
        }
    }

    #begin(userId) {
        const provideToken = (reason) => this.#provideToken(reason);
        this.#share = share({ url: this.#url, userId, provideToken });
        const { client } = this.#share;
        this.#client = client;
        client.locale = this.#tag;
        this.#unlisten = new AbortController();
        const { signal } = this.#unlisten;
        const on = (name, handler) => client.addEventListener(name, (event) => handler(event.detail), { signal });
        on("state", () => this.#stateChanged());
        on("ready", (frame) => this.#ready(frame));
        on("change", (detail) => this.#threadChanged(detail));
        on("outbox", () => this.#changed());
        on("running", ({ threadId }) => this.#runningChanged(threadId));
        on("settled", (detail) => this.#settled(detail));
        on("thread", (frame) => this.#lists?.note(frame));
        on("gone", ({ threadId }) => this.#gone(threadId));
        on("problem", (problem) => this.#serverProblem(problem));
        on("expiring", (detail) => this.#fire("parley-token-needed", detail));
        this.#clock = setInterval(() => this.#tick(), 1000);
        this.#becomeUser(userId);
        this.#share.start();
        // Another widget has brought it up already.
        if (client.isOnline) this.#ready({ userId: client.userId });
        this.#changed();
    }

    #stop() {
        this.#restarts++;
        clearInterval(this.#clock);
        this.#unlisten?.abort();
        this.#client?.open(null, this);
        this.#share?.release();
        this.#share = null;
        this.#client = null;
        this.#isAsking = false;
        this.#asked = null;
        this.#lists = null;
        this.#api = null;
        this.#earlierOf = null;
        // What this user typed is stored; the next one must not find it.
        if (this.#userId) this.#composer.text = "";
        this.#userId = null;
        this.#drafts = null;
        this.#problem = null;
        this.#view = { threadId: null, draftId: null };
    }

    get #url() {
        // Without an address of its own the widget talks to the gateway that its modules came from.
        const source = this.getAttribute("src");
        const url = source ? new URL(source, location.href) : new URL("/ws", import.meta.url);
        return url.href.replace(/^http/, "ws");
    }

    async #provideToken(reason) {
        if (!this.#provider) return this.#fixedToken;
        // A token that was set is good for the first connection; the provider is asked when it isn't any more.
        if (reason === "connect" && this.#fixedToken && !isExpired(this.#fixedToken)) return this.#fixedToken;
        const { token, error } = this.#asked ?? await this.#ask(reason);
        this.#asked = null;
        if (error) throw error;
        if (token) this.#fixedToken = token;
        return token;
    }

    // What was on the screen can be shown before the connection stands: the history then fills in.
    #becomeUser(userId) {
        if (!userId || userId === this.#userId) return;
        this.#userId = userId;
        const getToken = () => this.#client?.token;
        const lists = new Lists({ url: this.#url, userId, getToken });
        lists.addEventListener("change", () => { if (lists === this.#lists) this.#changed(); });
        lists.addEventListener("unread", ({ detail }) => this.#fire("parley-unread", detail));
        this.#lists = lists;
        this.#api = new Api({ url: this.#url, getToken });
        const { threadId, draftId } = lastView.load(userId, this.#instance);
        this.#drafts = new Drafts({ storage: ofTab, userId, instance: this.#instance });
        const typed = this.#composer.text;
        this.#show({ threadId, draftId: draftId ?? newId() });
        // What was typed before it was known by whom.
        if (typed && !this.#composer.text) this.#type(typed);
    }

    #ready(frame) {
        this.#becomeUser(frame.userId);
        this.#composer.limit = this.#client.contentLimit;
        this.#lists?.refresh();
        if (!this.#problem?.isSticky) this.#showProblem(null);
        this.#changed();
    }

    #stateChanged() {
        const { state } = this.#client;
        if (state.name === "offline" && state.isFinal) {
            const action = { label: this.#texts.get("reconnect"), run: () => this.#client?.retryNow() };
            this.#showProblem({ text: reasonText(this.#texts, state.reason), action });
        }
        if (this.#wasOnline !== (state.name === "online") && state.name !== "connecting") {
            this.#wasOnline = state.name === "online";
            this.#announcer.say(this.#texts.get(this.#wasOnline ? "connected" : "connection-lost"));
        }
        this.#fire("parley-state", state);
        this.#changed();
    }

    #show(view) {
        this.#view = view.threadId ? { threadId: view.threadId, draftId: null } : view;
        if (this.#userId) lastView.save(this.#userId, this.#instance, this.#view);
        this.#composer.text = this.#drafts?.load(this.#view) ?? "";
        this.#showDrawer(false);
        this.#client?.open(this.#view.threadId, this);
        if (this.#view.threadId && this.#isSeen) this.#lists?.mark(this.#view.threadId, false);
        this.#transcript.scrollToEnd();
        this.#changed();
    }

    // Puts a text where a person would type it.
    #type(text) {
        this.#composer.text = text;
        this.#drafts?.save(this.#view, text);
    }

    #threadChanged({ threadId, event }) {
        const isNews = event && !event.metadata?.parley?.replay;
        if (isNews) {
            for (const each of pageEvents(threadId, event, this.#client.thread(threadId))) this.#fire(...each);
        }
        if (threadId !== this.#view.threadId) return;
        if (isNews) this.#announce(threadId, event);
        this.#changed();
    }

    // Once, when it is known how the turn ended.
    #announce(threadId, event) {
        const { runId } = event;
        if (event.type === "RUN_ERROR") {
            this.#announcer.say(runErrorText(this.#texts, event.code, event.message));
        } else if (event.type === "RUN_FINISHED") {
            const items = this.#client.thread(threadId)?.items.filter((item) => item.runId === runId) ?? [];
            const notice = items.find((item) => item.kind === "notice");
            const answers = items.filter((item) => item.role === "assistant").map((item) => item.text);
            if (event.outcome?.type !== "cancelled") this.#announcer.say(spokenText(answers.join("\n\n"), this.#texts));
            else this.#announcer.say(notice ? noticeText(this.#texts, notice) : `${this.#texts.get("stopped")}.`);
        }
    }

    #runningChanged(threadId) {
        if (this.#client.running.has(threadId)) this.#lists?.touch(threadId);
        else if (threadId !== this.#view.threadId || !this.#isSeen) this.#lists?.mark(threadId, true);
        this.#changed();
    }

    get #isSeen() {
        return document.visibilityState === "visible" && (this.checkVisibility?.() ?? true);
    }

    /** How many conversations have something new. */
    get unread() {
        return this.#lists?.unread.size ?? 0;
    }

    /** What is on the screen is seen: for a page that has shown the widget again. */
    look() {
        if (this.#isSeen && this.#view.threadId) this.#lists?.mark(this.#view.threadId, false);
        this.#changed();
    }

    #looked = () => this.look();

    #settled({ draftId, threadId, content }) {
        this.#lists?.touch(threadId, { fallbackTitle: content });
        if (draftId !== this.#view.draftId) return;
        // What is being typed by now goes with the conversation.
        const typed = this.#composer.text;
        this.#drafts?.save(this.#view, "");
        this.#view = { threadId, draftId: null };
        this.#type(typed);
        this.#show(this.#view);
    }

    #gone(threadId) {
        this.#lists?.remove(threadId);
        lastView.forget(this.#userId, this.#instance, threadId);
        this.#drafts?.save({ threadId }, "");
        if (threadId !== this.#view.threadId) return;
        this.#show({ threadId: null, draftId: newId() });
        this.#showProblem({ code: "thread_not_found", text: this.#texts.get("gone"), isSticky: true });
    }

    #serverProblem({ code, message, retryAt }) {
        this.#showProblem({ code, text: errorText(this.#texts, code, message), retryAt });
        this.#fire("parley-error", { code, message });
    }

    // MARK: actions

    #send(text) {
        if (!this.#client || this.#client.state.name === "signed-out") return false;
        if (!this.#client.send({ ...this.#view, content: text })) {
            this.#showProblem({ text: this.#texts.get("outbox.full") });
            return false;
        }
        if (!this.#problem?.retryAt) this.#showProblem(null);
        if (this.#view.threadId) this.#lists?.touch(this.#view.threadId, { fallbackTitle: text });
        this.#transcript.scrollToEnd();
        return true;
    }

    #edit(entryId) {
        const content = this.#client?.discard(entryId) ?? "";
        this.#type(this.#composer.text ? `${content}\n${this.#composer.text}` : content);
        this.#composer.focus();
    }

    // The conversation can't take it: the message begins a new one.
    #moveOn(entryId) {
        const content = this.#client?.discard(entryId);
        this.newConversation();
        if (content) this.#send(content);
    }

    async #showEarlier() {
        const client = this.#client;
        const thread = client?.thread(this.#view.threadId);
        const oldest = thread?.oldestId;
        if (!oldest || this.#earlierOf) return;
        this.#earlierOf = thread.id;
        this.#changed();
        const page = await this.#api.earlier(thread.id, oldest);
        if (client !== this.#client) return;
        this.#earlierOf = null;
        this.#changed();
        if (!page) return this.#showProblem({ text: this.#texts.get("earlier.failed") });
        // A snapshot that came meanwhile has begun anew.
        if (thread.oldestId !== oldest) return;
        thread.prepend(page.data, page.next !== null);
        if (thread.id === this.#view.threadId) this.#transcript.keepPlace();
    }

    // What was done is heard of by the server's notice, as in every other tab.
    async #change(threadId, change, problem) {
        const isDone = await this.#api?.change(threadId, change);
        if (!isDone) this.#showProblem({ text: this.#texts.get(problem) });
        return isDone;
    }

    async #archive(threadId) {
        const isDone = await this.#change(threadId, { status: "archived" }, "archive.failed");
        if (!isDone) return;
        const restore = () => this.#change(threadId, { status: "active" }, "restore.failed");
        const action = { label: this.#texts.get("undo"), run: restore };
        this.#showProblem({ text: this.#texts.get("archive.done"), action });
        if (threadId === this.#view.threadId) this.newConversation();
    }

    async #remove(threadId) {
        if (threadId === this.#view.threadId) this.newConversation();
        if (await this.#api?.remove(threadId)) this.#lists?.remove(threadId);
        else this.#showProblem({ text: this.#texts.get("delete.failed") });
    }

    #askAgain(questionId) {
        if (!this.#client?.askAgain(this.#view.threadId, questionId)) return;
        this.#transcript.scrollToEnd();
        this.#changed();
    }

    #showProblem(problem) {
        this.#problem = problem;
        this.#banner.hidden = problem === null;
        if (!problem) return;
        const { action } = problem;
        this.#bannerAction.hidden = !action;
        if (action) {
            setText(this.#bannerAction, action.label);
            this.#bannerAction.onclick = () => {
                this.#showProblem(null);
                action.run();
            };
        }
        setAttribute(this.#banner, "data-code", problem.code);
        this.#tick();
    }

    // Over the chat, where there is no room beside it: then what is behind it can't be reached.
    #showDrawer(isOpen) {
        const wasOpen = this.#shell.hasAttribute("data-drawer");
        setAttribute(this.#shell, "data-drawer", isOpen);
        setAttribute(this.#menuButton, "aria-expanded", String(isOpen));
        if (isOpen === wasOpen) return;
        this.#main.inert = isOpen;
        if (isOpen) this.#sidebar.element.querySelector("button").focus();
        else if (this.#sidebar.element.matches(":focus-within")) this.#menuButton.focus();
    }

    #fire(name, detail) {
        this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
    }

    // MARK: rendering

    // The page's language around the element, else the person's.
    get #tag() {
        return this.closest("[lang]")?.lang || document.documentElement.lang || navigator.language || "en";
    }

    #speak() {
        if (!this.#isAttached) return;
        this.#texts.use(this.#tag);
        if (this.#client) this.#client.locale = this.#tag;
        this.#greet();
    }

    // What stands in a conversation that has not begun: the page's words, or those for the to-do assistant.
    #greet() {
        const own = this.getAttribute("greeting");
        setText(this.#greeting, own ?? this.#texts.get("greeting"));
        setText(this.#greetingMore, own === null ? this.#texts.get("greeting.more") : "");
        const suggestions = this.getAttribute("suggestions")?.split("|").map((text) => text.trim()).filter(Boolean)
            ?? EXAMPLES.map((name) => this.#texts.get(name));
        this.#examples.replaceChildren(...suggestions.slice(0, MOST_SUGGESTIONS).map((text) => button({
            "data-testid": "example", dir: "auto",
            onclick: () => { if (this.#send(text)) this.#composer.focus(); },
        }, text)));
    }

    // Another language, or texts of the page's own.
    #retold() {
        this.#shell.lang = this.#texts.language;
        this.#shell.dir = this.#texts.direction;
        this.#greet();
        this.#composer.placeholder = this.getAttribute("placeholder") ?? this.#texts.get("message");
        this.#transcript.reset();
        this.#sidebar.reset();
        this.#changed();
    }

    // Any number of events becomes one rendering, in the browser's own time.
    #changed() {
        if (this.#isDirty) return;
        this.#isDirty = true;
        requestAnimationFrame(() => {
            this.#isDirty = false;
            this.#render();
        });
    }

    #render() {
        const state = this.connectionState;
        const thread = this.#client?.thread(this.#view.threadId);
        const rows = this.#rows(thread, state.name === "online");
        const isSignedOut = state.name === "signed-out";
        this.#signedOut.hidden = !isSignedOut || rows.length > 0;
        this.#empty.hidden = isSignedOut || rows.length > 0;
        this.#transcript.render(rows);
        const heading = this.getAttribute("heading") ?? this.#texts.get("heading");
        setText(this.#title, this.#lists?.titleOf(this.#view.threadId) || heading);
        this.#composer.render({
            isEnabled: !isSignedOut,
            run: !thread?.run ? "none" : thread.stopping === thread.run.id ? "stopping" : "running",
        });
        this.#sidebar.render({
            items: this.#lists?.shown.items ?? [],
            currentId: this.#view.threadId,
            running: this.#client?.running ?? new Set(),
            unread: this.#lists?.unread ?? new Set(),
            hasMore: this.#lists?.shown.hasMore ?? false,
            isArchive: this.#lists?.isArchive ?? false,
        });
        setAttribute(this.#connection, "data-state", state.name);
        this.#tick();
    }

    #rows(thread, isOnline) {
        const rows = [];
        if (this.#view.threadId && !thread?.isLoaded) {
            const isEmpty = (thread?.items.length ?? 0) === 0;
            const isComing = this.connectionState.name !== "signed-out";
            if (isEmpty && isComing) rows.push({ kind: "loading", key: "loading", version: 0 });
        }
        if (thread?.hasMore) rows.push({ kind: "more", key: "more", isLoading: this.#earlierOf === thread.id });
        const days = new Days(thread?.items ?? [], this.#texts);
        for (const item of thread?.items ?? []) {
            const day = days.before(item);
            if (day) rows.push(day);
            rows.push(item.kind === "notice" ? this.#noticeRow(thread, item) : item);
            if (thread.run && isWorkingAfter(thread, item)) rows.push({ kind: "typing", key: "typing", version: 0 });
        }
        for (const entry of this.#client?.unacknowledged(this.#view) ?? []) {
            rows.push({ kind: "pending", key: entry.id, entry, isOnline });
        }
        return rows;
    }

    #noticeRow(thread, item) {
        return { ...item, version: undefined, isAskedAgain: this.#client.isAskedAgain(thread.id, item.questionId) };
    }

    // What changes with the seconds: the countdowns.
    #tick() {
        const { name, reason, retryAt } = this.connectionState;
        const texts = this.#texts;
        let text = reasonText(texts, reason) ?? texts.get(STATE_TEXT[name] ?? "offline.state");
        if (name === "signed-out" || name === "connecting") text = texts.get(STATE_TEXT[name]);
        if (name === "offline" && retryAt) text = countdown(texts, "retrying", retryAt, { reason: text });
        setText(this.#connectionText, text);
        this.#retryButton.hidden = name !== "offline" || (retryAt !== null && retryAt - performance.now() < 1500);
        if (!this.#problem) return;
        if (this.#problem.retryAt && this.#problem.retryAt <= performance.now()) return this.#showProblem(null);
        const problem = this.#problem.text;
        setText(this.#bannerText, this.#problem.retryAt
            ? countdown(texts, "again", this.#problem.retryAt, { problem })
            : problem);
    }
}

// A page's one-key shortcuts see the widget where a person types into a field of it, and would take the letters.
function keptFromThePage(event) {
    const isTyping = event.composedPath()[0].matches?.("textarea, input");
    const isModified = event.ctrlKey || event.metaKey || event.altKey;
    if (isTyping && !isModified && event.key?.length === 1) event.stopPropagation();
}

/** Whether the three dots belong after this item: the run is at work and nothing of it moves on the screen. */
function isWorkingAfter({ run, items }, item) {
    const isOwn = (each) => each.runId === run.id || each.id === run.userMessageId;
    if (!isOwn(item) || item !== items.findLast(isOwn)) return false;
    if (item.kind === "tool") return item.status !== "running";
    return item.role === "user";
}

function countdown(texts, name, time, values) {
    const seconds = Math.ceil((time - performance.now()) / 1000);
    return seconds > 0 ? texts.get(`${name}.in`, { ...values, seconds }) : texts.get(`${name}.now`, values);
}

customElements.define("parley-chat", ParleyChat);
