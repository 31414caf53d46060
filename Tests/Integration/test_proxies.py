"""Proxies before the gateway: what is for this machine only, whom limits count, and which page is the gateway's own."""

import http.client
import json
import os

import pytest

from kit.gateway import RESULTS, Gateway
from kit.handshake import handshake, refused
from kit.nginx import Nginx
from kit.raw import RawConnection

DEV = True
SETTINGS = {"RATE_LIMIT_FAILED_SIGN_INS": 5, "AUTH_COOKIE": "s"}

TRACES = {
    "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "chat.example", "X-Forwarded-Proto": "https",
    "Forwarded": "for=203.0.113.9", "Via": "1.1 proxy", "X-Real-IP": "203.0.113.9", "X-Client-IP": "203.0.113.9",
    "True-Client-IP": "203.0.113.9", "CF-Connecting-IP": "203.0.113.9", "Fly-Client-IP": "203.0.113.9",
    "X-Cluster-Client-IP": "203.0.113.9", "X-Original-Forwarded-For": "127.0.0.1", "CDN-Loop": "cloudflare",
    "Connection": "upgrade", "Host": "chat.example"}


def dev_token(gateway, headers=None):
    body = json.dumps({"user_id": "eve", "role": "admin"})
    return gateway.request("POST", "/dev/token", body, {"Content-Type": "application/json"} | (headers or {}))


def test_this_machine_is_known(gateway):
    for host in ("127.0.0.1", "localhost", "LOCALHOST:1", "app.localhost", "[::1]:8080"):
        assert gateway.request("GET", "/metrics", headers={"Host": host})[0] == 200
        assert dev_token(gateway, {"Host": host})[0] == 200


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_of_a_proxy(gateway, name):
    """Whoever asks through a proxy on this machine is somewhere else."""
    headers = {name: TRACES[name]}
    assert refused(gateway, gateway.request("GET", "/metrics", headers=headers), 403, "forbidden")
    assert refused(gateway, dev_token(gateway, headers), 403, "forbidden")


def test_an_absolute_target_names_the_host(gateway):
    with RawConnection(gateway) as raw:
        raw.send("GET http://chat.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.response()[0] == 403


@pytest.mark.parametrize("head", ["GET /metrics HTTP/1.0\r\n\r\n", "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n"])
def test_nobody_but_proxies_speaks_http_1_0(gateway, head):
    with RawConnection(gateway) as raw:
        raw.send(head)
        assert raw.response()[0] == 403


NGINX = {
    "proxy_pass": (),
    "websocket": ("proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;",
                  'proxy_set_header Connection "upgrade";')}
if os.geteuid() == 0:
    # These leave no trace but nginx's own user, which it has only where root starts it.
    NGINX |= {
        "keep-alive": ("proxy_http_version 1.1;", 'proxy_set_header Connection "";'),
        "host": ("proxy_http_version 1.1;", 'proxy_set_header Connection "";', "proxy_set_header Host localhost;")}


@pytest.mark.parametrize("lines", NGINX)
def test_development_tokens_through_nginx(gateway, lines):
    with Nginx(gateway, *NGINX[lines]) as nginx:
        for headers in ({}, {"Host": "localhost"}):
            connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=15)
            connection.request("POST", "/dev/token", json.dumps({"user_id": "eve", "role": "admin"}),
                               {"Content-Type": "application/json"} | headers)
            answer = connection.getresponse()
            assert answer.status == 403 and b"token\":" not in answer.read()
            connection.close()


def test_the_figures_through_nginx(gateway):
    with Nginx(gateway) as nginx:
        connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=15)
        connection.request("GET", "/metrics")
        assert connection.getresponse().status == 403
        connection.close()


# --- whom limits count

def test_a_good_token_is_taken_whoever_failed(database, user):
    gateway = Gateway(database, name="test_proxies_failed", RATE_LIMIT_FAILED_SIGN_INS=5, SHARDS=1)
    try:
        path = f"/api/users/{user}/conversations"

        def asked(token, client):
            headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": client}
            return handshake(gateway, headers)[0], gateway.request("GET", path, headers=headers)[0]

        wrong = gateway.token(user, key="another secret, another secret, another one")
        answers = [status for _ in range(4) for status in asked(wrong, "203.0.113.1")]
        assert answers == [401] * 5 + [429] * 3
        assert asked(gateway.token(user), "203.0.113.2") == (101, 200)
        assert asked(gateway.token(user, ttl=-60), "203.0.113.2") == (401, 401)
        assert asked(wrong, "203.0.113.2") == (429, 429)
        lines = [line for line in (RESULTS / "test_proxies_failed.log").read_text().splitlines() if "TRUSTED_PROXIES" in line]
        assert len(lines) == 1 and "warning" in lines[0] and "127.0.0.1" in lines[0]
    finally:
        gateway.remove()


