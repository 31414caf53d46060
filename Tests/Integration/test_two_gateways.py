"""Two gateways on one database: a message that is sent again through the other one is still one message."""

import time

import pytest
import websockets.exceptions

from kit.gateway import Gateway
from kit.http import Api, text_of

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 100, "SCRIPTED_PACE_MS": 10}


@pytest.fixture(scope="module")
def other(database, gateway):
    other = Gateway(database, name="test_two_gateways_other", **SETTINGS)
    try:
        yield other
    finally:
        other.remove()


def until_it_is(status, ask, timeout=20):
    """Asks until it is answered otherwise than `unavailable`, which must be with that status."""
    deadline = time.monotonic() + timeout
    while (answer := ask()).status == 503:
        assert answer.body["error"]["code"] == "unavailable" and time.monotonic() < deadline
        time.sleep(0.1)
    assert answer.status == status
    return answer


def test_over_a_socket(gateway, other, database, user):
    with gateway.connect(user) as chat:
        ack = chat.send("go", id="once")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        with pytest.raises(websockets.exceptions.InvalidStatus):
            other.connect(user)
        assert chat.end_of(ack["runId"])["outcome"] == {"type": "success"}
    with other.connect(user) as second:
        again = second.send("go", id="once")
        assert {**again, "status": "running"} == ack and again["status"] == "duplicate"
        assert not [frame for frame in second.frames if frame.get("type") == "RUN_STARTED"]
    assert database.run_status(ack["runId"]) == "completed" and len(database.messages(ack["threadId"])) == 2


def test_over_http(gateway, other, database, user):
    """By its ids, since its events are not there."""
    with gateway.connect(user) as chat:
        ack = chat.send("go", id="once")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    path = f"/api/conversations/{ack['threadId']}/messages"
    again = until_it_is(202, lambda: Api(other, user).stream(path, {"content": "go", "id": "once"}))
    assert database.run_status(ack["runId"]) == "completed"
    assert (again.body["run_id"], again.body["status"]) == (ack["runId"], "duplicate")
    assert len(database.messages(ack["threadId"])) == 2


def test_over_agui(gateway, other, user):
    """That of its own message, also where the next one was stored before it."""
    def asked(api, run, id):
        return api.stream("/agui", {
            "threadId": "t", "runId": run, "messages": [{"id": id, "role": "user", "content": f"go {id}"}],
            "tools": [], "context": [], "state": {}, "forwardedProps": {}})

    here, there = Api(gateway, user), Api(other, user)
    first = asked(here, "r1", "1").events()
    assert next(first)["type"] == "RUN_STARTED"
    second = asked(here, "r2", "2").events()
    original = [list(first), list(second)]
    again = until_it_is(200, lambda: asked(there, "r3", "1"))
    later = until_it_is(200, lambda: asked(there, "r4", "2"))
    for events, before in zip((list(again.events()), list(later.events())), original):
        [(message, text)] = text_of(before).items()
        assert text_of(events) == {message: text} and events[-1]["outcome"] == {"type": "success"}
