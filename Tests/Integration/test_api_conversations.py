"""Conversations over HTTP: made, changed, archived and deleted, and what the user's sockets hear of it."""

import uuid

import pytest

from kit.http import Api


@pytest.fixture
def api(gateway, user):
    return Api(gateway, user)


@pytest.fixture
def list_path(user):
    return f"/api/users/{user}/conversations"


def place(id):
    return f"/api/conversations/{id}"


def notice(socket, thread):
    return socket.until({"op": "thread", "threadId": thread})


def test_the_life_of_a_conversation(api, list_path, connect):
    socket = connect()
    made = api("POST", list_path, {"title": "Plans", "metadata": {"color": "red", "n": [1, None, "ü"]}}, 201)
    assert (made["title"], made["status"], made["message_count"]) == ("Plans", "active", 0)
    assert notice(socket, made["id"])["title"] == "Plans"
    at = place(made["id"])
    whole = api("GET", at)
    assert whole == {**made, "metadata": {"color": "red", "n": [1, None, "ü"]}, "messages": [], "has_more": False, "interrupts": []}
    turn = socket.turn("add milk", thread=made["id"])
    whole = api("GET", at)
    assert whole["messages"] == api("GET", at + "/messages")["data"]
    assert whole["message_count"] == len(whole["messages"])
    assert turn.text in [item["content"] for item in whole["messages"]]
    changed = api("PATCH", at, {"title": "Other plans"})
    assert changed["title"] == "Other plans" and notice(socket, made["id"])["title"] == "Other plans"
    assert api("GET", at)["metadata"] == whole["metadata"], "what is not given stays"
    assert api("PATCH", at, {"title": None, "metadata": None})["title"] is None
    assert api("GET", at)["metadata"] == {}
    assert notice(socket, made["id"])["title"] is None
    api("DELETE", at, status=204)
    assert notice(socket, made["id"])["status"] == "deleted"
    assert api.refusal("GET", at, status=404) == "thread_not_found"
    assert api.refusal("DELETE", at, status=404) == "thread_not_found"
    assert api("GET", list_path)["data"] == []


def test_archive_and_restore(api, list_path, connect):
    socket = connect()
    turn = socket.turn("add milk")
    at = place(turn.thread)
    before = api("GET", at + "/messages")["data"]
    operations = api("GET", at + "/operations")["data"]
    assert operations
    assert api("PATCH", at, {"status": "archived"})["status"] == "archived"
    assert notice(socket, turn.thread)["status"] == "archived"
    assert [item["id"] for item in api("GET", list_path + "?status=archived")["data"]] == [turn.thread]
    assert api("GET", list_path + "?status=active")["data"] == []
    # It is still there to be read, in pages too.
    assert api("GET", at)["messages"] == before
    assert api("GET", at + f"/messages?before={before[-1]['id']}")["data"] == before[:-1]
    assert api("GET", at + "/operations")["data"] == operations
    assert api("PATCH", at, {"status": "active"})["status"] == "active"
    api("PATCH", at, {"status": "archived"})
    accepted = api("POST", at + "/messages", {"content": "hello again"}, 202)
    socket.end_of(accepted["run_id"])
    assert api("GET", at)["status"] == "active" and api("GET", at + "/operations")["data"] == operations


@pytest.mark.parametrize("body", [
    {"title": 5}, {"title": "x" * 256}, {"title": "a\0b"}, {"metadata": []}, {"metadata": "x"},
    {"metadata": {"x": "y" * 16_384}}, {"metadata": {"a\0": 1}}, {"metadata": {"a": ["\0"]}}])
def test_wrong_fields(api, list_path, body):
    assert api.refusal("POST", list_path, body) == "invalid_field"
    id = api("POST", list_path, {}, 201)["id"]
    assert api.refusal("PATCH", place(id), body) == "invalid_field"


@pytest.mark.parametrize("body", [{}, {"status": "dormant"}, {"status": "deleted"}, {"status": None}, {"other": 1}])
def test_wrong_changes(api, list_path, body):
    id = api("POST", list_path, {}, 201)["id"]
    assert api.refusal("PATCH", place(id), body) == "invalid_field"


def test_the_largest_that_fits(api, list_path):
    fields = {"title": "😀" * 255, "metadata": {"x": "y" * (16_384 - len('{"x":""}'))}}
    id = api("POST", list_path, fields, 201)["id"]
    whole = api("GET", place(id))
    assert (whole["title"], whole["metadata"]) == (fields["title"], fields["metadata"])


