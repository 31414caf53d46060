"""Edit, regenerate, branch: section 9 of the protocol, over a socket, an event stream and HTTP."""

import pytest

from kit.http import Api

TRANSPORTS = ("socket", "events")
SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 5, "SCRIPTED_PACE_MS": 20, "MAX_MESSAGES_PER_CONVERSATION": 12}


def snapshot(socket, thread):
    """The next snapshot of the thread."""
    return socket.until(lambda frame: frame.get("op") == "snapshot" and frame["threadId"] == thread)


def shown(connect, thread):
    """The messages that a new socket is shown, as (role, id); and the snapshot."""
    socket = connect()
    socket.subscribe(thread)
    found = snapshot_of(socket, thread)
    socket.close()
    return [(message["role"], message["id"]) for message in found["messages"]], found


def snapshot_of(socket, thread):
    return [frame for frame in socket.frames if frame.get("op") == "snapshot" and frame["threadId"] == thread][-1]


def place(found, message):
    [message] = [each for each in found["messages"] if each["id"] == message]
    return message["metadata"]["parley"]


def answer_of(turn):
    [message] = turn.texts
    return message


def branch(socket, *, thread, **frame):
    """Sends it; its ack, with the run at its end."""
    id = socket.fresh_id()
    socket.post(id=id, threadId=thread, **frame)
    answer = socket.until(lambda frame: frame.get("id") == id and frame.get("op") in ("ack", "error"))
    if answer["op"] == "ack" and "runId" in answer:
        socket.end_of(answer["runId"])
    return answer


def test_a_question_knows_what_it_follows(chat, connect):
    first = chat.turn("one")
    second = chat.turn("two", thread=first.thread)
    order, found = shown(connect, first.thread)
    assert order == [("user", first.message), ("assistant", answer_of(first)), ("user", second.message),
                     ("assistant", answer_of(second))]
    assert place(found, first.message)["parentId"] is None
    assert place(found, second.message)["parentId"] == answer_of(first)
    assert not any("siblings" in message["metadata"]["parley"] for message in found["messages"])


def test_edit(chat, connect, database):
    first = chat.turn("one")
    thread = first.thread
    second = chat.turn("two", thread=thread)
    watcher = connect()
    watcher.subscribe(thread)
    start = len(chat.frames)
    ack = branch(chat, thread=thread, op="send", content="two, better", parentId=answer_of(first))
    assert ack["status"] == "running" and ack["messageId"] not in (first.message, second.message)
    # The history that is shown from here on, then what runs: on every socket.
    for socket, frames in ((chat, chat.frames[start:]), (watcher, None)):
        if frames is None:
            watcher.end_of(ack["runId"])
            frames = watcher.frames
        kinds = [frame.get("op") or frame["type"] for frame in frames]
        began = kinds.index("RUN_STARTED", kinds.index("snapshot") if socket is chat else 0)
        assert "snapshot" in kinds[:began], kinds
        assert frames[began]["runId"] == ack["runId"]
    order, found = shown(connect, thread)
    assert [id for _, id in order[:3]] == [first.message, answer_of(first), ack["messageId"]] and len(order) == 4
    assert place(found, ack["messageId"])["siblings"] == [second.message, ack["messageId"]]
    assert place(found, ack["messageId"])["parentId"] == answer_of(first)
    assert "siblings" not in place(found, first.message)
    # At the beginning.
    begun = branch_at_the_beginning(chat, thread, "one, better")
    order, found = shown(connect, thread)
    assert order[0] == ("user", begun["messageId"]) and len(order) == 2
    assert place(found, begun["messageId"])["siblings"] == [first.message, begun["messageId"]]
    assert database.value("select count(*) from messages where conversation_id = %s", thread) == 8


def branch_at_the_beginning(socket, thread, content):
    id = socket.fresh_id()
    socket.raw('{"op":"send","id":"%s","threadId":"%s","content":"%s","parentId":null}' % (id, thread, content))
    ack = socket.until({"op": "ack", "id": id})
    socket.end_of(ack["runId"])
    return ack


def test_regenerate(chat, connect):
    first = chat.turn("one")
    thread = first.thread
    second = chat.turn("two", thread=thread)
    for named in (first.message, answer_of(first)):
        ack = branch(chat, thread=thread, op="regenerate", messageId=named)
        assert ack["messageId"] == first.message and ack["status"] == "running"
        [started] = [event for event in chat.events(thread, ack["runId"]) if event["type"] == "RUN_STARTED"][-1:]
        assert started["parentRunId"]
        assert started["input"]["messages"] == [{"id": first.message, "role": "user", "content": "one"}]
    order, found = shown(connect, thread)
    assert order[0] == ("user", first.message) and len(order) == 2
    siblings = place(found, order[1][1])["siblings"]
    assert siblings[0] == answer_of(first) and siblings[-1] == order[1][1] and len(siblings) == 3
    # The conversation goes on behind the new answer.
    third = chat.turn("three", thread=thread)
    order, found = shown(connect, thread)
    assert [id for _, id in order[2:]] == [third.message, answer_of(third)]
    # And back.
    answer = branch(chat, thread=thread, op="select", messageId=second.message)
    assert answer["status"] == "selected" and "runId" not in answer
    order, found = shown(connect, thread)
    assert [id for _, id in order] == [first.message, answer_of(first), second.message, answer_of(second)]


