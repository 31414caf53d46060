"""The attacks of the documentation's page of threats on a running gateway: one case a row."""

import base64
import hashlib
import hmac
import json
import re
import socket
import struct
import time
import zlib

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.exceptions import ConnectionClosed

from kit import PAGES, TOP
from kit.chat import ChatSocket
from kit.figures import counted
from kit.gateway import RESULTS, Gateway, command
from kit.handshake import handshake, refused
from kit.raw import RawConnection

KEY = ed25519.Ed25519PrivateKey.generate()
AUDIENCE = {"aud": "parley", "iss": "https://id.example"}
CASES = {}


def attack(name):
    def note(function):
        CASES[name] = function
        return function
    return note


def jwk():
    document = json.loads(jwt.get_algorithm_by_name("EdDSA").to_jwk(KEY.public_key()))
    document.pop("key_ops", None)
    return document | {"kid": "main"}


@pytest.fixture(scope="module")
def gateway(database, tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_text(json.dumps({"keys": [jwk()]}))
    gateway = Gateway(
        database, name="test_attacks", AUTH_JWKS_FILE=path, AUTH_ISSUER=AUDIENCE["iss"], AUTH_AUDIENCE=AUDIENCE["aud"],
        AUTH_COOKIE="chat", ALLOWED_ORIGINS="https://app.example", TRUSTED_PROXIES="127.0.0.1",
        RATE_LIMIT_MESSAGES=600, RATE_LIMIT_BURST=20, RATE_LIMIT_HANDSHAKES=40, RATE_LIMIT_FAILED_SIGN_INS=8,
        MAX_SOCKETS_PER_USER=4, MAX_MESSAGE_BYTES=65536)
    try:
        yield gateway
    finally:
        gateway.remove()


def good(gateway, user, **claims):
    return gateway.token(user, **AUDIENCE, **claims)


def signed(user, headers=None, **claims):
    return jwt.encode({"sub": user, "exp": int(time.time()) + 600, **AUDIENCE, **claims}, KEY, algorithm="EdDSA",
                      headers={"kid": "main", **(headers or {})})


def bearer(text, **more):
    return {"Authorization": f"Bearer {text}", **more}


def part(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def unauthenticated(gateway, text):
    assert refused(gateway, handshake(gateway, bearer(text)))


def by_hand(header, claims, secret):
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), hashlib.sha256))}"


@attack("a socket opened by a strange page (CSWSH)")
def _(gateway, user):
    for headers in (bearer(good(gateway, user)), {"Cookie": f"chat={good(gateway, user)}"},
                    {"Sec-WebSocket-Protocol": f"parley.v1, bearer.{good(gateway, user)}"}):
        for origin in ("https://evil.example", "null", "https://app.example.evil.example"):
            assert refused(gateway, handshake(gateway, headers | {"Origin": origin}), 403, "forbidden")


@attack("a socket with a cookie and no Origin")
def _(gateway, user):
    assert refused(gateway, handshake(gateway, {"Cookie": f"chat={good(gateway, user)}"}), 403, "forbidden")
    allowed = {"Cookie": f"chat={good(gateway, user)}", "Origin": "https://app.example"}
    assert handshake(gateway, allowed)[0] == 101


@attack("a version of the protocol with known weaknesses")
def _(gateway, user):
    for version in ("0", "7", "8", "14"):
        answer = handshake(gateway, bearer(good(gateway, user), **{"Sec-WebSocket-Version": version}))
        assert answer[0] == 426 and answer[1]["Sec-WebSocket-Version"] == "13"
    # Those before had no such field, and keys of another form.
    answer = gateway.request("GET", "/ws", headers=bearer(good(gateway, user), **{
        "Connection": "Upgrade", "Upgrade": "WebSocket", "Sec-WebSocket-Key1": "1 2", "Sec-WebSocket-Key2": "3 4"}))
    assert answer[0] in (400, 426)


@attack("a socket without a token")
def _(gateway, user):
    assert refused(gateway, handshake(gateway))


@attack("a token in the query string")
def _(gateway, user):
    text = good(gateway, user)
    assert refused(gateway, handshake(gateway, path=f"/ws?token={text}&access_token={text}"))
    assert text not in (RESULTS / "test_attacks.log").read_text()


@attack("a token that ends while the socket is open")
def _(gateway, user):
    with ChatSocket(gateway, good(gateway, user, ttl=2)) as chat:
        # The close, 25 s after the end, is awaited in test_limits.py.
        assert chat.until(lambda frame: frame.get("op") == "authExpiring")["expiresAt"] == chat.ready["expiresAt"]


