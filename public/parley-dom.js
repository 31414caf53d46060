// Elements and icons, built node by node: text is always text, and nothing here needs inline script or style.

/** `h("a", { class: "quiet", onclick }, "More")`. Functions are listeners; null and false are left out. */
export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (typeof value === "function") element.addEventListener(name.slice(2), value);
        else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
}

/** A button that does not submit a form. */
export function button(attributes, ...children) {
    return h("button", { type: "button", ...attributes }, ...children);
}

/** Sets an attribute only if it changes: an unchanged write would still wake observers and style. */
export function setAttribute(element, name, value) {
    if (value === null || value === undefined || value === false) {
        if (element.hasAttribute(name)) element.removeAttribute(name);
    } else if (element.getAttribute(name) !== String(value)) {
        element.setAttribute(name, value);
    }
}

export function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

/** Properties that were set before an element was defined hide its accessors until they are set again. */
export function adoptProperties(element, names) {
    for (const name of names) {
        if (!Object.hasOwn(element, name)) continue;
        const value = element[name];
        delete element[name];
        element[name] = value;
    }
}

/** Whether a key belongs to an input method that is composing (229: browsers that end the composition first). */
export function isComposing(event) {
    return event.isComposing || event.keyCode === 229;
}

/**
 * Tells whether the form of a field is being submitted by the key that has ended a composition in it: Safari submits then,
 * though the key was the input method's.
 */
export function watchComposition(field) {
    let isTaken = false;
    const judge = (event) => { isTaken = event.type === "keydown" && event.key === "Enter" && isComposing(event); };
    for (const name of ["keydown", "keyup"]) field.addEventListener(name, judge);
    return () => isTaken;
}

/** A page's one-key shortcuts see the widget where a person types into a field of it, and would take the letters. */
export function keptFromThePage(event) {
    const isTyping = event.composedPath()[0].matches?.("textarea, input");
    const isModified = event.ctrlKey || event.metaKey || event.altKey;
    if (isTyping && !isModified && event.key?.length === 1) event.stopPropagation();
}

// Line drawings on a 20 × 20 grid.
const ICONS = {
    plus: "M10 4v12M4 10h12",
    list: "M7.5 5.5H17M7.5 10H17M7.5 14.5H17M3.5 5.5h.01M3.5 10h.01M3.5 14.5h.01",
    search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12ZM13.5 13.5 17 17",
    edit: "M4 16l.8-3.6L13.2 4l2.8 2.8-8.4 8.4L4 16ZM11.5 5.7l2.8 2.8",
    trash: "M4 6h12M8 6V4h4v2M5.5 6l.7 10h7.6l.7-10M8.5 9v4.5M11.5 9v4.5",
    archive: "M3.5 4.5h13v3h-13ZM5 7.5V16h10V7.5M8 10.5h4",
    check: "M4.5 10.5l3.5 3.5 7.5-8",
    undo: "M7 5 3.5 8.5 7 12M3.5 8.5H12a4 4 0 0 1 0 8H9",
    tool: "M12.5 4.2a3.8 3.8 0 0 0-3.6 5L4 14.1 5.9 16l4.9-4.9a3.8 3.8 0 0 0 5-4.7l-2.3 2.3-2-.2-.2-2 2.3-2.3"
        + "a3.8 3.8 0 0 0-1.1 0Z",
    cross: "M5.5 5.5l9 9M14.5 5.5l-9 9",
    chevron: "M7 8.5l3 3 3-3",
    menu: "M3.5 6h13M3.5 10h13M3.5 14h13",
    send: "M10 16V4.5M5 9.5l5-5 5 5",
    stop: "M6 6h8v8H6Z",
    down: "M10 4.5V16M5 11l5 5 5-5",
    alert: "M10 6.5v4.5M10 13.8h.01M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15Z",
    compose: "M15.5 10.5V15a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 15V6A1.5 1.5 0 0 1 5 4.5h4.5"
        + "M8 12l.5-2.3L14.7 3.5l1.8 1.8L10.3 11.5 8 12Z",
    copy: "M7 7V4.5h8.5V13H13M4.5 7H13v8.5H4.5Z",
    image: "M3.5 4.5h13v11h-13ZM3.5 13l4-4 3.5 3.5 2-2 3.5 3M12.7 7.7h.01",
    left: "M12 5.5 7.5 10l4.5 4.5",
    right: "M8 5.5l4.5 4.5L8 14.5",
    again: "M15.5 8.5A6 6 0 1 0 16 11.5M15.8 4.5v4h-4",
    good: "M6.5 9v7.5h-3V9ZM6.5 9.5 9.5 3c1.4 0 2 .9 1.8 2.2L10.8 8h4.4a1.3 1.3 0 0 1 1.3 1.6l-1.3 5.6a1.6 1.6 0 0 1-1.6 1.3H6.5",
    bad: "M6.5 11V3.5h-3V11ZM6.5 10.5 9.5 17c1.4 0 2-.9 1.8-2.2L10.8 12h4.4a1.3 1.3 0 0 0 1.3-1.6l-1.3-5.6a1.6 1.6 0 0 0-1.6-1.3H6.5",
    dots: "M5 10h.01M10 10h.01M15 10h.01",
    bubble: "M4 4.5h12a1 1 0 0 1 1 1v7.5a1 1 0 0 1-1 1H9.5L6 17v-3H4a1 1 0 0 1-1-1V5.5a1 1 0 0 1 1-1Z",
};

const SVG = "http://www.w3.org/2000/svg";

/** A decorative icon: what it stands for is always said in words beside it. */
export function icon(name) {
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    svg.setAttribute("viewBox", "0 0 20 20");
    svg.setAttribute("class", `icon icon-${name}`);
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
}
