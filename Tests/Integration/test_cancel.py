"""Cancel: in the middle, before the first token, in a tool, twice, when idle, from another socket."""

import pytest

from kit.database import Database, Gate
from kit.gateway import Gateway

TRANSPORTS = ("socket", "events")
SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 2000, "SCRIPTED_PACE_MS": 20}


def test_in_the_middle_of_the_text(chat, database):
    ack = chat.send("go")
    for _ in range(5):
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    answer = chat.cancel(ack["threadId"])
    assert answer["status"] == "cancelled" and answer["runId"] == ack["runId"]
    # The terminal event and all that closes open items came before the ack, and the database agrees.
    events = chat.events(ack["threadId"])
    assert [event["type"] for event in events[-2:]] == ["TEXT_MESSAGE_END", "RUN_FINISHED"]
    assert events[-1]["outcome"] == {"type": "cancelled"}
    assert database.run_status(ack["runId"]) == "cancelled"
    stored = [(content, status) for _, role, content, status in database.messages(ack["threadId"])
              if role == "assistant"]
    assert stored == [("".join(chat.thread(ack["threadId"]).texts.values()), "cancelled")]
    assert not [frame for frame in chat.so_far() if "type" in frame], "events after the cancelled end"


def test_right_after_the_ack(chat, database):
    ack = chat.send("go")
    answer = chat.cancel(ack["threadId"], run=ack["runId"])
    assert answer["status"] == "cancelled"
    assert chat.events(ack["threadId"])[-1]["outcome"] == {"type": "cancelled"}
    assert database.run_status(ack["runId"]) == "cancelled"


def test_in_the_same_breath_as_the_message(chat, database):
    thread = chat.send("first")["threadId"]
    chat.cancel(thread)
    chat.post(op="send", id="s", threadId=thread, content="second")
    chat.post(op="cancel", id="k", threadId=thread)
    answers = {}
    while len(answers) < 2:
        frame = chat.until(lambda frame: frame.get("op") == "ack")
        answers[frame["id"]] = frame
    # Before the message is committed nothing runs, so either is right; what is said must be true.
    if answers["k"]["status"] == "idle":
        assert chat.cancel(thread)["status"] == "cancelled"
    assert database.run_status(answers["s"]["runId"]) == "cancelled"


def test_twice(chat):
    ack = chat.send("go")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    chat.post(op="cancel", id="k1", threadId=ack["threadId"])
    chat.post(op="cancel", id="k2", threadId=ack["threadId"])
    answers = [chat.until(lambda frame: frame.get("op") == "ack") for _ in range(2)]
    assert {answer["id"] for answer in answers} == {"k1", "k2"}
    assert answers[0]["status"] == "cancelled" and answers[1]["status"] in ("cancelled", "idle")
    assert len([event for event in chat.events(ack["threadId"]) if event["type"] == "RUN_FINISHED"]) == 1


def test_when_idle(chat):
    ack = chat.send("go")
    chat.cancel(ack["threadId"])
    answer = chat.cancel(ack["threadId"], id="again")
    assert answer["status"] == "idle" and answer["threadId"] == ack["threadId"] and answer["id"] == "again"


def test_a_run_that_has_ended(chat):
    first = chat.send("go")
    chat.cancel(first["threadId"])
    second = chat.send("go", thread=first["threadId"])
    assert chat.cancel(first["threadId"], run=first["runId"])["status"] == "idle"
    assert chat.thread(first["threadId"]).run in (None, second["runId"])
    assert chat.cancel(first["threadId"], run=second["runId"])["status"] == "cancelled"


def test_from_another_socket(connect):
    sender, other = connect(), connect()
    ack = sender.send("go")
    sender.until({"type": "TEXT_MESSAGE_CONTENT"})
    assert other.cancel(ack["threadId"])["status"] == "cancelled"
    assert sender.end_of(ack["runId"])["outcome"] == {"type": "cancelled"}
    assert not other.events()


def test_of_a_thread_that_is_not_there(chat, connect, user):
    foreign = connect(f"{user}-other").send("go")
    for thread in ("019a0000-0000-7000-8000-000000000000", "nonsense", foreign["threadId"]):
        assert chat.error(op="cancel", id="k", threadId=thread)["code"] == "thread_not_found"


def test_the_next_in_the_queue_begins(chat, database):
    first = chat.send("go")
    second = chat.send("next", thread=first["threadId"])
    assert second["status"] == "queued"
    chat.cancel(first["threadId"])
    if chat.thread(first["threadId"]).run != second["runId"]:
        chat.until({"type": "RUN_STARTED", "runId": second["runId"]})
    assert database.run_status(second["runId"]) == "running"
    assert chat.cancel(first["threadId"])["status"] == "cancelled"
    assert chat.thread(first["threadId"]).outcomes == {first["runId"]: "cancelled", second["runId"]: "cancelled"}


def test_one_that_waits_in_the_queue(chat, database):
    first = chat.send("go")
    second = chat.send("next", thread=first["threadId"])
    assert chat.cancel(first["threadId"], run=second["runId"])["status"] == "cancelled"
    assert database.run_status(second["runId"]) == "cancelled"
    assert database.run_status(first["runId"]) == "running"
    chat.cancel(first["threadId"])
    assert second["runId"] not in [event.get("runId") for event in chat.events() + chat.so_far()]


@pytest.fixture
def todo(admin_url):
    """A gateway with the built-in assistant, on a database of its own."""
    database = Database(admin_url)
    gateway = Gateway(database, name="test_cancel_tool")
    try:
        yield gateway
    finally:
        gateway.remove()
        database.remove()


def effects(database, user, run):
    """(tasks, successful operations of the run): the tool's transaction is whole or not there."""
    return (len(database.tasks(user)), database.value(
        "select count(*) from task_operation_logs where run_id = %s and status = 'success'", run))


def test_while_a_tool_is_at_work(todo, user):
    database = todo.database
    with todo.connect(user) as chat, Gate(database, "task_operation_logs", events="insert or update") as gate:
        ack = chat.send("add buy milk")
        gate.reached()
        chat.post(op="cancel", id="k", threadId=ack["threadId"])
        gate.open()
        assert chat.until({"op": "ack", "id": "k"})["status"] == "cancelled"
        assert chat.thread(ack["threadId"]).outcomes[ack["runId"]] == "cancelled"
        assert not chat.thread(ack["threadId"]).texts
        assert database.run_status(ack["runId"]) == "cancelled"
        assert effects(database, user, ack["runId"]) in ((0, 0), (1, 1))


def test_a_tool_s_connection_is_lost_in_its_commit(todo, user):
    """It is tried again, and happens once."""
    database = todo.database
    with todo.connect(user) as chat, Gate(database, "task_operation_logs", events="insert or update") as gate:
        ack = chat.send("add buy milk")
        gate.reached()
        database.do("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
                    " and not granted and objid = %s", gate.key)
        gate.open()
        end = chat.end_of(ack["runId"])
        assert effects(database, user, ack["runId"]) == (1, 1)
        assert end["type"] == "RUN_FINISHED" and end["outcome"] == {"type": "success"}
