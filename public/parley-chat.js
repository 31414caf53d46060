// <parley-chat>: a Parley chat in a page.
//
//   <script type="module" src="/parley-chat.js"></script>
//   <parley-chat token="…"></parley-chat>
//
// Attributes: `src` (address of the gateway; default: where its modules came from), `token`, `heading`, `placeholder`,
// `greeting`, `suggestions`, `lang`, `theme`, `sidebar`.
// Properties: `token`, `texts`, and `tokenProvider`, an async function (reason) => token | null, asked whenever a token
// is needed (reasons: connect, expired, refused, expiring). Events (they bubble): `parley-state` (detail: the
// connection's state), `parley-token-needed` (no provider gave a usable token), and those of parley-events.js. Slot
// `account`: below the conversation list.

import { Account, socketURL } from "./parley-account.js";
import { Announcer } from "./parley-announcer.js";
import { Api } from "./parley-api.js";
import { Banner } from "./parley-banner.js";
import { Composer } from "./parley-composer.js";
import { ConnectionLabel } from "./parley-connection-label.js";
import { Drafts } from "./parley-drafts.js";
import { Lists } from "./parley-lists.js";
import { Sidebar } from "./parley-sidebar.js";
import { Texts, errorText, reasonText, runErrorText } from "./parley-texts.js";
import { Transcript, noticeText } from "./parley-transcript.js";
import { Welcome } from "./parley-welcome.js";
import { adoptProperties, button, h, icon, isComposing, setAttribute, setText } from "./parley-dom.js";
import { newId } from "./parley-protocol.js";
import { spokenText } from "./parley-message-text.js";
import { lastView, ofTab, releaseInstance, storageName, takeInstance } from "./parley-storage.js";
import { pageEvents } from "./parley-events.js";
import { rowsOf } from "./parley-rows.js";
import { styles } from "./parley-styles.js";

class ParleyChat extends HTMLElement {
    static observedAttributes = ["src", "token", "heading", "placeholder", "lang", "greeting", "suggestions"];

    #account = new Account();
    #instance = ""; // tells the widgets of a page apart
    #drafts = null;
    #texts = new Texts();
    #lists = null;
    #api = null;
    #earlierOf = null; // the conversation whose earlier messages are being fetched
    #owner = null; // whose storage it is: the user at this gateway
    #view = { threadId: null, draftId: null };
    #wasOnline = false;
    #refused = new Set(); // ids of unsent messages whose refusal was told
    #isDirty = false;
    #clock = 0;

    #transcript;
    #sidebar;
    #composer;
    #banner;
    #connection;
    #welcome;
    #shell;
    #main;
    #menuButton;
    #title = h("h2", { class: "heading", dir: "auto" });
    #announcer = new Announcer();

