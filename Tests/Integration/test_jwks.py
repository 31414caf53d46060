"""Tokens of an issuer with public keys: fetched, cached, rotated, and away; and what the recipes in deploy/auth say."""

import base64
import http.server
import json
import pathlib
import signal
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from kit import TOP
from kit.chat import ChatSocket
from kit.figures import figures, grown
from kit.gateway import RESULTS, Gateway, command
from kit.handshake import handshake, refused
from kit.tls import Authority

KEYS = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)


def jwk(key, algorithm, kid):
    document = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key()))
    document.pop("key_ops", None)
    return document | {"kid": kid, "alg": algorithm, "use": "sig"}


def token(user, algorithm="EdDSA", key=None, kid=None, headers=None, **claims):
    claims = {"sub": user, "exp": int(time.time()) + 600, **claims}
    return jwt.encode(claims, key or KEYS[algorithm], algorithm=algorithm,
                      headers={"kid": kid or algorithm, **(headers or {})})


class Issuer:
    """An endpoint with a key set, which counts how often it is asked."""

    def __init__(self, context=None):
        self.keys, self.status, self.asked = [jwk(key, name, name) for name, key in KEYS.items()], 200, 0
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                body = json.dumps({"keys": issuer.keys}).encode()
                self.send_response(issuer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.url = f"https://localhost:{self.server.server_port}/jwks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture(scope="module")
def gateway(issuer, database):
    gateway = Gateway(database, name="test_jwks", AUTH_JWKS_URL=issuer.url, AUTH_JWT_SECRET=None)
    try:
        yield gateway
    finally:
        gateway.remove()


def opens(gateway, text):
    return handshake(gateway, {"Authorization": f"Bearer {text}"})[0] == 101


@pytest.mark.parametrize("algorithm", list(KEYS))
def test_signed_with(gateway, user, algorithm):
    with ChatSocket(gateway, token(user, algorithm)) as chat:
        assert chat.ready["userId"] == user
        assert chat.turn("hello").end["outcome"]["type"] == "success"


def test_the_auth_operation(gateway, user):
    with ChatSocket(gateway, token(user)) as chat:
        chat.post(op="auth", token=token(user, "ES256", exp=int(time.time()) + 1200))
        assert chat.until(lambda frame: frame.get("op") == "authenticated")
        chat.post(op="auth", token=token(user, "ES256", key=ec.generate_private_key(ec.SECP256R1())))
        assert chat.until(lambda frame: frame.get("op") == "error")["code"] == "unauthenticated"


WRONG = {
    "another key": lambda u: token(u, key=ed25519.Ed25519PrivateKey.generate()),
    "HS256 with a public key": lambda u: jwt.encode(
        {"sub": u, "exp": int(time.time()) + 600}, jwk(KEYS["EdDSA"], "EdDSA", "x")["x"], algorithm="HS256"),
    "HS256 at all": lambda u: jwt.encode({"sub": u, "exp": int(time.time()) + 600}, "s" * 40, algorithm="HS256"),
    "none": lambda u: jwt.encode({"sub": u, "exp": int(time.time()) + 600}, None, algorithm="none",
                                 headers={"kid": "EdDSA"}),
    "another algorithm than the key's": lambda u: token(u, "RS256", kid="ES256"),
    "RS512": lambda u: jwt.encode({"sub": u, "exp": int(time.time()) + 600}, KEYS["RS256"], algorithm="RS512",
                                  headers={"kid": "RS256"}),
    "PS256": lambda u: jwt.encode({"sub": u, "exp": int(time.time()) + 600}, KEYS["RS256"], algorithm="PS256",
                                  headers={"kid": "RS256"}),
    "kid: a path": lambda u: token(u, kid="../../etc/passwd"),
    "kid: SQL": lambda u: token(u, kid="' or 1=1 --"),
    "jku": lambda u: token(u, key=ed25519.Ed25519PrivateKey.generate(), headers={"jku": "http://127.0.0.1:1/"}),
    "expired": lambda u: token(u, exp=int(time.time()) - 31),
    "nbf": lambda u: token(u, nbf=int(time.time()) + 60),
    "iat": lambda u: token(u, iat=int(time.time()) + 60),
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_wrong(gateway, user, wrong):
    assert refused(gateway, handshake(gateway, {"Authorization": f"Bearer {WRONG[wrong](user)}"}))


def test_rotation_and_an_issuer_that_is_away(database, user):
    issuer = Issuer()
    gateway = Gateway(database, name="test_jwks_rotation", AUTH_JWKS_URL=issuer.url, AUTH_JWT_SECRET=None)
    try:
        assert issuer.asked == 1
        new = ed25519.Ed25519PrivateKey.generate()
        issuer.keys.append(jwk(new, "EdDSA", "new"))
        # The first token with the new key makes the gateway ask, and is accepted by that.
        assert opens(gateway, token(user, key=new, kid="new"))
        assert issuer.asked == 2
        # Made-up keys within 30 s do not.
        for number in range(20):
            assert refused(gateway, handshake(gateway, {"Authorization": f"Bearer {token(user, kid=f'x{number}')}"}))
        assert issuer.asked == 2
        # The last good set is kept.
        issuer.status = 500
        assert opens(gateway, token(user, key=new, kid="new"))
        issuer.close()
        assert opens(gateway, token(user, "RS256"))
        assert gateway.get("/readyz")[0] == 200
    finally:
        gateway.remove()


def test_an_issuer_that_is_away_at_the_start(database, user):
    issuer = Issuer()
    issuer.status = 503
    gateway = Gateway(database, name="test_jwks_away", AUTH_JWKS_URL=issuer.url, AUTH_JWT_SECRET=None)
    try:
        status, _, body = gateway.get("/readyz")
        assert status == 503 and json.loads(body)["reasons"] == ["no key to check tokens with"]
        issuer.status = 200
        gateway.ready_status(200)
        assert opens(gateway, token(user))
    finally:
        gateway.remove()
        issuer.close()


def test_keys_by_https(database, user, tmp_path):
    """Only from who has a certificate for the name by an authority that is believed."""
    authority = Authority(tmp_path)
    issuer = Issuer(authority.certificate("localhost", "DNS:localhost"))
    cases = [(issuer.url, authority.file, True), (issuer.url, Authority(tmp_path, "other").file, False),
             (issuer.url.replace("localhost", "127.0.0.1"), authority.file, False), (issuer.url, None, False)]
    try:
        for number, (url, file, is_good) in enumerate(cases):
            name = f"test_jwks_https_{number}"
            gateway = Gateway(database, name=name, AUTH_JWKS_URL=url, AUTH_CA_FILE=file, AUTH_JWT_SECRET=None)
            try:
                assert opens(gateway, token(user)) == is_good
                assert gateway.get("/readyz")[0] == (200 if is_good else 503)
                assert ("TLS failed" in (RESULTS / f"{name}.log").read_text()) != is_good
            finally:
                gateway.remove()
    finally:
        issuer.close()


def test_a_file_and_sighup(database, user, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [jwk(KEYS["ES256"], "ES256", "ES256")]}))
    gateway = Gateway(database, name="test_jwks_file", AUTH_JWKS_FILE=path)
    try:
        assert opens(gateway, token(user, "ES256")) and not opens(gateway, token(user, "RS256"))
        assert opens(gateway, gateway.token(user)), "HS256 counts too: both are configured"
        path.write_text(json.dumps({"keys": [jwk(KEYS["RS256"], "RS256", "RS256")]}))
        gateway.process.signal(signal.SIGHUP)
        deadline = time.monotonic() + 15
        while not opens(gateway, token(user, "RS256")):
            assert time.monotonic() < deadline, "the file was not read again"
        assert not opens(gateway, token(user, "ES256"))
        path.write_text("nonsense")
        gateway.process.signal(signal.SIGHUP)
        gateway.process.line("no new key set")
        assert opens(gateway, token(user, "RS256"))
    finally:
        gateway.remove()


