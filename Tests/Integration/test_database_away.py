"""The database goes away and comes back: nothing is said to be stored that is not, and the gateway gets well by itself."""

import time

import pytest

from kit.chat import PATIENCE
from kit.database import Database
from kit.gateway import Gateway

SETTINGS = {"SHARDS": 1}


@pytest.fixture(scope="module")
def database(cluster):
    return Database(cluster.admin_url)


def send_again(gateway, chat, content, thread=None, *, id):
    """What `unavailable` asks for: the same again, until it is stored. Its ack."""
    deadline = time.monotonic() + PATIENCE
    while True:
        gateway.ready_status(200)
        chat.post(op="send", id=id, threadId=thread, content=content)
        answer = chat.until(lambda frame: frame.get("id") == id)
        if answer["op"] == "ack":
            return answer
        assert answer["code"] == "unavailable" and time.monotonic() < deadline, answer


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_message_while_it_is_away(gateway, cluster, database, connect, user, mode):
    chat = connect()
    thread = chat.turn("add buy milk").thread
    before = database.value("select count(*) from runs where user_id = %s", user)
    seen = len(chat.frames)

    cluster.stop(mode)
    try:
        error = chat.error(op="send", id="k1", threadId=thread, content="add eggs")
        assert error["code"] == "unavailable"
        assert error.get("retryAfter", 1) >= 0
        gateway.ready_status(503)
        assert gateway.get("/healthz")[0] == 200, "it lives"
        # In a new thread, and again with the same id.
        assert chat.error(op="send", id="k2", content="add bread")["code"] == "unavailable"
        assert chat.error(op="send", id="k1", threadId=thread, content="add eggs")["code"] == "unavailable"
        assert chat.so_far() == []
        after = chat.frames[seen:]
        assert not [frame for frame in after if "type" in frame], "the assistant was called"
        assert not [frame for frame in after if frame["op"] == "ack"]
    finally:
        cluster.start()

    gateway.ready_status(200)
    ack = send_again(gateway, chat, "add eggs", thread=thread, id="k1")
    assert ack["status"] == "running"
    assert chat.end_of(ack["runId"])["outcome"] == {"type": "success"}
    assert database.value("select count(*) from runs where user_id = %s", user) == before + 1
    assert [row[1] for row in database.tasks(user)] == ["buy milk", "eggs"]


def test_a_socket_opened_while_it_is_away(gateway, cluster, connect):
    cluster.stop()
    try:
        gateway.ready_status(503)
        chat = connect()
        assert chat.error(op="send", id="k", content="hello")["code"] == "unavailable"
        assert chat.error(op="subscribe", id="s", threadId="019a0000-0000-7000-8000-000000000000")["code"] \
            == "unavailable"
    finally:
        cluster.start()
    assert chat.end_of(send_again(gateway, chat, "hello", id="k")["runId"])["outcome"] == {"type": "success"}


def test_it_goes_away_in_the_middle_of_a_run(cluster, admin_url, user):
    """The reply waits until it can be stored: the end is said when it is durable, as success or not at all."""
    database = Database(cluster.admin_url)
    gateway = Gateway(database, name="test_database_away_run", AGENT="scripted", SCRIPTED_TOKENS=40, SCRIPTED_PACE_MS=20)
    try:
        with gateway.connect(user) as chat:
            ack = chat.send("go")
            chat.until({"type": "TEXT_MESSAGE_CONTENT"})
            cluster.stop()
            chat.until({"type": "TEXT_MESSAGE_END"})
            assert not [frame for frame in chat.so_far() if frame.get("type") == "RUN_FINISHED"]
            cluster.start()
            end = chat.end_of(ack["runId"], timeout=3 * PATIENCE)
            status = database.run_status(ack["runId"])
            assert (end["type"], status) in (("RUN_FINISHED", "completed"), ("RUN_ERROR", "failed"))
            stored = [content for _, role, content, _ in database.messages(ack["threadId"]) if role == "assistant"]
            assert "".join(stored) == "".join(chat.thread(ack["threadId"]).texts.values())
    finally:
        gateway.remove()
        database.remove()


def test_ready_means_every_shard(cluster, user):
    database = Database(cluster.admin_url)
    gateway = Gateway(database, name="test_database_away_shards", SHARDS=4)
    try:
        sockets = [gateway.connect(f"{user}-{n}") for n in range(12)]
        cluster.stop()
        gateway.ready_status(503)
        cluster.start()
        gateway.ready_status(200)
        for socket in sockets:
            assert socket.turn("hello").end["outcome"] == {"type": "success"}
            socket.close()
    finally:
        gateway.remove()
        database.remove()


def test_its_connections_are_cut(gateway, database, connect):
    """Not the server, only what was connected: the next message makes a new connection."""
    gateway.ready_status(200)
    chat = connect()
    thread = chat.turn("hello").thread
    database.do("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid()")
    ack = send_again(gateway, chat, "hello", thread=thread, id="k1")
    assert ack["status"] == "running"
    assert chat.end_of(ack["runId"])["outcome"] == {"type": "success"}
