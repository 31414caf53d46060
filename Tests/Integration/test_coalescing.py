"""COALESCE_MS: deltas of a window leave as one event; the first does not wait, and nothing is lost."""

import pytest

from kit.gateway import Gateway

WORDS = [f"word{n:04} " for n in range(300)]
TEXT = "".join(WORDS).rstrip()

TRANSPORTS = ("socket", "events")
SETTINGS = {"AGENT": "scripted", "SCRIPTED_PACE_MS": 3, "COALESCE_MS": 50}


@pytest.fixture(scope="module")
def wide(database):
    """A window that is longer than any test is patient: what waits for its end would be missed."""
    gateway = Gateway(database, name="test_coalescing_wide", AGENT="scripted", SCRIPTED_PACE_MS=3, COALESCE_MS=10_000)
    try:
        yield gateway
    finally:
        gateway.remove()


def deltas(events):
    return [event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT"]


def stored(database, thread):
    return [content for _, role, content, _ in database.messages(thread) if role == "assistant"]


def test_far_fewer_events_than_tokens(chat, database):
    turn = chat.turn(f"!text {TEXT}")
    said = deltas(turn.events)
    # 300 tokens, 3 ms apart, are at least 900 ms, in windows of 50.
    assert 3 <= len(said) <= len(WORDS) / 4
    assert said[0] == WORDS[0], "the first token is an event of its own"
    assert turn.text == TEXT
    assert stored(database, turn.thread) == [TEXT]


def test_a_second_socket_and_a_resume(connect, database):
    """Cursors and positions are those of whole events, whatever waits in the window."""
    first, second = connect(), connect()
    ack = first.send(f"!text {TEXT}")
    for _ in range(3):
        first.until({"type": "TEXT_MESSAGE_CONTENT"})
    second.subscribe(ack["threadId"])
    first.until({"type": "TEXT_MESSAGE_CONTENT"})
    cursor = first.events(ack["threadId"])[-1]["metadata"]["parley"]["cursor"]
    first.close()
    third = connect()
    third.carry_over(ack["threadId"], first)
    assert third.subscribe(ack["threadId"], after=cursor)["mode"] == "resumed"
    for socket in (second, third):
        socket.end_of(ack["runId"])
        assert list(socket.thread(ack["threadId"]).texts.values()) == [TEXT] == stored(database, ack["threadId"])


def test_the_first_token_does_not_wait(wide, user):
    with wide.connect(user) as chat:
        ack = chat.send("!stall")
        assert chat.until({"type": "TEXT_MESSAGE_CONTENT"}, timeout=5)["delta"] == "word "
        assert chat.cancel(ack["threadId"])["status"] == "cancelled"


def test_the_first_token_of_the_next_run_does_not_wait_either(wide, user):
    with wide.connect(user) as chat:
        thread = chat.turn("!text one two three", timeout=5).thread
        ack = chat.send("!stall", thread=thread)
        assert chat.until({"type": "TEXT_MESSAGE_CONTENT"}, timeout=5)["delta"] == "word "
        assert chat.cancel(ack["threadId"])["status"] == "cancelled"


def test_the_end_does_not_wait(wide, database, user):
    with wide.connect(user) as chat:
        turn = chat.turn(f"!text {TEXT}", timeout=5)
        assert deltas(turn.events) == [WORDS[0], TEXT.removeprefix(WORDS[0])]
        assert stored(database, turn.thread) == [TEXT]


def test_one_who_comes_in_the_middle_of_the_window_gets_all(wide, database, user):
    with wide.connect(user) as chat, wide.connect(user) as late:
        ack = chat.send("!tokens 40000 2")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        # The checkpoint says that more has been streamed, while the window holds it back.
        database.wait("select length(checkpoint) > 100 from runs where id = %s", ack["runId"])
        late.subscribe(ack["threadId"])
        assert len("".join(deltas(late.events()))) > len("word ")
        chat.cancel(ack["threadId"])
        late.end_of(ack["runId"])
        [(reply, status)] = [row[2:] for row in database.messages(ack["threadId"]) if row[1] == "assistant"]
        assert status == "cancelled"
        for socket in (chat, late):
            assert list(socket.thread(ack["threadId"]).texts.values()) == [reply]


def test_a_tool_does_not_wait(wide, database, user):
    with wide.connect(user) as chat:
        turn = chat.turn('!tool add_task {"title":"milk"}', timeout=5)
        assert turn.tools == ["add_task"] and turn.text == "ok"
        assert [row[1] for row in database.tasks(user)] == ["milk"]