@attack("another user's token on an open socket")
def _(gateway, user):
    with ChatSocket(gateway, good(gateway, user)) as chat:
        chat.post(op="auth", id="a", token=good(gateway, user + "-other"))
        assert chat.until(lambda frame: frame.get("op") == "error")["code"] == "forbidden"
        assert chat.turn("hello").end["outcome"]["type"] == "success"


@attack("another user's conversation by socket")
def _(gateway, user):
    with ChatSocket(gateway, good(gateway, user)) as chat:
        thread = chat.turn("add milk").ack["threadId"]
    with ChatSocket(gateway, good(gateway, user + "-other")) as other:
        for frame in ({"op": "subscribe"}, {"op": "send", "content": "x"}, {"op": "cancel"}):
            found = other.error(threadId=thread, **frame)
            missing = other.error(threadId="01900000-0000-7000-8000-000000000000", **frame)
            assert found["code"] == missing["code"] == "thread_not_found"
            assert found["message"] == missing["message"]


@attack("another user's list by HTTP")
def _(gateway, user):
    answer = gateway.get(f"/api/users/{user}-other/conversations", Authorization=f"Bearer {good(gateway, user)}")
    assert refused(gateway, answer, 403, "forbidden")


@attack("a message larger than the bound")
def _(gateway, user):
    with ChatSocket(gateway, good(gateway, user)) as chat:
        chat.raw(json.dumps({"op": "send", "content": "x" * 70_000}))
        assert chat.closed() == 1009


