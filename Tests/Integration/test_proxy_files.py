"""The proxies' files of deploy/proxies, each with the proxy that it is for: a page, a socket, streams, true addresses."""

import http.client
import json
import re
import subprocess
import time

import pytest
import websockets.sync.client

from kit import TOP
from kit.front import FILES, KINDS, NAME, Front
from kit.gateway import Gateway, command

SETTINGS = {"TRUSTED_PROXIES": "127.0.0.1", "AGENT": "scripted"}


@pytest.fixture(scope="module", params=KINDS)
def front(request, gateway):
    front = Front(request.param, gateway)
    yield front
    front.remove()


def bearer(gateway, user):
    return {"Authorization": f"Bearer {gateway.token(user)}"}


def test_a_page_and_the_way_to_it(front):
    status, headers, body = front.request("GET", "/")
    assert status == 200 and b"Parley" in body
    assert "script-src" in headers["Content-Security-Policy"]
    plain = http.client.HTTPConnection("127.0.0.1", front.plain, timeout=15)
    plain.request("GET", "/x?y=1", headers={"Host": NAME})
    answer = plain.getresponse()
    assert answer.status == 308
    assert re.fullmatch(rf"https://{NAME}(:\d+)?/x\?y=1", answer.headers["Location"]), answer.headers["Location"]
    plain.close()


def test_a_turn_over_a_socket_from_its_own_page(front, gateway, user):
    with websockets.sync.client.connect(
            f"wss://{NAME}:{front.port}/ws", sock=front.connection(), ssl=front.trust, server_hostname=NAME, proxy=None,
            additional_headers=bearer(gateway, user), subprotocols=["parley.v1"], origin=front.origin) as socket:
        assert json.loads(socket.recv(15))["op"] == "ready"
        socket.send(json.dumps({"op": "send", "id": "s1", "content": "!tokens 30 5"}))
        kinds = []
        while "RUN_FINISHED" not in kinds:
            kinds.append(json.loads(socket.recv(15)).get("type"))
        assert kinds.count("TEXT_MESSAGE_CONTENT") > 1


def test_a_page_of_another_origin_is_refused(front, gateway, user):
    with pytest.raises(websockets.exceptions.InvalidStatus) as refusal:
        websockets.sync.client.connect(
            f"wss://{NAME}:{front.port}/ws", sock=front.connection(), ssl=front.trust, server_hostname=NAME, proxy=None,
            additional_headers=bearer(gateway, user), origin="https://evil.example")
    assert refusal.value.response.status_code == 403


def test_a_stream_comes_as_it_is_said(front, gateway, user):
    """Its first words are here while the reply runs: it is cancelled behind them, and that is how it ends."""
    headers = bearer(gateway, user) | {"Content-Type": "application/json"}
    status, _, body = front.request("POST", f"/api/users/{user}/conversations", "{}", headers)
    assert status == 201, body
    thread = json.loads(body)["id"]
    stream = front.open()
    stream.request("POST", f"/api/conversations/{thread}/messages", json.dumps({"content": "!tokens 2000 20"}),
                   headers | {"Accept": "text/event-stream"})
    answer = stream.getresponse()
    assert answer.status == 200 and answer.headers.get_content_type() == "text/event-stream"
    lines = []
    while not any("TEXT_MESSAGE_CONTENT" in line for line in lines):
        lines.append(answer.readline().decode())
        assert lines[-1], lines
    with gateway.connect(user) as chat:
        chat.post(op="cancel", id="c1", threadId=thread)
        assert chat.until({"op": "ack", "id": "c1"})["status"] == "cancelled"
    rest = answer.read().decode()
    assert "RUN_FINISHED" in rest or "RUN_ERROR" in rest
    stream.close()