def test_the_same_id_again(chat, connect, database):
    first = chat.turn("one")
    chat.post(op="regenerate", id="r", threadId=first.thread, messageId=first.message)
    ack = chat.until({"op": "ack", "id": "r"})
    chat.end_of(ack["runId"])
    chat.post(op="regenerate", id="r", threadId=first.thread, messageId=first.message)
    again = chat.until({"op": "ack", "id": "r"})
    assert again["status"] == "duplicate" and again["runId"] == ack["runId"]
    assert again["messageId"] == first.message
    assert database.value("select count(*) from runs where conversation_id = %s", first.thread) == 2


def test_select_tells_every_socket(chat, connect):
    first = chat.turn("one")
    ack = branch(chat, thread=first.thread, op="regenerate", messageId=first.message)
    watcher = connect()
    watcher.subscribe(first.thread)
    cursor = snapshot_of(watcher, first.thread)["cursor"]
    away = connect()
    chat.post(op="select", id="s", threadId=first.thread, messageId=answer_of(first))
    assert chat.until({"id": "s"}) == {"op": "ack", "id": "s", "threadId": first.thread, "status": "selected"}
    for socket in (chat, watcher):
        found = snapshot(socket, first.thread)
        assert [message["id"] for message in found["messages"]] == [first.message, answer_of(first)]
    # Who was away and left off before is not told that nothing has happened.
    away.subscribe(first.thread, after=cursor)
    assert [message["id"] for message in snapshot_of(away, first.thread)["messages"]] == [first.message, answer_of(first)]
    assert ack["runId"]


@pytest.mark.parametrize("frame, code", [
    ({"op": "send", "content": "x", "parentId": "nonsense"}, "invalid_field"),
    ({"op": "send", "content": "x", "parentId": "question"}, "invalid_field"),
    ({"op": "send", "content": "x", "parentId": 3}, "invalid_field"),
    ({"op": "send", "content": " ", "parentId": "answer"}, "empty_content"),
    ({"op": "regenerate"}, "invalid_field"), ({"op": "regenerate", "messageId": "nonsense"}, "invalid_field"),
    ({"op": "select"}, "invalid_field"), ({"op": "select", "messageId": "nonsense"}, "invalid_field"),
    ({"op": "select", "messageId": "another's"}, "invalid_field"),
    ({"op": "regenerate", "messageId": "question", "policy": "maybe"}, "invalid_field"),
    ({"op": "regenerate", "messageId": "question", "threadId": "nonsense"}, "thread_not_found"),
    ({"op": "select", "messageId": "question", "threadId": "another's"}, "thread_not_found")])
def test_what_can_not_be(chat, connect, user, frame, code):
    turn = chat.turn("one")
    other = connect(f"{user}-other").turn("secret")
    names = {"question": turn.message, "answer": answer_of(turn)}
    frame = {"threadId": turn.thread, **frame}
    for field in ("parentId", "messageId"):
        if field in frame:
            frame[field] = other.message if frame[field] == "another's" else names.get(frame[field], frame[field])
    if frame["threadId"] == "another's":
        frame["threadId"] = other.thread
    assert chat.error(id="e", **frame)["code"] == code
    order, _ = shown(connect, turn.thread)
    assert [id for _, id in order] == [turn.message, answer_of(turn)]


def test_while_a_run_is_under_way(chat, connect):
    first = chat.turn("one")
    ack = chat.send("!tokens 400 20", thread=first.thread)
    assert chat.error(op="select", id="s", threadId=first.thread, messageId=first.message)["code"] == "busy"
    assert chat.error(op="regenerate", id="r", threadId=first.thread, messageId=first.message,
                      policy="reject")["code"] == "busy"
    chat.post(op="regenerate", id="q", threadId=first.thread, messageId=first.message)
    queued = chat.until({"op": "ack", "id": "q"})
    assert (queued["status"], queued["position"]) == ("queued", 1)
    chat.cancel(first.thread, run=ack["runId"])
    chat.end_of(queued["runId"])
    order, _ = shown(connect, first.thread)
    assert order[0] == ("user", first.message) and len(order) == 2 and order[1][1] != answer_of(first)


def test_all_branches_count(chat):
    turn = chat.turn("one")
    for _ in range(5):
        branch_at_the_beginning(chat, turn.thread, "again")
    for frame in ({"op": "regenerate", "messageId": turn.message}, {"op": "send", "content": "x", "parentId": answer_of(turn)}):
        assert chat.error(id=chat.fresh_id(), threadId=turn.thread, **frame)["code"] == "conversation_full"


# --- HTTP

