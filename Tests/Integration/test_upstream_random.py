"""Upstreams whose answers break at a random byte, by a seed: every turn ends in a defined state, what was shown is stored,
and an upstream that is well afterwards answers the next message of each conversation.

`PARLEY_UPSTREAM_SEEDS=300` tries so many (12 in every run), `PARLEY_UPSTREAM_SEED=n` begins with another one.
"""

import concurrent.futures
import json
import os
import random
import re
import socket
import struct
import threading
import time

import pytest

from kit.gateway import Gateway

SEEDS = int(os.environ.get("PARLEY_UPSTREAM_SEEDS", 12))
FIRST = int(os.environ.get("PARLEY_UPSTREAM_SEED", 0))
TURNS = 5
LIMIT = 60
CODES = {"upstream_unavailable", "upstream_error", "upstream_truncated", "upstream_timeout", "upstream_empty", "context_too_long",
         "content_filtered"}
MARK = re.compile(r"#(\d+)\.(\d+|good)")


def chunk(finish=None, **delta):
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}"


def event(kind, **fields):
    return "data: " + json.dumps({"type": kind, **fields})


def chat_events(rng, has_result):
    """The events of a reply: text, or calls and then text, with or without what servers leave out."""
    lines = []
    if rng.random() < 0.3:
        lines += [": comment", chunk(reasoning_content="hm "), chunk(reasoning_content="so")]
    if not has_result and rng.random() < 0.4:
        title = json.dumps({"title": f"täsk {rng.randrange(9)} 👍"})
        at = rng.randrange(len(title))
        first = {"index": 0, "id": f"c{rng.randrange(99)}", "function": {"name": "add_task", "arguments": title[:at]}}
        lines += [chunk(tool_calls=[first]), chunk(tool_calls=[{"index": 0, "function": {"arguments": title[at:]}}])]
        lines.append(chunk("tool_calls"))
    else:
        words = rng.choice(["All is well.", "Größe: 5 × 3 👍", "<think>hm</think>\nfine", "a\n```\nb\n```", "1 10 100"])
        lines += [chunk(content=words[:3]), chunk(content=words[3:])]
        if rng.random() < 0.9:
            lines.append(chunk("stop"))
    if rng.random() < 0.8:
        lines.append("data: [DONE]")
    return lines


def agui_events(rng, body):
    run = {"threadId": body["threadId"], "runId": body["runId"]}
    lines = [event("RUN_STARTED", **run), event("STEP_STARTED", stepName="x")]
    has_result = body["messages"][-1]["role"] == "tool"
    if not has_result and rng.random() < 0.4:
        lines += [event("TOOL_CALL_START", toolCallId=f"t{rng.randrange(99)}", toolCallName="add_task"),
                  event("TOOL_CALL_ARGS", toolCallId="t", delta="{}"), event("TOOL_CALL_END", toolCallId="t")]
        call = json.loads(lines[2][6:])["toolCallId"]
        lines[3:5] = [event("TOOL_CALL_ARGS", toolCallId=call, delta='{"title":"täsk 👍"}'), event("TOOL_CALL_END", toolCallId=call)]
    else:
        lines += [event("TEXT_MESSAGE_START", messageId="m", role="assistant"), event("TEXT_MESSAGE_CONTENT", messageId="m", delta="All is "),
                  event("TEXT_MESSAGE_CONTENT", messageId="m", delta="wéll 👍."), event("TEXT_MESSAGE_END", messageId="m")]
    return lines + [event("MESSAGES_SNAPSHOT", messages=[]), event("RUN_FINISHED", **run)]


FAULTS = ["none", "cut", "reset", "stall", "flip", "drop", "insert", "double", "status", "json", "length", "trickle"]


