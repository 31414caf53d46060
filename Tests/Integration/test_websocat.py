"""The real websocat, as a person would use it."""

import json
import pathlib
import subprocess
import sys

import pytest

from kit import agui
from kit.processes import Process

WEBSOCAT = pathlib.Path(sys.executable).with_name("websocat")


@pytest.fixture
def websocat(gateway, user):
    started = []

    def start(*options):
        header = f"-H=Authorization: Bearer {gateway.token(user)}"
        started.append(Process([WEBSOCAT, *options, header, gateway.socket_url], stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.end()


def check(lines):
    view = agui.Thread()
    frames = [json.loads(line) for line in lines]
    for line, frame in zip(lines, frames):
        if "type" in frame:
            agui.check_event(line)
            view.apply(frame)
    return frames, view


def test_plain_text(websocat, database, user):
    program = websocat()
    program.line('"op":"ready"')
    program.write("add buy milk\n")
    program.line("RUN_FINISHED")
    at = len(program.lines)
    program.write("what's on my list?\n")
    program.line("RUN_FINISHED", start=at)
    frames, view = check(program.lines)
    acks = [frame for frame in frames if frame.get("op") == "ack"]
    assert len(acks) == 2 and acks[0]["threadId"] == acks[1]["threadId"]
    assert list(view.outcomes.values()) == ["success", "success"]
    assert database.tasks(user)[0][1] == "buy milk"
    program.process.stdin.close()
    assert program.exit_code() == 0


def test_json_lines(websocat, database, user):
    program = websocat("--protocol", "parley.v1")
    program.line('"op":"ready"')
    program.write('{"op":"send","id":"c1","content":"add buy milk"}\n')
    program.line("RUN_FINISHED")
    program.write('{"op":"nonsense","id":"c2"}\n')
    program.line("invalid_op")
    frames, view = check(program.lines)
    ack = next(frame for frame in frames if frame.get("op") == "ack")
    assert ack["id"] == "c1" and view.outcomes == {ack["runId"]: "success"}
    assert database.messages(ack["threadId"])[0][2] == "add buy milk"


def test_a_wrong_token(gateway):
    answer = subprocess.run([WEBSOCAT, "-H=Authorization: Bearer x.y.z", gateway.socket_url],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert answer.returncode != 0 and "401" in answer.stderr
