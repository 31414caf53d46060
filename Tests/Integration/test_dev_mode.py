"""`serve --dev`: tokens for the asking, on loopback; and the bodies of requests, which this route is the first to take."""

import json
import time

import jwt
import pytest

from kit.chat import ChatSocket
from kit.raw import RawConnection

DEV = True


def ask(gateway, body, **headers):
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    return gateway.request("POST", "/dev/token", body=body, headers={"Content-Type": "application/json"} | headers)


def test_a_token(gateway, user):
    status, headers, body = ask(gateway, {"user_id": user})
    assert status == 200 and headers.get_content_type() == "application/json"
    answer = json.loads(body)
    assert set(answer) >= {"token", "expires_at"}
    with ChatSocket(gateway, answer["token"]) as chat:
        assert chat.ready["userId"] == user
        assert chat.turn("hello").end["outcome"]["type"] == "success"
    assert jwt.decode(answer["token"], gateway.secret, algorithms=["HS256"])["exp"] > time.time()


def test_a_role(gateway, user):
    token = json.loads(ask(gateway, {"user_id": user, "role": "admin"})[2])["token"]
    assert jwt.decode(token, gateway.secret, algorithms=["HS256"])["role"] == "admin"


@pytest.mark.parametrize("body, code", [
    ("", "invalid_json"), ("{", "invalid_json"), ("[]", "invalid_json"), ("{}", "invalid_field"),
    ('{"user_id":7}', "invalid_field"), ('{"user_id":""}', "invalid_field"),
    (json.dumps({"user_id": "x" * 256}), "invalid_field"), ('{"user_id":"a\\u0000b"}', "invalid_field"),
    ('{"user_id":"a","role":7}', "invalid_field")], ids=lambda value: value[:24])
def test_wrong_bodies(gateway, body, code):
    answer = ask(gateway, body)
    assert answer[0] == 400 and gateway.error_code(answer) in (code, "invalid_field")


def test_a_body_that_is_too_large(gateway):
    with RawConnection(gateway) as raw:
        raw.send("POST /dev/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 f"Content-Length: {(1 << 20) + 1}\r\n\r\n")
        assert raw.response()[0] == 413, "before the body was sent"


def test_chunks(gateway, user):
    body = json.dumps({"user_id": user})
    chunks = "".join(f"{len(part):x};ext=1\r\n{part}\r\n" for part in (body[:3], body[3:10], body[10:])) + "0\r\nT: x\r\n\r\n"
    head = "POST /dev/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawConnection(gateway) as raw:
        raw.send(head + chunks + "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.response()[0] == 200
        assert raw.response()[0] == 200, "the next request of the connection"


def test_chunks_that_are_too_many(gateway):
    with RawConnection(gateway) as raw:
        raw.send("POST /dev/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(20):
                raw.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            pass
        assert raw.response()[0] == 413


def test_a_chunk_that_claims_too_much(gateway):
    for size in ("ffffffffffffffff", "fffffffffffffffffff", "7fffffffffffffff", "-1", "x"):
        with RawConnection(gateway) as raw:
            raw.send(f"POST /dev/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n")
            assert raw.response()[0] in (400, 413), size
    assert gateway.get("/healthz")[0] == 200


def test_expect_continue(gateway, user):
    body = json.dumps({"user_id": user})
    with RawConnection(gateway) as raw:
        raw.send("POST /dev/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n")
        assert raw.response(head_only=True)[0] == 100
        raw.send(body)
        assert raw.response()[0] == 200


def test_a_foreign_page_gets_none(gateway, user):
    answer = ask(gateway, {"user_id": user}, Origin="https://evil.example")
    assert answer[0] == 403 and gateway.error_code(answer) == "forbidden"


@pytest.mark.parametrize("name", ["rebound.example", "127.rebound.example", "127.0.0.1.rebound.example:80", "[::2]"])
def test_a_name_that_was_pointed_here_gets_none(gateway, user, name):
    answer = ask(gateway, {"user_id": user}, Host=name)
    assert answer[0] == 403 and gateway.error_code(answer) == "forbidden"


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:80"])
def test_names_of_this_machine(gateway, user, name):
    assert ask(gateway, {"user_id": user}, Host=name)[0] == 200


def test_only_post(gateway):
    answer = gateway.get("/dev/token")
    assert answer[0] == 405 and "POST" in answer[1]["Allow"]
