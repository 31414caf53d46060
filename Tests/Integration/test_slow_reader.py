"""A socket that stops reading: it costs its bound, holds up nobody, and catches up with merged text."""

import contextlib
import json
import pathlib
import re
import socket

import pytest

from kit import agui
from kit.figures import figures, grown
from kit.raw import RawWebSocket

SETTINGS = {"AGENT": "scripted", "MAX_SOCKETS_PER_USER": 64}

RECEIVES = 32 * 1024
"""Bytes that a slow socket's kernel takes before the gateway feels it."""


class SlowSocket(RawWebSocket):
    """Reads only when it is asked to, and checks what it reads."""

    def __init__(self, gateway, token):
        super().__init__(gateway, token, timeout=60)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVES)
        self.threads, self.events, self.replies, self.bytes = {}, [], [], 0
        self.ready = self.receive()
        assert self.ready["op"] == "ready"

    def post(self, **frame):
        self.text(json.dumps(frame))

    def receive(self):
        """The next frame; pings are passed over."""
        while True:
            opcode, payload = self.read()
            self.bytes += len(payload)
            if opcode in (9, 10):
                continue
            assert opcode == 1, f"the gateway closed it: {opcode} {payload!r}"
            frame = json.loads(payload)
            if "type" in frame:
                agui.check_event(payload.decode())
                self.threads.setdefault(frame["metadata"]["parley"]["threadId"], agui.Thread()).apply(frame)
                self.events.append(frame)
            else:
                if frame["op"] == "snapshot" and frame["threadId"] in self.threads:
                    self.threads[frame["threadId"]].begin_anew()
                elif frame["op"] == "subscribed":
                    self.threads.setdefault(frame["threadId"], agui.Thread()).caught_up(frame["cursor"])
                self.replies.append(frame)
            return frame

    def until(self, **fields):
        while not fields.items() <= (frame := self.receive()).items():
            pass
        return frame

    def catch_up(self):
        """Reads all that the gateway has for it until a ping of now is answered."""
        self.post(op="ping", id="caught up")
        self.until(op="pong", id="caught up")


@pytest.fixture
def slow(gateway, user):
    """`slow()` opens a socket of the test's user that does not read."""
    with contextlib.ExitStack() as opened:
        yield lambda: opened.enter_context(SlowSocket(gateway, gateway.token(user)))


def resident(gateway):
    """MiB of memory that the gateway has now."""
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def stored(database, thread):
    return [content for _, role, content, _ in database.messages(thread) if role == "assistant"]


def contents(events, thread):
    return [event for event in events if event["type"] == "TEXT_MESSAGE_CONTENT"
            and event["metadata"]["parley"]["threadId"] == thread]


def filled(gateway, slow, quick, wanted=26):
    """A thread that the slow socket is subscribed to, and for which it has no more room."""
    thread = quick.send("!tokens 0")["threadId"]
    for each in slow:
        each.post(op="subscribe", id="s", threadId=thread)
        each.until(op="subscribed")
    for _ in range(wanted):
        quick.turn("!tokens 30000 0", thread=thread)
    return thread


def test_another_socket_of_the_same_user_is_not_held_up(gateway, slow, connect, database):
    """While the slow ones read nothing at all, the quick one gets every token by itself, and its commands answered."""
    quick, behind = connect(), [slow() for _ in range(3)]
    thread = filled(gateway, behind, quick)
    turn = quick.turn("!tokens 400 2", thread=thread)
    assert len(contents(turn.events, thread)) == 400, "merged for a socket that keeps up"
    ack = quick.send("!stall", thread=thread)
    assert quick.cancel(thread)["status"] == "cancelled"
    assert quick.end_of(ack["runId"])["outcome"] == {"type": "cancelled"}
    # A stranger's socket on a shard of its own or the same: nothing of it is felt there either.
    assert connect(f"{quick.ready['userId']}-other").turn("!tokens 100 0").end["outcome"] == {"type": "success"}


