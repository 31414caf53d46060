// What the transcript shows of a conversation, in order: its items, the days between them, what waits to be sent, and
// that something is being loaded or worked on. Pure: a thread in, rows out.

import { Days } from "./parley-days.js";

/** `view`: {threadId, isComing, isOnline, isLoadingEarlier}; `client`: for what is unsent or was asked again. */
export function rowsOf(thread, view, client, texts) {
    const rows = [];
    if (view.threadId && !thread?.isLoaded) {
        const isEmpty = (thread?.items.length ?? 0) === 0;
        if (isEmpty && view.isComing) rows.push({ kind: "loading", key: "loading", version: 0 });
    }
    if (thread?.hasMore) rows.push({ kind: "more", key: "more", isLoading: view.isLoadingEarlier });
    const days = new Days(thread?.items ?? [], texts);
    for (const item of thread?.items ?? []) {
        const day = days.before(item);
        if (day) rows.push(day);
        rows.push(item.kind === "notice" ? noticeRow(thread, item, client) : item);
        if (thread.run && isWorkingAfter(thread, item)) rows.push({ kind: "typing", key: "typing", version: 0 });
    }
    for (const entry of client?.unacknowledged(view) ?? []) {
        rows.push({ kind: "pending", key: entry.id, entry, isOnline: view.isOnline });
    }
    return rows;
}

function noticeRow(thread, item, client) {
    return { ...item, version: undefined, isAskedAgain: client.isAskedAgain(thread.id, item.questionId) };
}

/** Whether the three dots belong after this item: the run is at work and nothing of it moves on the screen. */
function isWorkingAfter({ run, items }, item) {
    const isOwn = (each) => each.runId === run.id || each.id === run.userMessageId;
    if (!isOwn(item) || item !== items.findLast(isOwn)) return false;
    if (item.kind === "tool") return item.status !== "running";
    return item.role === "user";
}
