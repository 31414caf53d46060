// What the transcript shows of a conversation, in order: its items, the days between them, what waits to be sent, and
// that something is being loaded or worked on. Pure: a thread in, rows out.

import { Days } from "./parley-days.js";

/**
 * `view`: {threadId, isComing, isOnline, isLoadingEarlier}; `client`: for what is unsent or was asked again;
 * `decisions`: what the person has decided of what is asked.
 */
export function rowsOf(thread, view, client, texts, decisions) {
    const rows = [];
    if (view.threadId && !thread?.isLoaded) {
        const isEmpty = (thread?.items.length ?? 0) === 0;
        if (isEmpty && view.isComing) rows.push({ kind: "loading", key: "loading", version: 0 });
    }
    if (thread?.hasMore) rows.push({ kind: "more", key: "more", isLoading: view.isLoadingEarlier });
    const days = new Days(thread?.items ?? [], texts);
    const ends = thread ? endsOfAnswers(thread) : new Map();
    for (const item of thread?.items ?? []) {
        const day = days.before(item);
        if (day) rows.push(day);
        if (item.kind === "notice") rows.push(noticeRow(thread, item, client));
        else if (item.kind === "message") rows.push(branchRow(thread, item, ends.get(item)));
        else rows.push(item);
        for (const interrupt of thread.interrupts) {
            if (interrupt.toolCallId === item.id) rows.push(approvalRow(thread, interrupt, item, decisions));
        }
        if (thread.run && isWorkingAfter(thread, item)) rows.push({ kind: "typing", key: "typing", version: 0 });
    }
    // What is asked for by no call that is shown.
    for (const interrupt of thread?.interrupts ?? []) {
        if (thread.find(interrupt.toolCallId)) continue;
        rows.push(approvalRow(thread, interrupt, null, decisions));
    }
    for (const entry of client?.unacknowledged(view) ?? []) {
        rows.push({ kind: "pending", key: entry.id, entry, isOnline: view.isOnline });
    }
    return rows;
}

function approvalRow(thread, interrupt, tool, decisions) {
    const decision = decisions.of(interrupt.id);
    return {
        kind: "approval", key: `approval-${interrupt.id}`, interrupt, tool, decision, isSent: thread.answering !== null,
        refusal: decision ? null : thread.refusal,
    };
}

// The last message of each answer that is whole → its question: where another can be asked for, and chosen.
function endsOfAnswers({ items, run }) {
    const ends = new Map();
    let question = null;
    let end = null;
    const close = () => { if (question && end && question.runId !== run?.id) ends.set(end, question); };
    for (const item of items) {
        if (item.kind !== "message") continue;
        if (item.role === "user") {
            close();
            [question, end] = [item, null];
        } else if (!question?.runId || item.runId === question.runId) {
            end = item;
        }
    }
    close();
    return ends;
}

// With what a person may do to it: edit a question, ask for another answer, look at its siblings.
function branchRow(thread, item, question) {
    const isStill = thread.run === null && thread.interrupts.length === 0 && !thread.items.some((each) => each.queued);
    const branch = item.role === "user"
        ? { siblings: item.siblings ?? null, shown: item.id, canEdit: isStill && item.status === "complete" }
        : question ? { siblings: question.answers?.ids ?? null, shown: question.answers?.shown, questionId: question.id } : null;
    if (!branch) return item;
    branch.canChange = isStill;
    const mark = `${branch.siblings?.length ?? 1} ${branch.siblings?.indexOf(branch.shown)} ${isStill} ${branch.canEdit}`;
    return { ...item, version: `${item.version} ${mark}`, branch };
}

function noticeRow(thread, item, client) {
    return { ...item, version: undefined, isAskedAgain: client.isAskedAgain(thread.id, item.questionId) };
}

/** Whether the three dots belong after this item: the run is at work and nothing of it moves on the screen. */
function isWorkingAfter({ run, items }, item) {
    const isOwn = (each) => each.runId === run.id || each.id === run.userMessageId;
    if (!isOwn(item) || item !== items.findLast(isOwn)) return false;
    if (item.kind === "tool") return item.status !== "running";
    if (item.kind === "reasoning") return !item.isOpen;
    return item.role === "user";
}
