"""Going down in front of a balancer: everybody is told before anybody is refused, and a successor takes the place over."""

import http.client
import json
import socket
import threading
import time

import psycopg
import pytest

from kit.gateway import Gateway, command
from kit.handshake import handshake

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 100, "SCRIPTED_PACE_MS": 20}


@pytest.fixture
def start(database, request):
    """`start(**settings)`: a gateway with SETTINGS and these. All believe the same tokens."""
    gateways = []

    def start(**settings):
        name = f"{request.module.__name__}_{request.node.name}_{len(gateways)}".replace("[", "_").replace("]", "")
        if gateways:
            settings["AUTH_JWT_SECRET"] = gateways[0].secret
        gateways.append(Gateway(database, name=name, **{**SETTINGS, **settings}))
        gateways[-1].secret = gateways[0].secret
        return gateways[-1]

    yield start
    for gateway in gateways:
        gateway.remove()


def stopping(gateway, timeout=5):
    """Asks it to stop, and waits until that shows."""
    gateway.terminate()
    gateway.ready_status(503, timeout)


def test_everybody_is_told_while_runs_go_on(start, user):
    gateway = start(DRAIN_DELAY_SECONDS=0)
    idle = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=15)
    idle.request("GET", "/openapi.json")
    assert idle.getresponse().read()
    chat = gateway.connect(user)
    ack = chat.send("go")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    stopping(gateway)
    for _ in range(3):
        status, _, body = gateway.get("/readyz")
        assert status == 503 and json.loads(body)["reasons"] == ["draining"]
        assert gateway.get("/healthz")[0] == 200
        assert gateway.get("/metrics")[0] == 200
        for answer in (handshake(gateway, {"Authorization": f"Bearer {gateway.token(user)}"}),
                       gateway.get(f"/api/users/{user}/conversations", Authorization=f"Bearer {gateway.token(user)}"),
                       gateway.get("/"), gateway.request("POST", "/agui", "{}")):
            assert answer[0] == 503 and int(answer[1]["Retry-After"]) > 0, answer
            assert gateway.error_code(answer) == "unavailable"
    # A connection that was open is not cut under a request: it is answered, and told that it ends.
    idle.request("GET", "/openapi.json")
    answer = idle.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (503, "close")
    # A browser asks first: refused there, it would tell its page of no answer at all.
    assert gateway.request("OPTIONS", "/api/tasks/x", headers={"Origin": gateway.url})[0] == 204
    assert chat.end_of(ack["runId"])["outcome"] == {"type": "success"}
    assert chat.closed() == 1012
    assert gateway.process.exit_code() == 0


def test_it_is_there_for_a_while_without_anything_to_do(start):
    """Whoever polls /readyz must have had the time to see it."""
    gateway = start(DRAIN_DELAY_SECONDS=3)
    began = time.monotonic()
    stopping(gateway)
    seen = 0
    try:
        while True:
            assert gateway.get("/readyz")[0] == 503
            assert gateway.get("/healthz")[0] == 200
            seen += 1
    except (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected):
        pass
    assert time.monotonic() - began > 2.5 and seen > 10
    assert gateway.process.exit_code() == 0


def test_sockets_of_idle_users_are_closed_when_all_know(start, user, database):
    """They find a gateway that takes their messages while this one still ends another's reply."""
    gateway = start(DRAIN_DELAY_SECONDS=0, SCRIPTED_TOKENS=200)
    busy, idle = gateway.connect(user), gateway.connect(f"{user}-idle")
    ack = busy.send("go")
    busy.until({"type": "TEXT_MESSAGE_CONTENT"})
    gateway.terminate()
    assert idle.closed() == 1012
    assert database.run_status(ack["runId"]) == "running"
    assert busy.end_of(ack["runId"])["outcome"] == {"type": "success"}
    assert busy.closed() == 1012


def test_asked_again_it_goes_sooner(start, user, database):
    gateway = start(DRAIN_DELAY_SECONDS=600, SCRIPTED_TOKENS=100_000)
    chat = gateway.connect(user)
    ack = chat.send("go")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    stopping(gateway)
    deadline = time.monotonic() + 15
    while gateway.process.process.poll() is None and time.monotonic() < deadline:
        # A signal that follows on the heels of the first is the same wish.
        gateway.terminate()
        try:
            chat.receive(timeout=0.3)
        except Exception:
            pass
    assert gateway.process.exit_code() == 0
    assert database.run_status(ack["runId"]) == "interrupted"


