"""Nothing is said to have happened before it is committed: seen from the database's side, with commits held back."""

import json

import psycopg
import pytest

from kit.database import Gate, notified
from kit.proxy import Relay


def test_no_ack_before_the_commit(chat, database, user):
    with Gate(database, "messages", f"new.role = 'user' and new.user_id = '{user}'") as gate:
        chat.post(op="send", id="c1", content="add buy milk")
        gate.reached()
        assert not chat.so_far(), "something was said about a message that is not committed"
        gate.open()
        ack = chat.until({"op": "ack"})
        assert ack["status"] == "running"
        assert database.value("select content from messages where id = %s", ack["messageId"]) == "add buy milk"
        assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"


def test_the_row_is_seen_from_another_connection_before_the_ack_arrives(gateway, database, user):
    seen = []
    with psycopg.connect(database.admin_url, autocommit=True) as other:

        def inspect(data):
            if b'"ack"' in data and not seen:
                seen.append(other.execute(
                    "select m.content, r.status from messages m join runs r on r.user_message_id = m.id"
                    " where m.user_id = %s", [user]).fetchall())

        relay = Relay(gateway, inspect)
        try:
            with gateway.connect(user, url=relay.socket_url) as chat:
                turn = chat.turn("hello")
                assert seen and seen[0], "no row at the time of the ack"
                assert seen[0][0][0] == "hello"
                assert turn.end["outcome"]["type"] == "success"
        finally:
            relay.close()
        assert relay.failure is None


def test_the_commit_is_notified_with_the_ids_of_the_ack(chat, database, user):
    """The database's own message about the commit, not a look at the table afterwards."""
    database.do("create or replace function tell() returns trigger language plpgsql as $$ begin"
                " perform pg_notify('committed', new.id::text); return null; end $$")
    database.do(f"create trigger tell after insert on messages for each row when (new.user_id = '{user}')"
                " execute function tell()")
    try:
        with psycopg.connect(database.admin_url, autocommit=True) as listener:
            listener.execute("listen committed")
            ack = chat.send("hello")
            assert notified(listener).payload == ack["messageId"]
            chat.end_of(ack["runId"])
    finally:
        database.do("drop trigger tell on messages")


def test_no_tool_result_before_its_effect_is_committed(chat, database, user):
    with Gate(database, "task_operation_logs", f"new.user_id = '{user}'", events="insert or update") as gate:
        ack = chat.send("add buy milk")
        chat.until({"type": "TOOL_CALL_END"})
        gate.reached()
        assert "TOOL_CALL_RESULT" not in [frame.get("type") for frame in chat.so_far()]
        assert not database.tasks(user)
        gate.open()
        result = chat.until({"type": "TOOL_CALL_RESULT"})
        assert database.tasks(user)[0][0] == json.loads(result["content"])["task"]["id"]
        assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"


def test_run_finished_only_when_the_reply_is_durable(chat, database, user):
    condition = f"new.role = 'assistant' and new.user_id = '{user}'"
    with Gate(database, "messages", condition) as gate:
        ack = chat.send("hello")
        chat.until({"type": "TEXT_MESSAGE_END"})
        gate.reached()
        assert "RUN_FINISHED" not in [frame.get("type") for frame in chat.so_far()]
        assert database.run_status(ack["runId"]) == "running"
        gate.open()
        assert chat.until({"type": "RUN_FINISHED"})["outcome"]["type"] == "success"
        assert database.run_status(ack["runId"]) == "completed"
        assert [row[1] for row in database.messages(ack["threadId"])] == ["user", "assistant"]


def test_one_user_s_slow_commit_does_not_hold_up_another_s_turn(connect, database, user):
    slow, quick = connect(), connect(f"{user}-other")
    with Gate(database, "messages", f"new.role = 'user' and new.user_id = '{user}'") as gate:
        slow.post(op="send", id="c1", content="hello")
        gate.reached()
        assert quick.turn("hello").end["outcome"]["type"] == "success"
        gate.open()
        slow.end_of(slow.until({"op": "ack"})["runId"])


@pytest.mark.parametrize("role", ["parley", "parley_gateway"])
@pytest.mark.parametrize("statement", [
    "update parley.messages set content = 'x' where id = %s", "delete from parley.messages where id = %s"])
def test_messages_are_append_only(chat, database, role, statement):
    turn = chat.turn("hello")
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"set role {role}")
        connection.execute("select set_config('app.user_id', %s, false)", [chat.ready["userId"]])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement, [turn.message])
    assert (turn.message, "user", "hello", "complete") in database.messages(turn.thread)


def test_row_level_security_hides_what_is_another_user_s(connect, database, user):
    """A statement that forgets its filter finds nothing."""
    connect().turn("add a secret")
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("set role parley_gateway")
        for table in ("messages", "conversations", "runs", "tasks", "task_operation_logs"):
            for name, wanted in (("", False), ("nobody", False), (user, True)):
                connection.execute("select set_config('app.user_id', %s, false)", [name])
                found = connection.execute(f"select count(*) from parley.{table}").fetchone()[0]
                assert bool(found) == wanted, (table, name)
