// <parley-chat>: a Parley chat in a page.
//
//   <script type="module" src="/parley-chat.js"></script>
//   <parley-chat token="…"></parley-chat>
//
// Attributes: `src` (address of the gateway; default: where its modules came from), `token`, `heading`, `placeholder`,
// `greeting`, `suggestions`, `name`, `picture`, `lang`, `theme`, `sidebar`.
// Properties: `token`, `texts`, `suggestions`, `toolCards`, and `tokenProvider`, an async function (reason) => token | null, asked whenever a token
// is needed (reasons: connect, expired, refused, expiring). Events (they bubble): `parley-state` (detail: the
// connection's state), `parley-token-needed` (no provider gave a usable token), and those of parley-events.js. Slot
// `account`: below the conversation list.

import { Account, socketURL } from "./parley-account.js";
import { Announcer } from "./parley-announcer.js";
import { Api } from "./parley-api.js";
import { attention } from "./parley-attention.js";
import { Banner } from "./parley-banner.js";
import { Composer } from "./parley-composer.js";
import { ConnectionLabel } from "./parley-connection-label.js";
import { Decisions } from "./parley-decisions.js";
import { Drafts } from "./parley-drafts.js";
import { Herald } from "./parley-herald.js";
import { Housekeeping } from "./parley-housekeeping.js";
import { Lists } from "./parley-lists.js";
import { Sidebar } from "./parley-sidebar.js";
import { Texts, errorText, reasonText } from "./parley-texts.js";
import { Transcript } from "./parley-transcript.js";
import { Welcome, suggested, suggestionsOf } from "./parley-welcome.js";
import { adoptProperties, button, h, icon, isComposing, keptFromThePage, setAttribute, setText } from "./parley-dom.js";
import { newId } from "./parley-protocol.js";
import { lastView, ofTab, releaseInstance, storageName, takeInstance } from "./parley-storage.js";
import { pageEvents } from "./parley-events.js";
import { rowsOf } from "./parley-rows.js";
import { styles } from "./parley-styles.js";

const MISCONFIGURED = ["no_subject", "origin", "csp", "mixed_content"];

class ParleyChat extends HTMLElement {
    static observedAttributes = ["src", "token", "heading", "placeholder", "lang", "greeting", "suggestions", "name", "picture"];

    #account = new Account();
    #instance = ""; // tells the widgets of a page apart
    #drafts = null;
    #texts = new Texts();
    #lists = null;
    #api = null;
    #keeping;
    #decisions = new Decisions();
    #owner = null; // whose storage it is: the user at this gateway
    #view = { threadId: null, draftId: null };
    #wasOnline = false;
    #userId = null;
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
    #picture = h("img", { class: "picture", alt: "", hidden: true });
    #suggested = h("div", { class: "suggested" });
    #agent = null; // as the gateway introduces it, where the page does not
    #suggestions = null; // of the page, for a conversation that has not begun
    #title = h("h2", { class: "heading", dir: "auto" });
    #announcer = new Announcer();
    #herald = new Herald(this.#announcer, this.#texts);

