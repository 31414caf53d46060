// What a person has decided of what a suspended conversation asks. All of it is answered together, so that nothing is sent
// before the last decision is made.

export class Decisions {
    #made = new Map(); // interrupt id → {status, payload}

    of(interruptId) {
        return this.#made.get(interruptId) ?? null;
    }

    /** A null decision takes the one before back. Resolves to the whole answer once there is one for each, else null. */
    make(interrupts, interruptId, decision) {
        if (decision) this.#made.set(interruptId, decision);
        else this.#made.delete(interruptId);
        if (!interrupts.every((each) => this.#made.has(each.id))) return null;
        return interrupts.map(({ id }) => ({ interruptId: id, ...this.#made.get(id) }));
    }

    /** The answer was refused: all is to be decided anew. */
    reopen(interrupts) {
        for (const { id } of interrupts) this.#made.delete(id);
    }
}
