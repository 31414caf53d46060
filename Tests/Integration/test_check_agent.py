"""`parley check agent`: what the configured assistant takes, as a table."""

import pytest

from kit.dialect import Dialect
from kit.gateway import command
from kit.upstream import KEY, closed_port
from test_upstream_dialects import DONE, RESULT, FINISHED, STARTED, asks, call, chunk, refuses, text, tool

COUNT = {"nth": 1, "body": [chunk(content="one two "), chunk(content="three"), chunk("stop"),
                            {"data": {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}}, DONE]}
ADDED = {"body": [chunk(content="Done."), chunk("stop"), DONE]}


def check(upstream, agent="chat-completions", **settings):
    address = upstream if isinstance(upstream, str) else upstream.origin + ("/agent" if agent == "agui" else "/v1")
    done = command("check", "agent", AGENT=agent, AGENT_BASE_URL=address, AGENT_MODEL="m", AGENT_API_KEY=KEY, **settings)
    assert KEY not in done.stdout + done.stderr
    table = {}
    for line in done.stdout.splitlines():
        name, value, *detail = line.split(None, 2)
        table[name] = (value, *detail)
    return done.returncode, table, done.stderr


@pytest.fixture
def played():
    made = []

    def play(*answers):
        made.append(Dialect(answers))
        return made[-1]

    yield play
    for upstream in made:
        upstream.close()


def test_a_server_that_takes_all(played):
    code, table, _ = check(played(COUNT, ADDED | RESULT, asks(call())))
    assert code == 0
    assert {name: value for name, (value, *_) in table.items()} == {
        "assistant": "chat-completions", "answers": "yes", "streaming": "yes", "usage": "yes", "reasoning": "no",
        "tools": "yes", "roles": "yes", "adapted": "no"}
    assert table["usage"][1] == "9 tokens in, 3 out" and table["tools"][1] == "called add_task"


def test_what_had_to_be_adapted(played):
    code, table, _ = check(played(
        refuses(400, {"error": {"message": "stream_options is not supported"}}, "the request has", "stream_options"),
        refuses(400, {"error": {"message": "gemma does not support tools"}}, "the request has", "tools"),
        {"body": [chunk(content="<think>hm</think>One two three."), chunk("stop"), DONE]}))
    assert code == 0
    assert table["adapted"] == ("yes", 'AGENT_COMPAT="stream_options=off tools=off"')
    assert (table["tools"][0], table["usage"][0], table["streaming"][0], table["reasoning"][0]) == ("no", "no", "no", "yes")


def test_a_model_that_calls_nothing(played):
    code, table, _ = check(played(COUNT, ADDED))
    assert code == 0 and table["tools"] == ("no", "it was offered them and called none")


def test_an_agent(played):
    upstream = played({"nth": 1, "body": [STARTED, *text("one two"), FINISHED]}, {"nth": 2, "body": [STARTED, *tool(), FINISHED]},
                      {"body": [STARTED, *text("Added."), FINISHED]})
    code, table, _ = check(upstream, "agui")
    assert code == 0 and table["tools"] == ("yes", "called add_task")


@pytest.mark.parametrize("answer, wanted", [
    (refuses(401, {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}), "invalid_api_key"),
    (refuses(404, {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}}), "model_not_found"),
    ({"body": "<html>", "headers": {"Content-Type": "text/html"}}, "upstream_error"),
    (None, "upstream_unavailable"),
], ids=["key", "model", "page", "nobody"])
def test_one_that_does_not_answer(played, answer, wanted):
    code, table, error = check(f"http://127.0.0.1:{closed_port()}" if answer is None else played(answer))
    assert code == 69 and "does not answer" in error
    assert table["answers"][0] == "no" and wanted in table["answers"][1]


def test_without_an_assistant_of_another_program():
    done = command("check", "agent")
    assert done.returncode == 0 and "built in" in done.stdout


def test_settings_that_cannot_be_used():
    done = command("check", "agent", AGENT="chat-completions")
    assert done.returncode == 78 and "AGENT_BASE_URL" in done.stderr
