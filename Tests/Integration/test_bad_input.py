"""Wrong frames, each with its code; nothing is stored, and the socket goes on."""

import json

import pytest

NO_THREAD = "019a0000-0000-7000-8000-000000000000"


def still_works_and_stored_nothing(chat, database, user):
    assert chat.so_far() == []
    assert database.value("select count(*) from messages where user_id = %s", user) == 0
    assert database.value("select count(*) from conversations where user_id = %s", user) == 0
    assert chat.turn("hello").end["outcome"] == {"type": "success"}


@pytest.mark.parametrize("text, code", [
    ("hello", "invalid_json"),
    ("", "invalid_json"),
    ("{", "invalid_json"),
    ('{"op":"ping"', "invalid_json"),
    ('{"op":"ping"} {"op":"ping"}', "invalid_json"),
    ("{'op':'ping'}", "invalid_json"),
    ('{"op":"ping",}', "invalid_json"),
    ('{"op":"send","content":"a\nb"}', "invalid_json"),
    ('{"op":"send","content":"\\x"}', "invalid_json"),
    ('{"op":"send","content":"\\ud800"}', "invalid_json"),
    ('{"op":"send","content":"\\udc00 alone"}', "invalid_json"),
    ('{"op":"send","content":"\\ud83d\\ud83d"}', "invalid_json"),
    ('{"op":"ping","n":01}', "invalid_json"),
    ('{"op":"ping","n":NaN}', "invalid_json"),
    ("[]", "invalid_json"),
    ('"op"', "invalid_json"),
    ("null", "invalid_json"),
    ("17", "invalid_json"),
    ("[" * 100_000, "invalid_json"),
    ('{"a":' * 30_000, "invalid_json"),
    ("{}", "invalid_op"),
    ('{"op":null}', "invalid_op"),
    ('{"op":7}', "invalid_op"),
    ('{"op":""}', "invalid_op"),
    ('{"op":"SEND","content":"x"}', "invalid_op"),
    ('{"op":"delete-everything"}', "invalid_op"),
    ('{"type":"RUN_STARTED"}', "invalid_op"),
], ids=lambda value: str(value)[:24])
def test_frame(chat, database, user, text, code):
    chat.raw(text)
    answer = chat.until(lambda frame: True)
    assert (answer.get("op"), answer.get("code")) == ("error", code), answer
    assert answer["message"]
    still_works_and_stored_nothing(chat, database, user)


@pytest.mark.parametrize("frame, code", [
    ({"op": "nonsense"}, "invalid_op"),
    ({"op": "send"}, "invalid_field"),
    ({"op": "send", "content": 7}, "invalid_field"),
    ({"op": "send", "content": ["hello"]}, "invalid_field"),
    ({"op": "send", "content": {"text": "hello"}}, "invalid_field"),
    ({"op": "send", "content": True}, "invalid_field"),
    ({"op": "send", "content": "hello", "threadId": 7}, "invalid_field"),
    ({"op": "send", "content": "hello", "policy": "now"}, "invalid_field"),
    ({"op": "send", "content": "hello", "policy": 1}, "invalid_field"),
    ({"op": "send", "content": "a\0b"}, "invalid_field"),
    ({"op": "send", "content": ""}, "empty_content"),
    ({"op": "send", "content": " \n\t\r "}, "empty_content"),
    ({"op": "send", "content": "\u3000\u2003\u00a0"}, "empty_content"),
    ({"op": "send", "content": "x" * 10_001}, "content_too_long"),
    ({"op": "send", "content": "🎉" * 10_001}, "content_too_long"),
    ({"op": "send", "content": "hello", "threadId": NO_THREAD}, "thread_not_found"),
    ({"op": "send", "content": "hello", "threadId": "nonsense"}, "thread_not_found"),
    ({"op": "send", "content": "hello", "threadId": "../../etc"}, "thread_not_found"),
    ({"op": "cancel"}, "invalid_field"),
    ({"op": "cancel", "threadId": None}, "invalid_field"),
    ({"op": "cancel", "threadId": 7}, "invalid_field"),
    ({"op": "cancel", "threadId": NO_THREAD}, "thread_not_found"),
    ({"op": "subscribe"}, "invalid_field"),
    ({"op": "subscribe", "threadId": []}, "invalid_field"),
    ({"op": "subscribe", "threadId": NO_THREAD, "after": 7}, "invalid_field"),
    ({"op": "subscribe", "threadId": NO_THREAD}, "thread_not_found"),
    ({"op": "unsubscribe"}, "invalid_field"),
    ({"op": "auth"}, "invalid_field"),
    ({"op": "auth", "token": 7}, "invalid_field"),
    ({"op": "auth", "token": "x.y.z"}, "unauthenticated"),
], ids=lambda value: json.dumps(value)[:48] if isinstance(value, dict) else value)
def test_op(chat, database, user, frame, code):
    chat.raw(json.dumps({"id": "e1", **frame}))
    answer = chat.until(lambda frame: True)
    assert (answer.get("op"), answer.get("code")) == ("error", code), answer
    assert answer.get("id") == "e1", "the error names what it answers"
    still_works_and_stored_nothing(chat, database, user)


