"""What a peer does that means no good, and what it costs it."""

import json
import resource
import select
import socket
import struct
import time
import zlib

import pytest

from kit.echo import Echo
from kit.raw import RawConnection, RawWebSocket

MIB = 1 << 20


def answers(peer, text=b"still here"):
    """Whether the echo works on this socket; pings are passed over."""
    peer.text(text)
    while (frame := peer.read())[0] == 9:
        pass
    return frame == (1, text)


def refused(echo):
    """The answer to a handshake for which there is no place."""
    with RawConnection(echo) as raw:
        raw.send("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        status, headers, body = raw.response()
        assert headers["connection"] == "close" and int(headers["retry-after"]) > 0
        assert raw.ended() == b""
        return status, json.loads(body)["error"]["code"]


@pytest.mark.parametrize("drip", [
    b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * 1000, b"\r\n" * 500, b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n" * 20,
    b"\x16\x03\x01\x02\x00\x01" * 200,
], ids=["a header", "blank lines", "many headers", "something else"])
def test_a_handshake_byte_by_byte(drip):
    """Cut when its time is up, however it is spread."""
    with Echo("--handshake-ms", "700") as echo, RawConnection(echo) as raw:
        sent = 0
        for byte in drip:
            try:
                raw.send(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break
            sent += 1
            if select.select([raw.socket], [], [], 0.02)[0]:
                break
        rest = raw.ended()
        assert sent < len(drip), "it was cut before it had sent all"
        assert rest == b"" or rest.split(b" ")[1] in (b"400", b"408")


def test_peers_that_do_not_answer_pings():
    """A half-open connection looks like this: nothing comes any more, no end either."""
    with Echo("--ping-ms", "200", "--pong-ms", "600") as echo:
        silent = RawWebSocket(echo)
        with RawWebSocket(echo) as lively:
            seen = b""
            while True:
                opcode, payload = lively.read()
                if opcode == 9:
                    lively.frame(10, payload)
                if select.select([silent.socket], [], [], 0)[0]:
                    chunk = silent.socket.recv(4096)
                    seen += chunk
                    if not chunk:
                        break
            assert answers(lively)
        assert seen.endswith(b"\x88\x14" + struct.pack(">H", 1001) + b"no answer to pings"), seen
        silent.close()


def test_sockets_of_an_address():
    with Echo("--max-sockets-per-address", "5") as echo:
        open_ones = [RawWebSocket(echo) for _ in range(5)]
        assert refused(echo) == (503, "unavailable")
        assert all(answers(peer) for peer in open_ones)
        open_ones.pop().close()
        deadline = time.monotonic() + 15
        while True:  # The end is heard of a moment later.
            try:
                open_ones.append(RawWebSocket(echo))
                break
            except AssertionError:
                assert time.monotonic() < deadline
        assert refused(echo) == (503, "unavailable")
        # Another address has places of its own.
        with socket.create_connection(("127.0.0.1", echo.port), source_address=("127.0.0.2", 0), timeout=15) as other:
            other.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 426")
        for peer in open_ones:
            peer.close()


def test_sockets_in_all():
    """Connections that have not said anything count too."""
    with Echo("--max-sockets", "6") as echo:
        places = [RawConnection(echo) for _ in range(3)] + [RawWebSocket(echo) for _ in range(3)]
        assert refused(echo) == (503, "unavailable")
        # Those that are refused are bounded in number as well: beyond it they are closed without a word.
        waiting = [RawConnection(echo) for _ in range(80)]
        ended = [raw for raw in waiting if select.select([raw.socket], [], [], 0.05)[0]]
        assert 80 - 64 <= len(ended) < 80
        assert answers(places[-1])
        for raw in places + waiting:
            raw.close()


def test_lengths_are_believed_by_nobody():
    """A frame over the limit is refused by its header, one under it costs what has come of it."""
    with Echo("--max-message-bytes", str(16 * MIB)) as echo:
        before = echo.memory()
        for length in (16 * MIB + 1, 1 << 40, (1 << 63) - 1):
            with RawWebSocket(echo) as raw:
                raw.frame(2, b"x", length=length)
                assert raw.close_code() == 1009
        claims = [RawWebSocket(echo) for _ in range(100)]
        for raw in claims:
            raw.frame(2, b"x" * 100, length=16 * MIB)
        with RawWebSocket(echo) as raw:
            assert answers(raw)
        assert echo.memory("VmHWM") - before < 8 * MIB
        for raw in claims:
            raw.close()


@pytest.mark.parametrize("takeover", ["none", "both"])
def test_a_decompression_bomb(takeover):
    """Half a megabyte that would be 512 MiB: stopped at the limit, having taken no more memory than that."""
    limit = 16 * MIB
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(compressor.compress(bytes(MIB)) for _ in range(512)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    with Echo("--max-message-bytes", str(limit), "--deflate-takeover", takeover) as echo:
        with RawWebSocket(echo) as lively:
            before = echo.memory()
            for _ in range(3):
                with RawWebSocket(echo, extensions="permessage-deflate") as raw:
                    raw.frame(1, bomb[:-4], rsv=4)
                    assert raw.close_code() == 1009
            # The bomb itself, and what one read may leave around it, come on top.
            assert echo.memory("VmHWM") - before < limit + 2 * len(bomb) + 4 * MIB
            assert answers(lively)
            assert echo.memory() - before < 4 * MIB, "and all of it is given back"


@pytest.mark.parametrize("frame", [(9, {}), (10, {}), (0, {"fin": False})], ids=["pings", "pongs", "empty fragments"])
def test_a_flood_of_frames_that_say_nothing(frame):
    opcode, options = frame
    with Echo() as echo, RawWebSocket(echo) as lively, RawWebSocket(echo) as raw:
        if opcode == 0:
            raw.frame(1, b"a", fin=False)
        for _ in range(5000):
            raw.frame(opcode, **options)
        assert raw.close_code() == 4429
        assert answers(lively)


def test_one_that_sends_and_does_not_read():
    """It is not read from either: what waits for it is bounded, and others are served."""
    with Echo("--max-message-bytes", str(MIB)) as echo, RawWebSocket(echo) as lively, RawWebSocket(echo) as greedy:
        before = echo.memory()
        greedy.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                greedy.send(b"\x82\xff" + struct.pack(">Q", MIB) + bytes(4) + bytes(MIB))
        assert answers(lively)
        assert echo.memory("VmHWM") - before < 8 * MIB


def test_no_descriptors_left():
    """The listener takes breath and goes on when there are some again; open sockets do not notice."""
    with Echo() as echo, RawWebSocket(echo) as lively:
        limits = resource.prlimit(echo.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(echo.process.pid, resource.RLIMIT_NOFILE, (40, limits[1]))
        waiting = [socket.create_connection(("127.0.0.1", echo.port), timeout=15) for _ in range(100)]
        # One at a time is taken and closed, so that nobody waits for nothing.
        assert select.select(waiting, [], [], 15)[0][0].recv(10) == b""
        for _ in range(20):
            assert answers(lively)
        assert echo.process.process.poll() is None
        for each in waiting:
            each.close()
        deadline = time.monotonic() + 15
        while True:
            try:
                with RawWebSocket(echo) as fresh:
                    assert answers(fresh)
                break
            except (EOFError, ConnectionError):
                assert time.monotonic() < deadline, "nobody is accepted any more"
        assert answers(lively)
