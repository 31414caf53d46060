"""Bounds of a user, a socket and a conversation, and what is answered at them."""

import psycopg
import pytest

from kit.chat import ChatSocket
from kit.database import Database
from kit.gateway import Gateway, command
from kit.raw import RawConnection, RawWebSocket

SETTINGS = {"MAX_SOCKETS_PER_USER": 3, "MAX_MESSAGES_PER_CONVERSATION": 4, "MAX_CONTENT_LENGTH": 100,
            "MAX_MESSAGE_BYTES": 4096, "KEEP_ALIVE_SECONDS": 1}


@pytest.mark.parametrize("kind", ["socket", "events"])
def test_too_many_sockets_of_a_user(connect, gateway, user, kind):
    sockets = [connect(transport=kind), connect(transport="events"), connect()]
    fourth = ChatSocket(gateway, gateway.token(user), ready=False, transport=kind)
    assert fourth.closed() == 4429
    assert connect(f"{user}-other").ready
    sockets.pop().close()
    # The gateway has heard of the end when it answers the close.
    assert connect().ready


def test_a_conversation_that_is_full(chat, database):
    thread = chat.turn("hello").thread
    chat.turn("hello", thread=thread)
    assert len(database.messages(thread)) == 4
    assert chat.error(op="send", id="f", threadId=thread, content="hello")["code"] == "conversation_full"
    assert len(database.messages(thread)) == 4
    assert chat.turn("hello").thread != thread, "another conversation goes on"


def test_the_limits_are_told_and_kept(chat):
    assert 4096 in chat.ready["limits"].values() and 100 in chat.ready["limits"].values()
    assert chat.turn("x" * 100).end["outcome"]["type"] == "success"
    assert chat.error(op="send", id="l", content="x" * 101)["code"] == "content_too_long"


def test_the_size_of_a_message(gateway, user):
    with RawWebSocket(gateway, gateway.token(user)) as raw:
        raw.read()
        raw.text(b'{"op":"ping","pad":"' + b"x" * 4100 + b'"}')
        assert raw.close_code() == 1009


def test_too_many_bad_frames(chat):
    for _ in range(300):
        try:
            chat.raw("nonsense")
        except Exception:  # closed meanwhile
            break
    assert chat.closed() == 4429


def test_a_token_that_ends(gateway, user):
    """25 s of grace after its end, in which `auth` would help."""
    chat = ChatSocket(gateway, gateway.token(user, ttl=1))
    stream = ChatSocket(gateway, gateway.token(user, ttl=1), transport="events")
    renewed = ChatSocket(gateway, gateway.token(user, ttl=1))
    for ending in (chat, stream):
        assert "expiresAt" in ending.until({"op": "authExpiring"})
    renewed.until({"op": "authExpiring"})
    renewed.post(op="auth", token=gateway.token(user))
    renewed.until({"op": "authenticated"})
    assert chat.closed(timeout=40) == 4401
    assert stream.closed() == 4401
    assert renewed.so_far() == []
    renewed.close()


def test_an_idle_connection(gateway):
    """Kept for further requests as long as KEEP_ALIVE_SECONDS says; then it ends without a word."""
    with RawConnection(gateway) as raw:
        for _ in range(3):
            raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.response()[0] == 200
        assert raw.ended() == b""


@pytest.mark.parametrize("begin", [b"", b"GET /ws HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "half a head"])
def test_a_handshake_that_is_not_finished(gateway, begin):
    with RawConnection(gateway, timeout=30) as raw:
        raw.send(begin)
        rest = raw.ended()
        assert rest == b"" or b" 408 " in rest.split(b"\r\n")[0]


def test_a_queue_does_not_fill_a_conversation_beyond_its_bound(database, user):
    gateway = Gateway(database, name="test_limits_queue", MAX_MESSAGES_PER_CONVERSATION=8, AGENT="scripted",
                      SCRIPTED_TOKENS=80, SCRIPTED_PACE_MS=50)
    try:
        with gateway.connect(user) as chat:
            thread = chat.send("0")["threadId"]
            runs = [chat.send(str(n), thread=thread)["runId"] for n in range(1, 7)]
            assert chat.error(op="send", id="f", threadId=thread, content="one more")["code"] == "conversation_full"
            assert [chat.end_of(run, timeout=30)["code"] for run in runs] == ["conversation_full"] * 6
            assert len(database.messages(thread)) == 8
        # The one that was answered, and those that were not.
        statuses = database.rows("select r.status from runs r where conversation_id = %s order by r.created_at", thread)
        assert sorted(status for status, in statuses) == ["completed"] + ["failed"] * 6
    finally:
        gateway.remove()


def test_the_database_has_the_same_bound(admin_url, user):
    database = Database(admin_url)
    try:
        settings = {"DATABASE_URL": database.url, "AUTH_JWT_SECRET": "s" * 40, "HTTP_PORT": 0}
        assert command("migrate", "up", MAX_CONTENT_LENGTH=50, **settings).returncode == 0
        assert database.value("select max_content_length()") == 50
        assert "nothing to do" in command("migrate", "up", **settings).stdout, "who does not say it changes nothing"
        answer = command("serve", MAX_CONTENT_LENGTH=51, **settings)
        assert answer.returncode == 78 and "MAX_CONTENT_LENGTH" in answer.stderr and "migrate up" in answer.stderr
        assert database.value("select max_content_length()") == 50
        gateway = Gateway(database, name="test_limits_bound")
        try:
            with gateway.connect(user) as chat:
                assert chat.ready["limits"]["maxContentLength"] == 50
                assert chat.error(op="send", id="l", content="x" * 51)["code"] == "content_too_long"
                thread = chat.turn("x" * 50).thread
        finally:
            gateway.remove()
        with pytest.raises(psycopg.errors.CheckViolation):
            database.do("insert into messages (id, conversation_id, user_id, position, role, content) "
                        "values (gen_random_uuid(), %s, %s, 900, 'user', repeat('x', 51))", thread, user)
        database.do("insert into messages (id, conversation_id, user_id, position, role, content) "
                    "values (gen_random_uuid(), %s, %s, 901, 'assistant', repeat('x', 51))", thread, user)
    finally:
        database.remove()