@pytest.mark.parametrize("id", ["", "x" * 65, 7, ["a"], "a\0b"], ids=repr)
def test_idempotency_key(chat, database, user, id):
    chat.raw(json.dumps({"op": "send", "id": id, "content": "hello"}))
    answer = chat.until(lambda frame: True)
    assert (answer.get("op"), answer.get("code")) == ("error", "invalid_field"), answer
    still_works_and_stored_nothing(chat, database, user)


@pytest.mark.parametrize("unit", ["x", "🎉", "é", "e\u0301", "👩‍👦"], ids=ascii)
@pytest.mark.parametrize("escaped", [True, False], ids=["escaped", "raw"])
def test_ten_thousand_code_points_fit(chat, database, unit, escaped):
    content = (unit * 10_000)[:10_000]
    id = f"long-{escaped}"
    chat.raw(json.dumps({"op": "send", "id": id, "content": content}, ensure_ascii=escaped))
    ack = chat.until({"op": "ack", "id": id})
    assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"
    assert database.messages(ack["threadId"])[0][2] == content


def test_a_thread_of_somebody_else_looks_like_none(connect, database, user):
    theirs = connect(f"{user}-other").turn("add a secret")
    chat = connect()
    missing = chat.error(op="send", id="a", content="hello", threadId=NO_THREAD)
    foreign = chat.error(op="send", id="a", content="hello", threadId=theirs.thread)
    assert foreign == missing
    for op in ("subscribe", "cancel"):
        assert chat.error(op=op, id="b", threadId=theirs.thread) == chat.error(op=op, id="b", threadId=NO_THREAD)
    assert database.value("select count(*) from messages where user_id = %s", user) == 0


def test_auth_as_somebody_else(chat, gateway, user):
    answer = chat.error(op="auth", token=gateway.token(f"{user}-other"))
    assert answer["code"] in ("unauthenticated", "forbidden")
    expired = chat.error(op="auth", token=gateway.token(user, ttl=-100))
    assert expired["code"] == "unauthenticated"
    assert chat.turn("hello").end["outcome"] == {"type": "success"}


def test_huge_numbers_and_deep_but_closed_nesting(chat):
    chat.raw('{"op":"ping","n":' + "9" * 5000 + "}")
    chat.raw('{"op":"ping","n":1e99999}')
    chat.raw('{"op":"ping","deep":' + "[" * 20_000 + "]" * 20_000 + "}")
    answers = [chat.receive()["op"] for _ in range(3)]
    assert set(answers) <= {"pong", "error"}
    assert chat.turn("hello").end["outcome"] == {"type": "success"}


def test_the_same_key_twice_in_a_frame(chat, database):
    chat.raw('{"op":"send","id":"d","content":"first","content":"second"}')
    answer = chat.until(lambda frame: frame.get("op") in ("ack", "error"))
    if answer["op"] == "ack":
        assert database.messages(answer["threadId"])[0][2] in ("first", "second")
    else:
        assert answer["code"] == "invalid_json"