def test_conditions(api, list_path):
    id = api("POST", list_path, {"title": "x"}, 201)["id"]
    old = api.raw("GET", place(id))[1]["ETag"]
    status, headers, body = api.raw("GET", place(id), headers={"If-None-Match": f"W/{old}"})
    assert (status, body, headers["ETag"], headers["Cache-Control"]) == (304, b"", old, "no-store")
    # What compresses on the way changes the tag.
    for form in ('{}-gzip"', 'W/{}-gzip"', '{}--gzip"', '{}-br"', '"x", W/{}"'):
        changed = form.format(old[:-1])
        assert api.raw("GET", place(id), headers={"If-None-Match": changed})[0] == 304, changed
        api("PATCH", place(id), {"title": "x"}, If_Match=changed)
        old = api.raw("GET", place(id))[1]["ETag"]
    assert api.refusal("PATCH", place(id), {"title": "z"}, 412, If_Match=old[:-1] + '-2"') == "invalid_field"
    api("PATCH", place(id), {"title": "y"}, If_Match=f"W/{old}")
    assert api.raw("GET", place(id), headers={"If-None-Match": old})[0] == 200
    for method, body in (("PATCH", {"title": "z"}), ("DELETE", None)):
        assert api.refusal(method, place(id), body, 412, If_Match=old) == "invalid_field"
    assert api("GET", place(id))["title"] == "y"
    api("PATCH", place(id), {"title": "z"}, If_Match="*")
    listed = api.raw("GET", list_path)
    assert api.raw("GET", list_path, headers={"If-None-Match": listed[1]["ETag"]})[0] == 304
    api("DELETE", place(id), status=204, If_Match=api.raw("GET", place(id))[1]["ETag"])


@pytest.mark.parametrize("method, path, allow", [
    ("PUT", "{list}", "GET, POST, HEAD, OPTIONS"), ("POST", "{one}", "GET, PATCH, DELETE, HEAD, OPTIONS"),
    ("GET", "/api/messages/x", "DELETE, OPTIONS"), ("PATCH", "/agui", "POST, OPTIONS"),
    ("POST", "/openapi.json", "GET, HEAD, OPTIONS"), ("PUT", "{user}", "DELETE, OPTIONS"),
])
def test_methods(api, list_path, user, method, path, allow):
    path = path.format(list=list_path, one=place(uuid.uuid4()), user=f"/api/users/{user}")
    status, headers, _ = api.raw(method, path, {} if method != "GET" else None)
    assert (status, headers["Allow"]) == (405, allow)
    status, headers, body = api.raw("OPTIONS", path)
    assert (status, headers["Allow"], body) == (204, allow, b"")


def test_heads(api, list_path, user):
    id = api("POST", list_path, {"title": "x"}, 201)["id"]
    for path in (list_path, place(id), place(id) + "/messages", place(id) + "/operations", f"/api/users/{user}/tasks",
                 "/openapi.json"):
        whole, head = api.raw("GET", path), api.raw("HEAD", path)
        assert (head[0], head[2]) == (200, b"")
        assert [head[1][name] for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control")] == \
            [whole[1][name] for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control")]
        assert api.raw("HEAD", path, headers={"If-None-Match": whole[1]["ETag"]})[0] == 304
    export = api.raw("HEAD", f"/api/users/{user}/export")
    assert (export[0], export[2], export[1]["Content-Type"]) == (200, b"", "application/jsonl")


@pytest.mark.parametrize("method, path", [("POST", "{list}"), ("PATCH", "{one}"), ("POST", "{one}/messages"),
                                          ("POST", "/agui"), ("POST", "{tasks}")])
def test_bodies_that_are_not_taken(api, list_path, user, method, path):
    id = api("POST", list_path, {}, 201)["id"]
    path = path.format(list=list_path, one=place(id), tasks=f"/api/users/{user}/tasks")
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        headers = {"Authorization": f"Bearer {api.token}"} | ({"Content-Type": kind} if kind else {})
        answer = api.gateway.request(method, path, b"{}", headers)
        assert answer[0] == 415, f"{kind}: {answer}"
    assert api.refusal(method, path, "{", 400) == "invalid_json"
    assert api.raw(method, path, b" " * ((1 << 20) + 1))[0] == 413
    assert api.raw(method, path + "?" + "x" * 9_000, {})[0] == 414
    assert api.raw(method, path, {}, {"X": "y" * 40_000})[0] == 431


def test_a_deletion_cancels_what_runs(database, user):
    from kit.gateway import Gateway
    gateway = Gateway(database, name="test_api_conversations_slow", AGENT="scripted", SCRIPTED_TOKENS=100_000,
                      SCRIPTED_PACE_MS=1)
    try:
        api, socket, other = Api(gateway, user), gateway.connect(user), gateway.connect(user)
        ack = socket.send("hello")
        socket.until({"type": "TEXT_MESSAGE_CONTENT"})
        queued = socket.send("next", thread=ack["threadId"])
        assert queued["status"] == "queued"
        at = place(ack["threadId"])
        assert api.refusal("PATCH", at, {"status": "archived"}, 409) == "busy"
        # Somebody else's attempt stops nothing.
        stranger = Api(gateway, f"{user}-other")
        assert stranger.refusal("DELETE", at, status=404) == "thread_not_found"
        assert database.run_status(ack["runId"]) == "running"
        api("DELETE", at, status=204)
        assert socket.end_of(ack["runId"])["outcome"] == {"type": "cancelled"}
        for each in (socket, other):
            each.until({"op": "thread", "threadId": ack["threadId"], "status": "deleted"})
        assert {database.run_status(run) for run in (ack["runId"], queued["runId"])} == {"cancelled"}
        answer = socket.error(op="send", id="late", threadId=ack["threadId"], content="x")
        assert answer["code"] == "thread_not_found"
        # The rest of the session goes on.
        assert socket.send("hello", id="new")["status"] == "running"
    finally:
        gateway.remove()