@pytest.mark.parametrize("settings, word", [
    ({"AUTH_JWKS_FILE": "/no/such/file"}, "AUTH_JWKS_FILE"), ({"AUTH_JWKS_FILE": "/dev/null"}, "AUTH_JWKS_FILE"),
    ({"AUTH_JWKS_URL": "http://id.example/jwks"}, "https"),
    ({"AUTH_JWKS_URL": "https://id.example/jwks", "AUTH_CA_FILE": "/no/such/file"}, "/no/such/file"), ({"AUTH_JWKS_URL": "file:///etc/passwd"}, "AUTH_JWKS_URL"),
    ({"AUTH_JWKS_URL": "https://a.example", "AUTH_JWKS_FILE": "x"}, "only one"), ({}, "AUTH_JWT_SECRET")],
    ids=["missing", "empty", "plain http", "no authorities", "another scheme", "both", "neither"])
def test_settings_that_can_t_be_used(database, settings, word):
    answer = command("serve", DATABASE_URL=database.url, HTTP_PORT=0, PUBLIC_DIR=TOP / "public", **settings)
    assert answer.returncode == 78
    assert word in answer.stdout + answer.stderr


def test_small_rsa_keys_are_not_used(database, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [jwk(SMALL, "RS256", "small")]}))
    answer = command("serve", DATABASE_URL=database.url, HTTP_PORT=0, PUBLIC_DIR=TOP / "public", AUTH_JWKS_FILE=path)
    assert answer.returncode == 78 and "2048" in answer.stdout + answer.stderr