def test_nothing_is_said_of_proxies_that_are_known(database, user):
    gateway = Gateway(database, name="test_proxies_known", TRUSTED_PROXIES="127.0.0.1")
    try:
        assert handshake(gateway, {"Authorization": f"Bearer {gateway.token(user)}", "X-Forwarded-For": "192.0.2.1"})[0] == 101
        assert handshake(gateway, {"Authorization": f"Bearer {gateway.token(user)}"})[0] == 101
        assert "TRUSTED_PROXIES" not in (RESULTS / "test_proxies_known.log").read_text()
    finally:
        gateway.remove()


# --- which page is the gateway's own

OWN = [
    ("chat.example:443", "https://chat.example", 101), ("chat.example:80", "http://chat.example", 101),
    ("chat.example", "https://chat.example:443", 101), ("chat.example", "https://chat.example", 101),
    ("CHAT.example:443", "https://Chat.Example", 101), ("[::1]:443", "https://[0:0:0:0:0:0:0:1]", 101),
    ("chat.example:444", "https://chat.example", 403), ("chat.example:443", "http://chat.example", 403),
    ("other.example:443", "https://chat.example", 403), ("chat.example", "https://chat.example:444", 403),
    ("chat.example", "capacitor://chat.example", 403), ("chat.example", "null", 403)]


@pytest.mark.parametrize("host, origin, status", OWN)
def test_the_gateway_s_own_origin(gateway, user, host, origin, status):
    place = {"Host": host, "Origin": origin}
    token = gateway.token(user)
    for credential in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"s={token}"}):
        assert handshake(gateway, place | credential)[0] == status
        answer = gateway.request("GET", f"/api/users/{user}/conversations", headers=place | credential)
        assert answer[0] == (200 if status == 101 else 403)


FORWARDED = [
    ({"X-Forwarded-Host": "chat.example"}, "https://chat.example", 101),
    ({"X-Forwarded-Host": "chat.example"}, "http://chat.example", 101),
    ({"X-Forwarded-Host": "chat.example", "X-Forwarded-Proto": "https"}, "https://chat.example", 101),
    ({"X-Forwarded-Host": "chat.example", "X-Forwarded-Proto": "https"}, "http://chat.example", 403),
    ({"X-Forwarded-Host": "chat.example:443", "X-Forwarded-Proto": "HTTPS"}, "https://chat.example", 101),
    ({"X-Forwarded-Host": "chat.example:8443"}, "https://chat.example:8443", 101),
    ({"X-Forwarded-Host": "[2001:DB8::1]:8443"}, "https://[2001:db8:0::1]:8443", 101),
    ({"X-Forwarded-Host": "chat.example:8443"}, "https://chat.example", 403),
    ({"Host": "chat.example", "X-Forwarded-Port": "3001"}, "https://chat.example:3001", 101),
    ({"Host": "chat.example", "X-Forwarded-Port": "3001"}, "https://chat.example:3002", 403),
    ({"X-Forwarded-Host": "chat.example", "X-Forwarded-Port": "3001"}, "https://chat.example:3001", 101),
    ({"X-Forwarded-Host": "chat.example", "X-Forwarded-Port": "80"}, "https://chat.example", 101),
    ({"X-Forwarded-Host": "other.example"}, "https://chat.example", 403),
    ({"X-Forwarded-Host": "chat.example, other.example"}, "https://chat.example", 403),
    ({"X-Forwarded-Host": "chat.example, inner", "X-Forwarded-For": "192.0.2.1, 127.0.0.1"}, "https://chat.example", 101)]


@pytest.fixture(scope="module")
def behind(database):
    gateway = Gateway(database, name="test_proxies_behind", TRUSTED_PROXIES="127.0.0.1", AUTH_COOKIE="s")
    try:
        yield gateway
    finally:
        gateway.remove()


@pytest.mark.parametrize("headers, origin, status", FORWARDED)
def test_the_host_that_a_proxy_was_asked_for(gateway, behind, user, headers, origin, status):
    for place, wanted in ((behind, status), (gateway, 403)):
        token = place.token(user)
        for credential in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"s={token}"}):
            assert handshake(place, headers | credential | {"Origin": origin})[0] == wanted, place.name
