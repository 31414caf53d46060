// What is done to conversations beside talking in them: earlier pages are fetched, messages that were found are brought
// to the screen, answers judged, conversations renamed, archived, restored and deleted.

const SOUGHT_PAGES = 20; // that are fetched at most for a message that was found

const UNDO_MS = 10_000; // for which a deletion can be taken back

export class Housekeeping {
    /** The conversation whose earlier messages are being fetched. */
    earlierOf = null;
    #sought = null; // {messageId, pages}
    #learning = new WeakSet(); // conversations whose judgements were asked for
    #of;

    /**
     * `of`: the widget: getters client, api, lists and view, and transcript, banner, announcer, texts, changed(),
     * newConversation().
     */
    constructor(of) {
        this.#of = of;
    }

    /** Another user. */
    reset() {
        this.earlierOf = null;
        this.#sought = null;
    }

    async showEarlier() {
        const { client, api, view, texts } = this.#of;
        const thread = client?.thread(view.threadId);
        const oldest = thread?.oldestId;
        if (!oldest || this.earlierOf) return;
        this.earlierOf = thread.id;
        this.#of.changed();
        const page = await api.earlier(thread.id, oldest);
        if (client !== this.#of.client) return;
        this.earlierOf = null;
        this.#of.changed();
        if (!page) return this.#of.banner.show({ text: texts.get("earlier.failed") });
        // A snapshot that came meanwhile has begun anew.
        if (thread.oldestId !== oldest) return;
        thread.prepend(page.data, page.next !== null);
        if (thread.id === this.#of.view.threadId) this.#of.transcript.keepPlace();
    }

    /** A message is wanted on the screen, or none. */
    seek(messageId) {
        this.#sought = messageId ? { messageId, pages: SOUGHT_PAGES } : null;
    }

    /** Behind each rendering: what was found may lie before what is loaded. */
    rendered(thread) {
        this.#learnJudgements(thread);
        if (!this.#sought || !thread?.isLoaded || this.earlierOf) return;
        if (this.#of.transcript.reveal(this.#sought.messageId)) this.#sought = null;
        else if (thread.hasMore && this.#sought.pages-- > 0) this.showEarlier();
        else this.#sought = null;
    }

    // Once for each conversation that is opened; where the gateway has no place for judgements none are asked for.
    async #learnJudgements(thread) {
        if (!thread?.isLoaded || thread.judgements || this.#learning.has(thread)) return;
        this.#learning.add(thread);
        const judgements = await this.#of.api.feedback(thread.id);
        if (judgements) thread.judgements = judgements;
        this.#of.changed();
    }

    async judge(messageId, rating, comment) {
        const { client, api, view, texts } = this.#of;
        const thread = client?.thread(view.threadId);
        if (!thread) return;
        const before = thread.judgements?.get(messageId) ?? null;
        thread.judge(messageId, rating ? { rating, comment } : null);
        this.#of.changed();
        if (await api.judge(messageId, rating, comment)) return this.#of.announcer.say(texts.get("judge.done"));
        thread.judge(messageId, before);
        this.#of.banner.show({ text: texts.get("judge.failed") });
        this.#of.changed();
    }

    /** What was done is heard of by the server's notice, as in every other tab. */
    async change(threadId, change, problem) {
        const isDone = await this.#of.api?.change(threadId, change);
        if (!isDone) this.#of.banner.show({ text: this.#of.texts.get(problem) });
        return isDone;
    }

    async archive(threadId) {
        const { texts } = this.#of;
        const isDone = await this.change(threadId, { status: "archived" }, "archive.failed");
        if (!isDone) return;
        const restore = () => this.change(threadId, { status: "active" }, "restore.failed");
        this.#of.banner.show({ isGood: true, text: texts.get("archive.done"), action: { label: texts.get("undo"), run: restore } });
        if (threadId === this.#of.view.threadId) this.#of.newConversation();
    }

    /** Gone from the list at once; deleted when the offer to take it back is over, or the page is left. */
    remove(threadId) {
        const { api, lists, banner, texts, view } = this.#of;
        if (!api || !lists) return;
        if (threadId === view.threadId) this.#of.newConversation();
        lists.hide(threadId, true);
        const left = () => banner.show(null);
        addEventListener("pagehide", left);
        const ended = () => removeEventListener("pagehide", left);
        banner.show({
            isGood: true, text: texts.get("delete.done"), until: performance.now() + UNDO_MS,
            action: { label: texts.get("undo"), run: () => {
                ended();
                lists.hide(threadId, false);
            } },
            over: () => {
                ended();
                this.#delete(threadId, api, lists);
            },
        });
    }

    async #delete(threadId, api, lists) {
        const isDone = await api.remove(threadId);
        if (isDone) lists.remove(threadId);
        lists.hide(threadId, false);
        if (!isDone && lists === this.#of.lists) this.#of.banner.show({ text: this.#of.texts.get("delete.failed") });
    }
}