def test_a_successor_takes_the_address_over(start, user, database):
    """From the stop to the successor's first answer nobody is refused or cut; then all that comes is the successor's."""
    old = start(DRAIN_DELAY_SECONDS=600, DRAIN_SECONDS=20, SCRIPTED_TOKENS=150)
    chat = old.connect(user)
    ack = chat.send("go")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    answers, failures, over = [], [], threading.Event()

    def poll():
        while not over.is_set():
            try:
                answers.append(old.get("/openapi.json")[0])
            except OSError as error:
                failures.append(error)

    pollers = [threading.Thread(target=poll) for _ in range(3)]
    stopping(old)
    for poller in pollers:
        poller.start()
    try:
        new = start(HTTP_PORT=old.port)
        assert new.port == old.port
        new.ready_status(200)
        # The delay is for those who do not know yet: with a successor in its place there are none.
        with new.connect(f"{user}-new") as second:
            assert second.turn("!tokens 3 1").end["outcome"] == {"type": "success"}
            assert old.process.process.poll() is None, "it did not wait for its own reply"
        assert chat.end_of(ack["runId"])["outcome"] == {"type": "success"}
        assert chat.closed() == 1012
        assert old.process.exit_code() == 0
        count = len(answers)
        deadline = time.monotonic() + 15
        while len(answers) < count + 20:
            assert time.monotonic() < deadline
    finally:
        over.set()
        for poller in pollers:
            poller.join()
    assert not failures, failures[:3]
    assert set(answers) == {200, 503} and set(answers[-20:]) == {200}
    assert database.run_status(ack["runId"]) == "completed"
    # And it hands the address on in its turn.
    new.terminate()
    third = start(HTTP_PORT=new.port)
    third.ready_status(200)


def test_connections_that_are_kept_go_to_the_successor(start, user):
    """As a proxy keeps them, for its health checks too: it must not be told for as long as a reply takes that nobody serves."""
    old = start(DRAIN_DELAY_SECONDS=600, DRAIN_SECONDS=30, SCRIPTED_TOKENS=1000)
    with old.connect(user) as chat:
        ack = chat.send("go")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        kept = http.client.HTTPConnection("127.0.0.1", old.port, timeout=15)

        def status():
            kept.request("GET", "/readyz")
            answer = kept.getresponse()
            answer.read()
            return answer.status

        assert status() == 200
        stopping(old)
        start(HTTP_PORT=old.port).ready_status(200)
        answers = [status() for _ in range(20)]
        assert answers[-1] == 200, answers
        assert old.process.process.poll() is None, "it did not wait for its own reply"
        chat.cancel(ack["threadId"])


def test_a_successor_that_does_not_come_up_takes_nothing(start, database):
    old = start(DRAIN_DELAY_SECONDS=600)
    stopping(old)
    # The last thing that can go wrong: the place is taken over by then.
    lock = psycopg.connect(database.admin_url)
    lock.execute("lock table parley.runs in access exclusive mode")
    failed = Gateway.__new__(Gateway)
    try:
        failed.__dict__.update(old.__dict__, name=f"{old.name}_failed")
        failed.start(ready=False)
        failed.process.line("waiting")
    finally:
        failed.process.end()
        lock.rollback()
        lock.close()
    for _ in range(20):
        assert old.get("/readyz")[0] == 503
    new = start(HTTP_PORT=old.port)
    new.ready_status(200)
    assert old.process.exit_code() == 0


def test_two_that_serve_do_not_share_a_port(start):
    gateway = start()
    answer = command("serve", **gateway.settings)
    assert answer.returncode == 69, answer.stderr
    assert "another gateway" in answer.stderr and str(gateway.port) in answer.stderr
    assert gateway.get("/readyz")[0] == 200


def test_strangers_get_no_socket(start):
    """What asks for the socket without being asked back, or says what makes no sense, changes nothing."""
    gateway = start(DRAIN_DELAY_SECONDS=600)
    name = b"\0parley-handover-0200" + gateway.port.to_bytes(2, "big").hex().encode() + b"7f000001"
    askers = []

    def ask():
        asker = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asker.settimeout(15)
        asker.connect(name)
        askers.append(asker)
        return asker

    try:
        assert ask().recv(64) == b"parley 1 serving"
        stopping(gateway)
        for words in (b"nonsense", b"x" * 5_000, b""):
            asker = ask()
            assert asker.recv(64) == b"parley 1 stopping"
            if words:
                asker.send(words)
            asker.close()
        # Only so many at a time.
        waiting = [ask() for _ in range(6)]
        assert [asker.recv(64) for asker in waiting[:4]] == [b"parley 1 stopping"] * 4
        for asker in waiting[4:]:
            with pytest.raises((OSError, AssertionError)):
                assert asker.recv(64)
    finally:
        for asker in askers:
            asker.close()
    for _ in range(20):
        assert gateway.get("/readyz")[0] == 503
