"""An upstream whose every byte is given: the answers of a file in `upstream_cases`, and what it was asked.

| member of an answer | |
| --- | --- |
| `nth` | it is for the n-th request only, counted from 1 |
| `if` | `[rule]` or `[rule, argument]`: it is for requests of which the rule is true (RULES) |
| `status`, `headers`, `after_s` | 200, `text/event-stream`, no pause before the head |
| `body` | a text, sent whole with its length; or pieces, each one HTTP chunk |

A request gets the first answer that is for it. A piece is a text, `{"data": …}` (one event), `{"join": […], "copies": n}`
with `{"repeat": text, "times": n}` in it, `{"sleep_s": n}`, or `{"every_s": n, "send": text, "times": n}`. `{{threadId}}`,
`{{runId}}` and `{{path}}` stand for those of the request.
"""

import http.server
import json
import re
import select
import threading

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _calls(body):
    return [call for message in body.get("messages", ()) for call in message.get("tool_calls") or ()]


def _content(message):
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _beside_calls(body):
    return [message for message in body.get("messages", ()) if message.get("tool_calls")]


def _first(body):
    others = [m for m in body.get("messages", ()) if m["role"] not in ("system", "developer")]
    return others[0]["role"] if others else None


RULES = {
    "history begins with another than the user": lambda path, body: _first(body) != "user",
    "asked with a result": lambda path, body: body["messages"][-1]["role"] == "tool",
    "a message holds": lambda path, body, text: any(text in _content(message) for message in body["messages"]),
    "the last message holds": lambda path, body, text: text in _content(body["messages"][-1]),
    "contents are longer than": lambda path, body, most: sum(len(_content(m)) for m in body["messages"]) > most,
    "the request has": lambda path, body, name: name in body,
    "a call's name is invalid": lambda path, body: any(
        not NAME.fullmatch(call["function"]["name"]) for call in _calls(body)),
    "a call's id is not": lambda path, body, id: any(call["id"] != id for call in _calls(body)),
    "content beside calls is empty": lambda path, body: any(m.get("content") == "" for m in _beside_calls(body)),
    "content beside calls is null": lambda path, body: any(m.get("content", "") is None for m in _beside_calls(body)),
    "reasoning is missing beside calls": lambda path, body: any(
        not m.get("reasoning_content") for m in _beside_calls(body)),
    "the path does not end in": lambda path, body, end: not path.endswith(end),
    "roles do not alternate": lambda path, body: any(
        a["role"] == b["role"] == "user" for a, b in zip(body["messages"], body["messages"][1:])),
    "a role is": lambda path, body, role: any(message["role"] == role for message in body["messages"]),
    "a result has no name": lambda path, body: any(m["role"] == "tool" and not m.get("name") for m in body["messages"]),
    "a message has": lambda path, body, name: any(name in message for message in body["messages"]),
    "beside calls is missing": lambda path, body, name: any(not m.get(name) for m in _beside_calls(body)),
    "a call's id is longer than": lambda path, body, most: any(len(call["id"]) > most for call in _calls(body)),
    "a call has no signature": lambda path, body: any(not call.get("extra_content") for call in _calls(body)),
    "tools are not offered": lambda path, body: not body.get("tools") or body.get("tool_choice") == "none",
    "the last call was": lambda path, body, name: bool(_calls(body)) and _calls(body)[-1]["function"]["name"] == name,
    "results are more than": lambda path, body, most: sum(m["role"] == "tool" for m in body["messages"]) > most,
}


def expand(text):
    """A text of a case: as it is, or joined from parts."""
    if isinstance(text, str):
        return text
    if "repeat" in text:
        return text["repeat"] * text["times"]
    return "".join(map(expand, text["join"]))


class Dialect:
    """A server with the answers of a case, or with those that `script` sets later."""

    def __init__(self, answers=()):
        self.answers, self.requests = list(answers), []
        """requests: (path, body, status), in the order of their arrival"""
        self.heads = []
        """The headers of each, with their names in small letters."""
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer._answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a gateway that has gone

        self._server = Server(("127.0.0.1", 0), Handler)
        self._stopped = threading.Event()
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def origin(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self):
        return self.origin + "/v1"

    def close(self):
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def bodies(self):
        return [body for _, body, _ in self.requests]

    def _choose(self, path, body, number):
        for answer in self.answers:
            rule, *arguments = answer.get("if", ["true"])
            if answer.get("nth", number) == number and (rule == "true" or RULES[rule](path, body, *arguments)):
                return answer
        return {"status": 500, "headers": {"Content-Type": "application/json"}, "body": "{}"}

    def _answer(self, handler):
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        body = json.loads(raw)
        with self._lock:
            answer = self._choose(handler.path, body, len(self.requests) + 1)
            self.requests.append((handler.path, body, answer.get("status", 200)))
            self.heads.append({name.lower(): value for name, value in handler.headers.items()})
        if self._gone(handler, answer.get("after_s", 0)):
            return
        values = {"{{threadId}}": body.get("threadId", ""), "{{runId}}": body.get("runId", ""), "{{path}}": handler.path}

        def fill(text):
            for name, value in values.items():
                text = text.replace(name, value)
            return text

        # Not through send_response: a header may be wrong on purpose.
        head = [f"HTTP/1.1 {answer.get('status', 200)} Scripted"]
        for name, value in ({"Content-Type": "text/event-stream"} | answer.get("headers", {})).items():
            head.append(f"{name}: {fill(value)}")
        content = answer["body"]
        if isinstance(content, str):
            payload = fill(content).encode("utf-8", "surrogateescape")
            head.append(f"Content-Length: {len(payload)}")
            handler.wfile.write("\r\n".join([*head, "", ""]).encode() + payload)
            return
        handler.wfile.write("\r\n".join([*head, "Transfer-Encoding: chunked", "", ""]).encode())
        for piece in content:
            for part in self._pieces(handler, piece):
                payload = fill(part).encode("utf-8", "surrogateescape")
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(payload), payload))
        handler.wfile.write(b"0\r\n\r\n")

    def _pieces(self, handler, piece):
        if isinstance(piece, str):
            yield piece
        elif "data" in piece:
            yield f"data: {json.dumps(piece['data'])}\n\n"
        elif "join" in piece:
            text = expand(piece)
            for _ in range(piece.get("copies", 1)):
                yield text
        elif "sleep_s" in piece:
            self._gone(handler, piece["sleep_s"])
        else:
            for _ in range(piece["times"]):
                if self._gone(handler, piece["every_s"]):
                    raise ConnectionError
                yield piece["send"]

    def _gone(self, handler, seconds):
        """Waits, unless the gateway closes the connection or the test is over. Whether that happened."""
        if seconds <= 0:
            return False
        readable, _, _ = select.select([handler.connection], [], [], seconds)
        return bool(readable) or self._stopped.is_set()
