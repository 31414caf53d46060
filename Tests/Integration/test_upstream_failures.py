"""What an upstream can do wrong: the run error code, what is stored, and that the conversation goes on."""

import time

import pytest

from kit.chat import PATIENCE
from kit.figures import counted
from kit.gateway import Gateway
from kit.upstream import KEY, LLM, Delay, Fail, SlowFirstToken, StreamFault, calls, closed_port, says

QUICK = {"AGENT_MAX_RETRIES": 0, "AGENT_BREAKER_FAILURES": 0, "AGENT_IDLE_TIMEOUT_SECONDS": 1,
         "AGENT_FIRST_BYTE_TIMEOUT_SECONDS": 1, "AGENT_CONNECT_TIMEOUT_SECONDS": 2}


@pytest.fixture(scope="module")
def server():
    server = LLM()
    yield server
    server.close()


@pytest.fixture
def llm(server):
    server.reset()
    return server


def upstream_gateway(database, name, url, **settings):
    # With a port of its own: gateways of one port take each other's runs for what a dead process left.
    return Gateway(database, name=name, AGENT="chat-completions", AGENT_BASE_URL=url, AGENT_MODEL="m",
                   AGENT_API_KEY=KEY, HTTP_PORT=closed_port(), **settings)


@pytest.fixture(scope="module")
def gateway(database, server):
    gateway = upstream_gateway(database, "test_upstream_failures", server.url, **QUICK)
    yield gateway
    gateway.remove()


def failed(turn, code):
    assert turn.end["type"] == "RUN_ERROR", turn.end
    assert turn.end["code"] == code, turn.end
    assert turn.end["message"] and KEY not in turn.end["message"]


def failing_turn(gateway, chat, code):
    """A turn that fails with the code, its call counted."""
    with counted(gateway, "parley_upstream_calls_total", outcome=code.removeprefix("upstream_")):
        turn = chat.turn("hello")
    failed(turn, code)
    return turn


def goes_on(gateway, chat, llm, thread):
    """The conversation is usable at once."""
    llm.reset()
    llm.script(says("back again"))
    with counted(gateway, "parley_upstream_calls_total", outcome="completed"):
        assert chat.turn("still there?", thread=thread).text == "back again"


STATUSES = [(400, "upstream_error"), (401, "upstream_error"), (403, "upstream_error"), (404, "upstream_error"),
            (429, "upstream_unavailable"), (500, "upstream_error"), (502, "upstream_unavailable"),
            (503, "upstream_unavailable"), (504, "upstream_timeout")]


@pytest.mark.parametrize("status, code", STATUSES)
def test_an_error_status(gateway, chat, llm, database, status, code):
    secret = f"what the provider says, with {KEY} in it"
    llm.script(Fail(status, message=secret, retry_after=30 if status == 429 else None, times=None))
    turn = failing_turn(gateway, chat, code)
    assert "provider says" not in turn.end["message"]
    assert database.run_status(turn.run) == "failed"
    assert [role for _, role, _, _ in database.messages(turn.thread)] == ["user"]
    # A refusal that names nothing is answered once by leaving out what is optional.
    assert len(llm.requests(1)) == (2 if status == 400 else 1)
    goes_on(gateway, chat, llm, turn.thread)


STREAM_FAULTS = [("disconnect", "upstream_truncated"), ("truncate", "upstream_truncated"),
                 ("malformed", "upstream_error"), ("stall", "upstream_timeout")]


@pytest.mark.parametrize("kind, code", STREAM_FAULTS)
def test_a_fault_in_mid_stream(gateway, chat, llm, database, kind, code):
    llm.script(says("one two three four five"), StreamFault(kind, after_chunks=3, stall_seconds=30))
    turn = failing_turn(gateway, chat, code)
    assert turn.text == "one two ", "the first chunk has no text"
    stored = [(content, status) for _, role, content, status in database.messages(turn.thread) if role == "assistant"]
    assert stored == [("one two ", "failed")]
    [request] = llm.requests(1)
    assert not request.completed or kind == "malformed"
    goes_on(gateway, chat, llm, turn.thread)


@pytest.mark.parametrize("kind", ["disconnect", "truncate"])
def test_a_call_that_was_cut_is_not_carried_out(gateway, chat, llm, database, user, kind):
    # Role, the call's name, and then its arguments in pieces: the cut is behind the whole of them.
    llm.script(calls(("add_task", {"title": "x"})), StreamFault(kind, after_chunks=4))
    turn = chat.turn("add x")
    failed(turn, "upstream_truncated")
    assert not database.tasks(user)
    goes_on(gateway, chat, llm, turn.thread)