# --- the recipes

RECIPES = sorted(path for path in (TOP / "deploy" / "auth").iterdir() if path.is_dir())


def test_there_are_recipes():
    assert [path.name for path in RECIPES] == ["auth0", "better-auth", "keycloak"]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_recipe(database, user, recipe, issuer):
    settings = dict(line.split("=", 1) for line in (recipe / "parley.env").read_text().splitlines()
                    if line and not line.startswith("#"))
    header = json.loads((recipe / "token.header.json").read_text())
    claims = json.loads((recipe / "token.payload.json").read_text())
    assert claims.pop("exp") > claims.pop("iat")
    key = KEYS[header["alg"]]
    keys = [jwk(key, header["alg"], header["kid"]) | {"x5t": "ignored"}]
    own = Issuer()
    own.keys = keys
    assert settings.pop("AUTH_JWKS_URL").startswith("https://")
    gateway = Gateway(database, name=f"test_recipe_{recipe.name}", AUTH_JWT_SECRET=None, AUTH_JWKS_URL=own.url,
                      **settings)
    try:
        times = {"iat": int(time.time()), "exp": int(time.time()) + 300}
        text = jwt.encode(claims | times, key, algorithm=header["alg"], headers=header)
        with ChatSocket(gateway, text) as chat:
            assert chat.ready["userId"] == claims["sub"]
        # The example is an admin's: admins may look at others' lists.
        other = gateway.get("/api/users/somebody-else/conversations", Authorization=f"Bearer {text}")
        assert other[0] == 200, other
        for change in ({"iss": "https://evil.example/"}, {"aud": "other"}, {"aud": ["other", "more"]}):
            wrong = jwt.encode(claims | times | change, key, algorithm=header["alg"], headers=header)
            assert refused(gateway, handshake(gateway, {"Authorization": f"Bearer {wrong}"}))
    finally:
        gateway.remove()
        own.close()


# --- cannot tell is not no

def ways(gateway, user, text):
    """The answers to a token in every way that it may come."""
    via = {"X-Forwarded-For": "203.0.113.8"}
    bearer, cookie = via | {"Authorization": f"Bearer {text}"}, via | {"Cookie": f"s={text}", "Origin": gateway.url}
    path = f"/api/users/{user}/conversations"
    body = json.dumps({"threadId": "t", "runId": "r", "messages": [], "tools": [], "context": [], "state": {},
                       "forwardedProps": {}})
    return [handshake(gateway, bearer), handshake(gateway, via | {"Sec-WebSocket-Protocol": f"parley.v1, bearer.{text}"}),
            handshake(gateway, cookie), gateway.request("GET", path, headers=bearer),
            gateway.request("GET", path, headers=cookie),
            gateway.request("POST", "/agui", body, {"Content-Type": "application/json"} | bearer)]


def test_while_keys_can_t_be_had_nobody_is_refused(database, user):
    issuer = Issuer()
    issuer.status = 503
    gateway = Gateway(database, name="test_jwks_undecided", AUTH_JWKS_URL=issuer.url, AUTH_JWT_SECRET=None, AUTH_COOKIE="s",
                      TRUSTED_PROXIES="127.0.0.1", RATE_LIMIT_FAILED_SIGN_INS=5)
    try:
        before = figures(gateway)
        forged = token(user, key=ed25519.Ed25519PrivateKey.generate())
        for text in (token(user), forged):
            for answer in ways(gateway, user, text):
                assert refused(gateway, answer, 503, "unavailable") and 1 <= int(answer[1]["Retry-After"]) <= 60
        for _ in range(20):
            answer = handshake(gateway, {"Authorization": f"Bearer {token(user)}", "X-Forwarded-For": "203.0.113.7"})
            assert refused(gateway, answer, 503, "unavailable")
        asked = issuer.asked
        assert asked < 20, "the issuer is not asked for each"
        assert grown(gateway, before, "parley_sign_ins_undecided_total", 32) == 32
        after = figures(gateway)
        for name, value in after.items():
            if name[0] == "parley_sign_ins_total":
                assert value == before.get(name, 0), name
        assert database.value("select count(*) from audit_log where not allowed and origin like '203.0.113.%%'") == 0
        # What is wrong whatever the keys are is refused as ever.
        assert refused(gateway, handshake(gateway, {"Authorization": "Bearer x.y.z"}))
        issuer.status = 200
        deadline = time.monotonic() + 15
        while not opens(gateway, token(user)):
            assert time.monotonic() < deadline
        assert [answer[0] for answer in ways(gateway, user, token(user))[:5]] == [101, 101, 101, 200, 200]
        assert [answer[0] for answer in ways(gateway, user, forged)] == [401] * 5 + [429]
    finally:
        gateway.remove()
        issuer.close()


