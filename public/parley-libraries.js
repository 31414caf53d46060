// The libraries that the gateway serves below lib/, loaded when they are first needed. Without them text is shown as it
// is. None touches a document by itself, leaves a global behind, or makes HTML.

const AGAIN_MS = 30_000; // after a failure

const known = new Map(); // name → {promise, library, failedAt}

/** Resolves to the library (`marked`, `prism` or `katex`), or to null where it can't be had. */
export function library(name) {
    let entry = known.get(name);
    if (!entry || (entry.failedAt && performance.now() - entry.failedAt > AGAIN_MS)) {
        entry = { library: null, failedAt: 0 };
        entry.promise = import(new URL(`lib/${name}.js`, import.meta.url)).then((module) => {
            entry.library = module.default;
            return entry.library;
        }, () => {
            entry.failedAt = performance.now();
            return null;
        });
        known.set(name, entry);
    }
    return entry.promise;
}

/** The library if it is there already. */
export function loaded(name) {
    return known.get(name)?.library ?? null;
}
