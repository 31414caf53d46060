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

import { Api } from "./parley-api.js";
import { Composer } from "./parley-composer.js";
import { ConversationList } from "./parley-conversations.js";
import { ParleyClient } from "./parley-client.js";
import { Sidebar } from "./parley-sidebar.js";
import { Transcript } from "./parley-transcript.js";
import { button, h, icon, setAttribute, setText } from "./parley-dom.js";
import { isExpired, newId, tokenClaims } from "./parley-protocol.js";
import { lastView, ofBrowser, ofTab } from "./parley-storage.js";
import { styles } from "./parley-styles.js";

const EXAMPLES = ["add buy milk", "what’s on my list?", "I finished the milk one"];
const STATE_TEXT = { connecting: "Connecting…", online: "Online", "signed-out": "Signed out" };

class ParleyChat extends HTMLElement {
    static observedAttributes = ["src", "token", "heading", "placeholder"];

    #client = null;
    #list = null;
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
    #retryButton = button({ class: "link", hidden: true, onclick: () => this.#client?.retryNow() }, "Retry now");
    #bannerText = h("span", {});
    #bannerAction = button({ class: "link", hidden: true });
    #banner;
    #empty;
    #signedOut;
    #menuButton;
    #announcer = h("div", { class: "visually-hidden", "aria-live": "polite" });

