// Views whose modules come when the first of them is shown: most conversations have no tool that asks, and many none at
// all. What stands for one meanwhile takes its place in the document, and the newest of what it is told.

import { h } from "./parley-dom.js";

const AGAIN_MS = 5_000; // after a module could not be had

/**
 * `load()` → the module, `make(module)` → {element, update(row), remove?()}; `changed()`: it is there, and takes room.
 * Returns such a view itself.
 */
export function lateView(load, make, changed) {
    const element = h("div", { class: "late" });
    let view = null;
    let row = null;
    let isRemoved = false;
    const come = async () => {
        let module;
        try {
            module = await load();
        } catch {
            // Offline, or a gateway that begins anew: what is asked must not stay unseen.
            if (!isRemoved) setTimeout(come, AGAIN_MS);
            return;
        }
        if (isRemoved) return;
        view = make(module);
        element.append(view.element);
        if (row !== null) view.update(row);
        changed();
    };
    come();
    return {
        element,
        update: (next) => {
            row = next;
            view?.update(next);
        },
        remove: () => {
            isRemoved = true;
            view?.remove?.();
        },
    };
}
