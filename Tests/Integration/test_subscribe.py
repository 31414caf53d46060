"""Cursors, resume and snapshot: section 4 of the protocol."""

import pytest

from kit import agui

TRANSPORTS = ("socket", "events")
SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 80, "SCRIPTED_PACE_MS": 15}


def last_cursor(socket, thread):
    return socket.events(thread)[-1]["metadata"]["parley"]["cursor"]


def stored_reply(database, thread):
    return "".join(content for _, role, content, _ in database.messages(thread) if role == "assistant")


def text_of(socket, thread):
    return "".join(socket.thread(thread).texts.values())


@pytest.mark.parametrize("after", [1, 5, 30])
def test_resume_in_the_middle_of_a_text(connect, database, after):
    first = connect()
    ack = first.send("go")
    thread = ack["threadId"]
    for _ in range(after):
        first.until({"type": "TEXT_MESSAGE_CONTENT"})
    cursor = last_cursor(first, thread)
    first.close()

    second = connect()
    second.carry_over(thread, first)
    subscribed = second.subscribe(thread, after=cursor)
    assert subscribed["mode"] == "resumed"
    assert not any(frame.get("op") == "snapshot" for frame in second.frames)
    assert second.end_of(ack["runId"])["outcome"] == {"type": "success"}
    assert text_of(second, thread) == stored_reply(database, thread)


def test_resume_at_every_kind_of_event(connect, database):
    first = connect()
    turn = first.turn("go")
    cursors = {}
    for event in turn.events:
        cursors.setdefault(event["type"], event["metadata"]["parley"]["cursor"])
    wanted = stored_reply(database, turn.thread)
    for kind, cursor in cursors.items():
        view = agui.Thread()
        for event in turn.events:
            view.apply(event)
            if event["metadata"]["parley"]["cursor"] == cursor:
                break
        socket = connect()
        socket.threads[turn.thread] = view
        assert socket.subscribe(turn.thread, after=cursor)["mode"] == "resumed", kind
        assert text_of(socket, turn.thread) == wanted, kind
        assert view.run is None, f"not ended after a resume at {kind}"
        socket.close()


def test_resume_when_nothing_was_missed(connect):
    first = connect()
    turn = first.turn("go")
    second = connect()
    subscribed = second.subscribe(turn.thread, after=last_cursor(first, turn.thread))
    assert subscribed["mode"] == "resumed" and subscribed["threadId"] == turn.thread
    assert subscribed["cursor"] == last_cursor(first, turn.thread)
    assert not second.events()


def test_what_was_missed_is_merged(connect):
    first = connect()
    turn = first.turn("go")
    second = connect()
    second.threads[turn.thread] = agui.Thread()
    second.threads[turn.thread].apply(turn.events[0])
    second.subscribe(turn.thread, after=turn.events[0]["metadata"]["parley"]["cursor"])
    deltas = [event for event in second.events() if event["type"] == "TEXT_MESSAGE_CONTENT"]
    assert len(deltas) == len(turn.texts), "one merged delta for each message"


@pytest.mark.parametrize("cursor", [
    "someotherepoch.7", "nonsense", "", "x" * 500, "{epoch}.99999999999999", "{epoch}.-1", "{epoch}.1e3",
    "{epoch}.18446744073709551616"])
def test_a_cursor_that_does_not_help_gives_a_snapshot(connect, cursor):
    socket = connect()
    turn = socket.turn("go")
    other = connect()
    subscribed = other.subscribe(turn.thread, after=cursor.replace("{epoch}", other.ready["epoch"]))
    assert subscribed["mode"] == "snapshot"
    assert any(frame.get("op") == "snapshot" for frame in other.frames)


def test_snapshot_of_a_thread_at_rest(connect, database):
    turn = connect().turn("go")
    socket = connect()
    subscribed = socket.subscribe(turn.thread)
    assert subscribed["mode"] == "snapshot"
    snapshot = next(frame for frame in socket.frames if frame.get("op") == "snapshot")
    assert snapshot["threadId"] == turn.thread and snapshot["hasMore"] is False
    assert snapshot["cursor"] == subscribed["cursor"]
    for message in snapshot["messages"]:
        agui.check_message(message)
    assert [(message["id"], message["role"], message["content"]) for message in snapshot["messages"]] == \
        [row[:3] for row in database.messages(turn.thread)]
    # Its cursor is one to resume from.
    assert connect().subscribe(turn.thread, after=snapshot["cursor"])["mode"] == "resumed"


def test_subscribing_twice_on_one_socket(connect):
    """The order of a thread's events on a socket stays right, whatever a client does."""
    socket = connect()
    ack = socket.send("go")
    socket.until({"type": "TEXT_MESSAGE_CONTENT"})
    socket.subscribe(ack["threadId"], after=last_cursor(socket, ack["threadId"]))
    assert socket.end_of(ack["runId"])["outcome"] == {"type": "success"}
    assert socket.subscribe(ack["threadId"], after=last_cursor(socket, ack["threadId"]))["mode"] == "resumed"


def test_events_go_on_live_after_the_catch_up(connect, database):
    sender, watcher = connect(), connect()
    ack = sender.send("go")
    sender.until({"type": "TEXT_MESSAGE_CONTENT"})
    watcher.subscribe(ack["threadId"])
    watcher.end_of(ack["runId"])
    second = sender.send("again", thread=ack["threadId"])
    assert watcher.end_of(second["runId"])["outcome"] == {"type": "success"}
    assert text_of(watcher, ack["threadId"]) == stored_reply(database, ack["threadId"])


@pytest.mark.parametrize("thread", ["019a0000-0000-7000-8000-000000000000", "nonsense", "foreign"])
def test_a_thread_that_is_not_there(connect, user, thread):
    if thread == "foreign":
        thread = connect(f"{user}-other").send("go")["threadId"]
    assert connect().error(op="subscribe", id="s", threadId=thread)["code"] == "thread_not_found"


def test_a_cursor_of_an_earlier_run_of_the_thread(connect, database):
    """Either what was missed of both runs, or a snapshot: never a part."""
    sender = connect()
    first = sender.turn("go")
    second = sender.turn("again", thread=first.thread)
    assert second.thread == first.thread
    watcher = connect()
    view = agui.Thread()
    for event in first.events[:4]:
        view.apply(event)
    watcher.threads[first.thread] = view
    mode = watcher.subscribe(first.thread, after=first.events[3]["metadata"]["parley"]["cursor"])["mode"]
    if mode == "resumed":
        assert text_of(watcher, first.thread) == stored_reply(database, first.thread)
    else:
        snapshot = next(frame for frame in watcher.frames if frame.get("op") == "snapshot")
        assert len(snapshot["messages"]) == 4
