// Storage that may be forbidden by the browser's settings: then nothing is remembered, and all else works.

function guarded(open) {
    const attempt = (act) => {
        try {
            return act(open()) ?? null;
        } catch {
            return null;
        }
    };
    return {
        getItem: (key) => attempt((storage) => storage.getItem(key)),
        setItem: (key, value) => attempt((storage) => storage.setItem(key, value)),
        removeItem: (key) => attempt((storage) => storage.removeItem(key)),
    };
}

const ofTab = guarded(() => sessionStorage);
const ofBrowser = guarded(() => localStorage);

export { ofBrowser, ofTab };

/** The conversation that a user looks at: in this tab and widget, or else where the user was last in this browser. */
export const lastView = {
    load(userId, instance) {
        try {
            const view = JSON.parse(ofTab.getItem(viewKey(userId, instance)));
            if (view) return { threadId: view.threadId ?? null, draftId: view.draftId ?? null };
        } catch {
            // Damaged: as if there were none.
        }
        return { threadId: ofBrowser.getItem(threadKey(userId, instance)), draftId: null };
    },

    save(userId, instance, view) {
        ofTab.setItem(viewKey(userId, instance), JSON.stringify(view));
        if (view.threadId) ofBrowser.setItem(threadKey(userId, instance), view.threadId);
    },

    forget(userId, instance, threadId) {
        const key = threadKey(userId, instance);
        if (ofBrowser.getItem(key) === threadId) ofBrowser.removeItem(key);
    },
};

function viewKey(userId, instance) {
    return `parley.view.${userId}${suffix(instance)}`;
}

function threadKey(userId, instance) {
    return `parley.thread.${userId}${suffix(instance)}`;
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
    load(userId) {
        try {
            const ids = JSON.parse(ofBrowser.getItem(`parley.unread.${userId}`));
            return new Set(Array.isArray(ids) ? ids : []);
        } catch {
            return new Set();
        }
    },

    save(userId, ids) {
        const key = `parley.unread.${userId}`;
        if (ids.size > 0) ofBrowser.setItem(key, JSON.stringify([...ids].slice(-UNREAD_KEPT)));
        else ofBrowser.removeItem(key);
    },
};

const UNREAD_KEPT = 100;
