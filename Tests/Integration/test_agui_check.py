"""The check that all these tests hold events against: it must find what is wrong, or it says nothing."""

import json

import pytest
from pydantic import ValidationError

from kit import agui

STARTED = {"type": "RUN_STARTED", "threadId": "t", "runId": "r", "protocolVersion": "1.0",
           "input": {"threadId": "t", "runId": "r", "messages": [], "tools": [], "context": []}}
FINISHED = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "outcome": {"type": "success"}}
FAILED = {"type": "RUN_ERROR", "message": "no", "code": "internal"}
OPEN = {"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"}
TEXT = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "x"}
CLOSE = {"type": "TEXT_MESSAGE_END", "messageId": "m"}
CALL = {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "add_task", "parentMessageId": "m"}
ARGUMENTS = {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": "{}"}
CALLED = {"type": "TOOL_CALL_END", "toolCallId": "c"}
RESULT = {"type": "TOOL_CALL_RESULT", "toolCallId": "c", "messageId": "n", "content": "{}", "role": "tool"}
GOOD = [STARTED, CALL, ARGUMENTS, CALLED, RESULT, OPEN, TEXT, CLOSE, FINISHED]


@pytest.mark.parametrize("event", [*GOOD, FAILED], ids=lambda event: event["type"])
def test_an_event_of_the_protocol_passes(event):
    event = {**event, "metadata": {"parley": {"threadId": "t", "cursor": "e.1"}}}
    assert agui.check_event(json.dumps(event)) == event


@pytest.mark.parametrize("event", [
    {**OPEN, "more": 1}, {**OPEN, "messageId": None}, {**OPEN, "name": None},
    {"type": "TEXT_MESSAGE_START", "message_id": "m", "role": "assistant"}, {**OPEN, "messageId": 5},
    {**OPEN, "type": "TEXT_MESSAGE_BEGIN"}, {"type": "TEXT_MESSAGE_END"},
    {**FINISHED, "outcome": {"type": "stopped"}}, {**FINISHED, "outcome": {"type": "success", "more": 1}},
    {**STARTED, "input": {**STARTED["input"], "forwarded_props": {}}},
    {**STARTED, "input": {**STARTED["input"], "messages": [{"id": "1", "role": "user"}]}},
], ids=json.dumps)
def test_an_event_that_is_none_is_refused(event):
    with pytest.raises((AssertionError, ValidationError)):
        agui.check_event(json.dumps(event))


def apply(events, cursors=None):
    thread = agui.Thread()
    for event, cursor in zip(events, cursors or (f"e.{count}" for count in range(1, len(events) + 1))):
        thread.apply({**event, "metadata": {"parley": {"threadId": "t", "cursor": cursor}}})
    return thread


def test_a_whole_run_passes():
    thread = apply(GOOD)
    assert (thread.run, thread.texts, thread.outcomes) == (None, {"m": "x"}, {"r": "success"})
    assert thread.calls == {"c": {"name": "add_task", "arguments": "{}", "result": "{}", "messageId": "n"}}


@pytest.mark.parametrize("events", [
    [OPEN], [STARTED, STARTED], [STARTED, FINISHED, FINISHED], [FINISHED], [STARTED, FINISHED, OPEN],
    [STARTED, OPEN, OPEN], [STARTED, TEXT], [STARTED, OPEN, CLOSE, TEXT], [STARTED, OPEN, CLOSE, CLOSE],
    [STARTED, OPEN, {**TEXT, "delta": ""}], [STARTED, {**OPEN, "role": "user"}], [STARTED, OPEN, FINISHED],
    [STARTED, CALL, CALL], [STARTED, ARGUMENTS], [STARTED, CALL, CALLED, ARGUMENTS], [STARTED, CALL, FINISHED],
    [STARTED, CALL, RESULT], [STARTED, RESULT], [STARTED, {**FINISHED, "runId": "other"}],
    [STARTED, {"type": "STEP_STARTED", "stepName": "s"}],
], ids=lambda events: "-".join(event["type"] for event in events))
def test_an_order_that_is_none_is_refused(events):
    with pytest.raises((AssertionError, KeyError)):
        apply(events)


@pytest.mark.parametrize("cursors", [["e.2", "e.1"], ["e.1", "e.1"], ["e.9", "e.10", "e.9"]])
def test_cursors_that_do_not_rise_are_refused(cursors):
    with pytest.raises(AssertionError):
        apply([STARTED, OPEN, TEXT], cursors)
    apply([STARTED, OPEN, TEXT], ["e.9", "e.10", "f.1"])
