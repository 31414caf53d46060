"""Tokens: the three ways in, and every wrong one, refused before any upgrade."""

import base64
import hmac
import json
import time

import jwt
import pytest

from kit.chat import ChatSocket
from kit.gateway import Gateway, command
from kit.handshake import handshake, refused
from kit.raw import RawConnection

SETTINGS = {"AUTH_COOKIE": "parley_session"}


def test_authorization_header(gateway, user):
    with ChatSocket(gateway, gateway.token(user)) as chat:
        assert chat.ready["userId"] == user


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(gateway, user, scheme):
    assert handshake(gateway, {"Authorization": f"{scheme} {gateway.token(user)}"})[0] == 101


def test_subprotocol(gateway, user):
    token = gateway.token(user)
    with ChatSocket(gateway, subprotocols=["parley.v1", f"bearer.{token}"]) as chat:
        assert chat.ready["userId"] == user
        assert chat.connection.subprotocol == "parley.v1"
        assert token not in str(chat.connection.response.headers)
    with ChatSocket(gateway, subprotocols=[f"bearer.{token}", "parley.v1"]) as chat:
        assert chat.connection.subprotocol == "parley.v1"


def test_cookie_with_the_gateway_s_own_origin(gateway, user):
    cookie = {"Cookie": f"theme=dark; parley_session={gateway.token(user)}; other=1"}
    with ChatSocket(gateway, headers=cookie, origin=gateway.url) as chat:
        assert chat.ready["userId"] == user


def test_cookie_without_an_allowed_origin(gateway, user):
    cookie = {"Cookie": f"parley_session={gateway.token(user)}"}
    assert handshake(gateway, cookie)[0] in (401, 403)
    assert refused(gateway, handshake(gateway, cookie | {"Origin": "https://evil.example"}), 403, "forbidden")


def test_cookie_of_another_name(gateway, user):
    assert refused(gateway, handshake(gateway, {"Cookie": f"session={gateway.token(user)}", "Origin": gateway.url}))


def test_the_first_credential_found_wins(gateway, user):
    good, bad = gateway.token(user), "x.y.z"
    assert refused(gateway, handshake(gateway, {
        "Authorization": f"Bearer {bad}", "Sec-WebSocket-Protocol": f"parley.v1, bearer.{good}"}))
    assert handshake(gateway, {
        "Authorization": f"Bearer {good}", "Sec-WebSocket-Protocol": f"parley.v1, bearer.{bad}"})[0] == 101


def test_a_token_in_the_query_string_is_not_accepted(gateway, user):
    token = gateway.token(user)
    for name in ("token", "access_token", "bearer", "jwt"):
        assert refused(gateway, handshake(gateway, path=f"/ws?{name}={token}"))


def unsigned(claims, algorithm):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}."


