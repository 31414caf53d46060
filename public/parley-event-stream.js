// A socket for where WebSockets don't pass (PROTOCOL.md section 12): what the server says is an event stream, what is
// said to it is POSTed. It has the part of WebSocket's interface that Connection uses, and takes a stream that was cut up
// again by itself, where it left off.

const AGAIN_WITHIN_MS = 55_000; // the server keeps a stream that was cut for 60 s
const AGAIN_MS = [0, 250, 1_000, 2_000, 5_000, 10_000];
const LINE_LENGTH = 4 << 20; // UTF-16 units; a server that never ends a line is given up

export class EventStreamSocket {
    readyState = WebSocket.CONNECTING;
    onopen = null;
    onmessage = null;
    onclose = null;
    /** There is nothing here that streams: the gateway, or what stands before it, does not know the address. */
    isMissing = false;

    #url;
    #token;
    #abort = new AbortController();
    #streamId = null;
    #lastId = null;
    #unsent = [];
    #isPosting = false;

    /** `url`: of the gateway's origin. */
    constructor(url, token) {
        this.#url = new URL("/events", url);
        this.#token = token;
        this.#run();
    }

    send(text) {
        this.#unsent.push(text);
        if (!this.#isPosting) this.#post();
    }

    close(code = 1000) {
        this.#close(code);
    }

    #close(code) {
        if (this.readyState === WebSocket.CLOSED) return;
        this.readyState = WebSocket.CLOSED;
        this.#abort.abort();
        this.onclose?.({ code });
    }

    async #run() {
        let cutAt = performance.now();
        for (let attempt = 0; this.readyState !== WebSocket.CLOSED;) {
            const wasCut = await this.#read(() => { attempt = 0; });
            if (this.readyState === WebSocket.CLOSED) return;
            if (attempt === 0) cutAt = performance.now();
            if (!wasCut || this.#lastId === null || performance.now() - cutAt > AGAIN_WITHIN_MS) return this.#close(1006);
            await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(attempt++, AGAIN_MS.length - 1)]));
        }
    }

    // Until the stream ends; whether it may be taken up again.
    async #read(began) {
        try {
            const headers = { Authorization: `Bearer ${this.#token}`, Accept: "text/event-stream" };
            if (this.#lastId !== null) headers["Last-Event-ID"] = this.#lastId;
            const response = await fetch(this.#url, { headers, signal: this.#abort.signal, cache: "no-store" });
            if (!response.ok || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
                this.isMissing = [404, 405, 501].includes(response.status) || response.ok;
                return response.status >= 500;
            }
            began();
            if (this.readyState === WebSocket.CONNECTING) {
                this.readyState = WebSocket.OPEN;
                this.onopen?.();
            }
            const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
            let rest = "";
            let data = [];
            let id = null;
            for (;;) {
                const { done, value } = await reader.read();
                if (done) return true;
                const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
                rest = lines.pop();
                if (rest.length > LINE_LENGTH) return false;
                for (const line of lines) {
                    if (line === "") {
                        if (data.length > 0) this.#event(data.join("\n"), id);
                        data = [];
                        id = null;
                    } else if (line.startsWith("data:")) {
                        data.push(line.slice(line[5] === " " ? 6 : 5));
                    } else if (line.startsWith("id:")) {
                        id = line.slice(3).trim();
                    }
                    if (this.readyState === WebSocket.CLOSED) return false;
                }
            }
        } catch {
            return true;
        }
    }

    #event(text, id) {
        if (id !== null) this.#lastId = id;
        let frame;
        try {
            frame = JSON.parse(text);
        } catch {
            return;
        }
        if (frame?.op === "ready") {
            // What was taken up goes on as if nothing had been; a new stream in its place has forgotten everything.
            const isSame = this.#streamId === frame.streamId;
            if (this.#streamId !== null) return isSame && frame.resumed ? this.#post() : this.#close(1006);
            this.#streamId = frame.streamId;
        } else if (frame?.op === "closing") {
            return this.#close(frame.code ?? 1006);
        }
        this.onmessage?.({ data: text });
        this.#post();
    }

    // One request at a time, so that frames arrive in their order; what comes meanwhile goes together.
    async #post() {
        if (this.#isPosting || this.#streamId === null) return;
        this.#isPosting = true;
        while (this.#unsent.length > 0 && this.readyState === WebSocket.OPEN) {
            const frames = this.#unsent;
            this.#unsent = [];
            try {
                const response = await fetch(`${this.#url}/${encodeURIComponent(this.#streamId)}`, {
                    method: "POST", body: `[${frames.join(",")}]`, cache: "no-store", signal: this.#abort.signal,
                    headers: { Authorization: `Bearer ${this.#token}`, "Content-Type": "application/json" },
                });
                // What was not taken is said again on the next connection, with the same ids.
                if (!response.ok) this.#close(response.status === 413 ? 1009 : response.status === 401 ? 4401 : 1006);
            } catch {
                this.#close(1006);
            }
        }
        this.#isPosting = false;
    }
}
