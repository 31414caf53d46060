"""permessage-deflate by configuration: what is agreed on, whose window lives on, and what that may cost."""

import contextlib
import json
import time
import zlib

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect as sync_connect

from kit.echo import Echo
from kit.raw import RawWebSocket

NONE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
# For a client that does not say that it can do without its window.
KEPT = "permessage-deflate; server_no_context_takeover"
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
    ([], "permessage-deflate; client_no_context_takeover", NONE),
    ([], "permessage-deflate", KEPT),
    ([], "permessage-deflate; server_max_window_bits=10", KEPT + "; server_max_window_bits=10"),
    ([], "permessage-deflate; server_max_window_bits=15", KEPT + "; server_max_window_bits=15"),
    ([], 'permessage-deflate; server_max_window_bits="15"', KEPT + "; server_max_window_bits=15"),
    ([], "permessage-deflate; server_max_window_bits=15, permessage-deflate", KEPT + "; server_max_window_bits=15"),
    (["--deflate-window-bits", "12"], "permessage-deflate; client_max_window_bits=15; server_max_window_bits=15",
     NONE + "; server_max_window_bits=12"),
    (["--no-deflate"], "permessage-deflate", None),
    (["--deflate-window-bits", "11"], "permessage-deflate", KEPT + "; server_max_window_bits=11"),
    (["--deflate-takeover", "server"], "permessage-deflate; client_max_window_bits",
     "permessage-deflate; client_no_context_takeover"),
    (["--deflate-takeover", "server"], "permessage-deflate", "permessage-deflate"),
    (["--deflate-takeover", "client"], "permessage-deflate", "permessage-deflate; server_no_context_takeover"),
    (["--deflate-takeover", "both"], "permessage-deflate", "permessage-deflate"),
    (["--deflate-takeover", "both"], "permessage-deflate; server_no_context_takeover; client_no_context_takeover", NONE),
    (["--deflate-takeover", "both", "--deflate-window-bits", "10"], "permessage-deflate; client_max_window_bits",
     "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"),
    (["--deflate-takeover", "both", "--deflate-memory", "0"], "permessage-deflate; client_max_window_bits", NONE),
    (["--deflate-memory", "0"], "permessage-deflate", None),
    (["--deflate-memory", "0"], "permessage-deflate, permessage-deflate; client_no_context_takeover", NONE),
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


@pytest.mark.parametrize("flags", [[], ["--deflate-takeover", "server"], ["--deflate-window-bits", "9"]], ids=str)
@pytest.mark.parametrize("offer", [
    "permessage-deflate", "permessage-deflate; server_no_context_takeover", "permessage-deflate; server_max_window_bits=12",
    "permessage-deflate; unknown, permessage-deflate"])
def test_a_client_that_keeps_its_window_whatever_it_is_told(flags, offer):
    """As Safari 15 does: it offers no more than this, and what it sends refers to what it has sent before."""
    with Echo(*flags) as echo, Peer(echo, offer) as peer:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        sizes = []
        for _ in range(3):
            data = packer.compress(TEXT) + packer.flush(zlib.Z_SYNC_FLUSH)
            sizes.append(len(data))
            peer.frame(1, data[:-4], rsv=4)
            assert peer.hear()[0] == TEXT
        assert sizes[2] < sizes[0] / 2, "the window of before was used"


@pytest.mark.parametrize("bits", [10, 15])
@pytest.mark.parametrize("takeover", ["none", "both"])
def test_a_client_that_insists_on_an_answer_to_its_window(bits, takeover):
    """`server_max_window_bits` of an offer must be in the answer; this client fails the connection otherwise."""
    with Echo("--deflate-takeover", takeover) as echo:
        extension = ClientPerMessageDeflateFactory(server_max_window_bits=bits)
        with sync_connect(f"ws://127.0.0.1:{echo.port}/ws", compression=None, extensions=[extension]) as socket:
            for _ in range(2):
                socket.send(TEXT.decode())
                assert socket.recv().encode() == TEXT


@pytest.mark.parametrize("offer", ["permessage-deflate", "permessage-deflate; client_no_context_takeover"])
def test_a_compressed_message_without_a_block(offer):
    """An empty one has one byte (RFC 7692 section 7.2.3.6)."""
    with Echo() as echo, Peer(echo, offer) as peer:
        peer.frame(1, b"\0", rsv=4)
        assert peer.hear()[0] == b""
        peer.frame(1, b"", rsv=4)
        assert peer.close_code() == 1007


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
                peer = opened.enter_context(Peer(echo, "permessage-deflate; client_max_window_bits"))
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
        peers = [Peer(echo, "permessage-deflate; client_max_window_bits") for _ in range(6)]
        kept = ["server_no_context_takeover" not in peer.headers["sec-websocket-extensions"] for peer in peers]
        assert kept == [True] * 4 + [False] * 2
        for peer in peers:
            peer.say(TEXT)
            peer.read_frame()
        peers.pop(0).close()
        deadline = time.monotonic() + 15
        while True:  # The end is heard of a moment later.
            with Peer(echo, "permessage-deflate; client_max_window_bits") as last:
                if "server_no_context_takeover" not in last.headers["sec-websocket-extensions"]:
                    break
            assert time.monotonic() < deadline, "nothing was given back"
        for peer in peers:
            peer.close()
