"""`parley-bench echo`: the WebSocket layer alone."""

import os

import pytest
import websockets.sync.client

from kit.gateway import BENCH, environment
from kit.processes import Process


@pytest.fixture(scope="module")
def port():
    process = Process([BENCH, "echo", "--port", "0"], env=environment())
    try:
        yield int(process.line("listening on ").rsplit(":", 1)[1].rstrip("/"))
    finally:
        process.end()


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_echo(port, compression):
    with websockets.sync.client.connect(
            f"ws://127.0.0.1:{port}/", compression=compression, proxy=None, max_size=None) as connection:
        assert (connection.response.headers.get("Sec-WebSocket-Extensions") is not None) == (compression is not None)
        for size in (0, 1, 125, 126, 127, 65_535, 65_536, 200_000):
            for message in ("é" * (size // 2), os.urandom(size), "a" * size):
                connection.send(message)
                assert connection.recv(timeout=15) == message
        connection.send(["fragment ", "by ", "fragment"])
        assert connection.recv(timeout=15) == "fragment by fragment"
