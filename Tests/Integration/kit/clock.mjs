// The widget's connection with clocks and timers of the test's own: prints one JSON line with what it did.
// Arguments: the folder of the widget's modules, and by how many milliseconds the wall clock is set once it is online.
const [folder, step] = process.argv.slice(2);

let steady = 1_000;
let wall = 1_700_000_000_000;
const timers = new Map();
let number = 0;
let armed = 0;

globalThis.CustomEvent ??= class extends Event {
    constructor(type, options) {
        super(type);
        this.detail = options?.detail;
    }
};
Date.now = () => wall;
performance.now = () => steady;
globalThis.setTimeout = (action, delay = 0) => {
    armed++;
    // As browsers do: what has no room in 31 bits is due at once.
    const wait = delay > 0x7fffffff || !(delay > 0) ? 0 : delay;
    timers.set(++number, { action, due: steady + wait });
    return number;
};
globalThis.clearTimeout = (id) => timers.delete(id);

const sent = [];
globalThis.WebSocket = class {
    static OPEN = 1;
    readyState = 1;
    constructor() {
        globalThis.opened = this;
    }
    send(text) {
        sent.push(JSON.parse(text).op);
        const { onmessage } = this;
        if (globalThis.answers) queueMicrotask(() => onmessage?.({ data: '{"op":"pong"}' }));
    }
    close() {}
};

async function pass(milliseconds) {
    const end = steady + milliseconds;
    for (let rounds = 0; rounds < 20_000; rounds++) {
        const [id, next] = [...timers].reduce((a, b) => (b[1].due < a[1].due ? b : a), [0, { due: Infinity }]);
        if (next.due > end) break;
        wall += next.due - steady;
        steady = next.due;
        timers.delete(id);
        next.action();
        for (let turn = 0; turn < 8; turn++) await null;
    }
    wall += end - steady;
    steady = end;
}

const { Connection } = await import(`${folder}/parley-connection.js`);
const connection = new Connection({ url: "ws://x/ws", provideToken: async () => "a.eyJzdWIiOiJ4In0.c" });
const states = [];
connection.addEventListener("state", ({ detail }) => states.push(detail.name));
globalThis.answers = true;
connection.start();
for (let turn = 0; turn < 8; turn++) await null;
opened.onopen();
opened.onmessage({ data: '{"op":"ready","userId":"u"}' });
await pass(1_000);
wall += Number(step);
armed = 0;
await pass(120_000);
const whileAlive = { pings: sent.length, armed };
// From here on nobody answers: that must show.
globalThis.answers = false;
armed = 0;
await pass(120_000);
console.log(JSON.stringify({ ...whileAlive, armedLater: armed, states }));
