"""What one client holds of one thread, over all its sockets, and the rules by which it may change. Pure."""

from collections import deque
from dataclasses import dataclass, field

FRAMES_KEPT = 400


@dataclass
class Assembly:
    """The text of one message as one client put it together, without a gap of its own knowledge."""

    message: str
    run: str
    epoch: str
    parts: list = field(default_factory=list)
    """(time, delta)"""
    is_closed: bool = False
    outcome: str | None = None
    """How the client saw the run end: "success", "cancelled" or an error's code."""

    @property
    def text(self):
        return "".join(delta for _, delta in self.parts)


@dataclass
class Call:
    run: str
    epoch: str
    name: str
    arguments: str = ""
    is_open: bool = True
    result: str | None = None
    result_message: str | None = None


class ThreadView:
    """`socket_lost`, `joined`, `snapshot`, `subscribed` and `event` say what came, in its order."""

    def __init__(self, client, user, thread):
        self.client, self.user, self.thread = client, user, thread
        self.assemblies, self.calls, self.ends, self.snapshots = [], [], [], []
        """All there ever were: `ends` holds (run, outcome, epoch), `snapshots` lists of messages."""
        self.asked = {}
        """User messages that runs were started with: message id → (run, content)."""
        self.complaints = []
        self.frames = deque(maxlen=FRAMES_KEPT)
        self.has_left = False
        """The client does not follow it any more."""
        self._forget()
        self.is_live = False
        self.may_resume = False
        self._seems_resumed = False
        """Events came after a `subscribe` with a cursor, and what they are is not said yet."""

    def _forget(self):
        self.run = None
        self.held = {}
        """What the client shows: message id → Assembly, or the text of a snapshot."""
        self.is_whole = False
        """It has the thread's history and not only what came since it joined."""
        self.cursor = None
        self._messages, self._calls, self._run_calls, self._ended = {}, {}, {}, set()

    def _complain(self, what):
        self.complaints.append(what)

    # --- how it comes to be subscribed

    def socket_lost(self):
        self.is_live = False
        self.may_resume = self._seems_resumed = False

    def not_subscribed(self):
        """A `subscribe` was refused."""
        self.may_resume = False

    def joined(self, is_new=False):
        """By an ack to a `send`: a socket that is not subscribed gets the active run from its beginning. One that has
        just asked to resume is: what it gets follows its cursor."""
        if self.is_live or self.may_resume:
            return
        self._forget()
        self.is_live = True
        self.is_whole = is_new

    def snapshot(self, frame):
        self.snapshots.append(frame["messages"])
        texts = {m["id"]: m.get("content") or "" for m in frame["messages"]}
        if self._seems_resumed:
            self._complain("events came before the snapshot")
        if self.is_live:
            for message, text in texts.items():
                known = self.held.get(message)
                if isinstance(known, Assembly) and not known.text == text:
                    self._complain(f"the snapshot's text of {message} is not the streamed one: {text!r}, {known.text!r}")
        # What came before is replaced, and the rules count from here.
        self._forget()
        self.is_live = True
        self.held.update(texts)
        self.is_whole = not frame["hasMore"]
        self._advance(frame["cursor"], is_event=False)

    def subscribed(self, frame):
        if frame["mode"] == "resumed" and not self.is_live and not self.may_resume:
            self._complain("resumed although no cursor was given")
        if frame["mode"] == "snapshot" and not self.is_live:
            self._complain("subscribed by a snapshot that was not sent")
        self.is_live = True
        self._seems_resumed = False
        self._advance(frame["cursor"], is_event=False)

    # --- events

    def _advance(self, cursor, is_event=True):
        epoch, count = cursor.rsplit(".", 1)
        new = (epoch, int(count))
        if self.cursor and self.cursor[0] == epoch:
            if is_event and new[1] <= self.cursor[1]:
                self._complain(f"the cursor does not rise: {new[1]} after {self.cursor[1]}")
            if not is_event and new[1] < self.cursor[1]:
                self._complain(f"subscribed at {new[1]}, behind {self.cursor[1]}")
        self.cursor = new

    @property
    def after(self):
        return f"{self.cursor[0]}.{self.cursor[1]}" if self.cursor else None

    def event(self, event, epoch, now):
        if not self.is_live:
            if not self.may_resume:
                self._complain(f"{event['type']} of a thread that this socket does not follow")
            self.is_live = self._seems_resumed = True
        cursor = event["metadata"]["parley"]["cursor"]
        if cursor.rsplit(".", 1)[0] != epoch:
            self._complain(f"cursor {cursor} on a socket of epoch {epoch}")
        self._advance(cursor)
        kind = event["type"]
        if kind == "RUN_STARTED":
            return self._started(event)
        if self.run is None:
            return self._complain(f"{kind} outside a run")
        handler = getattr(self, "_on_" + kind.lower(), None)
        if handler is None:
            return self._complain(f"unexpected {kind}")
        handler(event, epoch, now)

    def _started(self, event):
        if self.run is not None:
            self._complain(f"{event['runId']} starts while {self.run} is active")
        if event["runId"] in self._ended:
            self._complain(f"{event['runId']} starts again after its end")
        self.run = event["runId"]
        self._messages, self._calls, self._run_calls = {}, {}, {}
        for message in event["input"]["messages"]:
            self.asked[message["id"]] = (self.run, message["content"])

    def _on_text_message_start(self, event, epoch, now):
        message = event["messageId"]
        if message in self._messages or message in self.held:
            self._complain(f"message {message} opened twice")
        assembly = Assembly(message, self.run, epoch)
        self._messages[message] = self.held[message] = assembly
        self.assemblies.append(assembly)

    def _on_text_message_content(self, event, epoch, now):
        assembly = self._messages.get(event["messageId"])
        if assembly is None:
            return self._complain(f"text for {event['messageId']}, which is not open")
        if not event["delta"]:
            self._complain("an empty delta")
        assembly.parts.append((now, event["delta"]))

    def _on_text_message_end(self, event, epoch, now):
        assembly = self._messages.pop(event["messageId"], None)
        if assembly is None:
            return self._complain(f"the end of {event['messageId']}, which is not open")
        assembly.is_closed = True

    def _on_tool_call_start(self, event, epoch, now):
        call = event["toolCallId"]
        if call in self._calls:
            self._complain(f"call {call} opened twice")
        self._calls[call] = self._run_calls[call] = Call(self.run, epoch, event["toolCallName"])
        self.calls.append(self._calls[call])

    def _on_tool_call_args(self, event, epoch, now):
        call = self._calls.get(event["toolCallId"])
        if call is None:
            return self._complain(f"arguments for {event['toolCallId']}, which is not open")
        call.arguments += event["delta"]

    def _on_tool_call_end(self, event, epoch, now):
        call = self._calls.pop(event["toolCallId"], None)
        if call is None:
            return self._complain(f"the end of {event['toolCallId']}, which is not open")
        call.is_open = False

    def _on_tool_call_result(self, event, epoch, now):
        call = self._run_calls.get(event["toolCallId"])
        if call is None or call.is_open:
            return self._complain(f"the result of {event['toolCallId']}, which was not made")
        if call.result is not None:
            self._complain(f"a second result of {event['toolCallId']}")
        call.result, call.result_message = event["content"], event["messageId"]

    def _on_run_finished(self, event, epoch, now):
        if event["runId"] != self.run:
            self._complain(f"{event['runId']} finishes while {self.run} runs")
        if self._messages or self._calls:
            self._complain(f"{self.run} finished with open items {sorted(self._messages | self._calls)}")
        self._end(event["outcome"]["type"], epoch)

    def _on_run_error(self, event, epoch, now):
        self._end(event["code"], epoch)

    def _end(self, outcome, epoch):
        self.ends.append((self.run, outcome, epoch))
        self._ended.add(self.run)
        for assembly in self.held.values():
            if isinstance(assembly, Assembly) and assembly.run == self.run:
                assembly.outcome = outcome
        self.run = None
        self._messages, self._calls = {}, {}

    def shown(self):
        """What the client shows at the end: message id → text."""
        return {message: held.text if isinstance(held, Assembly) else held for message, held in self.held.items()}