    constructor() {
        super();
        this.#transcript = new Transcript({
            earlier: () => this.#showEarlier(),
            retry: (id) => this.#client?.retry(id),
            edit: (id) => this.#edit(id),
            discard: (id) => this.#client?.discard(id),
            moveOn: (id) => this.#moveOn(id),
            withdraw: (runId) => this.#client?.cancel(this.#view.threadId, runId),
            askAgain: (runId) => this.#askAgain(runId),
        });
        this.#sidebar = new Sidebar({
            create: () => this.newConversation(),
            open: (id) => this.openConversation(id),
            loadMore: () => this.#list?.loadMore(),
            rename: (id, title) => this.#change(id, { title }, "The conversation could not be renamed."),
            archive: (id) => this.#archive(id),
            remove: (id) => this.#remove(id),
        });
        this.#composer = new Composer({
            send: (text) => this.#send(text),
            stop: () => this.#client?.cancel(this.#view.threadId),
        });
        this.#build();
    }

    #build() {
        this.#menuButton = button({
            class: "menu", "aria-label": "Conversations", "aria-expanded": "false",
            onclick: () => this.#showDrawer(!this.#shell.hasAttribute("data-drawer")),
        }, icon("menu"));
        this.#banner = h("div", { class: "banner", role: "alert", hidden: true, "data-testid": "error-banner" },
            icon("alert"), this.#bannerText, this.#bannerAction,
            button({ class: "close", "aria-label": "Dismiss", onclick: () => this.#showProblem(null) }, icon("cross")));
        this.#empty = h("div", { class: "empty", "data-testid": "empty-state" },
            h("div", { class: "emblem" }, icon("bubble")),
            h("h3", {}, "What can I do for you?"),
            h("p", {}, "I keep your to-do list. Just say it the way you would to a person."),
            h("div", { class: "examples" }, EXAMPLES.map((text) => button({
                "data-testid": "example",
                onclick: () => { if (this.#send(text)) this.#composer.focus(); },
            }, text))));
        this.#signedOut = h("div", { class: "signed-out" },
            h("slot", { name: "signed-out" },
                h("h3", {}, "You are signed out"),
                h("p", {}, "Sign in to go on with your conversations.")));
        this.#connection.append(h("span", { class: "dot" }), this.#connectionText, this.#retryButton);
        const closeOnEscape = (event) => { if (event.key === "Escape") this.#showDrawer(false); };
        this.#shell = h("div", { class: "shell", onkeydown: closeOnEscape },
            this.#sidebar.element,
            h("div", { class: "backdrop", onclick: () => this.#showDrawer(false) }),
            h("section", { class: "main", "aria-label": "Chat" },
                h("header", {}, this.#menuButton, h("div", { class: "where" }, this.#title, this.#connection)),
                this.#banner,
                h("div", { class: "stage" }, this.#transcript.element, this.#empty, this.#signedOut),
                this.#composer.element),
            this.#announcer);
        const root = this.attachShadow({ mode: "open" });
        root.adoptedStyleSheets = [styles];
        root.append(h("div", { class: "frame" }, this.#shell));
    }

    // MARK: the element

    connectedCallback() {
        this.#isAttached = true;
        // Properties that were set before the element was defined hide the accessors until they are set again.
        for (const name of ["token", "tokenProvider"]) {
            if (!Object.hasOwn(this, name)) continue;
            const value = this[name];
            delete this[name];
            this[name] = value;
        }
        this.#fixedToken ??= this.getAttribute("token");
        this.#restart();
    }

    disconnectedCallback() {
        this.#isAttached = false;
        this.#stop();
    }

    attributeChangedCallback(name, _, value) {
        if (name === "token") this.token = value;
        else if (name === "placeholder") this.#composer.placeholder = value ?? "Message";
        else if (name === "src" && this.#client) this.#restart();
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

    get connectionState() {
        return this.#client?.state ?? { name: "signed-out", reason: "missing", retryAt: null };
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

    // MARK: client

    #restart() {
        this.#stop();
        if (!this.#fixedToken && !this.#provider) return this.#changed();
        const provideToken = (reason) => this.#provideToken(reason);
        const client = new ParleyClient({ url: this.#url, provideToken, storage: ofTab });
        this.#client = client;
        this.#userId = null;
        const on = (name, handler) => client.addEventListener(name, (event) => {
            if (client === this.#client) handler(event.detail);
        });
        on("state", () => this.#stateChanged());
        on("ready", (frame) => this.#ready(frame));
        on("change", (detail) => this.#threadChanged(detail));
        on("outbox", () => this.#changed());
        on("running", ({ threadId }) => this.#runningChanged(threadId));
        on("settled", (detail) => this.#settled(detail));
        on("thread", (frame) => this.#list?.note(frame));
        on("gone", ({ threadId }) => this.#gone(threadId));
        on("problem", (problem) => this.#showProblem(problem));
        on("expiring", (detail) => this.#fire("parley-token-needed", detail));
        this.#clock = setInterval(() => this.#tick(), 1000);
        if (this.#fixedToken) this.#becomeUser(tokenClaims(this.#fixedToken).sub);
        client.start(this.#userId);
        this.#changed();
    }

    #stop() {
        clearInterval(this.#clock);
        this.#client?.stop();
        this.#client = null;
        this.#list = null;
        this.#api = null;
        this.#earlierOf = null;
        this.#userId = null;
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
        const token = await this.#provider(reason);
        if (token) this.#fixedToken = token;
        return token;
    }

    // What was on the screen can be shown before the connection stands: the history then fills in.
    #becomeUser(userId) {
        if (!userId || userId === this.#userId) return;
        this.#userId = userId;
        const getToken = () => this.#client?.token;
        const list = new ConversationList({ url: this.#url, userId, getToken, storage: ofBrowser });
        list.addEventListener("change", () => { if (list === this.#list) this.#changed(); });
        this.#list = list;
        this.#api = new Api({ url: this.#url, getToken });
        const { threadId, draftId } = lastView.load(userId);
        this.#show({ threadId, draftId: draftId ?? newId() });
    }

    #ready(frame) {
        this.#becomeUser(frame.userId);
        this.#composer.limit = this.#client.contentLimit;
        this.#list?.refresh();
        if (!this.#problem?.isSticky) this.#showProblem(null);
        this.#changed();
    }

    #stateChanged() {
        const { state } = this.#client;
        if (state.name === "offline" && state.isFinal) {
            const action = { label: "Reconnect", run: () => this.#client?.retryNow() };
            this.#showProblem({ text: state.reason, action });
        }
        if (this.#wasOnline !== (state.name === "online") && state.name !== "connecting") {
            this.#wasOnline = state.name === "online";
            setText(this.#announcer, this.#wasOnline ? "Connected." : "The connection is lost.");
        }
        this.#fire("parley-state", state);
        this.#changed();
    }

    #show(view) {
        this.#view = view.threadId ? { threadId: view.threadId, draftId: null } : view;
        if (this.#userId) lastView.save(this.#userId, this.#view);
        this.#showDrawer(false);
        this.#client?.open(this.#view.threadId);
        this.#transcript.scrollToEnd();
        this.#changed();
    }

    #threadChanged({ threadId, event }) {
        if (threadId !== this.#view.threadId) return;
        if (event?.type === "TEXT_MESSAGE_END" && !event.metadata?.parley?.replay) {
            setText(this.#announcer, this.#client.thread(threadId)?.find(event.messageId)?.text ?? "");
        }
        this.#changed();
    }

    #runningChanged(threadId) {
        if (this.#client.running.has(threadId)) this.#list?.touch(threadId);
        this.#changed();
    }

    #settled({ draftId, threadId, content }) {
        this.#list?.touch(threadId, { fallbackTitle: content });
        if (draftId === this.#view.draftId) this.#show({ threadId, draftId: null });
    }

    #gone(threadId) {
        this.#list?.remove(threadId);
        lastView.forget(this.#userId, threadId);
        if (threadId !== this.#view.threadId) return;
        this.#show({ threadId: null, draftId: newId() });
        const text = "That conversation does not exist any more. This is a new one.";
        this.#showProblem({ code: "thread_not_found", text, isSticky: true });
    }

    // MARK: actions

    #send(text) {
        if (!this.#client || this.#client.state.name === "signed-out") return false;
        if (!this.#client.send({ ...this.#view, content: text })) {
            this.#showProblem({ text: "Too many messages are waiting to be sent." });
            return false;
        }
        if (!this.#problem?.retryAt) this.#showProblem(null);
        if (this.#view.threadId) this.#list?.touch(this.#view.threadId, { fallbackTitle: text });
        this.#transcript.scrollToEnd();
        return true;
    }

    #edit(entryId) {
        const content = this.#client?.discard(entryId) ?? "";
        this.#composer.text = this.#composer.text ? `${content}\n${this.#composer.text}` : content;
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
        if (!page) return this.#showProblem({ text: "Earlier messages could not be fetched." });
        // A snapshot that came meanwhile has begun anew.
        if (thread.oldestId !== oldest) return;
        thread.prepend(page.data, page.next !== null);
        if (thread.id === this.#view.threadId) this.#transcript.keepPlace();
    }

    // What was done is heard of by the server's notice, as in every other tab.
    async #change(threadId, change, problem) {
        const isDone = await this.#api?.change(threadId, change);
        if (!isDone) this.#showProblem({ text: problem });
        return isDone;
    }

    async #archive(threadId) {
        const isDone = await this.#change(threadId, { status: "archived" }, "The conversation could not be archived.");
        if (!isDone) return;
        const restore = () => this.#change(threadId, { status: "active" }, "The conversation could not be restored.");
        this.#showProblem({ text: "The conversation is in the archive.", action: { label: "Undo", run: restore } });
        if (threadId === this.#view.threadId) this.newConversation();
    }

    async #remove(threadId) {
        if (threadId === this.#view.threadId) this.newConversation();
        if (await this.#api?.remove(threadId)) this.#list?.remove(threadId);
        else this.#showProblem({ text: "The conversation could not be deleted." });
    }

    #askAgain(runId) {
        const items = this.#client?.thread(this.#view.threadId)?.items ?? [];
        const question = items.find((item) => item.runId === runId && item.role === "user");
        if (question) this.#send(question.text);
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

    #showDrawer(isOpen) {
        setAttribute(this.#shell, "data-drawer", isOpen);
        setAttribute(this.#menuButton, "aria-expanded", String(isOpen));
    }

    #fire(name, detail) {
        this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
    }

    // MARK: rendering

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
        const heading = this.getAttribute("heading") ?? "Parley";
        setText(this.#title, this.#list?.titleOf(this.#view.threadId) || heading);
        this.#composer.render({
            isEnabled: !isSignedOut,
            run: !thread?.run ? "none" : thread.stopping === thread.run.id ? "stopping" : "running",
        });
        this.#sidebar.render({
            items: this.#list?.items ?? [],
            currentId: this.#view.threadId,
            running: this.#client?.running ?? new Set(),
            hasMore: this.#list?.hasMore ?? false,
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
        for (const item of thread?.items ?? []) {
            rows.push(item);
            if (thread.run && isWorkingAfter(thread, item)) rows.push({ kind: "typing", key: "typing", version: 0 });
        }
        for (const entry of this.#client?.unacknowledged(this.#view) ?? []) {
            rows.push({ kind: "pending", key: entry.id, entry, isOnline });
        }
        return rows;
    }

    // What changes with the seconds: the countdowns.
    #tick() {
        const { name, reason, retryAt } = this.connectionState;
        let text = STATE_TEXT[name] ?? "Offline";
        if (name === "offline" && retryAt) text = `${reason ?? "Offline"}, retrying ${countdown(retryAt)}`;
        if (name === "online" && reason) text = reason;
        setText(this.#connectionText, text);
        this.#retryButton.hidden = name !== "offline" || (retryAt !== null && retryAt - Date.now() < 1500);
        if (!this.#problem) return;
        if (this.#problem.retryAt && this.#problem.retryAt <= Date.now()) return this.#showProblem(null);
        const after = this.#problem.retryAt ? ` Trying again ${countdown(this.#problem.retryAt)}.` : "";
        setText(this.#bannerText, this.#problem.text + after);
    }
}

/** Whether the three dots belong after this item: the run is at work and nothing of it moves on the screen. */
function isWorkingAfter({ run, items }, item) {
    const isOwn = (each) => each.runId === run.id || each.id === run.userMessageId;
    if (!isOwn(item) || item !== items.findLast(isOwn)) return false;
    if (item.kind === "tool") return item.status !== "running";
    return item.role === "user";
}

function countdown(time) {
    const seconds = Math.ceil((time - Date.now()) / 1000);
    return seconds > 0 ? `in ${seconds} s` : "now";
}

customElements.define("parley-chat", ParleyChat);
