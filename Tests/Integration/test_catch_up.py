"""The end of a catch-up is told behind everything up to it, and a snapshot is followed by what runs."""

import pytest

from kit.database import Gate
from kit.http import Api

TRANSPORTS = ("socket", "events")
SETTINGS = {"AGENT": "scripted"}

LONG = "!tokens 30000 0"
"""A reply of 150 KB: more than a socket takes at a time."""


def kinds(frames):
    return [frame.get("type") or frame["op"] for frame in frames]


def whole_run(events):
    """RUN_STARTED, the text, its end and that of the run, however the text was cut or merged."""
    merged = [kind for kind in kinds(events) if kind != "TEXT_MESSAGE_CONTENT"]
    assert merged == ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_END", "RUN_FINISHED"], merged
    return "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")


def test_subscribed_is_behind_a_long_reply_that_is_resumed(connect, database):
    first, second = connect(), connect()
    turn = first.turn(LONG)
    cursor = turn.events[1]["metadata"]["parley"]["cursor"]
    for event in turn.events[:2]:
        second.thread(turn.thread).apply(event)
    subscribed = second.subscribe(turn.thread, after=cursor)
    assert subscribed["mode"] == "resumed"
    assert kinds(second.frames)[-3:] == ["TEXT_MESSAGE_END", "RUN_FINISHED", "subscribed"]
    assert subscribed["cursor"] == turn.events[-1]["metadata"]["parley"]["cursor"]
    assert list(second.thread(turn.thread).texts.values()) == [turn.text]
    assert second.so_far() == []


@pytest.mark.parametrize("by", ["http", "socket"])
def test_who_is_subscribed_where_nothing_was_under_way_hears_of_what_comes(gateway, connect, user, by):
    first, second, api = connect(), connect(), Api(gateway, user)
    thread = api("POST", f"/api/users/{user}/conversations", {"title": "here"}, 201)["id"]
    for socket in (first, second):
        socket.subscribe(thread)
    if by == "http":
        run = api("POST", f"/api/conversations/{thread}/messages", {"content": "go"}, 202)["run_id"]
    else:
        run = second.turn("go", thread=thread).run
    for socket in (first, second):
        assert socket.end_of(run)["outcome"] == {"type": "success"}
        assert whole_run(socket.events(thread, run))


def test_subscribed_is_behind_a_long_run_that_a_snapshot_is_followed_by(connect, database, user):
    first, second = connect(), connect()
    ack = first.send("!text hello")
    first.end_of(ack["runId"])
    # The run has said everything, and is not over as long as its end is not stored.
    with Gate(database, "messages", f"new.role = 'assistant' and new.user_id = '{user}'") as gate:
        ack = first.send(LONG, thread=ack["threadId"])
        gate.reached()
        subscribed = second.subscribe(ack["threadId"])
        assert subscribed["mode"] == "snapshot"
        events = second.events(ack["threadId"])
        assert kinds(events)[0] == "RUN_STARTED"
        assert kinds(events)[-1] == "TEXT_MESSAGE_END", "told before the end of the text"
        assert events[-1]["metadata"]["parley"]["cursor"] == subscribed["cursor"]
        assert all(event["metadata"]["parley"].get("replay") for event in events)
        gate.open()
        for chat in (first, second):
            chat.end_of(ack["runId"])
    assert "replay" not in second.frames[-1]["metadata"]["parley"]
    assert second.thread(ack["threadId"]).texts == {
        message: text for message, text in first.thread(ack["threadId"]).texts.items() if len(text) > 1000}


def test_a_second_subscription_in_the_middle_of_a_run(chat):
    ack = chat.send("!tokens 200 10")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    chat.subscribe(ack["threadId"])
    chat.end_of(ack["runId"])
    place = kinds(chat.frames).index("snapshot")
    text = whole_run([frame for frame in chat.frames[place:] if "type" in frame])
    assert text == "word " * 200
    [asked] = chat.frames[place]["messages"]
    assert asked["id"] == ack["messageId"]


@pytest.fixture
def admin(gateway, user):
    return Api(gateway, f"{user}-admin", role="admin")


def test_an_older_message_that_is_deleted_in_the_middle_of_a_run(connect, admin, database):
    """Everybody sees the history without it and then the run from its beginning, and its end once."""
    first, second = connect(), connect()
    old = first.turn("!text old words")
    ack = first.send("!tokens 150 10", thread=old.thread)
    second.subscribe(old.thread)
    first.until({"type": "TEXT_MESSAGE_CONTENT"})
    [reply] = old.texts
    admin("DELETE", f"/api/messages/{reply}", status=204)
    for chat in (first, second):
        chat.until({"op": "snapshot"} if chat is first else lambda frame: frame.get("op") == "snapshot" and len(
            frame["messages"]) == 2)
        place = len(chat.frames) - 1
        chat.end_of(ack["runId"])
        assert [message["id"] for message in chat.frames[place]["messages"]] == [old.message, ack["messageId"]]
        text = whole_run([frame for frame in chat.frames[place:] if "type" in frame])
        assert text == "word " * 150 == database.messages(old.thread)[-1][2]
