"""Limits by rate: what a user and an address may do, and that what is said about waiting is true."""

import http.client
import threading
import uuid

import pytest

from kit.figures import counted
from kit.gateway import Gateway, command
from kit.handshake import handshake, refused
from kit.http import Api

SETTINGS = {"RATE_LIMIT_MESSAGES": 60, "RATE_LIMIT_BURST": 3, "RATE_LIMIT_HANDSHAKES": 6,
            "RATE_LIMIT_FAILED_SIGN_INS": 4, "TRUSTED_PROXIES": "127.0.0.1, fd00::/8", "MAX_RUNS_PER_USER": 2,
            "AGENT": "scripted", "SCRIPTED_TOKENS": 2_000, "SCRIPTED_PACE_MS": 10}


def finish(chat, thread):
    chat.post(op="cancel", threadId=thread)


def test_messages_of_a_user(gateway, user):
    with gateway.connect(user) as one, gateway.connect(user) as other:
        threads = []
        for _ in range(2):
            ack = one.send("hello")
            threads.append(ack["threadId"])
        ack = other.send("more", thread=threads[0])
        assert ack["status"] == "queued"
        # The burst is used up, whichever socket asks and however it came in.
        refusal = other.error(op="send", id="x1", content="again", threadId=threads[0])
        assert refusal["code"] == "rate_limited" and refusal["retryAfter"] == 1
        with gateway.connect(user) as third:
            assert third.error(op="send", id="x2", content="again", threadId=threads[0])["code"] == "rate_limited"
        # After the time that was said the next one is taken: nothing was stored of the refused ones.
        threading.Event().wait(refusal["retryAfter"])
        assert other.send("again", thread=threads[0], id="x1")["status"] == "queued"
        for thread in threads:
            finish(one, thread)


def test_another_user_is_not_concerned(gateway, user):
    for name in (f"{user}-a", f"{user}-b"):
        with gateway.connect(name) as chat:
            thread = chat.send("hello")["threadId"]
            assert chat.send("hello", thread=thread)["status"] == "queued"
            finish(chat, thread)


def test_messages_over_http(gateway, user):
    api = Api(gateway, user)
    thread = api("POST", f"/api/users/{user}/conversations", {}, 201)["id"]
    path = f"/api/conversations/{thread}/messages"
    taken = 0
    while (answer := api.raw("POST", path, {"content": "hello"}))[0] == 202:
        # On a slow machine the rate gives back one or two meanwhile.
        taken += 1
    assert taken >= 3 and refused(gateway, answer, 429, "rate_limited") and answer[1]["Retry-After"] == "1"
    with gateway.connect(user) as chat:
        stored = api("GET", path)["data"]
        assert [message["role"] for message in stored].count("user") == taken
        finish(chat, thread)


def test_runs_at_once(gateway, user):
    with gateway.connect(user) as chat:
        threads = [chat.send("hello")["threadId"] for _ in range(2)]
        with counted(gateway, "parley_limited_total", limit="runs"):
            refusal = chat.error(op="send", id="third", content="hello")
        assert refusal["code"] == "rate_limited" and refusal["retryAfter"] >= 1
        for thread in threads:
            finish(chat, thread)


