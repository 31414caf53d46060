"""A gateway that was taken for dead writes nothing and says nothing: its runs are another's, and it begins again."""

import signal

import pytest

from kit.gateway import Gateway
from kit.http import Api

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 600, "SCRIPTED_PACE_MS": 20, "SHARDS": 2}


@pytest.fixture
def gateways(database):
    made = [Gateway(database, name=f"test_fence_{name}", **SETTINGS) for name in "ab"]
    try:
        yield made
    finally:
        for gateway in made:
            gateway.process.signal(signal.SIGCONT)
            gateway.remove()


def stalled(gateway, database, run):
    """Stops the process until another gateway has closed `run`."""
    gateway.process.signal(signal.SIGSTOP)
    database.wait("select status from runs where id = %s", run, wanted=lambda status: status != "running", timeout=20)
    gateway.process.signal(signal.SIGCONT)


def test_one_that_stood_still_says_no_more(gateways, database, user):
    """Its run was closed by the other one: its socket gets no end that contradicts that, and comes back to the truth."""
    first, _ = gateways
    with first.connect(user) as chat:
        ack = chat.send("go")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        database.wait("select checkpoint is not null from runs where id = %s", ack["runId"])
        stalled(first, database, ack["runId"])
        assert chat.closed(timeout=15) == 1012
        assert not [frame for frame in chat.frames if frame.get("type") in ("RUN_FINISHED", "RUN_ERROR")]
    assert database.run_status(ack["runId"]) == "interrupted"
    with first.let_in(user) as chat:
        chat.subscribe(ack["threadId"])
        [snapshot] = [frame for frame in chat.frames if frame.get("op") == "snapshot"]
        asked, reply = snapshot["messages"]
        assert asked["content"] == "go" and reply["role"] == "assistant"
        # It goes on as another incarnation, with the same process.
        again = chat.send("!text once more", thread=ack["threadId"])
        assert chat.end_of(again["runId"])["outcome"] == {"type": "success"}
    assert [status for _, _, _, status in database.messages(ack["threadId"])] == [
        "complete", "interrupted", "complete", "complete"]


def test_what_waited_behind_it_is_run_once(gateways, database, user):
    first, _ = gateways
    with first.connect(user) as chat:
        ack = chat.send("go")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        queued = chat.send("!tool add_task {\"title\": \"once\"}", thread=ack["threadId"])
        assert queued["status"] == "queued"
        database.wait("select checkpoint is not null from runs where id = %s", ack["runId"])
        stalled(first, database, ack["runId"])
        database.wait("select status from runs where id = %s", queued["runId"],
                      wanted=lambda status: status == "completed", timeout=20)
        assert chat.closed(timeout=15) == 1012
    tasks = Api(first, user)("GET", f"/api/users/{user}/tasks")["data"]
    assert [task["title"] for task in tasks] == ["once"]
    roles = [role for _, role, _, _ in database.messages(ack["threadId"])]
    assert roles.count("tool") == 1 and roles.count("user") == 2


def test_a_successor_at_the_same_place_leaves_its_predecessor_alone(database, user):
    """It was asked to stop and lets its reply end: what beats is alive, whatever its name."""
    old = Gateway(database, name="test_fence_old", DRAIN_SECONDS=60, **SETTINGS)
    new = None
    try:
        with old.connect(user) as chat:
            ack = chat.send("!tokens 400 20")
            chat.until({"type": "TEXT_MESSAGE_CONTENT"})
            old.terminate()
            new = Gateway(database, name="test_fence_new", HTTP_PORT=old.port, **SETTINGS)
            assert chat.end_of(ack["runId"], timeout=30)["outcome"] == {"type": "success"}
        assert database.run_status(ack["runId"]) == "completed"
    finally:
        old.remove()
        if new is not None:
            new.remove()


def test_signs_of_life_have_a_connection_of_their_own(database, user):
    """However many shards there are: nothing that takes its time comes before them."""
    gateway = Gateway(database, name="test_fence_beats", **{**SETTINGS, "SHARDS": 12})
    try:
        beating = ("select array_agg(pid) from pg_stat_activity where datname = current_database()"
                   " and query like '%%parley.beat(%%' and pid <> pg_backend_pid()")
        [pid] = database.wait(beating)
        with gateway.connect(user) as chat:
            for _ in range(4):
                at = database.value("select max(heartbeat_at) from nodes")
                chat.turn("!text hello")
                database.wait("select max(heartbeat_at) from nodes", wanted=lambda beaten: beaten != at)
                assert database.value(beating) == [pid], "another connection, or it was used for something else"
    finally:
        gateway.remove()
