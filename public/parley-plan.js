// A plan says what nodes there are to be; `carryOut` changes the document to that and leaves alone what is right.
//
// A plan is a string (a text node) or {kind, key, make, children, update}: `make()` builds the element, `children()` the
// plans of what is in it, called only if it is needed. Plans of one `kind` differ in their children at most, or in what
// `update(element)` sets; equal `key`s say that nothing differs at all.

/** Makes `plans` the children of `parent` from number `first` on; `shown` is what the call before has returned. */
export function carryOut(parent, shown, plans, first = 0) {
    const result = plans.map((plan, index) => {
        const old = shown[index];
        if (old === undefined) {
            const fresh = built(plan);
            parent.insertBefore(fresh.node, parent.childNodes[first + index] ?? null);
            return fresh;
        }
        if (typeof plan === "string") {
            if (typeof old.plan === "string") {
                setData(old.node, plan);
                old.plan = plan;
                return old;
            }
        } else if (old.plan.kind === plan.kind) {
            if (old.plan.key !== plan.key) {
                plan.update?.(old.node);
                if (plan.children) old.shown = carryOut(old.node, old.shown, plan.children());
            }
            old.plan = plan;
            return old;
        }
        const fresh = built(plan);
        old.node.replaceWith(fresh.node);
        return fresh;
    });
    for (const { node } of shown.slice(plans.length)) node.remove();
    return result;
}

function built(plan) {
    if (typeof plan === "string") return { plan, node: document.createTextNode(plan), shown: [] };
    const node = plan.make();
    plan.update?.(node);
    return { plan, node, shown: plan.children ? carryOut(node, [], plan.children()) : [] };
}

// A text that grew is added to: a selection in it lives on.
function setData(node, text) {
    const { data } = node;
    if (text === data) return;
    if (data !== "" && text.length > data.length && text.startsWith(data)) node.appendData(text.slice(data.length));
    else node.data = text;
}