    constructor() {
        super();
        const texts = this.#texts;
        this.#transcript = new Transcript({
            say: (text) => this.#announcer.say(text),
            earlier: () => this.#keeping.showEarlier(),
            retry: (id) => this.#client?.retry(id),
            edit: (id) => this.#edit(id),
            discard: (id) => this.#client?.discard(id),
            moveOn: (id) => this.#moveOn(id),
            withdraw: (runId) => this.#client?.cancel(this.#view.threadId, runId),
            askAgain: (questionId) => this.#askAgain(questionId),
            judge: (...judgement) => this.#keeping.judge(...judgement),
            regenerate: (questionId) => this.#client?.regenerate(this.#view.threadId, questionId),
            select: (messageId) => this.#client?.select(this.#view.threadId, messageId),
            rewrite: (questionId, text) => this.#rewrite(questionId, text),
            decide: (interruptId, decision) => this.#decide(interruptId, decision),
        }, texts, this);
        this.#sidebar = new Sidebar({
            create: () => this.newConversation(),
            open: (id) => this.openConversation(id),
            loadMore: () => this.#lists?.shown.loadMore(),
            showArchive: (isShown) => this.#lists?.showArchive(isShown),
            restore: (id) => this.#keeping.change(id, { status: "active" }, "restore.failed"),
            rename: (id, title) => this.#keeping.change(id, { title }, "rename.failed"),
            archive: (id) => this.#keeping.archive(id),
            remove: (id) => this.#keeping.remove(id),
            find: (words, next) => this.#api?.search(this.#client.userId ?? this.#userId, words, next) ?? null,
            reveal: (threadId, messageId) => this.openConversation(threadId, messageId),
        }, texts);
        this.#composer = new Composer({
            send: (text) => this.#send(text),
            stop: () => this.#client?.cancel(this.#view.threadId),
            changed: (text) => this.#drafts?.save(this.#view, text),
        }, texts);
        this.#banner = new Banner(texts);
        this.#connection = new ConnectionLabel(texts, () => this.#client?.retryNow());
        this.#welcome = new Welcome(texts, (text) => this.#choose(text));
        const widget = this;
        this.#keeping = new Housekeeping({
            get client() { return widget.#client; },
            get api() { return widget.#api; },
            get lists() { return widget.#lists; },
            get view() { return widget.#view; },
            transcript: this.#transcript, banner: this.#banner, announcer: this.#announcer, texts,
            changed: () => this.#changed(),
            newConversation: () => this.newConversation(),
        });
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
            h("header", {}, this.#menuButton, this.#picture, h("div", { class: "where" }, this.#title, this.#connection.element)),
            this.#banner.element,
            h("div", { class: "stage" }, this.#transcript.element, this.#welcome.element, this.#welcome.signedOut),
            this.#suggested, this.#composer.element);
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
        adoptProperties(this, ["token", "tokenProvider", "texts", "suggestions", "toolCards"]);
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
        else if (["greeting", "suggestions", "name", "picture"].includes(name)) this.#greet();
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

    /** What could be said first: a list of texts, in place of the attribute. */
    get suggestions() {
        return this.#suggestions ?? suggestionsOf(this.getAttribute("suggestions")) ?? [];
    }

    set suggestions(value) {
        this.#suggestions = suggestionsOf(value);
        this.#greet();
    }

    /** Offers what could be said next, until something is said. */
    suggest(suggestions) {
        this.#suggested.replaceChildren(...suggested(suggestionsOf(suggestions) ?? [], "suggestion", (text) => {
            if (this.#send(text)) this.#composer.focus();
        }));
    }

    /**
     * How the page draws tool calls itself: functions by the name of the tool, ({id, name, arguments, result, status}) =>
     * a node of the page, or null for the widget's own card. Called with every change of the call.
     */
    get toolCards() {
        return this.#transcript.toolCards;
    }

    set toolCards(cards) {
        this.#transcript.toolCards = cards !== null && typeof cards === "object" ? { ...cards } : {};
        this.#transcript.reset();
        this.#changed();
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

    /** `messageId`: of a message that is to be seen. */
    openConversation(threadId, messageId = null) {
        this.#show({ threadId, draftId: null });
        this.#keeping.seek(messageId);
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
        attention.count(this, 0);
        client.open(null, this);
        this.#lists = null;
        this.#api = null;
        this.#keeping.reset();
        // What this user typed is stored; the next one must not find it.
        if (this.#owner) this.#composer.text = "";
        this.#owner = null;
        this.#drafts = null;
        this.#herald.reset();
        this.#sidebar.clear();
        this.#banner.show(null);
        this.#view = { threadId: null, draftId: null };
    }

    // What was on the screen can be shown before the connection stands: the history then fills in.
    #becomeUser(userId) {
        const { url } = this.#account;
        const owner = userId && storageName(userId, url);
        if (!owner || owner === this.#owner) return;
        this.#owner = owner;
        this.#userId = userId;
        const getToken = () => this.#client?.token;
        const lists = new Lists({ url, userId, owner, getToken });
        lists.addEventListener("change", () => { if (lists === this.#lists) this.#changed(); });
        lists.addEventListener("unread", ({ detail }) => {
            if (this.#mayNotify) attention.count(this, detail.count);
            this.#fire("parley-unread", detail);
        });
        this.#lists = lists;
        this.#api = new Api({ url, getToken });
        this.#agent = null;
        const { threadId, draftId } = lastView.load(owner, this.#instance);
        this.#drafts = new Drafts({ storage: ofTab, owner, instance: this.#instance });
        const typed = this.#composer.text;
        this.#show({ threadId, draftId: draftId ?? newId() });
        // What was typed before it was known by whom.
        if (typed && !this.#composer.text) this.#type(typed);
    }

    async #meet(api) {
        const agent = await api?.agent();
        if (!agent || !api || api !== this.#api) return;
        this.#agent = agent;
        this.#greet();
    }

    #ready(frame) {
        this.#becomeUser(frame.userId);
        this.#composer.limit = this.#client.contentLimit;
        this.#lists?.refresh();
        if (!this.#agent) this.#meet(this.#api);
        if (!this.#banner.problem?.isSticky) this.#banner.show(null);
        this.#changed();
    }

    #stateChanged() {
        const { state } = this.#client;
        if (state.reason === "no_subject" || state.reason === "origin") {
            this.#banner.show({ code: state.reason, text: reasonText(this.#texts, state.reason), isSticky: state.reason === "no_subject" });
        } else if (state.name === "offline" && state.isFinal) {
            const action = { label: this.#texts.get("reconnect"), run: () => this.#client?.retryNow() };
            this.#banner.show({ code: state.reason, text: reasonText(this.#texts, state.reason), action });
        }
        if (MISCONFIGURED.includes(state.reason)) this.#fire("parley-error", { code: state.reason, message: reasonText(this.#texts, state.reason) });
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
        if (this.#view.threadId && this.isSeen) this.#lists?.mark(this.#view.threadId, false);
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
        const thread = this.#client.thread(threadId);
        if (isNews && event.type === "RUN_FINISHED" && this.#mayNotify) {
            const heading = this.#lists?.titleOf(threadId) || this.getAttribute("name") || this.#texts.get("heading");
            this.#herald.notify(thread, event, heading, () => this.openConversation(threadId));
        }
        if (thread?.refusal && !thread.answering) this.#decisions.reopen(thread.interrupts);
        if (threadId !== this.#view.threadId) return;
        if (isNews) this.#herald.say(thread, event);
        this.#changed();
    }

    get #mayNotify() {
        return this.getAttribute("notify") !== "off";
    }

    /** Asks for the permission to notify; to be called when the person has pressed something. */
    allowNotifications() {
        return attention.allow();
    }

    // A turn went on while the connection was lost, and is over: how it ended was not heard.
    #caughtUp({ threadId, runId }) {
        if (threadId === this.#view.threadId) this.#herald.sayBelated(this.#client.thread(threadId), runId);
    }

    #outboxChanged() {
        this.#herald.sayRefused(this.#client.unacknowledged(this.#view));
        this.#changed();
    }

    #runningChanged(threadId) {
        if (this.#client.running.has(threadId)) this.#lists?.touch(threadId);
        // Another widget of the page may have it on the screen.
        else if (!this.#client.viewers(threadId).some((each) => each?.isSeen)) this.#lists?.mark(threadId, true);
        this.#changed();
    }

    /** Whether what it shows is on the screen of somebody. */
    get isSeen() {
        return document.visibilityState === "visible" && (this.checkVisibility?.() ?? true);
    }

    /** How many conversations have something new. */
    get unread() {
        return this.#lists?.unread.size ?? 0;
    }

    /** What is on the screen is seen: for a page that has shown the widget again. */
    look() {
        if (this.isSeen && this.#view.threadId) this.#lists?.mark(this.#view.threadId, false);
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
        this.#suggested.replaceChildren();
        if (this.#view.threadId) this.#lists?.touch(this.#view.threadId, { fallbackTitle: text });
        this.#transcript.scrollToEnd();
        return true;
    }

    // However often it is pressed before it is gone.
    #choose(text) {
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

    #rewrite(questionId, text) {
        if (!this.#client?.edit(this.#view.threadId, questionId, text)) {
            this.#banner.show({ text: this.#texts.get("outbox.full") });
            return false;
        }
        this.#transcript.scrollToEnd();
        return true;
    }

    #decide(interruptId, decision) {
        const thread = this.#client?.thread(this.#view.threadId);
        if (!thread) return;
        const answer = this.#decisions.make(thread.interrupts, interruptId, decision);
        if (answer) {
            this.#client.resume(thread.id, answer);
            this.#composer.focus();
        }
        this.#changed();
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
        const picture = this.#introduced("picture");
        this.#welcome.update({
            greeting: this.#introduced("greeting"), picture,
            suggestions: this.#suggestions ?? suggestionsOf(this.#introduced("suggestions")),
        });
        this.#picture.hidden = !picture;
        if (picture) setAttribute(this.#picture, "src", picture);
        const name = this.#introduced("name");
        if (this.#transcript.name !== name) {
            this.#transcript.name = name;
            this.#transcript.reset();
        }
        this.#changed();
    }

    // By the page, else by the gateway.
    #introduced(what) {
        return this.getAttribute(what) ?? this.#agent?.[what] ?? null;
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
            isLoadingEarlier: thread !== undefined && this.#keeping.earlierOf === thread.id,
        };
        const rows = rowsOf(thread, view, this.#client, this.#texts, this.#decisions);
        this.#welcome.signedOut.hidden = !isSignedOut || rows.length > 0;
        this.#welcome.element.hidden = isSignedOut || rows.length > 0;
        this.#transcript.render(rows);
        this.#keeping.rendered(thread);
        const heading = this.getAttribute("heading") ?? this.#introduced("name") ?? this.#texts.get("heading");
        setText(this.#title, this.#lists?.titleOf(threadId) || heading);
        this.#composer.render({
            isEnabled: !isSignedOut,
            run: !thread?.run ? "none" : thread.stopping === thread.run.id ? "stopping" : "running",
        });
        this.#sidebar.render({
            items: this.#lists?.items ?? [],
            currentId: threadId,
            running: this.#client?.running ?? new Set(),
            suspended: this.#client?.suspended ?? new Set(),
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

customElements.define("parley-chat", ParleyChat);
