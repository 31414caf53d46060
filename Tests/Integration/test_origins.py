"""Which pages may open a socket."""

import pytest

from kit.chat import ChatSocket
from kit.gateway import Gateway, command
from kit.handshake import handshake, refused

SETTINGS = {"ALLOWED_ORIGINS": "https://app.example, https://b.example:8443"}


@pytest.mark.parametrize("origin", ["https://app.example", "https://b.example:8443"])
def test_listed(gateway, user, origin):
    with ChatSocket(gateway, gateway.token(user), origin=origin) as chat:
        assert chat.ready["userId"] == user


def test_own(gateway, user):
    with ChatSocket(gateway, gateway.token(user), origin=gateway.url) as chat:
        assert chat.ready["userId"] == user


@pytest.mark.parametrize("origin", [
    "https://evil.example", "http://app.example", "https://app.example:444", "https://app.example.evil.example",
    "https://evil.example/https://app.example", "https://sub.app.example", "null", "https://b.example",
    "http://127.0.0.1:1", "file://", "https://app.example@evil.example"])
def test_others(gateway, user, origin):
    headers = {"Authorization": f"Bearer {gateway.token(user)}", "Origin": origin}
    assert refused(gateway, handshake(gateway, headers), 403, "forbidden")


def test_no_origin_is_no_browser(gateway, user):
    assert handshake(gateway, {"Authorization": f"Bearer {gateway.token(user)}"})[0] == 101


# --- app shells, and ports that go without saying

SHELLS = "capacitor://localhost,tauri://localhost chrome-extension://abcdefghijklmnop, https://port.example:443, http://Plain.example:80"


@pytest.fixture(scope="module")
def shells(database):
    gateway = Gateway(database, name="test_origins_shells", ALLOWED_ORIGINS=SHELLS)
    try:
        yield gateway
    finally:
        gateway.remove()


@pytest.mark.parametrize("origin, is_allowed", [
    ("capacitor://localhost", True), ("tauri://localhost", True), ("chrome-extension://abcdefghijklmnop", True),
    ("https://port.example", True), ("https://port.example:443", True), ("http://plain.example", True),
    ("ionic://localhost", False), ("capacitor://localhost.evil.example", False), ("capacitor://evil", False),
    ("chrome-extension://abcdefghijklmno", False), ("http://port.example", False), ("https://plain.example", False),
    ("http://localhost", False), ("null", False)])
def test_app_shells_and_default_ports(shells, user, origin, is_allowed):
    token = shells.token(user)
    assert handshake(shells, {"Authorization": f"Bearer {token}", "Origin": origin})[0] == (101 if is_allowed else 403)
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization"}
    for answer in (shells.request("OPTIONS", "/agui", headers=preflight),
                   shells.request("GET", f"/api/users/{user}/conversations",
                                  headers={"Authorization": f"Bearer {token}", "Origin": origin})):
        assert answer[1].get("Access-Control-Allow-Origin") == (origin if is_allowed else None)


def test_who_may_frame_the_page(shells):
    policy = shells.get("/")[1]["Content-Security-Policy"]
    assert policy.split("frame-ancestors ")[1].split(";")[0].split() == [
        "'self'", "capacitor://localhost", "chrome-extension://abcdefghijklmnop", "http://plain.example",
        "https://port.example", "tauri://localhost"]


@pytest.mark.parametrize("value", ["null", "*", "https://a.example/", "https://*.example", "wss://a.example", "a.example",
                                   "https://u@a.example", "https://a.example:70000", "capacitor://", "https://m\u00fcller.example"])
def test_what_is_no_origin(database, value):
    answer = command("serve", DATABASE_URL=database.url, AUTH_JWT_SECRET="s" * 40, HTTP_PORT=0, ALLOWED_ORIGINS=value)
    assert answer.returncode == 78 and "ALLOWED_ORIGINS" in answer.stderr and len(answer.stderr.strip().splitlines()) == 1
