"""Which pages may open a socket."""

import pytest

from kit.chat import ChatSocket
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