class Broken:
    """A server that breaks its answers; the seed is in the user's message."""

    def __init__(self, kind):
        self.kind, self.counts, self._lock = kind, {}, threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                connection.settimeout(30)
                self._answer(connection)
        except OSError:
            pass

    def _answer(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536) or exit_thread()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        while len(body) < length:
            body += connection.recv(65536) or exit_thread()
        body = json.loads(body)
        # Results may be told as a user's words, to a server that was found not to take them otherwise.
        seed, turn = MARK.findall(json.dumps([m["content"] for m in body["messages"] if m["role"] == "user"]))[-1]
        with self._lock:
            number = self.counts[seed, turn] = self.counts.get((seed, turn), 0) + 1
        rng = random.Random(f"{seed}.{turn}.{number}")
        if self.kind == "agui":
            lines = agui_events(random.Random(0.99) if turn == "good" else rng, body)
        else:
            lines = chat_events(rng, body["messages"][-1]["role"] == "tool")
        if turn == "good":
            if self.kind == "chat-completions":
                lines = [chunk(content="All is well."), chunk("stop"), "data: [DONE]"]
            else:
                lines = [line for line in lines if "TOOL_CALL" not in line]
        fault = "none" if turn == "good" else rng.choice(FAULTS)
        end = rng.choice(["\n\n", "\r\n\r\n"])
        payload = bytearray("".join(line + end for line in lines).encode())
        at = rng.randrange(len(payload))
        if fault == "flip":
            payload[at] ^= 1 << rng.randrange(8)
        elif fault == "drop":
            del payload[at:at + rng.choice([1, 1, 2, 20])]
        elif fault == "insert":
            payload[at:at] = rng.randbytes(rng.choice([1, 1, 3]))
        elif fault == "double":
            payload[at:at] = payload[max(0, at - rng.randrange(40)):at]
        status, kind = "200 OK", "text/event-stream"
        if fault == "status":
            status = rng.choice(["500 Oh", "429 Slow", "503 No", "400 Bad", "422 What", "404 Where", "401 Who"])
            payload = bytearray(json.dumps({"error": {"message": rng.choice(["no", "tools are not supported", "too many tokens", "content filter"])}}).encode())
            kind, at = "application/json", len(payload)
        elif fault == "json":
            kind = "application/json"
        elif fault == "length":
            status = "200 OK\r\nContent-Length: " + str(len(payload) + rng.choice([-3, 5]))
        framing = "" if fault == "length" else "Transfer-Encoding: chunked\r\n"
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{framing}Connection: close\r\n\r\n".encode())
        if fault in ("cut", "reset", "stall"):
            payload = payload[:at]
        step = rng.choice([1, 7, 50, 4096]) if fault != "trickle" else 3
        for start in range(0, len(payload), step):
            part = bytes(payload[start:start + step])
            connection.sendall(part if fault == "length" else b"%x\r\n%b\r\n" % (len(part), part))
        if fault == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "stall":
            connection.settimeout(20)
            while connection.recv(4096):
                pass
        elif fault not in ("cut", "length"):
            connection.sendall(b"0\r\n\r\n")


def exit_thread():
    raise OSError("gone")


@pytest.mark.parametrize("kind", ["chat-completions", "agui"])
def test_random_upstreams(database, kind):
    upstream = Broken(kind)
    gateway = Gateway(database, name=f"test_upstream_random_{kind}", AGENT=kind, AGENT_BASE_URL=upstream.url, AGENT_MODEL="m",
                      AGENT_FIRST_BYTE_TIMEOUT_SECONDS=2, AGENT_IDLE_TIMEOUT_SECONDS=2, AGENT_TOTAL_TIMEOUT_SECONDS=10,
                      AGENT_MAX_RETRIES=1, AGENT_RETRY_AFTER_MAX_SECONDS=1, AGENT_BREAKER_FAILURES=0, RATE_LIMIT_MESSAGES=100000,
                      RATE_LIMIT_BURST=100000, RATE_LIMIT_HANDSHAKES=100000)

    def play(seed):
        user = f"random-{kind}-{seed}-{time.time_ns()}"
        ends = []
        with gateway.connect(user) as chat:
            thread = None
            for number in range(TURNS):
                turn = chat.turn(f"hello #{seed}.{number}", thread=thread, timeout=LIMIT)
                thread = turn.thread
                end = turn.end["type"] if turn.end["type"] == "RUN_FINISHED" else turn.end["code"]
                assert end == "RUN_FINISHED" or end in CODES, f"seed {seed}.{number}: {turn.end}"
                rows = database.rows("select content from messages where run_id = %s and role = 'assistant' order by position", turn.run)
                stored = "".join(content for content, in rows)
                # What was shown before a closing tag that has no opening one was a thought, and is not kept.
                was_thought = stored and turn.text.endswith(stored)
                assert stored == turn.text or was_thought, f"seed {seed}.{number}: {stored!r} of {turn.text!r}"
                ends.append(end)
            turn = chat.turn(f"is all well? #{seed}.good", thread=thread, timeout=LIMIT)
            assert turn.end["type"] == "RUN_FINISHED" and turn.text, f"seed {seed}: {ends}, and then {turn.end}"
        return ends

    try:
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            ended = [end for ends in pool.map(play, range(FIRST, FIRST + SEEDS)) for end in ends]
        assert len(ended) == SEEDS * TURNS and "RUN_FINISHED" in ended
        print({end: ended.count(end) for end in sorted(set(ended))})
    finally:
        gateway.remove()
        upstream.close()
