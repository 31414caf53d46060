// Storage that may be forbidden by the browser's settings, or full: then nothing outlives the page, and all else works.

// What it can't take, because it is full or forbidden, lives as long as the page.
function guarded(open) {
    const held = new Map();
    return {
        getItem(key) {
            if (held.has(key)) return held.get(key);
            try {
                return open().getItem(key);
            } catch {
                return null;
            }
        },
        setItem(key, value) {
            try {
                open().setItem(key, value);
                held.delete(key);
            } catch {
                if (held.size >= HELD_KEYS && !held.has(key)) held.delete(held.keys().next().value);
                held.set(key, String(value));
            }
        },
        removeItem(key) {
            held.delete(key);
            try {
                open().removeItem(key);
            } catch {
                // Then there is nothing in it, either.
            }
        },
    };
}

const HELD_KEYS = 200;

const ofTab = guarded(() => sessionStorage);
const ofBrowser = guarded(() => localStorage);

export { ofBrowser, ofTab };

/** Whose storage it is: a user's at one gateway. The page's own gateway goes without saying. */
export function storageName(userId, url) {
    const { host } = new URL(url);
    return host === globalThis.location?.host ? userId : `${userId} @${host}`;
}

/** The conversation that a user looks at: in this tab and widget, or else where the user was last in this browser. */
export const lastView = {
    load(owner, instance) {
        try {
            const view = JSON.parse(ofTab.getItem(viewKey(owner, instance)));
            if (view) return { threadId: view.threadId ?? null, draftId: view.draftId ?? null };
        } catch {
            // Damaged: as if there were none.
        }
        return { threadId: ofBrowser.getItem(threadKey(owner, instance)), draftId: null };
    },

    save(owner, instance, view) {
        ofTab.setItem(viewKey(owner, instance), JSON.stringify(view));
        if (view.threadId) ofBrowser.setItem(threadKey(owner, instance), view.threadId);
    },

    forget(owner, instance, threadId) {
        const key = threadKey(owner, instance);
        if (ofBrowser.getItem(key) === threadId) ofBrowser.removeItem(key);
    },
};

function viewKey(owner, instance) {
    return `parley.view.${owner}${suffix(instance)}`;
}

function threadKey(owner, instance) {
    return `parley.thread.${owner}${suffix(instance)}`;
}

// A page's only widget has no name to be told apart by.
function suffix(instance) {
    return instance === "" ? "" : `#${instance}`;
}

const instances = new Set();

/** A name for a widget of this page, the same after a reload: its id, else its number among those without. */
export function takeInstance(id) {
    let number = 0;
    const name = () => id ? (number === 0 ? id : `${id}+${number}`) : number === 0 ? "" : String(number);
    while (instances.has(name())) number++;
    instances.add(name());
    return name();
}

export function releaseInstance(name) {
    instances.delete(name);
}

/** The conversations of a user in which something came that was not seen yet, in all tabs of this browser. */
export const unreadOf = {
    load(owner) {
        try {
            const ids = JSON.parse(ofBrowser.getItem(`parley.unread.${owner}`));
            return new Set(Array.isArray(ids) ? ids : []);
        } catch {
            return new Set();
        }
    },

    save(owner, ids) {
        const key = `parley.unread.${owner}`;
        if (ids.size > 0) ofBrowser.setItem(key, JSON.stringify([...ids].slice(-UNREAD_KEPT)));
        else ofBrowser.removeItem(key);
    },
};

const UNREAD_KEPT = 100;
