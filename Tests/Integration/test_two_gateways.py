"""Two gateways on one database: a run is only ever one gateway's."""

import threading

import pytest

from kit.figures import figures, grown
from kit.gateway import Gateway
from kit.http import Api, text_of

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 300, "SCRIPTED_PACE_MS": 10}


@pytest.fixture(scope="module")
def other(database, gateway):
    other = Gateway(database, name="test_two_gateways_other", **SETTINGS)
    try:
        yield other
    finally:
        other.remove()


def test_a_message_sent_again_through_the_other_one(gateway, other, database, user):
    """It is a duplicate there too: the run goes on where it is, once, and its reply is shown when it has ended."""
    with gateway.connect(user) as chat, other.connect(user) as second:
        ack = chat.send("go", id="once")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        again = second.send("go", id="once")
        assert {**again, "status": "running"} == ack and again["status"] == "duplicate"
        assert chat.end_of(ack["runId"])["outcome"] == {"type": "success"}
        snapshot = second.until({"op": "snapshot"}, timeout=15)
        [reply] = [content for _, role, content, _ in database.messages(ack["threadId"]) if role == "assistant"]
        assert [message["content"] for message in snapshot["messages"]] == ["go", reply]
        assert not [frame for frame in second.frames if frame.get("type") == "RUN_STARTED"]
    assert database.run_status(ack["runId"]) == "completed"


def test_who_asks_over_http_is_answered_when_it_has_ended(gateway, other, database, user):
    """By its ids, since its events are not there."""
    with gateway.connect(user) as chat:
        ack = chat.send("go", id="once")
        path = f"/api/conversations/{ack['threadId']}/messages"
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        # That the run goes on does not keep one waiting who wants the ids alone.
        ids = Api(other, user)("POST", path, {"content": "go", "id": "once"}, 202)
        assert database.run_status(ack["runId"]) == "running"
        again = Api(other, user).stream(path, {"content": "go", "id": "once"})
        assert database.run_status(ack["runId"]) == "completed"
        assert again.status == 202 and again.body == ids and ids["run_id"] == ack["runId"]
    assert len(database.messages(ack["threadId"])) == 2


def test_who_asks_over_agui_gets_the_whole_reply(gateway, other, database, user):
    body = {"threadId": "t", "runId": "r", "messages": [{"id": "1", "role": "user", "content": "go"}], "tools": [],
            "context": [], "state": {}, "forwardedProps": {}}
    first = Api(gateway, user).stream("/agui", body).events()
    assert next(first)["type"] == "RUN_STARTED"
    again = list(Api(other, user).stream("/agui", {**body, "runId": "r2"}).events())
    [(message, text)] = text_of(first).items()
    assert text_of(again) == {message: text} and again[-1]["outcome"] == {"type": "success"}


def test_who_waits_there_when_it_stops(gateway, database, user):
    """It is told to ask again: what became of the run is not known yet."""
    other = Gateway(database, name="test_two_gateways_stopped", **SETTINGS)
    try:
        with gateway.connect(user) as chat:
            ack = chat.send("go", id="once")
            answers = []
            path = f"/api/conversations/{ack['threadId']}/messages"
            asking = threading.Thread(
                target=lambda: answers.append(Api(other, user).stream(path, {"content": "go", "id": "once"})))
            before = figures(other)
            asking.start()
            grown(other, before, "parley_sessions", 1)
            other.stop()
            asking.join()
            assert (answers[0].status, answers[0].body["error"]["code"]) == (503, "unavailable")
    finally:
        other.remove()
