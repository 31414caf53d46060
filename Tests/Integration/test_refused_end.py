"""What the database refuses at the end of a run, what a deletion that failed leaves, and what a reload shows of both."""

import contextlib

import pytest

from kit.http import Api

SETTINGS = {"AGENT": "scripted"}

SCRIPT = '!tool add_task {"title":"milk"}'


@contextlib.contextmanager
def refusing(database, table, rule):
    """A rule of the database's that the gateway knows nothing of."""
    database.do(f"alter table {table} add constraint unforeseen check ({rule}) not valid")
    try:
        yield
    finally:
        database.do(f"alter table {table} drop constraint unforeseen")


@pytest.fixture
def api(gateway, user):
    return Api(gateway, user)


def shown_run(connect, api, thread, message):
    """What a reload shows of a message's run: in a snapshot, and over HTTP."""
    late = connect()
    late.subscribe(thread)
    snapshot = next(frame for frame in late.frames if frame.get("op") == "snapshot")
    [asked] = [each for each in snapshot["messages"] if each["id"] == message]
    [listed] = [each for each in api("GET", f"/api/conversations/{thread}/messages")["data"] if each["id"] == message]
    [detailed] = [each for each in api("GET", f"/api/conversations/{thread}")["messages"] if each["id"] == message]
    assert detailed == listed
    return asked.get("metadata", {}).get("parley", {}).get("run"), listed["run"]


@pytest.mark.parametrize("rule, kept", [
    ("role <> 'tool' or created_at < now() - interval '1 day'", True),
    ("tool_calls is null", True),
    ("role = 'user'", False),
])
def test_an_end_that_is_refused(connect, api, database, rule, kept):
    """No success is announced that is not stored: the run has failed, with what could be stored of its text."""
    chat = connect()
    with refusing(database, "messages", rule):
        turn = chat.turn(SCRIPT)
        assert (turn.end["type"], turn.end["code"]) == ("RUN_ERROR", "internal")
        assert database.run_status(turn.run) == "failed"
        assert database.value("select error->>'code' from runs where id = %s", turn.run) == "internal"
        replies = [(role, content, status) for _, role, content, status in database.messages(turn.thread)][1:]
        assert replies == [("assistant", "ok", "failed")] * kept
        assert turn.text == "ok"
        seen, listed = shown_run(connect, api, turn.thread, turn.message)
        assert seen == {"status": "failed", "code": "internal"}
        assert listed == {"id": turn.run, "status": "failed", "code": "internal"}
    # Its effect was committed before, and the conversation goes on.
    assert database.value("select status from task_operation_logs where run_id = %s", turn.run) == "success"
    assert chat.turn("!text fine", thread=turn.thread).end["outcome"] == {"type": "success"}


def test_an_end_that_is_refused_whatever_it_is(chat, database):
    """It is offered until it is taken; nobody is told of an end before, and what is sent meanwhile may be sent again."""
    first = chat.turn("!text one")
    with refusing(database, "runs", "status in ('queued', 'running') or started_at < now() - interval '1 day'"):
        ack = chat.send("!text two", thread=first.thread)
        chat.until({"type": "TEXT_MESSAGE_END"})
        database.wait("select count(*) from runs where id = %s and status = 'running'", ack["runId"])
        error = chat.error(op="send", id="meanwhile", threadId=first.thread, content="!text three")
        assert error["code"] == "unavailable"
        assert ack["runId"] not in chat.thread(first.thread).outcomes
    assert chat.end_of(ack["runId"])["code"] == "internal"
    assert database.run_status(ack["runId"]) == "failed"
    assert chat.turn("!text three", thread=first.thread, id="meanwhile").end["outcome"] == {"type": "success"}


def test_a_reload_shows_what_was_not_answered_and_why(connect, api, database):
    chat = connect()
    good = chat.turn("!text fine")
    assert shown_run(connect, api, good.thread, good.message) == (
        None, {"id": good.run, "status": "completed", "code": None})
    bad = chat.turn("!fail upstream_timeout", thread=good.thread)
    assert shown_run(connect, api, good.thread, bad.message) == (
        {"status": "failed", "code": "upstream_timeout"},
        {"id": bad.run, "status": "failed", "code": "upstream_timeout"})
    stalled = chat.send("!stall", thread=good.thread)
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    running = shown_run(connect, api, good.thread, stalled["messageId"])
    assert running == (None, {"id": stalled["runId"], "status": "running", "code": None})
    chat.cancel(good.thread)
    assert shown_run(connect, api, good.thread, stalled["messageId"]) == (
        {"status": "cancelled"}, {"id": stalled["runId"], "status": "cancelled", "code": None})
    # Not of the others, and in the archive as well.
    roles = {message["role"]: message["run"] for message in api("GET", f"/api/conversations/{good.thread}")["messages"]}
    assert roles["assistant"] is None
    api("PATCH", f"/api/conversations/{good.thread}", {"status": "archived"})
    [_, listed] = shown_run(connect, api, good.thread, bad.message)
    assert listed["code"] == "upstream_timeout"


def test_after_a_deletion_of_the_user_that_failed(chat, api, database, user):
    """What ran is cancelled, and everything goes on."""
    idle = chat.turn("!text idle")
    busy = chat.send("!stall")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    with refusing(database, "users", "deleting_at is null"):
        assert api.refusal("DELETE", f"/api/users/{user}", status=500) == "internal"
    assert chat.end_of(busy["runId"])["outcome"] == {"type": "cancelled"}
    for thread in (idle.thread, busy["threadId"], None):
        assert chat.turn("!text goes on", thread=thread).end["outcome"] == {"type": "success"}
    assert api("DELETE", f"/api/users/{user}", status=204) is None
    assert database.value("select count(*) from conversations where user_id = %s", user) == 0
