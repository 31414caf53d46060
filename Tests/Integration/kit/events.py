"""A chat over an event stream, for where WebSockets do not pass: looks like the connection of a WebSocket client."""

import http.client
import json
import queue
import threading

import websockets.exceptions


class StreamRefused(Exception):
    """The answer to `GET /events` that was none; `status`, `body`."""

    def __init__(self, status, body):
        super().__init__(f"{status} {body[:200]}")
        self.status, self.body = status, body


class StreamConnection:
    """`recv`, `send` and `close` as a WebSocket has them. `cut()` breaks the stream, `resume()` takes it up again."""

    def __init__(self, port, token=None, *, headers=None, last_id=None, timeout=15):
        self.port, self.timeout = port, timeout
        self.headers = {"Accept": "text/event-stream", **(headers or {})}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.stream_id, self.close_code, self.close_reason = None, None, None
        self.last_id, self.comments = last_id, []
        self._open()

    def _open(self):
        self._frames = queue.SimpleQueue()
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        headers = dict(self.headers)
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        self._connection.request("GET", "/events", headers=headers)
        # The answer takes the socket over where it ends with the connection.
        self._socket = self._connection.sock
        self.answer = self._connection.getresponse()
        if self.answer.status != 200:
            raise StreamRefused(self.answer.status, self.answer.read())
        assert self.answer.headers.get_content_type() == "text/event-stream"
        self._socket.settimeout(None)
        threading.Thread(target=self._read, args=(self.answer, self._frames), daemon=True).start()

    def _read(self, answer, frames):
        event = {}
        try:
            for line in answer:
                text = line.decode().rstrip("\n")
                if text.startswith(":"):
                    self.comments.append(text)
                elif text:
                    name, value = text.split(": ", 1)
                    assert name in ("id", "data") and name not in event, text
                    event[name] = value
                elif event:
                    assert set(event) == {"id", "data"}, event
                    frames.put((event["id"], event["data"]))
                    event = {}
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass
        frames.put(None)

    def recv(self, timeout=15):
        try:
            found = self._frames.get(timeout=max(timeout, 0.001))
        except queue.Empty:
            raise TimeoutError from None
        if found is None:
            self._frames.put(None)
            raise websockets.exceptions.ConnectionClosedOK(None, None)
        self.last_id, text = found
        frame = json.loads(text)
        if frame.get("op") == "ready":
            self.stream_id = frame["streamId"]
        if frame.get("op") == "closing":
            self.close_code, self.close_reason = frame["code"], frame["reason"]
            assert isinstance(self.close_reason, str)
            # The last event; nobody asks for it.
            return self.recv(timeout)
        assert self.close_code is None, f"behind closing: {text}"
        return text

    def send(self, text):
        """One frame, or an array of them; refused where the stream is gone."""
        status, body = self.post(text)
        if status == 404:
            raise websockets.exceptions.ConnectionClosedOK(None, None)
        assert status == 202 and not body, f"{status} {body}"

    def post(self, text, stream=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request("POST", f"/events/{stream or self.stream_id}", text,
                               {**self.headers, "Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def cut(self):
        """Breaks it off; what has come and was not read yet is lost with it."""
        try:
            self._socket.shutdown(2)
        except OSError:
            pass
        self.answer.close()
        self._connection.close()

    def resume(self):
        """Takes it up behind the last event that was read."""
        self._open()

    def close(self):
        self.cut()