def test_it_catches_up_with_merged_text(gateway, slow, connect, database):
    quick, behind = connect(), slow()
    thread = filled(gateway, [behind], quick)
    before = quick.turn("!tokens 600 1", thread=thread)
    last = quick.send("!tokens 1000 1", thread=thread)
    quick.until({"type": "TEXT_MESSAGE_CONTENT"})
    # It reads again while the last one streams, and goes on live.
    behind.catch_up()
    quick.end_of(last["runId"])
    view = behind.threads[thread]
    while last["runId"] not in view.outcomes:
        behind.receive()
    replies = stored(database, thread)
    assert set(view.outcomes.values()) == {"success"}
    # Ordering and rising cursors were checked as it read. Each text is whole, byte for byte.
    assert list(view.texts.values()) == [reply for reply in replies if reply]
    merged = [event for event in contents(behind.events, thread) if event["messageId"] in before.texts]
    assert len(merged) < 60, "600 tokens that it had no room for were not merged"
    assert behind.bytes < 3 * sum(map(len, replies))


def test_several_runs_at_once(gateway, slow, connect, database):
    """Of several threads: each is complete and in order by itself."""
    quick, behind = connect(), slow()
    threads = [quick.send("!tokens 0")["threadId"] for _ in range(4)]
    for thread in threads:
        behind.post(op="subscribe", id=thread, threadId=thread)
        behind.until(op="subscribed", id=thread)
    runs = [quick.send(f"!tokens {count}", thread=thread)["runId"]
            for count in (30000, 20000, 10000, 30000, 25000) * 2 for thread in threads]
    for run in runs:
        quick.end_of(run)
    behind.catch_up()
    outcomes = {}
    while len(outcomes) < len(runs):
        outcomes = {run: end for thread in threads if thread in behind.threads
                    for run, end in behind.threads[thread].outcomes.items() if run in runs}
        if len(outcomes) < len(runs):
            behind.receive()
    assert set(outcomes.values()) == {"success"}
    for thread in threads:
        texts = [text for text in behind.threads[thread].texts.values() if text]
        assert texts == [reply for reply in stored(database, thread) if reply]


def test_memory_stays_bounded(gateway, slow, connect, database):
    """20 sockets that read nothing, 40 replies of 150 KB: 30 000 events each, which would be gigabytes one by one."""
    quick, behind = connect(), [slow() for _ in range(20)]
    filled(gateway, behind[:1], quick, wanted=2)  # what a busy gateway has in any case
    before, most = resident(gateway), 0
    thread = quick.send("!tokens 0")["threadId"]
    for each in behind:
        each.post(op="subscribe", id="m", threadId=thread)
    for _ in range(40):
        quick.turn("!tokens 30000 0", thread=thread)
        most = max(most, resident(gateway))
    # Each may have 64 KiB and one merged event waiting; the replies' logs are kept for the thread, 16 of them.
    assert most - before < 64, f"from {before:.0f} to {most:.0f} MiB"
    for each in behind:
        each.close()
    assert quick.turn("!tokens 10 0", thread=thread).end["outcome"] == {"type": "success"}


def test_one_that_never_reads_is_closed_when_answers_pass_the_hard_limit(gateway, slow, connect):
    """Text is merged, but what it asks for must be answered: with 1 MiB of that waiting it is closed with 4408."""
    quick, behind = connect(), slow()
    thread = filled(gateway, [behind], quick, wanted=5)
    before, counts = resident(gateway), figures(gateway)
    for n in range(24):  # each answer is a snapshot of 450 KB and more
        behind.post(op="subscribe", id=f"s{n}", threadId=thread)
    assert quick.turn("!tokens 10 0", thread=thread).end["outcome"] == {"type": "success"}
    # The answers are read from the database: reading as they come, it might keep up.
    assert grown(gateway, counts, "parley_slow_socket_closes_total", 1) == 1
    assert behind.close_code() == 4408
    assert resident(gateway) - before < 32
    assert quick.turn("!tokens 10 0", thread=thread).end["outcome"] == {"type": "success"}
