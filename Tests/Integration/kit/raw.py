"""Bytes on a socket: HTTP requests and WebSocket frames that no library would send."""

import base64
import os
import re
import socket
import struct
import time


class RawConnection:
    def __init__(self, gateway, timeout=15):
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), timeout=timeout)
        self.buffer = b""
        self.deadline = time.monotonic() + timeout

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def _more(self):
        self.socket.settimeout(max(0.01, self.deadline - time.monotonic()))
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self._more():
                raise EOFError(f"ended with {self.buffer!r}")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def response(self, head_only=False):
        """(status, headers in lower case, body) of the next response."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                raise EOFError(f"ended with {self.buffer!r}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(re.fullmatch(r"HTTP/1\.[01] (\d{3})(?: .*)?", lines[0])[1])
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.strip().lower()] = value.strip()
        if head_only or status in (101, 204, 304):
            return status, headers, b""
        if "content-length" in headers:
            return status, headers, self.exactly(int(headers["content-length"]))
        return status, headers, self.rest()

    def rest(self):
        """All bytes to the end of the connection."""
        while self._more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def ended(self):
        """Waits for the end; what came before it."""
        return self.rest()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RawWebSocket(RawConnection):
    """A handshake, then frames by hand."""

    def __init__(self, gateway, token="", timeout=15, protocol="parley.v1", extensions=None):
        super().__init__(gateway, timeout)
        more = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n"
                  f"Sec-WebSocket-Protocol: {protocol}\r\n{more}\r\n")
        status, self.headers, _ = self.response()
        assert status == 101, f"no upgrade: {status}"

    def frame(self, opcode, payload=b"", *, fin=True, mask=True, rsv=0, length=None):
        """Sends one frame; `length` claims another length than the payload has."""
        size = len(payload) if length is None else length
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit = 0x80 if mask else 0
        if size < 126:
            head += bytes([bit | size])
        elif size < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", size)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", size)
        if mask:
            key = os.urandom(4)
            repeated = (key * (len(payload) // 4 + 1))[:len(payload)]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")
            head += key
        try:
            self.send(head + payload)
        except (BrokenPipeError, ConnectionResetError):
            pass  # The gateway may answer and close before it has read all.

    def text(self, text, **options):
        self.frame(1, text if isinstance(text, bytes) else text.encode(), **options)

    def read(self):
        """(opcode, payload) of the next frame."""
        opcode, _, payload = self.read_frame()
        return opcode, payload

    def read_frame(self):
        """(opcode, whether it is compressed, payload) of the next frame."""
        first, second = self.exactly(2)
        assert not second & 0x80, "a masked frame from the server"
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", self.exactly(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.exactly(8))[0]
        return first & 0x0F, bool(first & 0x40), self.exactly(size)

    def close_code(self):
        """Reads to the close frame; its code."""
        while True:
            opcode, payload = self.read()
            if opcode == 8:
                return struct.unpack(">H", payload[:2])[0] if payload else None
