// A page that is not looked at: how much has come is in its title, and where the person has allowed it a notification says
// that an answer is there. Silent; one for each conversation, however many widgets and tabs hear of it.

const LENGTH = 160; // characters of an answer in a notification

const counts = new Map(); // widget → how many conversations have something new
let title = null; // the page's own, while ours stands in its place

function showCount() {
    const count = document.hidden ? Math.max(0, ...counts.values()) : 0;
    if (title !== null && document.title !== title.shown) title = null; // the page has changed it meanwhile
    if (title !== null) document.title = title.own;
    title = count > 0 ? { own: document.title, shown: `(${count}) ${document.title}` } : null;
    if (title !== null) document.title = title.shown;
}

globalThis.document?.addEventListener("visibilitychange", showCount);

export const attention = {
    /** How much of a widget is unread; 0 when it goes. */
    count(widget, count) {
        if (count > 0) counts.set(widget, count);
        else counts.delete(widget);
        showCount();
    },

    /** An answer, or a reminder, has come. `open()`: the person wants to see it. */
    tell({ threadId, heading, text, language, open }) {
        if (!document.hidden || globalThis.Notification?.permission !== "granted") return;
        try {
            const note = new Notification(heading, {
                body: text.length > LENGTH ? `${text.slice(0, LENGTH - 1)}…` : text, lang: language, tag: `parley-${threadId}`, silent: true,
            });
            note.onclick = () => {
                window.focus();
                note.close();
                open();
            };
        } catch {
            // Some browsers of phones have the permission, but only for service workers.
        }
    },

    /** Asks the person, who must just have pressed something. Whether it is allowed. */
    async allow() {
        return globalThis.Notification !== undefined && await Notification.requestPermission() === "granted";
    },
};
