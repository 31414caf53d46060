"""The upgrade request as plain HTTP, to see how it is answered."""

import base64


def handshake(gateway, headers=None, path="/ws"):
    """(status, headers, body) of an upgrade request."""
    wanted = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
              "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode()}
    return gateway.request("GET", path, headers=wanted | (headers or {}))


def refused(gateway, answer, status=401, code="unauthenticated"):
    assert answer[0] == status
    assert gateway.error_code(answer) == code
    return True
