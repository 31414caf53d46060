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

/** The conversation that a user looks at: in this tab, or else where the user was last in this browser. */
export const lastView = {
    load(userId) {
        try {
            const view = JSON.parse(ofTab.getItem(`parley.view.${userId}`));
            if (view) return { threadId: view.threadId ?? null, draftId: view.draftId ?? null };
        } catch {
            // Damaged: as if there were none.
        }
        return { threadId: ofBrowser.getItem(`parley.thread.${userId}`), draftId: null };
    },

    save(userId, view) {
        ofTab.setItem(`parley.view.${userId}`, JSON.stringify(view));
        if (view.threadId) ofBrowser.setItem(`parley.thread.${userId}`, view.threadId);
    },

    forget(userId, threadId) {
        const key = `parley.thread.${userId}`;
        if (ofBrowser.getItem(key) === threadId) ofBrowser.removeItem(key);
    },
};