def via(address, token=None):
    return {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {token}"} if token else {})


def test_handshakes_of_an_address(gateway, user):
    token = gateway.token(user)
    for _ in range(6):
        assert handshake(gateway, via("192.0.2.1", token))[0] == 101
    answer = handshake(gateway, via("192.0.2.1", token))
    assert refused(gateway, answer, 429, "rate_limited")
    assert 1 <= int(answer[1]["Retry-After"]) <= 10
    # What a client writes itself stands left of what the proxy writes, and is not read.
    assert handshake(gateway, via("203.0.113.77, 192.0.2.1", token))[0] == 429
    assert handshake(gateway, via("192.0.2.2", token))[0] == 101
    # An IPv6 network is one client.
    answers = [handshake(gateway, via(f"2001:db8:7:7::{number:x}", token))[0] for number in range(1, 9)]
    assert answers == [101] * 6 + [429] * 2
    # This machine is not limited.
    assert all(handshake(gateway, {"Authorization": f"Bearer {token}"})[0] == 101 for _ in range(10))


def test_failed_sign_ins_of_an_address(gateway, user):
    for _ in range(4):
        answer = gateway.request("GET", f"/api/users/{user}/conversations", headers=via("192.0.2.9", "x.y.z"))
        assert answer[0] == 401
    answer = gateway.request("GET", f"/api/users/{user}/conversations", headers=via("192.0.2.9", "x.y.z"))
    assert refused(gateway, answer, 429, "rate_limited") and 1 <= int(answer[1]["Retry-After"]) <= 15
    # Who has a good one is not concerned: behind a proxy that was not made known others have the same address.
    answer = gateway.request("GET", f"/api/users/{user}/conversations", headers=via("192.0.2.9", gateway.token(user)))
    assert answer[0] == 200
    other = gateway.request("GET", f"/api/users/{user}/conversations", headers=via("192.0.2.10", gateway.token(user)))
    assert other[0] == 200
    # Pages that come without a token, or with one that has ended, are no attack.
    for _ in range(10):
        assert gateway.request("GET", "/ws", headers=via("192.0.2.11", gateway.token(user, ttl=-60)))[0] in (401, 429)
        assert gateway.request(
            "GET", f"/api/users/{user}/conversations", headers=via("192.0.2.12", gateway.token(user, ttl=-60)))[0] == 401
        assert gateway.request("GET", f"/api/users/{user}/conversations", headers=via("192.0.2.13"))[0] == 401


def test_an_untrusted_proxy_is_not_believed(database, user):
    gateway = Gateway(database, name="test_rates_untrusted", RATE_LIMIT_HANDSHAKES=2, TRUSTED_PROXIES="10.0.0.0/8")
    try:
        token = gateway.token(user)
        # It counts as itself, whatever it says, and is not this machine though it is on it.
        assert [handshake(gateway, via(f"192.0.2.{number}", token))[0] for number in range(4)] == [101, 101, 429, 429]
        assert handshake(gateway, {"Authorization": f"Bearer {token}", "Host": "chat.example"})[0] == 429
        assert all(handshake(gateway, {"Authorization": f"Bearer {token}"})[0] == 101 for _ in range(5))
    finally:
        gateway.remove()


def test_sockets_of_an_address_behind_a_proxy(database, user):
    """The proxy's own address stands for many: those behind it are counted one by one."""
    gateway = Gateway(database, name="test_rates_sockets", MAX_SOCKETS_PER_ADDRESS=2, TRUSTED_PROXIES="127.0.0.1")
    try:
        token = gateway.token(user)
        with gateway.connect(user, headers=via("192.0.2.1")) as first, gateway.connect(user, headers=via("192.0.2.1")):
            with counted(gateway, "parley_limited_total", limit="sockets"):
                assert refused(gateway, handshake(gateway, via("192.0.2.1", token)), 503, "unavailable")
            with gateway.connect(user, headers=via("192.0.2.2")):
                pass
            first.close()
            # The gateway has heard of the end when it answers the close.
            assert handshake(gateway, via("192.0.2.1", token))[0] == 101
    finally:
        gateway.remove()


def test_sockets_in_all(database, user):
    gateway = Gateway(database, name="test_rates_all", MAX_SOCKETS=3)
    try:
        token = {"Authorization": f"Bearer {gateway.token(user)}"}
        with gateway.connect(user), gateway.connect(user), gateway.connect(user):
            assert refused(gateway, handshake(gateway, token), 503, "unavailable")
            # Whoever watches the gateway is let in nevertheless.
            for path in ("/healthz", "/readyz", "/metrics"):
                assert gateway.request("GET", path)[0] == 200
            assert gateway.request("OPTIONS", "/")[0] == 204
    finally:
        gateway.remove()


def test_a_flood_of_addresses(gateway, user):
    """However many addresses come, the memory stays what it is."""
    def resident():
        with open(f"/proc/{gateway.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    token = gateway.token(user, key="a wrong key of a good length, for sure")
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=15)
    sizes = []
    for number in range(4_000):
        address = f"2001:db8:{number >> 8:x}:{number & 255:x}::1"
        connection.request("GET", f"/api/users/{user}/conversations", headers=via(address, token))
        answer = connection.getresponse()
        assert answer.read() and answer.status == 401
        if number % 1_000 == 999:
            sizes.append(resident())
    connection.close()
    assert sizes[-1] - sizes[0] < 4_096, sizes


@pytest.mark.parametrize("name, value", [
    ("TRUSTED_PROXIES", "10.0.0.0/33"), ("TRUSTED_PROXIES", "proxy.example"), ("RATE_LIMIT_MESSAGES", "-1"),
    ("RATE_LIMIT_BURST", "0"), ("MAX_RUNS_PER_USER", "0"), ("LOG_FORMAT", "xml")])
def test_settings(database, name, value):
    answer = command("serve", DATABASE_URL=database.url, AUTH_JWT_SECRET="s" * 40, HTTP_PORT=0, **{name: value})
    assert answer.returncode == 78 and name in answer.stderr and len(answer.stderr.strip().splitlines()) == 1


def test_conversations_and_tasks_of_a_user(database, user):
    """Over HTTP, and the conversations that a message begins: one bucket."""
    gateway = Gateway(database, name="test_rates_create", RATE_LIMIT_CREATE=1, RATE_LIMIT_CREATE_BURST=3)
    try:
        api = Api(gateway, user)
        thread = api("POST", f"/api/users/{user}/conversations", {}, 201)["id"]
        api("POST", f"/api/users/{user}/tasks", {"title": "x"}, 201)
        with gateway.connect(user) as chat:
            assert chat.turn("hello").thread != thread
            refusal = chat.error(op="send", id="x", content="hello")
            assert refusal["code"] == "rate_limited" and 1 <= refusal["retryAfter"] <= 60
            for path in (f"/api/users/{user}/conversations", f"/api/users/{user}/tasks"):
                answer = api.raw("POST", path, {"title": "x"})
                assert refused(gateway, answer, 429, "rate_limited") and 1 <= int(answer[1]["Retry-After"]) <= 60
            # What people think of answers is a row each as well.
            answer = api.raw("POST", f"/api/messages/{uuid.uuid4()}/feedback", {"rating": "up"})
            assert refused(gateway, answer, 429, "rate_limited")
            # What is there goes on, and so do others.
            assert chat.turn("hello", thread=thread).end["outcome"] == {"type": "success"}
        Api(gateway, f"{user}-2")("POST", f"/api/users/{user}-2/conversations", {}, 201)
    finally:
        gateway.remove()
