// What was typed and not sent, kept for each conversation over switches and reloads (session storage: this tab).

const KEPT = 50; // drafts of a user and widget; the one changed longest ago goes first
const KEPT_LENGTH = 200_000; // UTF-16 units of one draft; what is longer is not kept

export class Drafts {
    #storage;
    #prefix;

    /** `instance` tells the widgets of a page apart. */
    constructor({ storage, owner, instance }) {
        this.#storage = storage;
        this.#prefix = `parley.draft.${JSON.stringify([owner, instance])}.`;
    }

    /** A conversation that has not begun is on the screen. */
    begin(draftId) {
        this.#storage.setItem(`${this.#prefix}begun`, draftId);
    }

    /** The one that was begun last, for as long as nothing of it is sent; else null. */
    begun(isSent) {
        const draftId = this.#storage.getItem(`${this.#prefix}begun`);
        return draftId && !isSent(draftId) ? draftId : null;
    }

    /** It has become one that the server knows. */
    settle(draftId) {
        if (this.#storage.getItem(`${this.#prefix}begun`) === draftId) this.#storage.removeItem(`${this.#prefix}begun`);
    }

    load(view) {
        return this.#storage.getItem(this.#prefix + keyOf(view)) ?? "";
    }

    save(view, text) {
        const key = keyOf(view);
        const others = this.#keys().filter((each) => each !== key);
        if (text === "" || text.length > KEPT_LENGTH) {
            this.#storage.removeItem(this.#prefix + key);
            return this.#setKeys(others);
        }
        for (const old of others.splice(0, others.length - KEPT + 1)) this.#storage.removeItem(this.#prefix + old);
        this.#storage.setItem(this.#prefix + key, text);
        this.#setKeys([...others, key]);
    }

    // The keys in use, the one changed last at the end.
    #keys() {
        try {
            const keys = JSON.parse(this.#storage.getItem(`${this.#prefix}keys`) ?? "[]");
            return Array.isArray(keys) ? keys.filter((key) => typeof key === "string") : [];
        } catch {
            return [];
        }
    }

    #setKeys(keys) {
        if (keys.length > 0) this.#storage.setItem(`${this.#prefix}keys`, JSON.stringify(keys));
        else this.#storage.removeItem(`${this.#prefix}keys`);
    }
}

function keyOf({ threadId, draftId }) {
    return `of-${threadId ?? draftId}`;
}
