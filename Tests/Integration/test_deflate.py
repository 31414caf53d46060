"""permessage-deflate by configuration: what is agreed on, whose window lives on, and what that may cost."""

import contextlib
import json
import time
import zlib

import pytest

from kit.echo import Echo
from kit.raw import RawWebSocket

NONE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
TEXT = json.dumps([{"type": "TEXT_MESSAGE_CONTENT", "delta": f"word {n} "} for n in range(40)]).encode()


class Peer(RawWebSocket):
    """Compresses with a window that lives on, or with a new one for each message."""

    def __init__(self, echo, offer, bits=15):
        super().__init__(echo, extensions=offer)
        agreed = self.headers.get("sec-websocket-extensions", NONE)
        self.bits = bits
        self.keeps_ours, self.keeps_theirs = "client_no_context" not in agreed, "server_no_context" not in agreed
        self.compressor = self.inflater = None

    def say(self, payload):
        if self.compressor is None or not self.keeps_ours:
            self.compressor = zlib.compressobj(9, zlib.DEFLATED, -self.bits)
        data = self.compressor.compress(payload) + self.compressor.flush(zlib.Z_SYNC_FLUSH)
        self.frame(1, data[:-4], rsv=4)

    def hear(self):
        """(the message, its bytes on the wire, whether it was compressed)."""
        opcode, compressed, payload = self.read_frame()
        assert opcode == 1, (opcode, payload)
        if not compressed:
            return payload, len(payload), False
        if self.inflater is None or not self.keeps_theirs:
            self.inflater = zlib.decompressobj(-self.bits)
        return self.inflater.decompress(payload + b"\x00\x00\xff\xff"), len(payload), True


@pytest.mark.parametrize("flags, offer, answer", [
    ([], "permessage-deflate; client_max_window_bits", NONE),
    ([], "permessage-deflate; server_max_window_bits=10", NONE + "; server_max_window_bits=10"),
    (["--no-deflate"], "permessage-deflate", None),
    (["--deflate-window-bits", "11"], "permessage-deflate", NONE + "; server_max_window_bits=11"),
    (["--deflate-takeover", "server"], "permessage-deflate", "permessage-deflate; client_no_context_takeover"),
    (["--deflate-takeover", "client"], "permessage-deflate", "permessage-deflate; server_no_context_takeover"),
    (["--deflate-takeover", "both"], "permessage-deflate", "permessage-deflate"),
    (["--deflate-takeover", "both"], "permessage-deflate; server_no_context_takeover; client_no_context_takeover", NONE),
    (["--deflate-takeover", "both", "--deflate-window-bits", "10"], "permessage-deflate; client_max_window_bits",
     "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"),
    (["--deflate-takeover", "both", "--deflate-memory", "0"], "permessage-deflate", NONE),
])
def test_what_is_agreed_on(flags, offer, answer):
    bits = 10 if answer and "client_max_window_bits=10" in answer else 15
    with Echo(*flags) as echo, Peer(echo, offer, bits) as peer:
        assert peer.headers.get("sec-websocket-extensions") == answer
        if answer is None:
            peer.text(TEXT)
            assert peer.hear() == (TEXT, len(TEXT), False)
            return
        sizes = []
        for _ in range(3):
            peer.say(TEXT)
            text, size, compressed = peer.hear()
            assert text == TEXT and compressed and size < len(TEXT) / 3
            sizes.append(size)
        if peer.keeps_theirs and bits == 15:
            assert sizes[1] < sizes[0] / 2, "the window of before was used"


def test_a_threshold():
    with Echo("--deflate-threshold", "100") as echo, Peer(echo, "permessage-deflate") as peer:
        for size, compressed in ((99, False), (100, True), (5000, True)):
            peer.say(b"a" * size)
            text, _, was = peer.hear()
            assert (text, was) == (b"a" * size, compressed)


def test_an_idle_compressed_socket_keeps_no_window():
    """Without takeover one codec serves all sockets of a loop: each costs what a plain one does."""
    with Echo() as echo, contextlib.ExitStack() as opened:
        def more(count):
            for _ in range(count):
                peer = opened.enter_context(Peer(echo, "permessage-deflate"))
                peer.say(TEXT)
                assert peer.hear()[0] == TEXT
        more(20)
        before = echo.memory()
        more(300)
        assert echo.memory() - before < 300 * 4096, "a window would be 166 KiB"


def test_a_budget_of_memory():
    """Four windows: the sockets after that go without takeover, until one ends."""
    window = (1 << 17) + (1 << 15) + 6144
    with Echo("--deflate-takeover", "server", "--deflate-memory", str(4 * window)) as echo:
        peers = [Peer(echo, "permessage-deflate") for _ in range(6)]
        kept = ["server_no_context_takeover" not in peer.headers["sec-websocket-extensions"] for peer in peers]
        assert kept == [True] * 4 + [False] * 2
        for peer in peers:
            peer.say(TEXT)
            peer.read_frame()
        peers.pop(0).close()
        deadline = time.monotonic() + 15
        while True:  # The end is heard of a moment later.
            with Peer(echo, "permessage-deflate") as last:
                if "server_no_context_takeover" not in last.headers["sec-websocket-extensions"]:
                    break
            assert time.monotonic() < deadline, "nothing was given back"
        for peer in peers:
            peer.close()
