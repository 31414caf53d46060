"""The HTTP API as a test sees it: requests with a token, pages, and event streams."""

import http.client
import json

from . import agui


class Api:
    """Requests of one user."""

    def __init__(self, gateway, user, **claims):
        self.gateway, self.user = gateway, user
        self.token = gateway.token(user, **claims)

    def raw(self, method, path, body=None, headers=None):
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        return self.gateway.request(method, path, body, {k: v for k, v in headers.items() if v is not None})

    def __call__(self, method, path, body=None, status=200, **headers):
        """The JSON of an answer that must have this status."""
        answer = self.raw(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        assert answer[0] == status, f"{method} {path}: {answer[0]} {answer[2][:300]}"
        assert answer[1]["Cache-Control"] == "no-store", f"{method} {path} may be cached"
        if not answer[2]:
            return None
        assert answer[1].get_content_type() == "application/json"
        return json.loads(answer[2])

    def refusal(self, method, path, body=None, status=400, **headers):
        """The code of an error that must have this status."""
        return self(method, path, body, status, **headers)["error"]["code"]

    def pages(self, path, by="before"):
        """All items of a list, page by page."""
        items, place, mark = [], "", "&" if "?" in path else "?"
        while True:
            page = self("GET", f"{path}{mark}{by}={place}" if place else path)
            items.append(page["data"])
            place = page["next"]
            if place is None:
                return items
            assert page["data"], "an empty page that is not the last"

    def stream(self, path, body, **headers):
        return EventStream(self, path, body, headers)


class EventStream:
    """The answer to a POST as server-sent events; `status` and `body` when it is none."""

    def __init__(self, api, path, body, headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", api.gateway.port, timeout=15)
        self.connection.request("POST", path, json.dumps(body), {
            "Authorization": f"Bearer {api.token}", "Content-Type": "application/json",
            "Accept": "text/event-stream", **(headers or {})})
        self.answer = self.connection.getresponse()
        self.status, self.comments, self.recorded = self.answer.status, [], b""
        self.is_stream = self.answer.headers.get_content_type() == "text/event-stream"
        self.body = None if self.is_stream else json.loads(self.answer.read())

    def events(self):
        """Each event, checked, as it comes; to the end of the stream."""
        assert self.is_stream, f"{self.status}: {self.body}"
        for line in self.answer:
            self.recorded += line
            text = line.decode().rstrip("\n")
            if text.startswith(":"):
                self.comments.append(text)
            elif text:
                assert text.startswith("data: "), text
                agui.check_event(text[6:])
                yield json.loads(text[6:])

    def close(self):
        self.connection.close()


def text_of(events):
    """The text of each message, put together."""
    texts = {}
    for event in events:
        if event["type"] == "TEXT_MESSAGE_CONTENT":
            texts[event["messageId"]] = texts.get(event["messageId"], "") + event["delta"]
    return texts
