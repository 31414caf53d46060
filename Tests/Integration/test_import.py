"""What an export holds, read back: by the command and over HTTP, again, and from elsewhere."""

import json
import uuid

import pytest

from kit.database import Database
from kit.gateway import Gateway, command
from kit.http import Api

KEY = "k1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
SETTINGS = {"RETENTION_INTERVAL": "never"}


@pytest.fixture
def admin(gateway, user):
    return Api(gateway, f"{user}-admin", role="admin")


def export(api, user):
    status, _, body = api.raw("GET", f"/api/users/{user}/export")
    assert status == 200
    return body


def send(api, user, body, status=200):
    answer = api.raw("POST", f"/api/users/{user}/import", body, {"Content-Type": "application/jsonl"})
    assert answer[0] == status, answer[2]
    return json.loads(answer[2])


def a_life(connect, api, user):
    """Turns, tools, an archived conversation, a queue, a deleted message; tasks of all kinds."""
    chat = connect()
    turns = [chat.turn("add milk"), chat.turn("add « eggs » \u2028 and 😀"), chat.turn("what's on my list?")]
    chat.turn("mark milk as done", thread=turns[0].thread)
    api("PATCH", f"/api/conversations/{turns[0].thread}", {"metadata": {"colour": "red", "n": [1, 2.5, None]}})
    api("PATCH", f"/api/conversations/{turns[1].thread}", {"title": "kept", "status": "archived"})
    api("POST", f"/api/users/{user}/tasks", {"title": "by hand", "description": "long\nlines", "is_completed": True}, 201)
    api("POST", f"/api/users/{user}/tasks", {"title": "again", "due_at": "2030-01-02T03:04:05Z", "recurrence": "FREQ=DAILY"}, 201)
    api("POST", f"/api/users/{user}/conversations", {}, 201)
    return turns


@pytest.mark.parametrize("keys", [None, KEY], ids=["plain", "encrypted"])
def test_out_in_and_out_again(gateway, connect, user, admin, admin_url, keys, tmp_path):
    """To the byte."""
    api = Api(gateway, user)
    turns = a_life(connect, api, user)
    admin("DELETE", f"/api/messages/{api('GET', f'/api/conversations/{turns[2].thread}/messages')['data'][-1]['id']}",
          status=204)
    first = export(admin, user)
    other = Database(admin_url)
    settings = {"CONTENT_KEYS": keys, **SETTINGS}
    second = Gateway(other, name="test_import", **settings)
    try:
        there = Api(second, f"{user}-admin", role="admin")
        report = send(there, user, first)
        assert report["refused"] == 0 and report["known"] == 0, report
        assert report["stored"]["conversation"] == 4 and report["stored"]["task"] == 4
        assert export(there, user) == first
        again = send(there, user, first)
        assert again["stored"].keys() <= {"user"} and again["refused"] == 0 and again["known"] > 10
        assert export(there, user) == first
        assert other.value("select count(*) from messages where content like '%%milk%%'") == (0 if keys else 2) or not keys
        # It goes on where it was.
        with second.connect(user) as chat:
            assert chat.turn("what's on my list?", thread=turns[0].thread).end["outcome"] == {"type": "success"}
            assert chat.turn("hello", thread=turns[1].thread).end["outcome"] == {"type": "success"}
            assert Api(second, user)("POST", f"/api/users/{user}/tasks", {"title": "next"}, 201)["id"] > 0
        # Somebody else's ids are refused, and nothing of theirs is touched.
        thief = send(there, f"{user}-thief", first)
        assert thief["stored"].keys() <= {"user", "task"} and thief["refused"] > 5
        second.stop()
        # The same by the command, for another user of another database.
        third = Database(admin_url)
        try:
            path = tmp_path / "export.jsonl"
            path.write_bytes(first)
            here = {"DATABASE_URL": third.url, "CONTENT_KEYS": keys}
            assert command("migrate", "up", **here).returncode == 0
            gone = Gateway(third, name="test_import_third", **settings)
            gone.stop()
            answer = command("import", str(path), **here)
            assert answer.returncode == 0, answer.stderr
            assert "conversation: 4" in answer.stdout
            assert command("user", "export", "--user", user, **here).stdout.encode() == first
            assert command("user", "delete", "--user", user, **here).returncode == 64
            assert command("user", "delete", "--user", user, "--yes", **here).returncode == 0
            assert third.value("select count(*) from users where id = %s", user) == 0
            renamed = command("user", "import", str(path), "--user", f"{user}-2", **here)
            assert renamed.returncode == 0, renamed.stderr
            assert third.value("select count(*) from messages where user_id = %s", f"{user}-2") > 0
            assert third.value("select count(*) from audit_log where action = 'imported'") == 2
        finally:
            third.remove()
    finally:
        second.remove()
        other.remove()


