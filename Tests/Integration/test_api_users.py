"""What an admin may delete, what users may take along, and the end of a user."""

import json
import socket

import pytest

from kit.http import Api


@pytest.fixture
def api(gateway, user):
    return Api(gateway, user)


@pytest.fixture
def admin(gateway, user):
    return Api(gateway, f"{user}-admin", role="admin")


def recorded(database, actor, action, name, allowed=True):
    """Waits for an entry of the audit trail, which is written in batches."""
    database.wait("select count(*) from audit_log where (actor, action, object, allowed) = (%s, %s, %s, %s)"
                  " and origin = '127.0.0.1'", actor, action, name, allowed)


def test_an_admin_deletes_a_message(api, admin, connect, database):
    chat = connect()
    turn = chat.turn("add milk")
    messages = api("GET", f"/api/conversations/{turn.thread}/messages")["data"]
    at = f"/api/messages/{messages[-1]['id']}"
    assert api.refusal("DELETE", at, status=403) == "forbidden"
    admin("DELETE", at, status=204)
    assert admin.refusal("DELETE", at, status=404) == "not_found"
    recorded(database, admin.user, "message_deleted", at.replace("/api/messages/", "message/"))
    # Those who look at it see it without, at once.
    snapshot = chat.until({"op": "snapshot"})
    assert [item["id"] for item in snapshot["messages"]] == [item["id"] for item in messages[:-1]]
    assert [row[0] for row in database.messages(turn.thread)] == [item["id"] for item in messages[:-1]]
    for path in ("nonsense", "019a0000-0000-7000-8000-000000000000"):
        assert admin.refusal("DELETE", f"/api/messages/{path}", status=404) == "not_found"


def lines(answer):
    status, headers, body = answer
    assert status == 200 and headers.get_content_type() == "application/jsonl"
    assert headers["Cache-Control"] == "no-store, no-transform" and "attachment" in headers["Content-Disposition"]
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body.splitlines()]


def test_an_export(gateway, api, admin, connect, user, database):
    chat = connect()
    turns = [chat.turn(f"add thing {number}") for number in range(3)]
    api("PATCH", f"/api/conversations/{turns[0].thread}", {"title": "kept", "status": "archived"})
    path = f"/api/users/{user}/export"
    found = lines(api.raw("GET", path))
    kinds = [line["type"] for line in found]
    assert found[-1] == {"type": "end", "lines": len(found) - 1}
    assert kinds.count("conversation") == 3 and kinds.count("task") == 3 and kinds.count("user") == 1
    assert {line["content"] for line in found if line["type"] == "message"} >= {f"add thing {n}" for n in range(3)}
    assert lines(admin.raw("GET", path)) == found
    other = Api(gateway, f"{user}-other")
    assert other.refusal("GET", path, status=403) == "forbidden"
    recorded(database, user, "exported", f"user/{user}")
    recorded(database, admin.user, "exported", f"user/{user}")
    recorded(database, admin.user, "admin_access", f"user/{user}")
    recorded(database, other.user, "refused", f"user/{user}", allowed=False)


def test_a_large_export_goes_as_fast_as_it_is_read(gateway, api, user, database, connect):
    thread = connect().turn("hello").thread
    # 24 MB in 120 messages of 200 000 characters.
    database.do(
        """insert into parley.messages (id, conversation_id, user_id, position, role, content, status)
        select gen_random_uuid(), %s, %s, 100 + n, 'assistant', repeat(md5(n::text), 6250), 'complete'
        from generate_series(1, 120) n""", thread, user)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=15) as connection:
        connection.sendall(f"GET /api/users/{user}/export HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                           f"Authorization: Bearer {api.token}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        before = memory(gateway)
        # Nothing is read while another export runs to its end.
        found = lines(api.raw("GET", f"/api/users/{user}/export"))
        assert sum(line["type"] == "message" and len(line["content"]) == 200_000 for line in found) == 120
        assert memory(gateway) - before < 12_000, "kB more while 24 MB wait for a reader"
        pieces = list(iter(lambda: connection.recv(1 << 20), b""))
    assert b"".join(pieces[-3:]).endswith(b"0\r\n\r\n") and sum(map(len, pieces)) > 24_000_000
    # One that leaves in the middle costs nothing further.
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=15) as connection:
        connection.sendall(f"GET /api/users/{user}/export HTTP/1.1\r\nHost: x\r\n"
                           f"Authorization: Bearer {api.token}\r\n\r\n".encode())
        connection.recv(4096)
    assert lines(api.raw("GET", f"/api/users/{user}/export"))[-1]["type"] == "end"


def memory(gateway):
    """Resident, kB."""
    with open(f"/proc/{gateway.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_the_end_of_a_user(gateway, api, admin, connect, user, database):
    chat = connect()
    chat.turn("add milk")
    other = Api(gateway, f"{user}-other")
    assert other.refusal("DELETE", f"/api/users/{user}", status=403) == "forbidden"
    api("DELETE", f"/api/users/{user}", status=204)
    assert chat.closed() == 4401
    recorded(database, user, "user_deleted", f"user/{user}")
    for table in ("users", "conversations", "messages", "runs", "tasks", "task_operation_logs"):
        column = "id" if table == "users" else "user_id"
        assert database.value(f"select count(*) from parley.{table} where {column} = %s", user) == 0, table
    assert admin.refusal("DELETE", f"/api/users/{user}", status=404) == "not_found"
    # The same id may begin anew, with nothing of before.
    fresh = connect()
    assert fresh.ready["runs"] == [] and fresh.turn("what's on my list?").thread
    assert len(api("GET", f"/api/users/{user}/conversations")["data"]) == 1
    admin("DELETE", f"/api/users/{user}", status=204)
