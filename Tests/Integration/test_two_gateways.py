"""Two gateways on one database: a run is only ever one gateway's."""

import pytest

from kit.gateway import Gateway

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