def test_over_http(gateway, user, chat, connect):
    api = Api(gateway, user)
    first = chat.turn("one")
    second = chat.turn("two", thread=first.thread)
    path = f"/api/conversations/{first.thread}"
    edited = api("POST", f"{path}/messages", {"content": "TWO", "parent_id": answer_of(first)}, 202)
    chat.end_of(edited["run_id"])
    data = api("GET", f"{path}/messages")["data"]
    assert [item["content"] for item in data][2] == "TWO" and len(data) == 4
    assert data[2]["parent_id"] == answer_of(first) and data[2]["siblings"] == [second.message, edited["message_id"]]
    assert data[0]["parent_id"] is None and data[0]["siblings"] == []
    again = api("POST", f"/api/messages/{answer_of(second)}/regenerate", {}, 202)
    assert again["message_id"] == second.message and again["conversation_id"] == first.thread
    chat.end_of(again["run_id"])
    whole = api("GET", f"{path}/messages?branch=all")["data"]
    assert [item["position"] for item in whole] == list(range(1, 8))
    assert {item["id"]: item["parent_id"] for item in whole if item["role"] == "user"} == {
        first.message: None, second.message: answer_of(first), edited["message_id"]: answer_of(first)}
    conversation = api("PATCH", path, {"head": edited["message_id"], "title": "kept"})
    assert conversation["title"] == "kept"
    assert [item["content"] for item in api("GET", path)["messages"]][2] == "TWO"
    # Page by page, both ways.
    forward = [item["id"] for page in api.pages(f"{path}/messages?limit=1", by="before") for item in page]
    assert forward == [item["id"] for item in reversed(api("GET", f"{path}/messages")["data"])]
    for body, status, code in (({"head": "nonsense"}, 400, "invalid_field"), ({"head": None}, 400, "invalid_field"),
                               ({"head": 3}, 400, "invalid_field")):
        assert api.refusal("PATCH", path, body, status) == code
    assert api.refusal("POST", f"{path}/messages", {"content": "x", "parent_id": first.message}) == "invalid_field"
    other = Api(gateway, f"{user}-other")
    assert other.refusal("POST", f"/api/messages/{first.message}/regenerate", {}, 404) == "not_found"
    assert other.refusal("PATCH", path, {"head": first.message}, 404) == "thread_not_found"


def test_what_can_not_be_over_http(gateway, user, chat):
    api = Api(gateway, user)
    turn = chat.turn("one")
    path = f"/api/conversations/{turn.thread}"
    for method, where, body, status, code in (
            ("POST", f"{path}/messages", {"content": " ", "parent_id": answer_of(turn)}, 400, "empty_content"),
            ("POST", f"{path}/messages", {"content": "x", "parent_id": 3}, 400, "invalid_field"),
            ("POST", f"/api/messages/{turn.message}/regenerate", {"policy": "maybe"}, 400, "invalid_field"),
            ("POST", "/api/messages/nonsense/regenerate", {}, 404, "not_found")):
        assert api.refusal(method, where, body, status) == code, (where, body)
    ack = chat.send("!tokens 400 20", thread=turn.thread)
    for method, where, body in (
            ("POST", f"{path}/messages", {"content": "x", "parent_id": None, "policy": "reject"}),
            ("POST", f"/api/messages/{turn.message}/regenerate", {"policy": "reject"}),
            ("PATCH", path, {"head": turn.message})):
        assert api.refusal(method, where, body, 409) == "busy", (where, body)
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    chat.cancel(turn.thread, run=ack["runId"])
    for _ in range(4):
        branch_at_the_beginning(chat, turn.thread, "again")
    for where, body in ((f"{path}/messages", {"content": "x", "parent_id": None}),
                        (f"/api/messages/{turn.message}/regenerate", {})):
        assert api.refusal("POST", where, body, 422) == "conversation_full", where


def test_an_answer_anew_as_a_stream(gateway, user, chat):
    turn = chat.turn("one")
    events = list(Api(gateway, user).stream(f"/api/messages/{turn.message}/regenerate", {}).events())
    assert events[0]["type"] == "RUN_STARTED" and events[0]["parentRunId"] == turn.run
    assert events[-1]["outcome"] == {"type": "success"}


# --- what lasts

def test_it_stays_over_a_restart_and_through_the_archive(gateway, user, chat, connect):
    api = Api(gateway, user)
    turn = chat.turn("one")
    ack = branch(chat, thread=turn.thread, op="regenerate", messageId=turn.message)
    before, _ = shown(connect, turn.thread)
    api("PATCH", f"/api/conversations/{turn.thread}", {"status": "archived"})
    archived = [item["id"] for item in api("GET", f"/api/conversations/{turn.thread}/messages")["data"]]
    assert archived == [id for _, id in before]
    api("PATCH", f"/api/conversations/{turn.thread}", {"status": "active"})
    chat.close()
    gateway.kill()
    gateway.start()
    after, found = shown(connect, turn.thread)
    assert after == before and len(place(found, after[1][1])["siblings"]) == 2
    assert ack["runId"]
