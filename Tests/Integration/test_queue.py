"""One run at a time in a thread: enqueue, reject, interrupt."""

import pytest

TRANSPORTS = ("socket", "events")
SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 1000, "SCRIPTED_PACE_MS": 20}


@pytest.fixture
def running(chat):
    ack = chat.send("go")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    return ack


def until_it_runs(chat, ack):
    """It may have begun before the frame that was waited for last."""
    if chat.thread(ack["threadId"]).run != ack["runId"]:
        chat.until({"type": "RUN_STARTED", "runId": ack["runId"]})


def test_the_ninth_that_waits_is_refused(chat, running, database):
    thread = running["threadId"]
    for position in range(1, 9):
        ack = chat.send(f"number {position}", thread=thread)
        assert (ack["status"], ack["position"]) == ("queued", position)
    assert chat.error(op="send", id="q9", threadId=thread, content="number 9")["code"] == "queue_full"
    assert database.value("select count(*) from runs where conversation_id = %s", thread) == 9
    assert database.value("select count(*) from runs where conversation_id = %s and status = 'running'", thread) == 1
    assert chat.error(op="send", id="q9", threadId=thread, content="number 9", policy="enqueue")["code"] == "queue_full"


def test_they_run_in_their_order(chat, running):
    thread = running["threadId"]
    queued = [chat.send(f"number {n}", thread=thread)["runId"] for n in range(3)]
    for run in queued:
        chat.cancel(thread)
        until_it_runs(chat, {"threadId": thread, "runId": run})
    chat.cancel(thread)
    started = [event["runId"] for event in chat.events(thread) if event["type"] == "RUN_STARTED"]
    assert started == [running["runId"], *queued]


def test_reject(chat, running, database):
    error = chat.error(op="send", id="r", threadId=running["threadId"], content="no", policy="reject")
    assert error["code"] == "busy"
    assert database.value("select count(*) from messages where conversation_id = %s", running["threadId"]) == 1
    # Not stored, so the id is still free.
    chat.cancel(running["threadId"])
    ack = chat.send("now", thread=running["threadId"], id="r", policy="reject")
    assert ack["status"] == "running"


def test_interrupt_goes_before_those_that_wait(chat, running, database):
    thread = running["threadId"]
    waiting = chat.send("waits", thread=thread)
    urgent = chat.send("now", thread=thread, policy="interrupt")
    until_it_runs(chat, urgent)
    assert chat.thread(thread).outcomes == {running["runId"]: "cancelled"}
    assert database.run_status(running["runId"]) == "cancelled"
    assert database.run_status(waiting["runId"]) == "queued"
    chat.cancel(thread)
    until_it_runs(chat, waiting)


def test_interrupt_of_a_thread_at_rest(chat):
    ack = chat.send("go", policy="interrupt")
    assert ack["status"] == "running"


def test_the_history_is_in_the_order_in_which_turns_ran(chat, running, database):
    thread = running["threadId"]
    queued = chat.send("second", thread=thread)
    chat.cancel(thread)
    until_it_runs(chat, queued)
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    chat.cancel(thread)
    users = [content for _, role, content, _ in database.messages(thread) if role == "user"]
    assert users == ["go", "second"]
    positions = [row[0] for row in database.rows(
        "select position from messages where conversation_id = %s order by position", thread)]
    assert positions == list(range(1, len(positions) + 1))
