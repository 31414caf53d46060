"""Pages and lists come from a replica that follows the primary, and never miss what the user has written."""

import json
import time

import pytest

from kit.chat import PATIENCE
from kit.database import Database
from kit.gateway import Gateway


@pytest.fixture(scope="module")
def database(cluster):
    return Database(cluster.admin_url)


@pytest.fixture(scope="module")
def follower(cluster, database):
    follower = cluster.follower()
    try:
        yield follower
    finally:
        follower.remove()


@pytest.fixture(scope="module")
def copy(follower, database):
    """The same database, seen on the replica."""
    copy = Database.__new__(Database)
    copy.__dict__.update(vars(database), _connection=None)
    copy.admin_url = database.admin_url.replace(database.host, follower.socket)
    return copy


@pytest.fixture(scope="module")
def gateway(database, follower):
    url = f"postgresql://parley@/{database.name}?host={follower.socket}"
    gateway = Gateway(database, name="test_replica", SHARDS=1, DATABASE_REPLICA_URL=url)
    try:
        yield gateway
    finally:
        gateway.remove()


def page(gateway, user, thread):
    """The contents of the newest messages by HTTP."""
    status, _, body = gateway.get(f"/api/conversations/{thread}/messages", Authorization=f"Bearer {gateway.token(user)}")
    assert status == 200, body
    return [message["content"] for message in json.loads(body)["data"]]


def caught_up(database, copy):
    position = database.value("select pg_current_wal_insert_lsn()::text")
    copy.wait("select pg_last_wal_replay_lsn() >= %s::pg_lsn", position)


def reads(copy):
    """When the gateway last read messages there."""
    return copy.value("select max(query_start) from pg_stat_activity where application_name = 'parley'"
                      " and query like '%%parley.messages m%%'")


def until_replica_answers(gateway, database, copy, user, thread, wanted):
    """Reads until the replica is asked again, which takes a connection; each page is whole all the time."""
    before, deadline = reads(copy), time.monotonic() + PATIENCE
    while reads(copy) == before:
        assert page(gateway, user, thread)[0] == wanted
        assert time.monotonic() < deadline, "the replica is not asked"


def test_the_replica_answers_behind_the_own_write(gateway, database, copy, chat, user):
    thread = chat.turn("first").thread
    caught_up(database, copy)
    until_replica_answers(gateway, database, copy, user, thread, "first")


def test_a_replica_that_lags_is_not_believed(gateway, database, copy, chat, user):
    thread = chat.turn("first").thread
    caught_up(database, copy)
    assert page(gateway, user, thread)[0] == "first"
    copy.do("select pg_wal_replay_pause()")
    try:
        copy.wait("select pg_get_wal_replay_pause_state() = 'paused'")
        for n in range(3):
            chat.turn(f"more {n}", thread=thread)
            for _ in range(3):
                assert f"more {n}" in page(gateway, user, thread)
        assert copy.value("select count(*) from messages where conversation_id = %s and content like 'more%%'",
                          thread) == 0
    finally:
        copy.do("select pg_wal_replay_resume()")
    caught_up(database, copy)
    until_replica_answers(gateway, database, copy, user, thread, "first")
    assert "more 2" in page(gateway, user, thread)


def test_a_snapshot_holds_the_own_write(gateway, database, copy, connect):
    copy.do("select pg_wal_replay_pause()")
    try:
        turn = connect().turn("hello")
        late = connect()
        late.subscribe(turn.thread)
        snapshot = next(frame for frame in late.frames if frame.get("op") == "snapshot")
        assert [message["content"] for message in snapshot["messages"]][0] == "hello"
    finally:
        copy.do("select pg_wal_replay_resume()")


def test_without_the_replica_the_primary_answers(gateway, database, copy, follower, chat, user):
    thread = chat.turn("first").thread
    caught_up(database, copy)
    assert page(gateway, user, thread)[0] == "first"
    for mode in ("fast", "immediate"):
        follower.stop(mode)
        try:
            for _ in range(5):
                assert page(gateway, user, thread)[0] == "first"
            assert gateway.get("/readyz")[0] == 200
        finally:
            follower.start()
        copy.do("select 1")
        until_replica_answers(gateway, database, copy, user, thread, "first")
