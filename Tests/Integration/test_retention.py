"""What becomes of conversations that nobody writes to, by the command and in the background; the keys of contents."""

import base64
import contextlib

import pytest

from kit.database import Database
from kit.gateway import Gateway, command

KEYS = {name: f"{name}:{base64.b64encode(bytes([place]) * 32).decode()}" for place, name in enumerate(["k1", "k2"])}


@pytest.fixture
def fresh(admin_url):
    database = Database(admin_url)
    try:
        yield database
    finally:
        database.remove()


@contextlib.contextmanager
def running(database, name, **settings):
    gateway = Gateway(database, name=f"test_retention_{name}", SHARDS=1, **settings)
    try:
        yield gateway
    finally:
        gateway.remove()


def parley(database, *arguments, code=0, **settings):
    answer = command(*arguments, DATABASE_URL=database.url, **settings)
    assert answer.returncode == code, f"{answer.returncode}: {answer.stdout}{answer.stderr}"
    return (answer.stdout or answer.stderr).strip().splitlines()


def age(database, thread, days):
    database.do(f"update conversations set updated_at = now() - interval '{days} days' where id = %s", thread)


def status(database, thread):
    """Of a conversation, and whether its row is in the archive."""
    return database.rows(
        "select status, false from conversations where id = %s union all"
        " select case when deleted_at is null then 'archived' else 'deleted' end, true"
        " from archived_conversations where id = %s", thread, thread)


def snapshot(gateway, user, thread):
    """(role, content) of a conversation's messages as a client is shown them."""
    with gateway.connect(user) as chat:
        chat.subscribe(thread)
        frame = next(frame for frame in chat.frames if frame.get("op") == "snapshot")
        return [(message["role"], message.get("content", "")) for message in frame["messages"]]


def test_the_command_and_the_way_back(fresh, user):
    with running(fresh, "command", RETENTION_INTERVAL="never") as gateway:
        with gateway.connect(user) as chat:
            old, dozing, recent = (chat.turn(f"add {what}").thread for what in ("milk", "eggs", "bread"))
        before = snapshot(gateway, user, old)
        age(fresh, old, 91)
        age(fresh, dozing, 31)
        tables = ("conversations", "messages", "runs", "task_operation_logs")
        wanted = ["purge: 0", "purge_archived: 0", "archive: 1", "dormant: 2", "purge_tasks: 0", "audit: 0"]
        rows = [fresh.rows(f"select * from {table} order by 1") for table in tables]
        assert parley(fresh, "retention", "run", "--dry-run") == wanted
        assert [fresh.rows(f"select * from {table} order by 1") for table in tables] == rows
        # The one that is archived is not made dormant before.
        wanted[3] = "dormant: 1"
        assert parley(fresh, "retention", "run") == wanted
        assert [status(fresh, thread) for thread in (old, dozing, recent)] == [
            [("archived", True)], [("dormant", False)], [("active", False)]]
        assert parley(fresh, "retention", "run")[2:4] == ["archive: 0", "dormant: 0"]

        assert snapshot(gateway, user, old) == before
        with gateway.connect(user) as chat:
            for thread in (old, dozing):
                turn = chat.turn("list", thread=thread)
                woken = next(frame for frame in chat.frames if frame.get("op") == "thread" and frame["threadId"] == thread)
                assert woken["status"] == "active" and turn.thread == thread
        assert [status(fresh, thread) for thread in (old, dozing)] == [[("active", False)]] * 2
        assert snapshot(gateway, user, old)[:len(before)] == before
        assert fresh.value("select count(*) from archived_messages") == 0


def test_in_the_background(fresh, user):
    """Every socket of the user hears of it. A deleted one is gone at once and purged later."""
    with running(fresh, "background", RETENTION_INTERVAL="1s", DELETE_AFTER="120d", PURGE_AFTER="10d") as gateway:
        with gateway.connect(user) as chat:
            old, older = (chat.turn(f"add {what}").thread for what in ("milk", "eggs"))
            age(fresh, old, 91)
            age(fresh, older, 121)
            seen = {}
            while set(seen) != {old, older}:
                frame = chat.until({"op": "thread"})
                if frame["status"] != "active":
                    seen[frame["threadId"]] = frame["status"]
            assert seen == {old: "archived", older: "deleted"}
            assert chat.error(op="subscribe", threadId=older)["code"] == "thread_not_found"
            assert chat.error(op="send", threadId=older, content="hello")["code"] == "thread_not_found"
        assert status(fresh, older) == [("deleted", False)]
        fresh.do("update conversations set deleted_at = now() - interval '11 days' where id = %s", older)
        fresh.wait("select count(*) from conversations where id = %s", older, wanted=lambda count: count == 0)
        assert fresh.value("select count(*) from messages where conversation_id = %s", older) == 0
        # Tasks outlive conversations.
        assert [title for _, title, _ in fresh.tasks(user)] == ["milk", "eggs"]


