"""A chat client that records every frame and checks every event."""

import contextlib
import copy
import json
import time
import uuid

import websockets.exceptions
import websockets.sync.client

from . import agui
from .events import StreamConnection

PATIENCE = 15
"""Seconds after which something that should have come is missing."""


class ChatSocket:
    """One socket. Frames are read in order, each once, by `receive`, `until` and what is built on them."""

    def __init__(self, gateway, token=None, *, header=True, subprotocols=("parley.v1",), headers=None, origin=None,
                 compression=None, ready=True, url=None, transport="socket", front=None):
        headers = dict(headers or {})
        if token and header:
            headers["Authorization"] = f"Bearer {token}"
        self.frames, self.threads = [], {}
        self._count, self._prefix = 0, uuid.uuid4().hex[:8]
        self._open = contextlib.ExitStack()
        if transport == "events":
            if origin:
                headers["Origin"] = origin
            self.connection = self._open.enter_context(contextlib.closing(StreamConnection(gateway.port, headers=headers)))
        else:
            self.connection = self._open.enter_context(websockets.sync.client.connect(
                url or (front or gateway).socket_url, additional_headers=headers, subprotocols=list(subprotocols) or None,
                origin=origin, compression=compression, proxy=None, open_timeout=PATIENCE, close_timeout=PATIENCE,
                ping_interval=None, max_size=None, max_queue=None, **(front.way if front else {})))
        self.ready = None
        if ready:
            self.ready = self.receive()
            assert self.ready["op"] == "ready", f"first frame: {self.ready}"

    # --- frames

    def receive(self, timeout=PATIENCE):
        """The next frame, checked and recorded. TimeoutError, or ConnectionClosed at the end."""
        text = self.connection.recv(timeout=timeout)
        assert isinstance(text, str), "a binary frame"
        frame = json.loads(text)
        assert ("op" in frame) != ("type" in frame), f"neither ours nor AG-UI's: {text}"
        if "type" in frame:
            agui.check_event(text)
            self.thread(frame["metadata"]["parley"]["threadId"]).apply(frame)
        else:
            nulls = [name for name, value in frame.items() if value is None and (frame["op"], name) != ("thread", "title")]
            assert not nulls, f"null in {text}"
            if frame["op"] == "snapshot":
                self.thread(frame["threadId"]).begin_anew()
            elif frame["op"] == "subscribed":
                self.thread(frame["threadId"]).caught_up(frame["cursor"])
        self.frames.append(frame)
        return frame

    def thread(self, thread_id):
        return self.threads.setdefault(thread_id, agui.Thread())

    def until(self, wanted, timeout=PATIENCE):
        """Reads up to the first frame that `wanted` says yes to (a function, or fields it must have), and returns it."""
        matches = wanted if callable(wanted) else lambda frame: wanted.items() <= frame.items()
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                frame = self.receive(max(left, 0))
            except TimeoutError:
                raise AssertionError(f"not within {timeout} s: {wanted}; frames so far: {self.frames[-12:]}") from None
            if matches(frame):
                return frame

    def so_far(self):
        """All frames that the gateway had sent before it answered a ping of now, as a list."""
        start = len(self.frames)
        self.post(op="ping", id=self.fresh_id())
        self.until({"op": "pong"})
        return self.frames[start:-1]

    def closed(self, timeout=PATIENCE):
        """Reads to the end; the close code."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                self.receive(max(deadline - time.monotonic(), 0))
        except websockets.exceptions.ConnectionClosed:
            return self.connection.close_code

    def events(self, thread_id=None, run_id=None):
        """The AG-UI events received so far; those of one thread, or of one run."""
        chosen, run = [], None
        for frame in self.frames:
            if "type" not in frame or thread_id not in (None, frame["metadata"]["parley"]["threadId"]):
                continue
            if frame["type"] == "RUN_STARTED":
                run = frame["runId"]
            if run_id in (None, run):
                chosen.append(frame)
        return chosen

    # --- ops

    def fresh_id(self):
        self._count += 1
        return f"{self._prefix}-{self._count}"

    def post(self, **frame):
        self.connection.send(json.dumps({name: value for name, value in frame.items() if value is not None}))

    def raw(self, text):
        self.connection.send(text)

    def error(self, **frame):
        """Sends something wrong; the error that answers it."""
        self.post(**frame)
        # A snapshot that was not asked for is followed by a `subscribed` without an id.
        answer = self.until(lambda answer: answer.get("op") in ("error", "ack", "authenticated", "pong") or (
            answer.get("op") == "subscribed" and ("id" in answer or "id" not in frame)))
        assert answer["op"] == "error", f"expected an error, got {answer}"
        assert isinstance(answer["message"], str) and answer["message"]
        if "id" in frame:
            assert answer.get("id") == frame["id"]
        return answer

    def send(self, content, *, thread=None, id=None, policy=None):
        """Sends a message; its ack."""
        id = id or self.fresh_id()
        self.post(op="send", id=id, threadId=thread, content=content, policy=policy)
        answer = self.until(lambda frame: frame.get("id") == id and frame.get("op") in ("ack", "error"))
        assert answer["op"] == "ack", f"no ack: {answer}"
        return answer

    def end_of(self, run_id, timeout=PATIENCE):
        """Reads to the terminal event of a run, and returns it."""
        for thread in self.threads.values():
            if run_id in thread.outcomes:
                return next(e for e in reversed(self.events(run_id=run_id)) if e["type"] in ("RUN_FINISHED", "RUN_ERROR"))
        def ends(frame):
            if frame.get("type") == "RUN_ERROR":
                return self.thread(frame["metadata"]["parley"]["threadId"]).outcomes.get(run_id) is not None
            return frame.get("type") == "RUN_FINISHED" and frame["runId"] == run_id

        return self.until(ends, timeout)

    def turn(self, content, *, thread=None, id=None, timeout=PATIENCE):
        """A whole turn."""
        ack = self.send(content, thread=thread, id=id)
        end = self.end_of(ack["runId"], timeout)
        return Turn(self, ack, end)

    def subscribe(self, thread, after=None):
        """The `subscribed` that ends the catch-up; what came before it is in `frames`."""
        id = self.fresh_id()
        self.post(op="subscribe", id=id, threadId=thread, after=after)
        answer = self.until(lambda frame: frame.get("id") == id and frame.get("op") in ("subscribed", "error"))
        assert answer["op"] == "subscribed", f"not subscribed: {answer}"
        return answer

    def carry_over(self, thread, other):
        """What this client holds of a thread from an earlier socket, so that it can resume there."""
        self.threads[thread] = copy.deepcopy(other.thread(thread))
        self.threads[thread].outcomes = {}

    def cancel(self, thread, run=None, id=None):
        id = id or self.fresh_id()
        self.post(op="cancel", id=id, threadId=thread, runId=run)
        answer = self.until(lambda frame: frame.get("id") == id and frame.get("op") in ("ack", "error"))
        assert answer["op"] == "ack", f"no ack: {answer}"
        return answer

    def close(self):
        self._open.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Turn:
    """What came of one `turn`."""

    def __init__(self, socket, ack, end):
        self.socket, self.ack, self.end = socket, ack, end
        self.thread, self.run, self.message = ack["threadId"], ack["runId"], ack["messageId"]
        self.events = socket.events(self.thread, self.run)
        view = socket.thread(self.thread)
        opened = [e["messageId"] for e in self.events if e["type"] == "TEXT_MESSAGE_START"]
        self.texts = {message: view.texts[message] for message in opened}
        self.text = "".join(self.texts.values())
        self.calls = [{"id": e["toolCallId"], **view.calls[e["toolCallId"]]}
                      for e in self.events if e["type"] == "TOOL_CALL_START"]

    @property
    def tools(self):
        return [call["name"] for call in self.calls]

    @property
    def kinds(self):
        return [event["type"] for event in self.events]