@pytest.mark.parametrize("keys", [None, KEY], ids=["plain", "encrypted"])
def test_what_a_person_decided_comes_along(admin_url, user, keys):
    """The path goes through the run that asked to the one that went on; what was open is nobody's to answer there."""
    settings = {"CONTENT_KEYS": keys, "AGENT": "todo", "APPROVE_TOOLS": "delete_task", **SETTINGS}
    first, second = Database(admin_url), Database(admin_url)
    here, there = (Gateway(database, name=f"test_import_approvals_{place}", **settings)
                   for place, database in (("a", first), ("b", second)))
    try:
        with here.connect(user) as chat:
            thread = chat.turn("add milk, eggs").thread
            [asked] = chat.turn("delete milk", thread=thread).end["outcome"]["interrupts"]
            chat.post(op="resume", id="r", threadId=thread, resume=[
                {"interruptId": asked["id"], "status": "resolved", "payload": {"approved": True}}])
            chat.end_of(chat.until({"op": "ack", "id": "r"})["runId"])
            chat.turn("delete eggs", thread=thread)
        out = export(Api(here, "admin", role="admin"), user)
        lines = [json.loads(line) for line in out.splitlines()]
        approvals = [line for line in lines if line["type"] == "approval"]
        assert sorted(line["status"] for line in approvals) == ["approved", "open"]
        [decided] = [line for line in approvals if line["status"] == "approved"]
        assert decided["id"] == asked["id"] and decided["decided_by"] and "task_id" in decided["parameters"]
        report = send(Api(there, "admin", role="admin"), user, out)
        assert report["refused"] == 0 and report["stored"]["approval"] == 2, report
        shown = [[(m["id"], m["content"]) for m in Api(gateway, user)("GET", f"/api/conversations/{thread}/messages")["data"]]
                 for gateway in (here, there)]
        assert shown[0] == shown[1]
        again = [json.loads(line) for line in export(Api(there, "admin", role="admin"), user).splitlines()]
        assert [line for line in again if line.get("id") == asked["id"]] == [decided]
        assert second.value("select count(*) from approvals where parameters::text like '%%task_id%%'") == (0 if keys else 2)
        with there.connect(user) as chat:
            chat.subscribe(thread)
            assert [frame["interrupts"] for frame in chat.frames if frame.get("op") == "snapshot"] == [[]]
            assert chat.turn("show my list", thread=thread).end["outcome"] == {"type": "success"}
    finally:
        for gateway, database in ((here, first), (there, second)):
            gateway.remove()
            database.remove()


PLAIN = [
    {"type": "conversation", "id": "chat 1", "title": "Shopping", "created_at": "2026-01-02T03:04:05Z"},
    {"type": "message", "conversation_id": "chat 1", "role": "user", "content": "What do we need?"},
    {"type": "message", "conversation_id": "chat 1", "role": "assistant", "content": "Milk."},
    {"type": "message", "conversation_id": "chat 1", "role": "user", "content": "And?"},
    {"type": "message", "conversation_id": "chat 1", "role": "assistant", "content": "Eggs."},
    {"type": "task", "title": "buy milk", "created_at": "2026-01-02T03:04:05Z"},
]


def test_the_plain_form(gateway, admin, user):
    body = "\n".join(json.dumps(line) for line in PLAIN) + "\n"
    report = send(admin, user, body)
    assert report == {"lines": 6, "stored": {"conversation": 1, "message": 4, "task": 1}, "known": 0, "refused": 0,
                      "refusals": []}
    assert send(admin, user, body)["known"] == 6
    api = Api(gateway, user)
    [conversation] = api("GET", f"/api/users/{user}/conversations")["data"]
    assert conversation["title"] == "Shopping" and conversation["created_at"] == "2026-01-02T03:04:05.000Z"
    messages = api("GET", f"/api/conversations/{conversation['id']}/messages")["data"]
    assert [item["content"] for item in messages] == ["What do we need?", "Milk.", "And?", "Eggs."]
    assert [item["position"] for item in messages] == [1, 2, 3, 4]
    assert messages[0]["run_id"] == messages[1]["run_id"] != messages[2]["run_id"]
    # Another user's "chat 1" is another conversation.
    assert send(admin, f"{user}-2", body)["stored"]["conversation"] == 1
    with gateway.connect(user) as chat:
        assert chat.turn("add butter", thread=conversation["id"]).end["outcome"] == {"type": "success"}


