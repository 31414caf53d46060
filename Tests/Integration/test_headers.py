"""The fields that answers have: for browsers' defences, and for pages of other origins that may use the gateway."""

import json

import pytest

from kit.gateway import Gateway
from kit.raw import RawConnection

ORIGIN = "https://app.example"
SETTINGS = {"ALLOWED_ORIGINS": f"{ORIGIN}, https://b.example:8443"}

EVERYWHERE = ["/", "/parley-chat.js", "/demo.css", "/healthz", "/readyz", "/metrics", "/ws", "/api/users/x/conversations",
              "/no/such/thing", "/api/no/such/thing", "/%zz"]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_defences(gateway, path):
    with RawConnection(gateway) as raw:
        raw.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        _, headers, _ = raw.response()
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'" and policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert policy["frame-ancestors"].split() == ["'self'", ORIGIN, "https://b.example:8443"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-request-id"]
    assert "strict-transport-security" not in headers
    assert "Origin" in headers["vary"]
    assert "server" not in headers


def test_without_allowed_origins(database):
    gateway = Gateway(database, name="test_headers_alone")
    try:
        _, headers, _ = gateway.request("GET", "/", headers={"Origin": "https://evil.example"})
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert not [name for name in headers if name.lower().startswith("access-control-")]
    finally:
        gateway.remove()


@pytest.mark.parametrize("path", ["/parley-chat.js", "/parley-dom.js", "/api/users/x/conversations", "/healthz", "/none"])
def test_shared_with_an_allowed_origin_only(gateway, path):
    _, headers, _ = gateway.request("GET", path, headers={"Origin": ORIGIN})
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Retry-After" in headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in headers
    for origin in ("https://evil.example", "null", "https://app.example.evil.example", None):
        _, headers, _ = gateway.request("GET", path, headers={"Origin": origin} if origin else {})
        assert "Access-Control-Allow-Origin" not in headers and "Origin" in ", ".join(headers.get_all("Vary"))


def preflight(gateway, path, origin, method="GET"):
    return gateway.request("OPTIONS", path, headers={
        "Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"})


def test_preflight(gateway, user):
    status, headers, body = preflight(gateway, f"/api/users/{user}/conversations", ORIGIN)
    assert status == 204 and body == b""
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "GET" in headers["Access-Control-Allow-Methods"]
    assert "authorization" in headers["Access-Control-Allow-Headers"].lower()
    assert int(headers["Access-Control-Max-Age"]) > 0
    _, headers, _ = preflight(gateway, f"/api/users/{user}/conversations", "https://evil.example")
    assert not [name for name in headers if name.lower().startswith("access-control-")]


def test_an_allowed_page_may_read(gateway, user):
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {gateway.token(user)}"}
    status, answer, body = gateway.request("GET", f"/api/users/{user}/conversations", headers=headers)
    assert status == 200 and json.loads(body)["data"] == [] and answer["Access-Control-Allow-Origin"] == ORIGIN
    assert answer["Cache-Control"] == "no-store"


def test_credentials_only_with_a_cookie(database, user):
    gateway = Gateway(database, name="test_headers_cookie", AUTH_COOKIE="chat", **SETTINGS)
    try:
        headers = {"Origin": ORIGIN, "Cookie": f"chat={gateway.token(user)}"}
        status, answer, _ = gateway.request("GET", f"/api/users/{user}/conversations", headers=headers)
        assert status == 200 and answer["Access-Control-Allow-Credentials"] == "true"
        headers["Origin"] = "https://evil.example"
        status, answer, _ = gateway.request("GET", f"/api/users/{user}/conversations", headers=headers)
        assert status == 403 and "Access-Control-Allow-Credentials" not in answer
    finally:
        gateway.remove()


@pytest.mark.parametrize("path", ["/agui", "/api/users/u/conversations", "/", "/parley-chat.js", "/api/no/such/thing"])
def test_preflight_with_what_tracing_adds(gateway, path):
    asked = "authorization,content-type, baggage ,Sentry-Trace,traceparent,tracestate,x-datadog-trace-id,b3"
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": asked}
    status, answer, body = gateway.request("OPTIONS", path, headers=headers)
    assert status == 204 and body == b"" and answer["Access-Control-Allow-Origin"] == ORIGIN
    allowed = [name.strip().lower() for name in answer["Access-Control-Allow-Headers"].split(",")]
    assert {name.strip().lower() for name in asked.split(",")} <= set(allowed) and len(set(allowed)) == len(allowed)
    status, answer, _ = gateway.request("OPTIONS", path, headers=headers | {"Origin": "https://evil.example"})
    assert status == 204 and not [name for name in answer if name.lower().startswith("access-control-")]


def test_a_gateway_in_a_private_network(gateway):
    """Browsers ask before a page of the public network may reach it."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Private-Network": "true"}
    answer = gateway.request("OPTIONS", "/agui", headers=headers)[1]
    assert answer["Access-Control-Allow-Private-Network"] == "true"
    for change in ({"Origin": "https://evil.example"}, {"Access-Control-Request-Private-Network": "false"}):
        assert "Access-Control-Allow-Private-Network" not in gateway.request("OPTIONS", "/agui", headers=headers | change)[1]


def test_preflight_is_bounded(gateway):
    asked = ", ".join(["a b", "x\ty", "é", "@", "x" * 65] + [f"x-{number}" for number in range(1000)])
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET",
               "Access-Control-Request-Headers": asked.encode("latin-1")}
    _, answer, _ = gateway.request("OPTIONS", "/agui", headers=headers)
    names = [name.strip() for name in answer["Access-Control-Allow-Headers"].split(",")]
    assert 64 <= len(names) <= 80 and all(name.isascii() and len(name) <= 64 and " " not in name for name in names)


@pytest.mark.parametrize("target", ["/", "*", "/healthz", "/parley-chat.js", "/no/such/thing", "/api/users/u/conversations"])
@pytest.mark.parametrize("version", ["HTTP/1.0\r\n", "HTTP/1.1\r\nHost: x\r\n"], ids=["1.0", "1.1"])
def test_a_balancer_s_question(gateway, target, version):
    """HAProxy's check without more is `OPTIONS / HTTP/1.0`, without a Host."""
    with RawConnection(gateway) as raw:
        raw.send(f"OPTIONS {target} {version}\r\n")
        status, headers, _ = raw.response()
    assert status == 204 and "OPTIONS" in headers["allow"]
