"""WebSocket frames that break the rules, and odd ones that do not. The whole conformance suite is a matter of its own."""

import json
import struct

import pytest

from kit.raw import RawWebSocket

TEXT, BINARY, CLOSE, PING, PONG, MORE = 1, 2, 8, 9, 10, 0


@pytest.fixture
def raw(gateway, user):
    with RawWebSocket(gateway, gateway.token(user)) as connection:
        opcode, payload = connection.read()
        assert opcode == TEXT and json.loads(payload)["op"] == "ready"
        yield connection


def ping_answer(raw):
    raw.text('{"op":"ping","id":"p"}')
    opcode, payload = raw.read()
    return opcode == TEXT and json.loads(payload)["op"] == "pong"


@pytest.mark.parametrize("send, code", [
    (lambda raw: raw.frame(BINARY, b"hello"), 1003),
    (lambda raw: raw.text('{"op":"ping"}', mask=False), 1002),
    (lambda raw: raw.text('{"op":"ping"}', rsv=1), 1002),
    (lambda raw: raw.text('{"op":"ping"}', rsv=4), 1002),
    (lambda raw: raw.frame(3, b"x"), 1002),
    (lambda raw: raw.frame(11, b""), 1002),
    (lambda raw: raw.frame(MORE, b"no message began"), 1002),
    (lambda raw: (raw.text("{", fin=False), raw.text("}")), 1002),
    (lambda raw: raw.frame(PING, b"x", fin=False), 1002),
    (lambda raw: raw.frame(PING, b"x" * 126), 1002),
    (lambda raw: raw.frame(CLOSE, b"\x03"), 1002),
    (lambda raw: raw.frame(CLOSE, struct.pack(">H", 1005)), 1002),
    (lambda raw: raw.frame(CLOSE, struct.pack(">H", 999)), 1002),
    (lambda raw: raw.frame(CLOSE, struct.pack(">H", 1000) + b"\xff\xfe"), 1007),
    (lambda raw: raw.text(b'{"op":"\xff\xfe"}'), 1007),
    (lambda raw: raw.text(b'{"op":"\xc0\xaf"}'), 1007),
    (lambda raw: raw.text(b'{"op":"\xed\xa0\x80"}'), 1007),
    (lambda raw: raw.text(b'{"op":"\xe2\x82'), 1007),
    (lambda raw: raw.text(b"x" * (1 << 20)), 1009),
    (lambda raw: raw.text(b"x", length=(1 << 20)), 1009),
    (lambda raw: raw.text(b"x", length=(1 << 62)), 1009),
    (lambda raw: [raw.frame(TEXT if n == 0 else MORE, b"x" * 65_000, fin=False) for n in range(5)], 1009),
], ids=["binary", "not masked", "rsv3", "rsv1 without deflate", "opcode 3", "opcode 11", "continuation of nothing",
        "a message inside a message", "fragmented ping", "long ping", "close of one byte", "close 1005", "close 999",
        "close reason not UTF-8", "not UTF-8", "overlong", "surrogate", "cut short", "1 MiB", "1 MiB announced",
        "2^62 announced", "fragments over the limit"])
def test_closes_with(raw, gateway, user, send, code):
    send(raw)
    assert raw.close_code() == code
    with gateway.connect(user) as again:
        assert again.so_far() == []


def test_a_length_with_the_highest_bit(raw):
    raw.send(b"\x81\xff" + b"\xff" * 8 + b"\0" * 4)
    assert raw.close_code() in (1002, 1009)


def test_fragments_with_a_ping_between(raw):
    raw.frame(TEXT, b'{"op":"pi', fin=False)
    raw.frame(PING, b"between")
    assert raw.read() == (PONG, b"between")
    raw.frame(MORE, b"", fin=False)
    raw.frame(MORE, b'ng"}', fin=True)
    opcode, payload = raw.read()
    assert opcode == TEXT and json.loads(payload)["op"] == "pong"


def test_a_character_cut_by_a_fragment(raw):
    content = '{"op":"send","id":"é🎉","content":"help 🎉"}'.encode()
    for index in range(len(content)):
        raw.frame(TEXT if index == 0 else MORE, content[index:index + 1], fin=index == len(content) - 1)
    opcode, payload = raw.read()
    while json.loads(payload).get("op") == "thread":
        opcode, payload = raw.read()
    answer = json.loads(payload)
    assert opcode == TEXT and answer["op"] == "ack" and answer["id"] == "é🎉"


def test_byte_by_byte(raw):
    payload = b'{"op":"ping"}'
    key = b"\x01\x02\x03\x04"
    frame = bytes([0x81, 0x80 | len(payload)]) + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))
    for byte in frame:
        raw.send(bytes([byte]))
    assert json.loads(raw.read()[1])["op"] == "pong"


def test_many_frames_in_one_segment(raw):
    payload = b'{"op":"ping"}'
    raw.send((bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload) * 200)
    for _ in range(200):
        assert json.loads(raw.read()[1])["op"] == "pong"


def test_ping_and_pong(raw):
    raw.frame(PONG, b"nobody asked")
    raw.frame(PING, b"")
    assert raw.read() == (PONG, b"")
    raw.frame(PING, b"x" * 125)
    assert raw.read() == (PONG, b"x" * 125)
    assert ping_answer(raw)


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_the_close_handshake(raw, code):
    raw.frame(CLOSE, struct.pack(">H", code) + "tschüss".encode())
    opcode, payload = raw.read()
    assert opcode == CLOSE and struct.unpack(">H", payload[:2])[0] in (code, 1000)
    assert raw.ended() == b""


def test_a_close_without_a_code(raw):
    raw.frame(CLOSE)
    opcode, payload = raw.read()
    assert opcode == CLOSE and (not payload or struct.unpack(">H", payload[:2])[0] == 1000)
    assert raw.ended() == b""


def test_a_message_of_the_allowed_size(raw):
    frame = json.dumps({"op": "ping", "padding": "x" * (256 * 1024 - 40)})
    assert len(frame) <= 256 * 1024
    raw.text(frame)
    assert json.loads(raw.read()[1])["op"] == "pong"


def test_an_end_without_a_close(gateway, user, database):
    """The peer vanishes in the middle of a frame; the gateway goes on for everyone."""
    for _ in range(20):
        with RawWebSocket(gateway, gateway.token(user)) as connection:
            connection.text(b'{"op":"send","content":"hel', length=500)
    with gateway.connect(user) as chat:
        assert chat.turn("hello").end["outcome"] == {"type": "success"}
