"""The gateway behind PgBouncer in transaction mode, which it finds out by itself: nothing is kept in a server's session."""

import base64
import concurrent.futures

import pytest

from kit.bouncer import Bouncer
from kit.database import Database
from kit.gateway import Gateway, command

SESSIONS = 3


@pytest.fixture(scope="module")
def bouncer(database):
    bouncer = Bouncer(database.host, SESSIONS)
    try:
        yield bouncer
    finally:
        bouncer.remove()


@pytest.fixture(scope="module")
def gateway(bouncer, database):
    gateway = Gateway(database, name="test_pgbouncer", DATABASE_URL=bouncer.url(database.name))
    try:
        yield gateway
    finally:
        gateway.remove()


def test_turns_and_tools_of_many(gateway, bouncer, database, user):
    def talk(name):
        with gateway.connect(name) as chat:
            thread = chat.turn(f"add buy milk for {name}").thread
            for n in range(5):
                assert chat.turn(f"add thing {n}", thread=thread).end["outcome"] == {"type": "success"}
            return thread

    names = [f"{user}-{n}" for n in range(12)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        threads = list(pool.map(talk, names))
    for name, thread in zip(names, threads):
        assert [title for _, title, _ in database.tasks(name)] == [
            f"buy milk for {name}", *(f"thing {n}" for n in range(5))]
        assert database.value("select count(distinct user_id) from messages where conversation_id = %s", thread) == 1


def test_nothing_stays_in_a_session(gateway, bouncer, database, chat):
    chat.turn("add buy milk")
    assert bouncer.sessions(database.name) == {("none", "0", 0)}


def test_history_and_lists(gateway, chat, connect):
    turn = chat.turn("add buy milk")
    late = connect()
    late.subscribe(turn.thread)
    snapshot = next(frame for frame in late.frames if frame.get("op") == "snapshot")
    assert snapshot["messages"][0]["content"] == "add buy milk"


def test_contents_are_sealed(admin_url, bouncer, user):
    database = Database(admin_url)
    try:
        gateway = Gateway(database, name="test_pgbouncer_sealed", DATABASE_URL=bouncer.url(database.name),
                          CONTENT_KEYS="k1:" + base64.b64encode(bytes(32)).decode())
        try:
            with gateway.connect(user) as chat:
                turn = chat.turn("add buy eggs")
            contents = [content for _, _, content, _ in database.messages(turn.thread)]
            assert contents and not any("eggs" in content for content in contents)
            with gateway.connect(user) as late:
                late.subscribe(turn.thread)
                snapshot = next(frame for frame in late.frames if frame.get("op") == "snapshot")
            said = snapshot["messages"]
            assert (said[0]["content"], said[-1]["content"]) == ("add buy eggs", turn.text)
        finally:
            gateway.remove()
    finally:
        database.remove()


def test_a_killed_gateway_recovers(bouncer, database, user):
    gateway = Gateway(database, name="test_pgbouncer_recovery", DATABASE_URL=bouncer.url(database.name),
                      AGENT="scripted", SCRIPTED_TOKENS=2000, SCRIPTED_PACE_MS=20)
    try:
        with gateway.connect(user) as chat:
            ack = chat.send("go")
            chat.until({"type": "TEXT_MESSAGE_CONTENT"})
            database.wait("select checkpoint from runs where id = %s", ack["runId"])
            gateway.kill()
        gateway.start()
        # Known to be dead a few seconds after its last sign of life.
        database.wait("select status from runs where id = %s", ack["runId"], wanted=lambda status: status == "interrupted")
        assert [row[3] for row in database.messages(ack["threadId"])] == ["complete", "interrupted"]
    finally:
        gateway.remove()


def test_migrations_of_two_at_once(admin_url, bouncer):
    database = Database(admin_url)
    try:
        def migrate(_):
            return command("migrate", "up", DATABASE_URL=bouncer.url(database.name))

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(migrate, range(2)))
        assert [answer.returncode for answer in answers] == [0, 0], answers
        assert database.value("select count(*) = max(version) from schema_migrations")
    finally:
        database.remove()