@attack("a compressed bomb")
def _(gateway, user):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b"x" * (64 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert len(packed) < 65536 + 4
    payload = packed[:-4]
    with RawConnection(gateway) as raw:
        raw.send("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
                 "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                 f"Authorization: Bearer {good(gateway, user)}\r\n\r\n")
        status, headers, _ = raw.response()
        assert status == 101 and "permessage-deflate" in headers["sec-websocket-extensions"]
        raw.send(bytes([0xC1, 0xFE]) + struct.pack(">H", len(payload)) + b"\0\0\0\0" + payload)
        rest = raw.rest()
    assert struct.pack(">H", 1009) in rest


@attack("a flood of nonsense frames")
def _(gateway, user):
    with ChatSocket(gateway, good(gateway, user)) as chat:
        with counted(gateway, "parley_limited_total", limit="bad_frames"):
            try:
                for _ in range(150):
                    chat.raw("{nonsense")
            except ConnectionClosed:
                pass
            assert chat.closed() == 4429


@attack("a flood of messages")
def _(gateway, user):
    with ChatSocket(gateway, good(gateway, user)) as chat, counted(gateway, "parley_limited_total", limit="messages"):
        for number in range(40):
            chat.post(op="send", id=f"n{number}", content="hello")
        refusal = chat.until(lambda frame: frame.get("op") == "error")
        assert refusal["code"] == "rate_limited" and refusal["retryAfter"] >= 1


@attack("a flood of handshakes")
def _(gateway, user):
    headers = bearer(good(gateway, user)) | {"X-Forwarded-For": "192.0.2.100"}
    with counted(gateway, "parley_limited_total", limit="handshakes"):
        answers = [handshake(gateway, headers) for _ in range(45)]
    assert {answer[0] for answer in answers[:40]} == {101}
    assert all(answer[0] == 429 and int(answer[1]["Retry-After"]) >= 1 for answer in answers[41:])


@attack("a flood of sockets of one user")
def _(gateway, user):
    sockets = [ChatSocket(gateway, good(gateway, user)) for _ in range(4)]
    try:
        with counted(gateway, "parley_limited_total", limit="sockets_per_user"):
            with ChatSocket(gateway, good(gateway, user), ready=False) as chat:
                assert chat.closed() == 4429
    finally:
        for chat in sockets:
            chat.close()


@attack("a forged address in X-Forwarded-For")
def _(gateway, user):
    wrong = bearer("x.y.z")
    for number in range(8):
        handshake(gateway, wrong | {"X-Forwarded-For": f"203.0.113.{number}, 192.0.2.101"})
    assert handshake(gateway, wrong | {"X-Forwarded-For": "203.0.113.99, 192.0.2.101"})[0] == 429


@attack("guessing tokens")
def _(gateway, user):
    guesses = [gateway.token(user, key=f"a guess of a good length, number {number:6}") for number in range(12)]
    with counted(gateway, "parley_limited_total", limit="failed_sign_ins"):
        answers = [handshake(gateway, bearer(guess) | {"X-Forwarded-For": "192.0.2.102"}) for guess in guesses]
    assert [answer[0] for answer in answers] == [401] * 8 + [429] * 4
    assert int(answers[-1][1]["Retry-After"]) >= 1


@attack("a token without a signature (`none`)")
def _(gateway, user):
    claims = json.dumps({"sub": user, "exp": int(time.time()) + 600, **AUDIENCE})
    for name in ("none", "None", "NONE", "nOnE"):
        unauthenticated(gateway, f"{part(json.dumps({'alg': name}))}.{part(claims)}.")
        unauthenticated(gateway, f"{part(json.dumps({'alg': name, 'kid': 'main'}))}.{part(claims)}.AAAA")


@attack("a public key used as the secret of HS256")
def _(gateway, user):
    claims = json.dumps({"sub": user, "exp": int(time.time()) + 600, **AUDIENCE})
    public = KEY.public_key()
    for secret in (public.public_bytes_raw(), jwk()["x"].encode(),
                   public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
        unauthenticated(gateway, by_hand('{"alg":"HS256","kid":"main"}', claims, secret))


@attack("a secret that can be guessed")
def _(gateway, user):
    answer = command("serve", DATABASE_URL="postgresql://127.0.0.1:1/none", AUTH_JWT_SECRET="short", HTTP_PORT=0)
    assert "AUTH_JWT_SECRET is shorter than the 32 bytes" in answer.stdout + answer.stderr


@attack("another algorithm than the key's")
def _(gateway, user):
    text = signed(user)
    for name in ("ES256", "RS256", "PS256", "HS256", "ES384"):
        header = json.dumps({"alg": name, "kid": "main"})
        unauthenticated(gateway, f"{part(header)}.{text.split('.', 1)[1]}")


@attack("a token signed with another key")
def _(gateway, user):
    unauthenticated(gateway, gateway.token(user, key="another secret of a good length, as it should", **AUDIENCE))
    unauthenticated(gateway, jwt.encode({"sub": user, "exp": int(time.time()) + 600, **AUDIENCE},
                                        ed25519.Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": "main"}))


@attack("a key id that is a path or a query")
def _(gateway, user):
    for kid in ("../../../../dev/null", "/etc/passwd", "' or '1'='1", "main' --", "http://127.0.0.1/", "$(id)", "\0"):
        unauthenticated(gateway, signed(user, {"kid": kid}))
    claims = json.dumps({"sub": user, "exp": int(time.time()) + 600, **AUDIENCE})
    unauthenticated(gateway, by_hand('{"alg":"HS256","kid":"../../dev/null"}', claims, b""))


@attack("a key brought along (`jwk`, `jku`, `x5u`)")
def _(gateway, user):
    own = ed25519.Ed25519PrivateKey.generate()
    document = json.loads(jwt.get_algorithm_by_name("EdDSA").to_jwk(own.public_key()))
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        here = f"http://127.0.0.1:{trap.getsockname()[1]}/jwks"
        for extra in ({"jwk": document}, {"jku": here}, {"x5u": here}, {"x5c": ["AAAA"]}):
            for kid in ("main", "own"):
                unauthenticated(gateway, jwt.encode(
                    {"sub": user, "exp": int(time.time()) + 600, **AUDIENCE}, own, "EdDSA",
                    headers={"kid": kid, **extra}))
        with pytest.raises(TimeoutError):
            trap.accept()


@attack("a critical extension (`crit`)")
def _(gateway, user):
    assert handshake(gateway, bearer(signed(user)))[0] == 101
    for extra in ({"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}):
        unauthenticated(gateway, by_hand(
            json.dumps({"alg": "HS256", **extra}),
            json.dumps({"sub": user, "exp": int(time.time()) + 600, **AUDIENCE}), gateway.secret.encode()))


@attack("a token with a claim twice")
def _(gateway, user):
    rest = f'"exp":{int(time.time()) + 600},"aud":"parley","iss":"https://id.example"'
    assert handshake(gateway, bearer(by_hand(
        '{"alg":"HS256"}', f'{{"sub":"{user}",{rest}}}', gateway.secret.encode())))[0] == 101
    for header, claims in [('{"alg":"HS256"}', f'{{"sub":"{user}","sub":"admin",{rest}}}'),
                           ('{"alg":"HS256"}', f'{{"sub":"{user}",{rest},"role":"admin","r\\u006fle":"user"}}'),
                           ('{"alg":"none","alg":"HS256"}', f'{{"sub":"{user}",{rest}}}')]:
        unauthenticated(gateway, by_hand(header, claims, gateway.secret.encode()))


@attack("a token for another audience or from another issuer")
def _(gateway, user):
    for change in ({"aud": "other"}, {"aud": ["other"]}, {"aud": None}, {"iss": "https://evil.example"}, {"iss": None}):
        unauthenticated(gateway, gateway.token(user, **(AUDIENCE | change)))


@attack("a token of the future (`nbf`, `iat`)")
def _(gateway, user):
    for claim in ("nbf", "iat"):
        unauthenticated(gateway, good(gateway, user, **{claim: int(time.time()) + 120}))
        assert handshake(gateway, bearer(good(gateway, user, **{claim: int(time.time()) + 20})))[0] == 101


@attack("an expired token")
def _(gateway, user):
    unauthenticated(gateway, good(gateway, user, ttl=-1))
    unauthenticated(gateway, signed(user, exp=0))


@attack("a huge token")
def _(gateway, user):
    unauthenticated(gateway, good(gateway, user, filler="x" * 9_000))
    assert handshake(gateway, bearer("x" * 200_000))[0] == 431


@attack("script in a message")
def _(gateway, user):
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>\u2028</script>{{7*7}}"
    with ChatSocket(gateway, good(gateway, user)) as chat:
        thread = chat.turn(hostile).ack["threadId"]
    status, headers, body = gateway.get(
        f"/api/conversations/{thread}/messages", Authorization=f"Bearer {good(gateway, user)}")
    assert status == 200 and headers.get_content_type() == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff" and "default-src 'none'" in headers["Content-Security-Policy"]
    assert json.loads(body)["data"][0]["content"] == hostile


@attack("the page in a strange frame")
def _(gateway, user):
    policy = gateway.get("/")[1]["Content-Security-Policy"]
    assert re.search(r"frame-ancestors 'self' https://app\.example(;|$)", policy)


@attack("a strange page reads the API (CORS)")
def _(gateway, user):
    for method in ("GET", "OPTIONS"):
        _, headers, _ = gateway.request(method, f"/api/users/{user}/conversations", headers={
            "Origin": "https://evil.example", "Access-Control-Request-Method": "GET"})
        assert not [name for name in headers if name.lower().startswith("access-control")]


@attack("SQL in names and contents")
def _(gateway, user):
    name = f"{user}'; drop table parley.users; --"
    with ChatSocket(gateway, good(gateway, name)) as chat:
        turn = chat.turn("add '); delete from parley.tasks; --")
        assert turn.end["outcome"]["type"] == "success"
    status, _, body = gateway.get(
        f"/api/users/{user}%27%3B%20drop%20table%20parley.users%3B%20--/conversations",
        Authorization=f"Bearer {good(gateway, name)}")
    assert status == 200 and len(json.loads(body)["data"]) == 1


@attack("a path out of `public/`")
def _(gateway, user):
    for path in ("/../Package.swift", "/%2e%2e/Package.swift", "/..%2f..%2fetc/passwd", "/%00", "/.git/config"):
        with RawConnection(gateway) as raw:
            raw.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert raw.response()[0] in (400, 404)


@attack("a request smuggled behind another")
def _(gateway, user):
    for fields in ("Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 6",
                   "Transfer-Encoding: chunked, identity"):
        with RawConnection(gateway) as raw:
            raw.send(f"POST /ws HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            status, _, _ = raw.response()
            assert status in (400, 501)
            assert b"HTTP/1.1" not in raw.rest()


@attack("forged lines in the log")
def _(gateway, user):
    name = f"{user}\n2026-11-21T00:00:00Z info everything is fine"
    with ChatSocket(gateway, good(gateway, name)):
        pass
    log = (RESULTS / "test_attacks.log").read_text()
    assert user in log and not re.search(r"^2026-11-21T00:00:00Z info everything", log, re.M)


@attack("the figures read from outside")
def _(gateway, user):
    assert gateway.request("GET", "/metrics", headers={"X-Forwarded-For": "192.0.2.1"})[0] == 403


@pytest.mark.parametrize("name", list(CASES))
def test_attack(gateway, user, name):
    CASES[name](gateway, user)


def test_the_table_is_true():
    """Each case has its row, and each row its case or another test that there is."""
    [section] = re.findall(r"^## Attacks$(.*?)^## ", (PAGES / "Threats.md").read_text(), re.M | re.S)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines()
            if line.startswith("| ") and not line.startswith(("| ---", "| attack"))]
    assert all(len(row) == 4 for row in rows)
    assert len({row[0] for row in rows}) == len(rows)
    assert [row[0] for row in rows if row[3] == "`test_attacks.py`"] == list(CASES)
    for name, _, _, shown in rows:
        if shown == "`test_attacks.py`":
            continue
        file, test = re.fullmatch(r"`(\w+\.(?:py|swift))::(\w+)`", shown).groups()
        [path] = (TOP / "Tests").rglob(file)
        assert re.search(rf"\b(def|func) {test}\(", path.read_text()), f"{name}: there is no {shown}"
