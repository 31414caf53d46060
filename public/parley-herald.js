// Who is told what has happened: a screen reader, once, when it is known how a turn ended or that something was refused;
// and whoever does not look at the page, by a notification.

import { attention } from "./parley-attention.js";
import { spokenText } from "./parley-message-text.js";
import { errorText, runErrorText } from "./parley-texts.js";
import { noticeText } from "./parley-transcript.js";

export class Herald {
    #announcer;
    #texts;
    #refused = new Set(); // ids of unsent messages whose refusal was told

    constructor(announcer, texts) {
        this.#announcer = announcer;
        this.#texts = texts;
    }

    /** Another user. */
    reset() {
        this.#refused.clear();
    }

    /** A turn that is on the screen has ended: by this event. */
    say(thread, event) {
        const { runId, outcome } = event;
        const texts = this.#texts;
        if (event.type === "RUN_ERROR") {
            this.#announcer.say(runErrorText(texts, event.code, event.message));
        } else if (event.type === "RUN_FINISHED") {
            const notice = thread?.items.find((item) => item.kind === "notice" && item.runId === runId);
            if (notice?.tone === "error") return this.#announcer.say(noticeText(texts, notice));
            if (outcome?.type === "interrupt") return this.#announcer.say(texts.get("approval"));
            if (outcome?.type !== "cancelled") return this.#announcer.say(this.#answer(thread, runId));
            this.#announcer.say(notice ? noticeText(texts, notice) : `${texts.get("stopped")}.`);
        }
    }

    /** A turn went on while the connection was lost, and is over. */
    sayBelated(thread, runId) {
        this.say(thread, { type: "RUN_FINISHED", runId });
    }

    /** What was refused stands where it was written, which nobody hears. `entries`: what is unsent. */
    sayRefused(entries) {
        for (const { id, status, errorCode, errorMessage } of entries) {
            if (status !== "failed") {
                this.#refused.delete(id);
            } else if (!this.#refused.has(id)) {
                this.#refused.add(id);
                this.#announcer.say(errorText(this.#texts, errorCode, errorMessage));
            }
        }
    }

    /** To whoever does not look. What needs the person says so. */
    notify(thread, { runId, outcome }, heading, open) {
        if (outcome?.type === "cancelled") return;
        const text = outcome?.type === "interrupt" ? this.#texts.get("approval") : this.#answer(thread, runId);
        attention.tell({ threadId: thread.id, heading, text, language: this.#texts.language, open });
    }

    #answer(thread, runId) {
        const said = thread?.items.filter((item) => item.runId === runId && item.role === "assistant") ?? [];
        return spokenText(said.map((item) => item.text).join("\n\n"), this.#texts);
    }
}