def test_an_open_socket_while_keys_can_t_be_had(database, user):
    issuer = Issuer()
    gateway = Gateway(database, name="test_jwks_renewal", AUTH_JWKS_URL=issuer.url, AUTH_JWT_SECRET=None)
    try:
        new = ed25519.Ed25519PrivateKey.generate()
        with ChatSocket(gateway, token(user)) as chat:
            issuer.status = 500
            for _ in range(3):
                chat.post(op="auth", id="a", token=token(user, key=new, kid="new"))
                answer = chat.until(lambda frame: frame.get("op") == "error")
                assert answer["code"] == "unavailable" and answer["retryAfter"] >= 1
            # Known keys go on, and so does a socket that has one.
            assert opens(gateway, token(user, "RS256"))
            issuer.keys.append(jwk(new, "EdDSA", "new"))
            issuer.status = 200
            deadline = time.monotonic() + 15
            while True:
                chat.post(op="auth", token=token(user, key=new, kid="new"))
                if chat.until(lambda frame: frame.get("op") in ("error", "authenticated"))["op"] == "authenticated":
                    break
                assert time.monotonic() < deadline
    finally:
        gateway.remove()
        issuer.close()


def test_a_key_that_was_exchanged_under_its_id(database, user):
    """A signature that fails makes the set be asked for once more, and a flood of them once in 30 s."""
    issuer = Issuer()
    gateway = Gateway(database, name="test_jwks_exchanged", AUTH_JWKS_URL=issuer.url, AUTH_JWT_SECRET=None)
    try:
        new = ed25519.Ed25519PrivateKey.generate()
        issuer.keys = [jwk(new, "EdDSA", "EdDSA")]
        assert opens(gateway, token(user, key=new))
        assert issuer.asked == 2
        for _ in range(20):
            assert refused(gateway, handshake(gateway, {"Authorization": f"Bearer {token(user)}"}))
        assert issuer.asked == 2
    finally:
        gateway.remove()
        issuer.close()


def test_a_set_that_grows(database, user):
    """There are issuers that add keys and take none away."""
    issuer = Issuer()
    issuer.keys = [jwk(ed25519.Ed25519PrivateKey.generate(), "EdDSA", f"k{number}") for number in range(300)]
    first, last = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    issuer.keys = [jwk(first, "EdDSA", "first"), *issuer.keys]
    gateway = Gateway(database, name="test_jwks_grown", AUTH_JWKS_URL=issuer.url, AUTH_JWT_SECRET=None)
    try:
        assert opens(gateway, token(user, key=first, kid="first"))
        issuer.keys += [jwk(ed25519.Ed25519PrivateKey.generate(), "EdDSA", f"n{number}") for number in range(900)]
        issuer.keys.append(jwk(last, "EdDSA", "last"))
        assert opens(gateway, token(user, key=last, kid="last")) and opens(gateway, token(user, key=first, kid="first"))
        assert gateway.get("/readyz")[0] == 200
    finally:
        gateway.remove()
        issuer.close()


def test_keys_that_were_written_carelessly(database, user, tmp_path):
    short = ec.generate_private_key(ec.SECP256R1())
    while short.public_key().public_numbers().x >> 248:
        short = ec.generate_private_key(ec.SECP256R1())
    document = jwk(short, "ES256", "short")
    stripped = short.public_key().public_numbers().x.to_bytes(31, "big")
    document["x"] = base64.urlsafe_b64encode(stripped).decode()
    nameless = ed25519.Ed25519PrivateKey.generate()
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [
        document, jwk(nameless, "EdDSA", None) | {"alg": "Ed25519", "use": None}, jwk(SMALL, "RS256", "small")]}))
    gateway = Gateway(database, name="test_jwks_careless", AUTH_JWKS_FILE=path, AUTH_JWT_SECRET=None)
    try:
        assert opens(gateway, token(user, "ES256", key=short, kid="short"))
        claims = {"sub": user, "exp": int(time.time()) + 600}

        def signed(header):
            text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims))
            return text + "." + base64.urlsafe_b64encode(nameless.sign(text.encode())).decode().rstrip("=")

        for header in ({"alg": "EdDSA", "kid": None}, {"alg": "EdDSA"}, {"alg": "Ed25519"}, {"alg": "Ed25519", "kid": None}):
            assert opens(gateway, signed(header)), header
        gateway.process.signal(signal.SIGHUP)
        [line] = [line for line in gateway.process.lines if "small" in line]
        assert "1024 bits" in line and "is not used" in line
    finally:
        gateway.remove()
