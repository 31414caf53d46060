"""The audit trail: what is in it, what a flood leaves, and the command that shows it."""

import json
import time

import pytest

from kit.chat import ChatSocket
from kit.gateway import Gateway, command
from kit.handshake import handshake
from kit.http import Api

SETTINGS = {"TRUSTED_PROXIES": "127.0.0.1", "RATE_LIMIT_FAILED_SIGN_INS": 0}


def trail(database, count, *arguments, since="1h", timeout=15):
    """The entries that `parley audit` shows, once there are as many."""
    deadline = time.monotonic() + timeout
    while True:
        answer = command("audit", "--since", since, "--json", *arguments, DATABASE_URL=database.url)
        assert answer.returncode == 0, answer.stderr
        entries = [json.loads(line) for line in answer.stdout.splitlines()]
        if len(entries) >= count:
            return entries
        assert time.monotonic() < deadline, entries


def test_sign_ins_and_renewals(gateway, database, user):
    with ChatSocket(gateway, gateway.token(user), headers={"X-Forwarded-For": "192.0.2.44"}) as chat:
        chat.post(op="auth", token=gateway.token(user))
        chat.until(lambda frame: frame.get("op") == "authenticated")
        chat.post(op="auth", token="x.y.z")
        chat.until(lambda frame: frame.get("op") == "error")
        entries = trail(database, 3, "--user", user)
    assert [(entry["action"], entry["allowed"], entry["origin"]) for entry in entries] == [
        ("sign_in", True, "192.0.2.44"), ("token_renewed", True, "192.0.2.44"), ("refused", False, "192.0.2.44")]
    assert entries[2]["detail"] == {"reason": "malformed"}
    assert all(entry["at"].endswith("Z") for entry in entries)


def test_a_flood_of_refusals_is_a_number(database, user):
    gateway = Gateway(database, name="test_audit_flood", SHARDS=1, **SETTINGS)
    try:
        secret = gateway.token(user, key="a wrong key of a good length, for sure")
        for _ in range(50):
            handshake(gateway, {"Authorization": f"Bearer {secret}", "X-Forwarded-For": "192.0.2.66"})
        gateway.stop()  # Which ends the window.
    finally:
        gateway.remove()
    entries = [entry for entry in trail(database, 2) if entry.get("origin") == "192.0.2.66"]
    assert [entry["detail"].get("repeated") for entry in entries] == [None, 49]
    assert secret not in json.dumps(entries)


def test_entries_wait_while_the_table_is_locked(gateway, database, user):
    """Nobody who signs in waits for the trail."""
    with database.connection.transaction():
        database.do("lock table audit_log in access exclusive mode")
        with gateway.connect(user) as chat:
            assert chat.turn("hello").end["outcome"]["type"] == "success"
    assert trail(database, 1, "--user", user)[0]["action"] == "sign_in"


def test_the_command_for_people(gateway, database, user):
    name = f"{user}\x1b[31m\n"
    with gateway.connect(name):
        pass
    trail(database, 1, "--user", name)
    answer = command("audit", "--user", name, DATABASE_URL=database.url)
    assert answer.returncode == 0 and "\x1b" not in answer.stdout
    assert len(answer.stdout.splitlines()) == 1 and "sign_in" in answer.stdout and "127.0.0.1" in answer.stdout
    assert command("audit", "--user", user + "nobody", DATABASE_URL=database.url).stdout == ""


@pytest.mark.parametrize("since, shown", [
    ("1m", True), ("1h", True), ("2020-01-01", True), ("2020-01-01T00:00:00Z", True), ("2999-01-01", False), ("0m", False)])
def test_since(gateway, database, user, since, shown):
    with gateway.connect(user):
        pass
    trail(database, 1, "--user", user)
    answer = command("audit", "--user", user, "--since", since, DATABASE_URL=database.url)
    assert answer.returncode == 0 and bool(answer.stdout) == shown


@pytest.mark.parametrize("arguments, status", [
    (["--since", "yesterday"], 64), (["--since", "-1h"], 64), (["--since", ""], 64), (["--nonsense"], 64)])
def test_wrong_usage(database, arguments, status):
    answer = command("audit", *arguments, DATABASE_URL=database.url)
    assert answer.returncode == status and len(answer.stderr.strip().splitlines()) == 1


def test_without_a_database():
    assert command("audit").returncode == 78
    assert command("audit", DATABASE_URL="postgresql://127.0.0.1:1/none").returncode == 69


def test_sign_ins_over_http_and_looks_at_what_is_anothers(gateway, database, user):
    owner = Api(gateway, user)
    thread = owner("POST", f"/api/users/{user}/conversations", {}, 201)["id"]
    for _ in range(3):
        owner("GET", f"/api/conversations/{thread}")
    thief = Api(gateway, f"{user}-thief")
    for method, path in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/messages"), ("POST", "/messages"),
                         ("GET", "/operations")]:
        body = {"title": "x", "content": "x"} if method in ("PATCH", "POST") else None
        assert thief.refusal(method, f"/api/conversations/{thread}{path}", body, 404) == "thread_not_found"
    with gateway.connect(thief.user) as chat:
        for frame in ({"op": "subscribe"}, {"op": "send", "content": "x"}):
            assert chat.error(id="x", threadId=thread, **frame)["code"] == "thread_not_found"
    # What does not exist is no event.
    thief.refusal("GET", "/api/conversations/019a0000-0000-7000-8000-000000000000", status=404)
    entries = trail(database, 1, "--user", user)
    assert [(entry["action"], entry.get("detail")) for entry in entries] == [("sign_in", {"by": "http"})]
    refused = [entry for entry in trail(database, 3, "--user", thief.user) if entry["action"] == "refused"]
    assert {entry["object"] for entry in refused} == {f"conversation/{thread}"}
    assert all(entry["detail"]["reason"] == "not_owner" for entry in refused)
    # A message over HTTP is refused by the session, which knows the addresses of sockets.
    assert "127.0.0.1" in {entry.get("origin") for entry in refused} <= {"127.0.0.1", None}
    assert not any(entry["allowed"] for entry in refused)
