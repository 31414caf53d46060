"""Upstreams as people met them: each file of `upstream_cases` is one public report, played against a gateway.

A case says what its upstream answers (kit/dialect.py), what people send, and how each turn must end: `ends` is `success`
or a run error code, `shows` is what the person reads (`*`: something), `stores` what is kept of it where that differs.
`tasks` are the titles that are stored in the end, `requests` how many the upstream saw.

Common to all: what was shown is what is stored, a turn that fails says so in words, and an upstream that is well
afterwards answers the next message of every conversation.
"""

import json
import pathlib
import time

import pytest

from kit.dialect import Dialect, expand
from kit.gateway import Gateway
from kit.upstream import KEY

CASES = sorted((pathlib.Path(__file__).parent / "upstream_cases").glob("*.json"))
LIMIT = 45
"""Seconds after which a turn counts as stuck."""


def play(case, database, user, name, **settings):
    upstream = Dialect(case["answers"])
    address = {"AGENT_BASE_URL": upstream.url, "AGENT_MODEL": "m", "AGENT_API_KEY": KEY}
    if case["agent"] == "agui":
        address = {"AGENT_BASE_URL": upstream.origin + "/agent"}
    gateway = Gateway(database, name=name, AGENT=case["agent"], **address, **case.get("settings", {}), **settings)
    users, threads, turns = {}, {}, []
    try:
        for number, wanted in enumerate(case["turns"], 1):
            who = wanted.get("user", "A")
            if who not in users:
                users[who] = gateway.connect(f"{user}-{who}")
            # What passes between two turns is part of the report, as a breaker's pause is.
            time.sleep(wanted.get("wait_s", 0))
            turn = users[who].turn(expand(wanted["send"]), thread=threads.get(who), timeout=LIMIT)
            threads[who] = turn.thread
            turns.append(turn)
            check(number, wanted, turn, database)
        titles = [title for who in users for _, title, _ in database.tasks(f"{user}-{who}")]
        if "tasks" in case:
            assert titles == case["tasks"]
        if "requests" in case:
            assert len(upstream.requests) == case["requests"], [status for _, _, status in upstream.requests]
        recover(case, upstream, users, threads)
        return turns, upstream
    finally:
        for socket in users.values():
            socket.close()
        gateway.remove()
        upstream.close()


def check(number, wanted, turn, database):
    end = turn.end
    ended = "success" if end["type"] == "RUN_FINISHED" else end["code"]
    assert ended == wanted["ends"], f"turn {number}: {end}, shown {turn.text!r}"
    if wanted["ends"] != "success":
        assert end["message"] and KEY not in end["message"], end
    if "shows" in wanted:
        assert turn.text.strip() if wanted["shows"] == "*" else turn.text == wanted["shows"], f"turn {number}: {turn.text!r}"
    rows = database.rows("select content from messages where run_id = %s and role = 'assistant' order by position", turn.run)
    stored = "".join(content for content, in rows)
    assert stored == wanted.get("stores", turn.text), f"turn {number}"
    # What the assistant is given back is JSON, or nothing could be done with it.
    for call in turn.calls:
        json.loads(call["arguments"] or "{}")


GOOD = {
    "chat-completions": [
        {"data": {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "All is well."}}]}},
        {"data": {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}}, "data: [DONE]\n\n"],
    "agui": [
        {"data": {"type": "RUN_STARTED", "threadId": "{{threadId}}", "runId": "{{runId}}"}},
        {"data": {"type": "TEXT_MESSAGE_START", "messageId": "w", "role": "assistant"}},
        {"data": {"type": "TEXT_MESSAGE_CONTENT", "messageId": "w", "delta": "All is well."}},
        {"data": {"type": "TEXT_MESSAGE_END", "messageId": "w"}},
        {"data": {"type": "RUN_FINISHED", "threadId": "{{threadId}}", "runId": "{{runId}}"}}],
}


def recover(case, upstream, users, threads):
    upstream.answers = [{"body": GOOD[case["agent"]]}]
    for who, socket in users.items():
        turn = socket.turn("is all well?", thread=threads[who], timeout=LIMIT)
        assert turn.text == "All is well." and turn.end["type"] == "RUN_FINISHED", f"{who}: {turn.end}"


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_case(path, database, user):
    play(json.loads(path.read_text()), database, user, f"upstream_case_{path.stem}")


def test_there_are_cases():
    assert len(CASES) >= 32