    constructor() {
        super();
        const texts = this.#texts;
        this.#transcript = new Transcript({
            say: (text) => this.#announcer.say(text),
            earlier: () => this.#showEarlier(),
            retry: (id) => this.#client?.retry(id),
            edit: (id) => this.#edit(id),
            discard: (id) => this.#client?.discard(id),
            moveOn: (id) => this.#moveOn(id),
            withdraw: (runId) => this.#client?.cancel(this.#view.threadId, runId),
            askAgain: (questionId) => this.#askAgain(questionId),
        }, texts);
        this.#sidebar = new Sidebar({
            create: () => this.newConversation(),
            open: (id) => this.openConversation(id),
            loadMore: () => this.#lists?.shown.loadMore(),
            showArchive: (isShown) => this.#lists?.showArchive(isShown),
            restore: (id) => this.#change(id, { status: "active" }, "restore.failed"),
            rename: (id, title) => this.#change(id, { title }, "rename.failed"),
            archive: (id) => this.#archive(id),
            remove: (id) => this.#remove(id),
        }, texts);
        this.#composer = new Composer({
            send: (text) => this.#send(text),
            stop: () => this.#client?.cancel(this.#view.threadId),
            changed: (text) => this.#drafts?.save(this.#view, text),
        }, texts);
        this.#banner = new Banner(texts);
        this.#connection = new ConnectionLabel(texts, () => this.#client?.retryNow());
        this.#welcome = new Welcome(texts, (text) => this.#suggested(text));
        this.#build();
        texts.addEventListener("change", () => this.#retold());
        this.#account.addEventListener("begin", ({ detail }) => this.#begun(detail));
        this.#account.addEventListener("end", ({ detail }) => this.#ended(detail));
    }

    #build() {
        const texts = this.#texts;
        this.#menuButton = button({
            class: "menu", "aria-expanded": "false",
            onclick: () => this.#showDrawer(!this.#shell.hasAttribute("data-drawer")),
        }, icon("menu"));
        texts.bind(this.#menuButton, "conversations", "aria-label");
        const closeOnEscape = (event) => {
            if (event.key === "Escape" && !isComposing(event)) this.#showDrawer(false);
        };
        const main = texts.bind(h("section", { class: "main", part: "main" }), "chat", "aria-label");
        this.#main = main;
        main.append(
            h("header", {}, this.#menuButton, h("div", { class: "where" }, this.#title, this.#connection.element)),
            this.#banner.element,
            h("div", { class: "stage" }, this.#transcript.element, this.#welcome.element, this.#welcome.signedOut),
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
        this.#instance = takeInstance(this.id);
        document.addEventListener("visibilitychange", this.#looked);
        this.#speak();
        adoptProperties(this, ["token", "tokenProvider", "texts"]);
        this.#account.token ??= this.getAttribute("token");
        this.#composer.placeholder = this.getAttribute("placeholder") ?? this.#texts.get("message");
        this.#account.attach(socketURL(this.getAttribute("src")));
        this.#changed();
    }

    disconnectedCallback() {
        document.removeEventListener("visibilitychange", this.#looked);
        this.#account.detach();
        releaseInstance(this.#instance);
    }

    attributeChangedCallback(name, _, value) {
        if (name === "token") this.token = value;
        else if (name === "placeholder") this.#composer.placeholder = value ?? this.#texts.get("message");
        else if (name === "src" && this.#account.isAttached) this.#account.attach(socketURL(value));
        else if (name === "lang") this.#speak();
        else if (name === "greeting" || name === "suggestions") this.#greet();
        else this.#changed();
    }

    get token() {
        return this.#account.token;
    }

    set token(value) {
        this.#account.token = value;
        this.#changed();
    }

    get tokenProvider() {
        return this.#account.provider;
    }

    set tokenProvider(provider) {
        this.#account.provider = provider;
        this.#changed();
    }

    /** Texts in place of the widget's own, by the names in texts/en.js. */
    set texts(texts) {
        this.#texts.replace(texts);
    }

    get connectionState() {
        return this.#account.state;
    }

    get threadId() {
        return this.#view.threadId;
    }

    get #client() {
        return this.#account.client;
    }

    /** A conversation that has not begun, with what was typed for one already. */
    newConversation() {
        this.#show({ threadId: null, draftId: this.#drafts?.begun((id) => this.#client?.hasUnacknowledged(id)) ?? newId() });
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

    #begun({ client, userId, signal }) {
        client.locale = this.#tag;
        const on = (name, handler) => client.addEventListener(name, (event) => handler(event.detail), { signal });
        on("state", () => this.#stateChanged());
        on("ready", (frame) => this.#ready(frame));
        on("change", (detail) => this.#threadChanged(detail));
        on("caughtup", (detail) => this.#caughtUp(detail));
        on("outbox", () => this.#outboxChanged());
        on("running", ({ threadId }) => this.#runningChanged(threadId));
        on("settled", (detail) => this.#settled(detail));
        on("thread", (frame) => this.#lists?.note(frame));
        on("gone", ({ threadId }) => this.#gone(threadId));
        on("problem", (problem) => this.#serverProblem(problem));
        on("expiring", (detail) => this.#fire("parley-token-needed", detail));
        this.#clock = setInterval(() => this.#tick(), 1000);
        this.#becomeUser(userId);
        // Another widget has brought it up already.
        if (client.isOnline) this.#ready({ userId: client.userId });
        this.#changed();
    }

    #ended({ client }) {
        clearInterval(this.#clock);
        client.open(null, this);
        this.#lists = null;
        this.#api = null;
        this.#earlierOf = null;
        // What this user typed is stored; the next one must not find it.
        if (this.#owner) this.#composer.text = "";
        this.#owner = null;
        this.#drafts = null;
        this.#refused.clear();
        this.#banner.show(null);
        this.#view = { threadId: null, draftId: null };
    }

    // What was on the screen can be shown before the connection stands: the history then fills in.
    #becomeUser(userId) {
        const { url } = this.#account;
        const owner = userId && storageName(userId, url);
        if (!owner || owner === this.#owner) return;
        this.#owner = owner;
        const getToken = () => this.#client?.token;
        const lists = new Lists({ url, userId, owner, getToken });
        lists.addEventListener("change", () => { if (lists === this.#lists) this.#changed(); });
        lists.addEventListener("unread", ({ detail }) => this.#fire("parley-unread", detail));
        this.#lists = lists;
        this.#api = new Api({ url, getToken });
        const { threadId, draftId } = lastView.load(owner, this.#instance);
        this.#drafts = new Drafts({ storage: ofTab, owner, instance: this.#instance });
        const typed = this.#composer.text;
        this.#show({ threadId, draftId: draftId ?? newId() });
        // What was typed before it was known by whom.
        if (typed && !this.#composer.text) this.#type(typed);
    }

    #ready(frame) {
        this.#becomeUser(frame.userId);
        this.#composer.limit = this.#client.contentLimit;
        this.#lists?.refresh();
        if (!this.#banner.problem?.isSticky) this.#banner.show(null);
        this.#changed();
    }

    #stateChanged() {
        const { state } = this.#client;
        if (state.name === "offline" && state.isFinal) {
            const action = { label: this.#texts.get("reconnect"), run: () => this.#client?.retryNow() };
            this.#banner.show({ text: reasonText(this.#texts, state.reason), action });
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
        if (!view.threadId) this.#drafts?.begin(view.draftId);
        if (this.#owner) lastView.save(this.#owner, this.#instance, this.#view);
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
            if (notice?.tone === "error") return this.#announcer.say(noticeText(this.#texts, notice));
            const answers = items.filter((item) => item.role === "assistant").map((item) => item.text);
            if (event.outcome?.type !== "cancelled") this.#announcer.say(spokenText(answers.join("\n\n"), this.#texts));
            else this.#announcer.say(notice ? noticeText(this.#texts, notice) : `${this.#texts.get("stopped")}.`);
        }
    }

    // A turn went on while the connection was lost, and is over: how it ended was not heard.
    #caughtUp({ threadId, runId }) {
        if (threadId === this.#view.threadId) this.#announce(threadId, { type: "RUN_FINISHED", runId });
    }

    // What was refused stands where it was written, which nobody hears.
    #outboxChanged() {
        for (const entry of this.#client.unacknowledged(this.#view)) {
            if (entry.status !== "failed") this.#refused.delete(entry.id);
            else if (!this.#refused.has(entry.id)) {
                this.#refused.add(entry.id);
                this.#announcer.say(errorText(this.#texts, entry.errorCode, entry.errorMessage));
            }
        }
        this.#changed();
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
        this.#drafts?.settle(draftId);
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
        lastView.forget(this.#owner, this.#instance, threadId);
        this.#drafts?.save({ threadId }, "");
        if (threadId !== this.#view.threadId) return;
        this.#show({ threadId: null, draftId: newId() });
        this.#banner.show({ code: "thread_not_found", text: this.#texts.get("gone"), isSticky: true });
    }

    #serverProblem({ code, message, retryAt }) {
        this.#banner.show({ code, text: errorText(this.#texts, code, message), retryAt });
        this.#fire("parley-error", { code, message });
    }

    // MARK: actions

    #send(text) {
        if (!this.#client || this.#client.state.name === "signed-out") return false;
        if (!this.#client.send({ ...this.#view, content: text })) {
            this.#banner.show({ text: this.#texts.get("outbox.full") });
            return false;
        }
        if (!this.#banner.problem?.retryAt) this.#banner.show(null);
        if (this.#view.threadId) this.#lists?.touch(this.#view.threadId, { fallbackTitle: text });
        this.#transcript.scrollToEnd();
        return true;
    }

    // However often it is pressed before it is gone.
    #suggested(text) {
        if (this.#view.threadId || this.#client?.hasUnacknowledged(this.#view.draftId)) return;
        if (this.#send(text)) this.#composer.focus();
    }

    #edit(entryId) {
        const content = this.#client?.discard(entryId);
        if (!content) return;
        this.#type(this.#composer.text ? `${content}\n${this.#composer.text}` : content);
        this.#composer.focus();
    }

    // The conversation can't take it: the message begins a new one.
    #moveOn(entryId) {
        const content = this.#client?.discard(entryId);
        if (!content) return;
        this.newConversation();
        this.#send(content);
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
        if (!page) return this.#banner.show({ text: this.#texts.get("earlier.failed") });
        // A snapshot that came meanwhile has begun anew.
        if (thread.oldestId !== oldest) return;
        thread.prepend(page.data, page.next !== null);
        if (thread.id === this.#view.threadId) this.#transcript.keepPlace();
    }

    // What was done is heard of by the server's notice, as in every other tab.
    async #change(threadId, change, problem) {
        const isDone = await this.#api?.change(threadId, change);
        if (!isDone) this.#banner.show({ text: this.#texts.get(problem) });
        return isDone;
    }

    async #archive(threadId) {
        const isDone = await this.#change(threadId, { status: "archived" }, "archive.failed");
        if (!isDone) return;
        const restore = () => this.#change(threadId, { status: "active" }, "restore.failed");
        const action = { label: this.#texts.get("undo"), run: restore };
        this.#banner.show({ text: this.#texts.get("archive.done"), action });
        if (threadId === this.#view.threadId) this.newConversation();
    }

    async #remove(threadId) {
        if (threadId === this.#view.threadId) this.newConversation();
        if (await this.#api?.remove(threadId)) this.#lists?.remove(threadId);
        else this.#banner.show({ text: this.#texts.get("delete.failed") });
    }

    #askAgain(questionId) {
        if (!this.#client?.askAgain(this.#view.threadId, questionId)) return;
        this.#transcript.scrollToEnd();
        this.#changed();
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
        if (!this.isConnected) return;
        this.#texts.use(this.#tag);
        if (this.#client) this.#client.locale = this.#tag;
        this.#greet();
    }

    #greet() {
        this.#welcome.update({ greeting: this.getAttribute("greeting"), suggestions: this.getAttribute("suggestions") });
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
        const { threadId } = this.#view;
        const thread = this.#client?.thread(threadId);
        const isSignedOut = state.name === "signed-out";
        const view = {
            ...this.#view, isComing: !isSignedOut, isOnline: state.name === "online",
            isLoadingEarlier: thread !== undefined && this.#earlierOf === thread.id,
        };
        const rows = rowsOf(thread, view, this.#client, this.#texts);
        this.#welcome.signedOut.hidden = !isSignedOut || rows.length > 0;
        this.#welcome.element.hidden = isSignedOut || rows.length > 0;
        this.#transcript.render(rows);
        const heading = this.getAttribute("heading") ?? this.#texts.get("heading");
        setText(this.#title, this.#lists?.titleOf(threadId) || heading);
        this.#composer.render({
            isEnabled: !isSignedOut,
            run: !thread?.run ? "none" : thread.stopping === thread.run.id ? "stopping" : "running",
        });
        this.#sidebar.render({
            items: this.#lists?.shown.items ?? [],
            currentId: threadId,
            running: this.#client?.running ?? new Set(),
            unread: this.#lists?.unread ?? new Set(),
            hasMore: this.#lists?.shown.hasMore ?? false,
            isArchive: this.#lists?.isArchive ?? false,
        });
        this.#tick();
    }

    // What changes with the seconds: the countdowns.
    #tick() {
        this.#connection.update(this.connectionState);
        this.#banner.tick();
    }
}

// A page's one-key shortcuts see the widget where a person types into a field of it, and would take the letters.
function keptFromThePage(event) {
    const isTyping = event.composedPath()[0].matches?.("textarea, input");
    const isModified = event.ctrlKey || event.metaKey || event.altKey;
    if (isTyping && !isModified && event.key?.length === 1) event.stopPropagation();
}

customElements.define("parley-chat", ParleyChat);