@pytest.mark.parametrize("name, value", [
    ("DORMANT_AFTER", "soon"), ("ARCHIVE_AFTER", "-1d"), ("PURGE_AFTER", "1 month"), ("RETENTION_INTERVAL", "1.5h")])
def test_an_age_that_is_none(fresh, name, value):
    lines = parley(fresh, "retention", "run", code=78, **{name: value})
    assert len(lines) == 1 and name in lines[0] and value in lines[0]


def test_keys_come_change_and_go(fresh, user):
    def leaks(word):
        """Tables in which it can be read."""
        tables = [name for name, in fresh.rows("select tablename from pg_tables where schemaname = 'parley'")]
        # Tasks and what tools did are rows of their own, which the database works with.
        return {table for table in tables if table not in ("tasks", "task_operation_logs", "archived_operation_logs")
                and fresh.value(f"select exists (select from {table} t where t::text like %s)", f"%{word}%")}

    settings = {"RETENTION_INTERVAL": "never", "MAX_CONTENT_LENGTH": 10}
    with running(fresh, "plain", **settings) as gateway, gateway.connect(user) as chat:
        plain = chat.turn("add milk").thread
    assert leaks("milk")
    with running(fresh, "sealed", CONTENT_KEYS=KEYS["k1"], **settings) as gateway:
        with gateway.connect(user) as chat:
            sealed = chat.turn("add eggs").thread
            # The limit is that of the text that was written.
            chat.turn("😀" * 10)
            assert chat.error(op="send", content="😀" * 11)["code"] == "content_too_long"
        histories = {thread: snapshot(gateway, user, thread) for thread in (plain, sealed)}
        assert histories[plain][0] == ("user", "add milk") and histories[sealed][0] == ("user", "add eggs")
    assert not leaks("eggs")

    secret = KEYS["k1"].split(":")[1]
    for keys, reason in [(None, "missing"), (KEYS["k2"], "missing"), ("k1:" + KEYS["k2"][3:], "not the one")]:
        for arguments in (["serve"], ["retention", "run"]):
            lines = parley(fresh, *arguments, code=78, CONTENT_KEYS=keys, AUTH_JWT_SECRET="s" * 40, HTTP_PORT=0)
            assert len(lines) == 1 and "the key k1" in lines[0] and reason in lines[0] and secret not in lines[0]
    lines = parley(fresh, "serve", code=78, CONTENT_KEYS="k1:short", AUTH_JWT_SECRET="s" * 40)
    assert len(lines) == 1 and "CONTENT_KEYS" in lines[0] and "short" not in lines[0]

    # The archive is brought under the new key too.
    age(fresh, sealed, 91)
    parley(fresh, "retention", "run", CONTENT_KEYS=KEYS["k1"])
    lines = parley(fresh, "reencrypt", CONTENT_KEYS=f"{KEYS['k2']},{KEYS['k1']}")
    assert "under the key k2" in lines[0] and "k1 is no longer used" in lines[1]
    assert not leaks("milk") and not leaks("eggs")
    with running(fresh, "rotated", CONTENT_KEYS=KEYS["k2"], **settings) as gateway:
        assert {thread: snapshot(gateway, user, thread) for thread in histories} == histories

    steps = str(fresh.value("select max(version) - 1 from schema_migrations"))
    lines = parley(fresh, "migrate", "down", steps, code=78)
    assert "reencrypt" in lines[-1]
    parley(fresh, "migrate", "up")
    lines = parley(fresh, "reencrypt", CONTENT_KEYS=f"plain,{KEYS['k2']}")
    assert "plain" in lines[0] and "k2 is no longer used" in lines[1]
    # Down and up again: what was archived is live, nothing is lost.
    assert status(fresh, sealed) == [("archived", True)]
    parley(fresh, "migrate", "down", steps, "--yes")
    assert fresh.rows("select status from conversations where id = %s", sealed) == [("dormant",)]
    parley(fresh, "migrate", "up")
    with running(fresh, "plain_again", **settings) as gateway:
        assert {thread: snapshot(gateway, user, thread) for thread in histories} == histories


def test_a_single_conversation(fresh, user):
    with running(fresh, "single", SINGLE_CONVERSATION="true") as gateway:
        with gateway.connect(user) as one, gateway.connect(user) as other:
            thread = one.turn("add milk").thread
            assert other.turn("add eggs").thread == thread
            assert one.turn("list", thread=thread).thread == thread
        with gateway.connect(f"{user}-2") as stranger:
            assert stranger.turn("list").thread != thread
        # One that an application has made before: the one that is written to is the active one.
        fresh.do("insert into conversations (id, user_id, status) values (gen_random_uuid(), %s, 'dormant')", user)
        second = fresh.value("select id::text from conversations where user_id = %s and status = 'dormant'", user)
        with gateway.connect(user) as chat:
            chat.turn("list", thread=second)
            assert chat.turn("list").thread == second
        assert fresh.rows("select id::text from conversations where user_id = %s and status = 'active'", user) == [(second,)]
