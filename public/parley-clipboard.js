// The clipboard, also on pages where a browser offers none (served over plain HTTP from another machine).

import { h } from "./parley-dom.js";

/** Whether the text is on the clipboard. `place`: an element in whose shadow root or document the work is done. */
export async function copyText(text, place) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        return copySelected(text, place);
    }
}

function copySelected(text, place) {
    const root = place.getRootNode();
    const focused = root.activeElement;
    const field = h("textarea", { class: "visually-hidden", "aria-hidden": "true", tabindex: "-1" });
    field.value = text;
    (root.querySelector(".frame") ?? root.body ?? root).append(field);
    field.select();
    const isDone = document.execCommand("copy");
    field.remove();
    focused?.focus({ preventScroll: true });
    return isDone;
}

const SHOWN_MS = 1_500;

/** A press of a copy button: says in its place, for a moment, whether it worked. */
export async function copyBy(button, text, texts, say) {
    const isDone = await copyText(text, button);
    say?.(texts.get(isDone ? "copied" : "copy.failed"));
    button.setAttribute("data-copied", String(isDone));
    setTimeout(() => button.removeAttribute("data-copied"), SHOWN_MS);
}