def signed_with_nothing(claims):
    text = unsigned(claims, "HS256")[:-1]
    signature = hmac.digest(b"", text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def flipped(token, part):
    parts = token.split(".")
    middle = len(parts[part]) // 2
    old = parts[part][middle]
    parts[part] = parts[part][:middle] + ("A" if old != "A" else "B") + parts[part][middle + 1:]
    return ".".join(parts)


HOUR = int(time.time()) + 3600

WRONG = {
    "none at all": lambda g, u: None,
    "empty": lambda g, u: "",
    "nonsense": lambda g, u: "nonsense",
    "three dots": lambda g, u: "...",
    "very long": lambda g, u: "x" * 12_000,
    "expired": lambda g, u: g.token(u, ttl=-3600),
    "wrong key": lambda g, u: g.token(u, key="another key of a good length, as it should be"),
    "empty key": lambda g, u: signed_with_nothing({"sub": u, "exp": HOUR}),
    "forged claims": lambda g, u: flipped(g.token(u), 1),
    "forged signature": lambda g, u: flipped(g.token(u), 2),
    "cut signature": lambda g, u: g.token(u)[:-6],
    "alg none": lambda g, u: unsigned({"sub": u, "exp": HOUR}, "none"),
    "alg NONE": lambda g, u: unsigned({"sub": u, "exp": HOUR}, "NoNe"),
    "alg none with a signature": lambda g, u: unsigned({"sub": u, "exp": HOUR}, "none") + "AAAA",
    "HS512": lambda g, u: g.token(u, algorithm="HS512"),
    "no sub": lambda g, u: g.token(None),
    "empty sub": lambda g, u: g.token(""),
    "long sub": lambda g, u: g.token("x" * 256),
    "sub with NUL": lambda g, u: g.token("a\0b"),
    "no exp": lambda g, u: g.token(u, exp=None),
    "not yet valid": lambda g, u: g.token(u, nbf=HOUR),
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_wrong_token(gateway, user, database, wrong):
    token = WRONG[wrong](gateway, user)
    answer = handshake(gateway, None if token is None else {"Authorization": f"Bearer {token}"})
    assert refused(gateway, answer)
    assert token in (None, "") or token not in answer[2].decode("utf-8", "replace")
    assert database.value("select count(*) from users where id = %s", user) == 0


@pytest.mark.parametrize("wrong", ["expired", "wrong key", "alg none", "nonsense"])
def test_wrong_token_as_subprotocol(gateway, user, wrong):
    token = WRONG[wrong](gateway, user)
    assert refused(gateway, handshake(gateway, {"Sec-WebSocket-Protocol": f"parley.v1, bearer.{token}"}))


def test_wrong_token_without_an_upgrade(gateway):
    assert gateway.get("/ws")[0] in (400, 401, 426)


@pytest.mark.parametrize("name", ["x" * 255, "牛" * 255, "a b", "a/b@c", "Zoë 🎉"], ids=ascii)
def test_user_ids(gateway, name):
    with gateway.connect(name) as chat:
        assert chat.ready["userId"] == name
        assert chat.turn("hello").end["outcome"]["type"] == "success"


def test_optional_claims_are_stored(gateway, user, database):
    with ChatSocket(gateway, gateway.token(user, name="Zoë", email="zoe@example.org", role="admin")) as chat:
        chat.turn("hello")
    assert database.rows("select name, email from users where id = %s", user) == [("Zoë", "zoe@example.org")]


def test_the_token_command(gateway, user):
    answer = command("token", "--user", user, "--role", "admin", "--ttl", "60", AUTH_JWT_SECRET=gateway.secret)
    assert answer.returncode == 0 and answer.stderr == ""
    token = answer.stdout.strip()
    claims = jwt.decode(token, gateway.secret, algorithms=["HS256"])
    assert claims["sub"] == user and claims["role"] == "admin"
    assert 0 < claims["exp"] - int(time.time()) <= 60
    with ChatSocket(gateway, token) as chat:
        assert chat.ready["userId"] == user


def test_the_token_command_without_a_secret(user):
    answer = command("token", "--user", user)
    assert answer.returncode == 78 and answer.stdout == "" and len(answer.stderr.strip().splitlines()) == 1


def test_issuer_and_audience(database, user):
    gateway = Gateway(database, name="test_tokens_issuer", AUTH_ISSUER="https://id.example", AUTH_AUDIENCE="parley")
    try:
        good = {"iss": "https://id.example", "aud": "parley"}
        for claims, status in [(good, 101), (good | {"aud": ["other", "parley"]}, 101), (good | {"iss": None}, 401),
                               (good | {"iss": "https://evil.example"}, 401), (good | {"aud": None}, 401),
                               (good | {"aud": "other"}, 401), (good | {"aud": ["other"]}, 401)]:
            answer = handshake(gateway, {"Authorization": f"Bearer {gateway.token(user, **claims)}"})
            assert answer[0] == status, claims
    finally:
        gateway.remove()


# --- one pass over all that a request brings

def brings(gateway, user):
    good, own = gateway.token(user), {"Origin": gateway.url}
    expired = gateway.token(user, ttl=-3600)
    basic, cookie = {"Authorization": "Basic dXNlcjpwYXNz"}, "parley_session="
    return {
        "Basic and a subprotocol": (basic | {"Sec-WebSocket-Protocol": f"parley.v1, bearer.{good}"}, 101),
        "Basic and a cookie": (basic | own | {"Cookie": cookie + good}, 101),
        "Negotiate and a cookie": ({"Authorization": "Negotiate abc"} | own | {"Cookie": cookie + good}, 101),
        "an empty Bearer and a cookie": ({"Authorization": "Bearer"} | own | {"Cookie": cookie + good}, 101),
        "Basic alone": (basic, 401),
        "a wrong Bearer and a subprotocol": (
            {"Authorization": "Bearer nonsense", "Sec-WebSocket-Protocol": f"parley.v1, bearer.{good}"}, 401),
        "expired, good": (own | {"Cookie": f"{cookie}{expired}; {cookie}{good}"}, 101),
        "garbage, good": (own | {"Cookie": f"{cookie}garbage; {cookie}{good}"}, 101),
        "empty, good": (own | {"Cookie": f"{cookie}; {cookie}{good}"}, 101),
        "good, expired": (own | {"Cookie": f"{cookie}{good}; {cookie}{expired}"}, 101),
        "in quotes": (own | {"Cookie": f'{cookie}"{good}"'}, 101),
        "with Bearer": (own | {"Cookie": f'{cookie}"Bearer {good}"'}, 101),
        "no blanks": (own | {"Cookie": f"a=1;{cookie}{good}"}, 101),
        "the fourth": (own | {"Cookie": f"{cookie}x; " * 3 + cookie + good}, 101),
        "the fifth": (own | {"Cookie": f"{cookie}x; " * 4 + cookie + good}, 401),
        "none is good": (own | {"Cookie": f"{cookie}{expired}; {cookie}x"}, 401),
        "another page's": ({"Origin": "https://evil.example", "Cookie": f"{cookie}x; {cookie}{good}"}, 403),
    }


def test_what_a_request_brings(gateway, user):
    for name, (headers, status) in brings(gateway, user).items():
        assert handshake(gateway, headers)[0] == status, name
        if "Sec-WebSocket-Protocol" not in headers:
            answer = gateway.request("GET", f"/api/users/{user}/conversations", headers=headers)
            assert answer[0] == (200 if status == 101 else status), name


def test_two_fields_of_cookies(gateway, user):
    with RawConnection(gateway) as raw:
        raw.send(f"GET /api/users/{user}/conversations HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nOrigin: {gateway.url}\r\n"
                 f"Cookie: parley_session={gateway.token(user, ttl=-60)}\r\n"
                 f"Cookie: parley_session={gateway.token(user)}\r\n\r\n")
        assert raw.response()[0] == 200


def test_wrong_cookies_are_one_failure(database, user):
    gateway = Gateway(database, name="test_tokens_one_failure", AUTH_COOKIE="s", TRUSTED_PROXIES="127.0.0.1",
                      RATE_LIMIT_FAILED_SIGN_INS=3)
    try:
        headers = {"Origin": gateway.url, "Cookie": "s=a; s=b; s=c; s=d", "X-Forwarded-For": "192.0.2.1"}
        answers = [gateway.request("GET", f"/api/users/{user}/conversations", headers=headers)[0] for _ in range(4)]
        assert answers == [401, 401, 401, 429]
    finally:
        gateway.remove()
