"""Users and keys that look alike: canonically equivalent in Unicode, and two to the database."""

import uuid
from urllib.parse import quote

import pytest

from kit.http import Api

# One shard: both users' sessions and limits are in the same tables.
SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 200, "SCRIPTED_PACE_MS": 10, "SHARDS": 1,
            "RATE_LIMIT_MESSAGES": 1, "RATE_LIMIT_BURST": 2}
ALIKE = [("jos\u00e9", "jose\u0301"), ("K", "\u212a")]


@pytest.fixture(params=ALIKE, ids=ascii)
def alike(request):
    """Two users."""
    mark = uuid.uuid4().hex[:12]
    return tuple(f"{name}-{mark}" for name in request.param)


def test_nothing_of_the_other_over_http(gateway, database, alike):
    one, other = alike
    home = f"/api/users/{quote(one, safe='')}"
    mine, others = Api(gateway, one), Api(gateway, other)
    thread = mine("POST", f"{home}/conversations", {"title": "mine"}, 201)["id"]
    task = mine("POST", f"{home}/tasks", {"title": "mine"}, 201)["id"]
    for method, path, body in (
            ("GET", f"{home}/conversations", None), ("POST", f"{home}/conversations", {"title": "x"}),
            ("GET", f"{home}/tasks", None), ("POST", f"{home}/tasks", {"title": "x"}),
            ("GET", f"{home}/export", None), ("DELETE", home, None)):
        assert others.refusal(method, path, body, 403) == "forbidden", (method, path)
    for method, path, body in (
            ("GET", f"/api/conversations/{thread}", None), ("DELETE", f"/api/conversations/{thread}", None),
            ("POST", f"/api/conversations/{thread}/messages", {"content": "x"}), ("GET", f"/api/tasks/{task}", None),
            ("DELETE", f"/api/tasks/{task}", None)):
        others.refusal(method, path, body, 404)
    # The other one deletes itself: of what is not its own nothing is gone.
    others("DELETE", f"/api/users/{quote(other, safe='')}", status=204)
    assert [item["id"] for item in mine("GET", f"{home}/conversations")["data"]] == [thread]
    assert [item["id"] for item in mine("GET", f"{home}/tasks")["data"]] == [task]
    assert database.value("select count(*) from users where id = %s", one) == 1


def test_a_session_for_each(gateway, alike):
    one, other = alike
    with gateway.connect(one) as mine, gateway.connect(other) as others:
        first, second = mine.ready, others.ready
        assert (first["userId"], second["userId"]) == (one, other) and first["sessionId"] != second["sessionId"]
        ack = mine.send("secret", id="k1")
        for op in ("subscribe", "cancel", "send"):
            refusal = others.error(op=op, id=f"x-{op}", threadId=ack["threadId"], **({"content": "x"} if op == "send" else {}))
            assert refusal["code"] == "thread_not_found", op
        # The same key is another message, and neither a name nor a limit is shared: one message each is left.
        theirs = others.send("mine", id="k1")
        assert theirs["status"] == "running" and theirs["threadId"] != ack["threadId"]
        assert others.error(op="auth", id="a", token=gateway.token(one))["code"] == "forbidden"
        assert mine.send("more", thread=ack["threadId"])["status"] == "queued"
        assert others.error(op="send", id="k2", content="more")["code"] == "rate_limited"
        # One is deleted: the other's socket and run go on.
        Api(gateway, other)("DELETE", f"/api/users/{quote(other, safe='')}", status=204)
        assert others.closed() == 4401
        mine.cancel(ack["threadId"], run=ack["runId"])
        assert mine.end_of(ack["runId"])


@pytest.mark.parametrize("keys", [("k\u00e9", "ke\u0301"), ("K", "\u212a")], ids=ascii)
def test_keys_of_messages_that_are_under_way_together(chat, database, user, keys):
    for key in keys:
        chat.post(op="send", id=key, content=ascii(key))
    acks = [chat.until({"op": "ack"}) for _ in keys]
    assert {ack["id"]: ack["status"] for ack in acks} == dict.fromkeys(keys, "running")
    assert len({ack["messageId"] for ack in acks}) == 2
    rows = database.rows("select client_id, content from messages where user_id = %s and role = 'user'", user)
    assert dict(rows) == {key: ascii(key) for key in keys}
