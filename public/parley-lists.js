// The conversations of a user as a widget shows them: the list or, in its place, the archive, and what of them was not
// seen yet. Events: `change`, `unread` (detail: {count}).

import { ConversationList } from "./parley-conversations.js";
import { ofBrowser, unreadOf } from "./parley-storage.js";

export class Lists extends EventTarget {
    unread;
    #settings;
    #current;
    #archive = null;
    #hidden = new Set();

    /** `settings`: {url, userId, owner, getToken}; `owner`: whose storage it is. */
    constructor(settings) {
        super();
        this.#settings = settings;
        this.unread = unreadOf.load(settings.owner);
        this.#current = this.#listen(new ConversationList({ ...settings, storage: ofBrowser }));
    }

    /** The list that is shown. */
    get shown() {
        return this.#archive ?? this.#current;
    }

    /** What of it is to be seen. */
    get items() {
        return this.shown.items.filter(({ id }) => !this.#hidden.has(id));
    }

    /** One that is about to be deleted, and may be taken back. */
    hide(threadId, isHidden) {
        if (isHidden) this.#hidden.add(threadId);
        else this.#hidden.delete(threadId);
        this.#emit("change");
    }

    get isArchive() {
        return this.#archive !== null;
    }

    refresh() {
        this.#current.refresh();
        this.#archive?.refresh();
    }

    /** A `thread` notice of the server. */
    note(frame) {
        this.#current.note(frame);
        this.#archive?.note(frame);
    }

    touch(threadId, change) {
        this.#current.touch(threadId, change);
    }

    remove(threadId) {
        this.mark(threadId, false);
        this.#current.remove(threadId);
        this.#archive?.remove(threadId);
    }

    titleOf(threadId) {
        return this.#current.titleOf(threadId) || this.#archive?.titleOf(threadId) || "";
    }

    /** The archive is read anew each time. */
    showArchive(isShown) {
        this.#archive = null;
        if (isShown) {
            this.#archive = this.#listen(new ConversationList({ ...this.#settings, storage: null, status: "archived" }));
            this.#archive.refresh();
        }
        this.#emit("change");
    }

    mark(threadId, isUnread) {
        const { owner } = this.#settings;
        if (this.unread.has(threadId) === isUnread) return;
        // Another widget or tab may have seen, or not, what this one does not know of.
        this.unread = unreadOf.load(owner);
        if (isUnread) this.unread.add(threadId);
        else this.unread.delete(threadId);
        unreadOf.save(owner, this.unread);
        this.#emit("unread", { count: this.unread.size });
    }

    #listen(list) {
        list.addEventListener("change", () => this.#emit("change"));
        return list;
    }

    #emit(name, detail = null) {
        this.dispatchEvent(new CustomEvent(name, { detail }));
    }
}