def test_no_first_byte(gateway, chat, llm):
    llm.script(Delay(4))
    turn = failing_turn(gateway, chat, "upstream_timeout")
    goes_on(gateway, chat, llm, turn.thread)


UNREACHABLE = [("refused", lambda: f"http://127.0.0.1:{closed_port()}/v1"),
               ("name", lambda: "http://no-such-host.invalid/v1")]


@pytest.mark.parametrize("name, url", UNREACHABLE, ids=[name for name, _ in UNREACHABLE])
def test_nobody_is_there(database, user, name, url):
    gateway = upstream_gateway(database, f"test_upstream_{name}", url(), **QUICK)
    try:
        with gateway.connect(user) as chat:
            turn = chat.turn("hello")
            failed(turn, "upstream_unavailable")
            assert database.run_status(turn.run) == "failed"
            failed(chat.turn("again", thread=turn.thread), "upstream_unavailable")
    finally:
        gateway.remove()


# --- repetition and the breaker


@pytest.fixture(scope="module")
def patient(database, server):
    gateway = upstream_gateway(database, "test_upstream_patient", server.url, AGENT_MAX_RETRIES=2,
                               AGENT_BREAKER_FAILURES=0)
    yield gateway
    gateway.remove()


@pytest.mark.parametrize("fault", [Fail(500), Fail(503), Fail(429, retry_after=0.1),
                                   StreamFault("disconnect", after_chunks=0), StreamFault("truncate", after_chunks=1)],
                         ids=["500", "503", "429", "disconnect", "truncate"])
def test_tried_again_before_the_first_token(patient, llm, user, fault):
    llm.script(fault, says("there it is", times=2))
    with patient.connect(user) as chat:
        assert chat.turn("hello").text == "there it is"
    records = llm.requests(2)
    assert len(records) == 2, [(record.status, record.completed, record.started_at) for record in records]


@pytest.mark.parametrize("status", [401, 404])
def test_not_tried_again_where_that_cannot_help(patient, llm, user, status):
    llm.script(Fail(status))
    with patient.connect(user) as chat:
        failed(chat.turn("hello"), "upstream_error")
    assert len(llm.requests(1)) == 1


def test_tries_are_bounded(patient, llm, user):
    llm.script(Fail(500, times=None))
    with patient.connect(user) as chat:
        failed(chat.turn("hello"), "upstream_error")
    assert len(llm.requests(3)) == 3


def test_not_tried_again_after_the_first_token(patient, llm, user):
    llm.script(says("one two three"), StreamFault("disconnect", after_chunks=2))
    with patient.connect(user) as chat:
        turn = chat.turn("hello")
        failed(turn, "upstream_truncated")
        assert turn.text == "one "
    assert len(llm.requests(1)) == 1


def test_a_second_step_is_tried_again_too(patient, llm, user, database):
    llm.script(calls(("add_task", {"title": "milk"})))
    llm.script(Fail(503, match=_second_step()), says("added"))
    with patient.connect(user) as chat:
        turn = chat.turn("add milk")
        assert turn.end["type"] == "RUN_FINISHED" and turn.text == "added"
    assert len(database.tasks(user)) == 1, "the tool ran once"


def _second_step():
    from llmock.scenarios import Match

    class AfterAResult(Match):
        """Matches from the second request on."""
        seen = 0

        def accepts(self, info):
            AfterAResult.seen += 1
            return AfterAResult.seen > 1

    return AfterAResult()


def test_an_upstream_that_is_ill_is_left_alone(database, llm, user):
    gateway = upstream_gateway(database, "test_upstream_breaker", llm.url, AGENT_MAX_RETRIES=0,
                               AGENT_BREAKER_FAILURES=3, AGENT_BREAKER_SECONDS=1, SHARDS=1)
    try:
        llm.script(Fail(503, times=None))
        with gateway.connect(user) as chat:
            for _ in range(3):  # A conversation each: one that fails again and again counts once.
                turn = chat.turn("hello")
                failed(turn, "upstream_unavailable")
            asked = len(llm.requests(3))
            failed(chat.turn("hello", thread=turn.thread), "upstream_unavailable")
            assert len(llm.requests()) == asked, "it was asked although the breaker is open"
            llm.reset()
            llm.script(says("well again", times=None))
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:  # The breaker lets one through after its second.
                turn = chat.turn("hello", thread=turn.thread)
                if turn.end["type"] == "RUN_FINISHED":
                    break
                failed(turn, "upstream_unavailable")
            assert turn.text == "well again"
    finally:
        gateway.remove()
