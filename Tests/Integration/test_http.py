"""The HTTP/1.1 edge: what it answers, and where it stops."""

import json

import pytest

from kit.raw import RawConnection


@pytest.fixture
def raw(gateway):
    with RawConnection(gateway) as connection:
        yield connection


def get(path, *headers):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""])


def test_healthz_and_readyz(gateway):
    assert gateway.get("/healthz")[0] == 200
    assert gateway.get("/readyz")[0] == 200


def test_not_found(gateway):
    for path in ("/nothing-here", "/api/nothing", "/healthz/more", "/%F0%9F%8E%89"):
        answer = gateway.get(path)
        assert answer[0] == 404 and gateway.error_code(answer) == "not_found", path


def test_method_not_allowed(gateway):
    answer = gateway.request("POST", "/healthz", body="x")
    assert answer[0] == 405 and "GET" in answer[1]["Allow"]
    gateway.error_code(answer)
    assert gateway.request("DELETE", "/")[0] == 405
    assert gateway.request("BREW", "/healthz")[0] in (405, 501)


def test_head(gateway):
    status, headers, body = gateway.request("HEAD", "/")
    assert status == 200 and body == b"" and int(headers["Content-Length"]) > 0


def test_keep_alive(raw):
    for _ in range(3):
        raw.send(get("/healthz"))
        assert raw.response()[0] == 200
    raw.send(get("/nothing-here"))
    assert raw.response()[0] == 404
    raw.send(get("/healthz", "Connection: close"))
    status, headers, _ = raw.response()
    assert status == 200 and headers["connection"].lower() == "close"
    assert raw.ended() == b""


def test_http_1_0_closes(raw):
    raw.send("GET /healthz HTTP/1.0\r\n\r\n")
    assert raw.response()[0] == 200
    assert raw.ended() == b""


def test_pipelining(raw):
    raw.send(get("/healthz") + get("/nothing-here") + get("/") + get("/healthz"))
    assert [raw.response()[0] for _ in range(4)] == [200, 404, 200, 200]


def test_byte_by_byte(raw):
    for byte in get("/healthz").encode():
        raw.send(bytes([byte]))
    assert raw.response()[0] == 200


@pytest.mark.parametrize("request_head, status", [
    (get("/" + "x" * 8200), (414, 431)),
    (get("/healthz", *[f"X-{n}: y" for n in range(80)]), (431,)),
    (get("/healthz", "X-Long: " + "y" * 33_000), (431,)),
    (get("/healthz", *[f"X-{n}: {'y' * 1000}" for n in range(40)]), (431,)),
], ids=["request line", "number of headers", "one long header", "bytes of headers"])
def test_heads_that_are_too_large(raw, gateway, request_head, status):
    raw.send(request_head)
    answer = raw.response()
    assert answer[0] in status
    assert json.loads(answer[2])["error"]["code"]
    assert raw.ended() == b""
    assert gateway.get("/healthz")[0] == 200


def test_a_head_without_end(raw):
    """Nobody waits for the end of what is too long already."""
    try:
        raw.send(b"GET /healthz HTTP/1.1\r\nX: " + b"y" * 200_000)
    except OSError:
        pass
    assert raw.response()[0] == 431


@pytest.mark.parametrize("head", [
    "GARBAGE\r\n\r\n",
    "GET /healthz\r\n\r\n",
    "GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /healthz HTTP/1.1\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: x\r\nName : space\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
    "GET healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\nx",
    "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
], ids=lambda head: repr(head[:60]))
def test_malformed(raw, gateway, head):
    raw.send(head)
    status = raw.response()[0]
    # A body's length that is wrong may be noticed only behind the head, whose method is wrong already.
    assert status == 400 or head.startswith("POST") and status in (405, 413, 501), status
    assert raw.ended() == b""
    assert gateway.get("/healthz")[0] == 200


def test_another_version(raw):
    raw.send("GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n")
    assert raw.response()[0] in (400, 505)


def test_a_handshake_that_is_none(gateway, user):
    token = {"Authorization": f"Bearer {gateway.token(user)}"}
    good = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="} | token
    assert gateway.request("GET", "/ws", headers=good)[0] == 101
    for change in ({"Sec-WebSocket-Key": "short"}, {"Upgrade": "h2c"}, {"Connection": "keep-alive"},
                   {"Sec-WebSocket-Version": "8"}, {"Sec-WebSocket-Key": ""}):
        status, headers, _ = gateway.request("GET", "/ws", headers=good | change)
        assert status in (400, 426), change
        if "Sec-WebSocket-Version" in change:
            assert headers["Sec-WebSocket-Version"] == "13"
    assert gateway.request("POST", "/ws", headers=good)[0] in (400, 405)


def test_no_dev_token_outside_the_dev_mode(gateway):
    answer = gateway.request("POST", "/dev/token", body='{"user_id":"a"}', headers={"Content-Type": "application/json"})
    assert answer[0] == 404 and gateway.error_code(answer) == "not_found"
