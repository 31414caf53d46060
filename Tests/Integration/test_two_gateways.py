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
        # Who wants the ids alone need not wait.
        ids = Api(other, user)("POST", path, {"content": "go", "id": "once"}, 202)
        again = Api(other, user).stream(path, {"content": "go", "id": "once"})
        assert database.run_status(ack["runId"]) == "completed"
        assert again.status == 202 and again.body == ids and ids["run_id"] == ack["runId"]
    assert len(database.messages(ack["threadId"])) == 2


def test_who_asks_over_agui_gets_the_whole_reply(gateway, other, user):
    """That of its own message, also where the next one was stored before it."""
    def asked(api, run, id):
        return api.stream("/agui", {
            "threadId": "t", "runId": run, "messages": [{"id": id, "role": "user", "content": f"go {id}"}],
            "tools": [], "context": [], "state": {}, "forwardedProps": {}}).events()

    here, there = Api(gateway, user), Api(other, user)
    first = asked(here, "r1", "1")
    assert next(first)["type"] == "RUN_STARTED"
    second = asked(here, "r2", "2")
    again, later = list(asked(there, "r3", "1")), list(asked(there, "r4", "2"))
    for events, original in ((again, first), (later, second)):
        [(message, text)] = text_of(original).items()
        assert text_of(events) == {message: text} and events[-1]["outcome"] == {"type": "success"}


@pytest.fixture
def endless(database):
    """A gateway whose replies outlast the test."""
    endless = Gateway(database, name="test_two_gateways_endless", AGENT="scripted", SCRIPTED_TOKENS=100_000,
                      SCRIPTED_PACE_MS=5)
    try:
        yield endless
    finally:
        endless.remove()


def asked_through(other, user, ack):
    """The stream's answer to the same message there."""
    return Api(other, user).stream(f"/api/conversations/{ack['threadId']}/messages", {"content": "go", "id": "once"})


def test_nobody_is_kept_waiting_without_a_word(endless, database, user):
    """For as long as a stream may be silent; then it is told to ask again."""
    other = Gateway(database, name="test_two_gateways_waits", STREAM_KEEP_ALIVE_SECONDS=1)
    try:
        with endless.connect(user) as chat:
            ack = chat.send("go", id="once")
            answer = asked_through(other, user, ack)
            assert (answer.status, answer.body["error"]["code"]) == (503, "unavailable")
            assert database.run_status(ack["runId"]) == "running"
    finally:
        other.remove()


def test_who_waits_there_when_it_stops(endless, database, user):
    other = Gateway(database, name="test_two_gateways_stops", STREAM_KEEP_ALIVE_SECONDS=300)
    try:
        with endless.connect(user) as chat:
            ack = chat.send("go", id="once")
            answers = []
            before = figures(other)
            asking = threading.Thread(target=lambda: answers.append(asked_through(other, user, ack)))
            asking.start()
            grown(other, before, "parley_sessions", 1)
            assert other.stop() == 0
            asking.join()
            assert (answers[0].status, answers[0].body["error"]["code"]) == (503, "unavailable")
    finally:
        other.remove()
