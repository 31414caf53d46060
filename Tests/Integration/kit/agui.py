"""AG-UI 1.0 from a consumer's side: each event against the models with nothing extra, and the order of a thread's events."""

import json

import ag_ui.core
from pydantic import BaseModel, TypeAdapter

_EVENT = TypeAdapter(ag_ui.core.Event)
_MESSAGE = TypeAdapter(ag_ui.core.Message)


def _undefined(model, path):
    """Names of fields that were sent and that the model does not have."""
    if isinstance(model, BaseModel):
        yield from (f"{path}.{name}" for name in model.model_extra or ())
        for name in type(model).model_fields:
            yield from _undefined(getattr(model, name), f"{path}.{name}")
    elif isinstance(model, (list, tuple)):
        for index, item in enumerate(model):
            yield from _undefined(item, f"{path}[{index}]")


def _strict(adapter, text, what):
    # Extra fields, snake_case and nulls are accepted by the models, and refused here.
    model = adapter.validate_json(text, strict=True, by_alias=True, by_name=False)
    undefined = list(_undefined(model, what))
    assert not undefined, f"not defined by AG-UI: {undefined}"
    sent = json.loads(text)
    meant = json.loads(model.model_dump_json(by_alias=True, exclude_none=True))
    assert meant == sent, f"sent {sent}, which means {meant}"
    return sent


def check_event(text):
    """The event as a dict; AssertionError or ValidationError where it is not one."""
    return _strict(_EVENT, text, "event")


def check_message(message):
    return _strict(_MESSAGE, json.dumps(message), "message")


class Thread:
    """What a consumer holds of one thread on one socket; `apply` refuses an event that is out of order."""

    def __init__(self):
        self.run = None
        self.texts = {}
        """message id → the concatenated deltas"""
        self.calls = {}
        """call id → {"name", "arguments", "result"}"""
        self.outcomes = {}
        """run id → "success", "cancelled", or the code of a RUN_ERROR"""
        self.cursor = None
        self.thoughts = {}
        """id → what was thought"""
        self._resumes = False
        """The run goes on with answers to calls that one before it has made."""
        self._open_messages, self._open_calls = set(), set()
        self._spans, self._open_thoughts = set(), set()
        self._known = set()
        """Messages whose text has been begun since the last snapshot."""

    def begin_anew(self):
        """A snapshot: what came before is replaced, and the rules count from there. What has ended has ended."""
        self.run, self.cursor = None, None
        self._open_messages, self._open_calls, self._known = set(), set(), set()
        self._spans, self._open_thoughts = set(), set()

    def caught_up(self, cursor):
        """`subscribed`: everything up to there has come, and what follows has a later cursor."""
        epoch, count = cursor.rsplit(".", 1)
        if self.cursor and self.cursor[0] == epoch:
            assert int(count) >= self.cursor[1], f"subscribed at {cursor}, behind {self.cursor}"
        self.cursor = (epoch, int(count))

    def apply(self, event):
        self._advance(event["metadata"]["parley"]["cursor"])
        kind = event["type"]
        if kind == "RUN_STARTED":
            assert self.run is None, f"{event['runId']} starts while {self.run} runs"
            self.run = event["runId"]
            self._resumes = "resume" in event.get("input", {})
            self._open_messages, self._open_calls = set(), set()
            return
        assert self.run is not None, f"{kind} while nothing runs"
        getattr(self, "_" + kind.lower(), self._other)(event)

    def _advance(self, cursor):
        epoch, count = cursor.rsplit(".", 1)
        if self.cursor and self.cursor[0] == epoch:
            assert int(count) > self.cursor[1], f"cursor {cursor} after {self.cursor}"
        self.cursor = (epoch, int(count))

    def _other(self, event):
        raise AssertionError(f"unexpected {event['type']}")

    def _text_message_start(self, event):
        message = event["messageId"]
        assert message not in self._open_messages, "message opened twice"
        assert event.get("role") == "assistant"
        self._open_messages.add(message)
        if message not in self._known:
            self._known.add(message)
            self.texts[message] = ""

    def _text_message_content(self, event):
        assert event["messageId"] in self._open_messages, "text for a message that is not open"
        assert event["delta"], "empty delta"
        self.texts[event["messageId"]] += event["delta"]

    def _text_message_end(self, event):
        self._open_messages.remove(event["messageId"])

    def _reasoning_start(self, event):
        assert event["messageId"] not in self._spans, "reasoning begun twice"
        self._spans.add(event["messageId"])

    def _reasoning_message_start(self, event):
        assert event["messageId"] in self._spans and event["messageId"] not in self._open_thoughts
        assert event["role"] == "reasoning"
        self._open_thoughts.add(event["messageId"])
        self.thoughts[event["messageId"]] = ""

    def _reasoning_message_content(self, event):
        assert event["messageId"] in self._open_thoughts, "a thought that is not open"
        assert event["delta"], "empty delta"
        self.thoughts[event["messageId"]] += event["delta"]

    def _reasoning_message_end(self, event):
        self._open_thoughts.remove(event["messageId"])

    def _reasoning_end(self, event):
        assert event["messageId"] not in self._open_thoughts, "reasoning ended with an open message"
        self._spans.remove(event["messageId"])

    def _tool_call_start(self, event):
        call = event["toolCallId"]
        assert call not in self._open_calls, "call opened twice"
        self._open_calls.add(call)
        self.calls[call] = {"name": event["toolCallName"], "arguments": "", "result": None}

    def _tool_call_args(self, event):
        assert event["toolCallId"] in self._open_calls, "arguments for a call that is not open"
        self.calls[event["toolCallId"]]["arguments"] += event["delta"]

    def _tool_call_end(self, event):
        self._open_calls.remove(event["toolCallId"])

    def _tool_call_result(self, event):
        call = event["toolCallId"]
        assert call not in self._open_calls, "result of a call that is open"
        if self._resumes:
            # Of a call that the run before has made, which may have been on another socket.
            self.calls.setdefault(call, {"name": None, "arguments": None, "result": None})
        assert call in self.calls, "result of a call that was not made"
        self.calls[call]["result"] = event["content"]
        self.calls[call]["messageId"] = event["messageId"]

    def _run_finished(self, event):
        assert event["runId"] == self.run, "another run finished"
        assert not self._open_messages | self._open_calls | self._spans, "finished with open items"
        self.outcomes[self.run] = event["outcome"]["type"]
        self.run = None

    def _run_error(self, event):
        self.outcomes[self.run] = event["code"]
        self.run = None