A = str(uuid.uuid4())


@pytest.mark.parametrize("line, reason", [
    ("nonsense", "JSON"), ("[]", "object"), ("{}", "type"), ('{"type":"elephant"}', "elephant"),
    ({"type": "conversation"}, "id"), ({"type": "conversation", "id": A, "status": "deleted"}, "status"),
    ({"type": "conversation", "id": A, "metadata": []}, "metadata"),
    ({"type": "conversation", "id": A, "title": "x" * 256}, "255"),
    ({"type": "conversation", "id": A, "title": "a\0b"}, "NUL"),
    ({"type": "conversation", "id": A, "created_at": "yesterday"}, "RFC 3339"),
    ({"type": "conversation", "id": A, "created_at": "2026-13-45T99:00:00Z"}, "stored"),
    ({"type": "message", "conversation_id": A, "role": "user", "content": "x"}, "no such conversation"),
    ({"type": "message", "conversation_id": A, "role": "system", "content": "x"}, "role"),
    ({"type": "message", "conversation_id": A, "role": "user", "content": ""}, "empty"),
    ({"type": "message", "conversation_id": A, "role": "user", "content": "x" * 200_001}, "200000"),
    ({"type": "message", "conversation_id": A, "role": "user", "content": "x", "position": 0}, "position"),
    ({"type": "message", "conversation_id": A, "role": "user", "content": "x", "position": 2_000_000_000}, "position"),
    ({"type": "message", "conversation_id": A, "role": "user", "content": "x", "tool_calls": {"tools": []}}, "tool_calls"),
    ({"type": "run", "id": A, "conversation_id": A, "user_message_id": A, "status": "sleeping"}, "status"),
    ({"type": "run", "id": A, "conversation_id": A, "user_message_id": A, "status": "completed"}, "no such conversation"),
    ({"type": "operation", "operation_id": A, "conversation_id": A, "run_id": A, "ordinal": 0}, "ordinal"),
    ({"type": "operation", "operation_id": A, "conversation_id": A, "run_id": A, "ordinal": 1,
      "operation_type": "drop", "status": "success"}, "operation_type"),
    ({"type": "task", "title": " "}, "blank"), ({"type": "task", "title": "x", "id": -1}, "number from 1"),
    ({"type": "task", "title": "x", "id": 2 ** 60}, "number from 1"), ({"type": "task", "title": "x" * 201}, "200"),
])
def test_a_line_that_cannot_be_used(admin, user, line, reason):
    """It is refused by itself: what stands beside it is stored."""
    text = line if isinstance(line, str) else json.dumps(line)
    good = json.dumps({"type": "task", "title": "good"})
    report = send(admin, user, f"{good}\n\n{text}\n")
    assert report["stored"] == {"task": 1} and report["refused"] == 1
    assert report["refusals"][0]["line"] == 3 and reason in report["refusals"][0]["reason"]


def test_who_may_import_and_what(gateway, admin, user, database):
    body = json.dumps({"type": "task", "title": "x"})
    own = Api(gateway, user)
    answer = own.raw("POST", f"/api/users/{user}/import", body, {"Content-Type": "application/jsonl"})
    assert answer[0] == 403
    assert admin.raw("POST", f"/api/users/{user}/import", body)[0] == 415
    assert admin.raw("POST", f"/api/users/{user}/import", "x\n" * 600_000, {"Content-Type": "application/jsonl"})[0] == 413
    assert send(admin, user, "") == {"lines": 0, "stored": {}, "known": 0, "refused": 0, "refusals": []}
    database.wait("select count(*) from audit_log where action = 'imported' and actor = %s", admin.user)


def test_a_task_number_that_is_taken(gateway, admin, user):
    line = json.dumps({"type": "task", "id": 4_000_000, "title": "mine", "created_at": "2026-01-02T03:04:05Z"})
    assert send(admin, user, line)["stored"] == {"task": 1}
    assert send(admin, f"{user}-2", line)["stored"] == {"task": 1}
    assert send(admin, f"{user}-2", line)["known"] == 1
    [task] = Api(gateway, f"{user}-2")("GET", f"/api/users/{user}-2/tasks")["data"]
    assert task["id"] != 4_000_000 and task["title"] == "mine"
    made = Api(gateway, user)("POST", f"/api/users/{user}/tasks", {"title": "next"}, 201)
    assert made["id"] > 4_000_000
