"""A chat turn as section 3 of the protocol has it, and what it leaves in the database."""

import json
import re
import time

TRANSPORTS = ("socket", "events")

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_ready_is_the_first_frame(chat, user):
    ready = chat.ready
    assert ready["userId"] == user
    assert ready["sessionId"] and ready["epoch"] and ready["runs"] == []
    assert isinstance(ready["limits"], dict) and ready["limits"]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", ready["expiresAt"]) or \
        isinstance(ready["expiresAt"], int), ready["expiresAt"]


def test_add_buy_milk(chat, user, database):
    turn = chat.turn("add buy milk", id="c1")

    assert turn.ack["id"] == "c1" and turn.ack["status"] == "running"
    for name in ("threadId", "messageId", "runId"):
        assert UUID.fullmatch(turn.ack[name]), f"{name} is no UUID v7"

    started = turn.events[0]
    assert started["type"] == "RUN_STARTED" and started["protocolVersion"] == "1.0"
    assert started["threadId"] == turn.thread and started["runId"] == turn.run
    assert started["input"] == {
        "threadId": turn.thread, "runId": turn.run, "tools": [], "context": [],
        "messages": [{"id": turn.message, "role": "user", "content": "add buy milk"}]}

    kinds = [kind for index, kind in enumerate(turn.kinds) if kind != turn.kinds[index - 1]]
    assert kinds == ["RUN_STARTED", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_RESULT",
                     "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"]
    assert turn.end["outcome"] == {"type": "success"}
    assert turn.end["threadId"] == turn.thread

    [call] = turn.calls
    assert call["name"] == "add_task" and json.loads(call["arguments"])["title"] == "buy milk"
    assert "user_id" not in json.loads(call["arguments"])
    assert json.loads(call["result"])["task"]["title"] == "buy milk"
    assert "milk" in turn.text

    stored = {id: (role, content, status) for id, role, content, status in database.messages(turn.thread)}
    assert stored[turn.message] == ("user", "add buy milk", "complete")
    for message, text in turn.texts.items():
        assert stored[message] == ("assistant", text, "complete")
    assert stored[call["messageId"]] == ("tool", call["result"], "complete")
    [(id, title, done)] = database.tasks(user)
    assert (title, done) == ("buy milk", False)
    assert database.value("select ai_generated from tasks where id = %s", id)
    assert database.run_status(turn.run) == "completed"
    assert database.rows("select operation_type, status, ordinal from task_operation_logs where run_id = %s",
                         turn.run) == [("add", "success", 1)]
    assert database.rows("select position from messages where conversation_id = %s order by position", turn.thread) \
        == [(n + 1,) for n in range(len(stored))]


def test_a_second_message_goes_to_the_same_thread(chat, database):
    first = chat.turn("add buy milk")
    second = chat.turn("what's on my list?", thread=first.thread)
    assert second.thread == first.thread and second.run != first.run
    assert second.tools == ["list_tasks"] and "milk" in second.text
    assert database.value("select message_count from conversations where id = %s", first.thread) \
        == len(database.messages(first.thread))


def test_no_thread_means_a_new_one(chat):
    assert chat.turn("hello").thread != chat.turn("hello").thread


def test_a_new_thread_is_announced_on_every_socket_of_the_user(connect):
    one, two = connect(), connect()
    turn = one.turn("hello")
    announced = two.until({"op": "thread", "threadId": turn.thread})
    assert announced["status"] == "active" and "updatedAt" in announced
    assert any(f.get("op") == "thread" and f["threadId"] == turn.thread for f in one.frames + one.so_far())
    assert not two.events(), "events of a thread that the socket neither sent to nor subscribed to"


def test_id_is_optional(chat):
    chat.post(op="send", content="hello")
    ack = chat.until({"op": "ack"})
    assert "id" not in ack and ack["status"] == "running"
    assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"


def test_unknown_fields_are_ignored(chat):
    chat.post(op="send", id="x", content="hello", surprise={"a": [1]}, user_id="somebody-else")
    assert chat.until({"op": "ack"})["id"] == "x"


def test_an_id_of_64_characters(chat):
    assert chat.send("hello", id="é" * 64)["id"] == "é" * 64


def test_the_user_is_stored(chat, user, database):
    chat.turn("hello")
    assert database.value("select count(*) from users where id = %s", user) == 1


def test_ping(chat):
    chat.post(op="ping", id="p")
    assert chat.until({"op": "pong"})
    chat.post(op="ping")
    assert chat.until({"op": "pong"})


def test_auth_renews_the_token(chat, gateway, user):
    chat.post(op="auth", token=gateway.token(user, ttl=7200))
    answer = chat.until(lambda frame: frame["op"] in ("authenticated", "error"))
    assert answer["op"] == "authenticated"
    assert answer["expiresAt"] != chat.ready["expiresAt"]


def test_text_is_stored_byte_for_byte(chat, database):
    content = "add \"Zoë's 牛奶\" \u202e👩‍👩‍👧‍👦\ttab\\ and é and e\u0301"
    turn = chat.turn(content)
    stored = {id: text for id, _, text, _ in database.messages(turn.thread)}
    assert stored[turn.message] == content
    for message, text in turn.texts.items():
        assert stored[message] == text


def test_events_carry_rising_cursors_of_the_epoch(chat):
    turn = chat.turn("add buy milk")
    cursors = [event["metadata"]["parley"]["cursor"] for event in turn.events]
    assert {cursor.rsplit(".", 1)[0] for cursor in cursors} == {chat.ready["epoch"]}
    numbers = [int(cursor.rsplit(".", 1)[1]) for cursor in cursors]
    assert numbers == sorted(set(numbers))


def test_runs_record_their_times(chat, database):
    turn = chat.turn("hello")
    started, finished = database.rows("select started_at, finished_at from runs where id = %s", turn.run)[0]
    assert started <= finished
    assert abs(finished.timestamp() - time.time()) < 3600