def test_the_client_is_known_by_its_own_address(front, gateway, database, user):
    forged = bearer(gateway, user) | {"X-Forwarded-For": "198.51.100.1", "X-Real-IP": "198.51.100.1"}
    with websockets.sync.client.connect(
            f"wss://{NAME}:{front.port}/ws", sock=front.connection(), ssl=front.trust, server_hostname=NAME, proxy=None,
            additional_headers=forged) as socket:
        assert json.loads(socket.recv(15))["op"] == "ready"
    deadline = time.monotonic() + 15
    while True:
        answer = command("audit", "--since", "1h", "--json", "--user", user, DATABASE_URL=database.url)
        origins = [json.loads(line)["origin"] for line in answer.stdout.splitlines()]
        if origins:
            break
        assert time.monotonic() < deadline
    assert set(origins) == {front.source}


@pytest.mark.parametrize("path", ["/metrics", "/dev/token"])
def test_what_is_for_this_machine_only(front, path):
    method = "POST" if path == "/dev/token" else "GET"
    assert front.request(method, path, "{}" if method == "POST" else None)[0] in (403, 404)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_that_stops_is_known(kind, database):
    """503 with Retry-After or a proxy's own 503, but no connection that is refused or cut in the middle."""
    gateway = Gateway(database, name=f"test_proxy_files_{kind}", DRAIN_DELAY_SECONDS=3, TRUSTED_PROXIES="127.0.0.1")
    front = Front(kind, gateway)
    try:
        gateway.terminate()
        gateway.ready_status(503)
        statuses = set()
        while gateway.process.process.poll() is None and len(statuses) < 50:
            statuses.add(front.request("GET", "/openapi.json")[0])
        assert 503 in statuses and statuses <= {200, 502, 503}, statuses
    finally:
        front.remove()
        gateway.remove()


@pytest.mark.parametrize("kind", ["nginx", "haproxy"])
def test_what_clients_see_of_a_restart(kind, database, user):
    """Who is shown a reply sees its end; the others are told, sent away, and let in by the successor; nobody is cut."""
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "AGENT": "scripted", "DRAIN_SECONDS": 30, "DRAIN_DELAY_SECONDS": 1}
    old = Gateway(database, name=f"test_proxy_files_old_{kind}", **settings)
    front, new = Front(kind, old), None
    try:
        busy, idle = (old.connect(name, front=front) for name in (user, f"{user}-idle"))
        ack = busy.send("!tokens 160 50")
        busy.until({"type": "TEXT_MESSAGE_CONTENT"})
        old.terminate()
        for chat in (busy, idle):
            assert chat.until({"op": "draining"})["reconnectAfter"] > 0
        assert idle.closed() == 1012
        with pytest.raises(websockets.exceptions.InvalidStatus) as refusal:
            old.connect(f"{user}-idle", front=front)
        assert refusal.value.response.status_code == 503
        assert int(refusal.value.response.headers["Retry-After"]) > 0
        new = Gateway(database, name=f"test_proxy_files_new_{kind}", AUTH_JWT_SECRET=old.secret, HTTP_PORT=old.port,
                      **settings)
        new.secret = old.secret
        with new.let_in(f"{user}-idle", front=front) as chat:
            assert chat.turn("!text here again").end["outcome"] == {"type": "success"}
        assert busy.end_of(ack["runId"], timeout=30)["outcome"] == {"type": "success"}
        assert busy.closed() == 1012
        with new.let_in(user, front=front) as chat:
            chat.subscribe(ack["threadId"])
            [snapshot] = [frame for frame in chat.frames if frame.get("op") == "snapshot"]
            assert [message["role"] for message in snapshot["messages"]] == ["user", "assistant"]
    finally:
        front.remove()
        old.remove()
        if new:
            new.remove()


def test_the_programs_find_nothing_to_say(tmp_path):
    """What the documentation shows of each is its file, and each is there."""
    assert {path.name for path in (TOP / "deploy" / "proxies").iterdir()} == set(FILES.values())
    shown = subprocess.run(["/usr/bin/caddy", "fmt", TOP / "deploy" / "proxies" / "Caddyfile"], capture_output=True,
                           text=True, check=False)
    assert shown.stdout == (TOP / "deploy" / "proxies" / "Caddyfile").read_text(), "caddy fmt would change it"
