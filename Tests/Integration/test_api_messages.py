"""Messages over HTTP: pages, turns with their answers, and the event stream."""

import itertools
import socket
import uuid

import pytest

from kit import agui
from kit.http import Api, text_of

SETTINGS = {"STREAM_KEEP_ALIVE_SECONDS": 1, "MAX_MESSAGES_PER_CONVERSATION": 60}


@pytest.fixture
def api(gateway, user):
    return Api(gateway, user)


@pytest.fixture
def thread(connect):
    return connect().turn("add milk").thread


def path(thread, query=""):
    return f"/api/conversations/{thread}/messages{query}"


def test_pages_in_both_directions(api, connect):
    chat = connect()
    thread = chat.turn("add 1").thread
    for number in range(2, 6):
        chat.turn(f"add {number}", thread=thread)
    whole = api("GET", path(thread, "?limit=200"))
    assert whole["next"] is None
    ids = [item["id"] for item in whole["data"]]
    assert [item["position"] for item in whole["data"]] == list(range(1, len(ids) + 1))
    back = api.pages(path(thread, "?limit=3"))
    assert [item["id"] for page in reversed(back) for item in page] == ids and len(back) > 2
    assert ids[0] == whole["data"][0]["id"]
    forward = api.pages(path(thread, f"?limit=3&after={ids[0]}").replace(f"&after={ids[0]}", ""), by="before")
    assert len(forward) == len(back)
    # Forward from the first, with a message that comes in between.
    first = api("GET", path(thread, f"?limit=4&after={ids[0]}"))
    chat.turn("add 6", thread=thread)
    rest, place = [], first["next"]
    while place:
        page = api("GET", path(thread, f"?limit=4&after={place}"))
        rest += page["data"]
        place = page["next"]
    found = [ids[0]] + [item["id"] for item in first["data"] + rest]
    assert found == [item["id"] for item in api("GET", path(thread, "?limit=200"))["data"]]


def test_wrong_pages(api, thread, connect):
    other = connect().turn("hello").thread
    strange = api("GET", path(other))["data"][0]["id"]
    for query in (f"?before={strange}", "?before=x", f"?after={uuid.uuid4()}", "?limit=0",
                  f"?before={strange}&after={strange}"):
        assert api.refusal("GET", path(thread, query)) == "invalid_field", query
    assert api("GET", path(thread, "?nonsense=1"))["data"]


def test_a_turn(api, thread, connect, database):
    listener = connect()
    listener.subscribe(thread)
    accepted = api("POST", path(thread), {"content": "add eggs", "id": "k1"}, 202)
    assert accepted["status"] == "running" and accepted["conversation_id"] == thread and accepted["position"] is None
    listener.end_of(accepted["run_id"])
    stored = {row[0]: row for row in database.messages(thread)}
    assert stored[accepted["message_id"]][2] == "add eggs"
    again = api("POST", path(thread), {"content": "add eggs", "id": "k1"}, 202)
    assert again == {**accepted, "status": "duplicate"}
    assert len(database.messages(thread)) == len(stored)


def test_a_turn_as_a_stream(api, thread, database):
    answer = api.stream(path(thread), {"content": "add eggs", "id": "s1"})
    assert answer.status == 200 and answer.answer.headers["Cache-Control"] == "no-store, no-transform"
    order = agui.Thread()
    events = []
    for event in answer.events():
        order.apply(event)
        events.append(event)
    assert events[0]["type"] == "RUN_STARTED" and events[-1]["type"] == "RUN_FINISHED"
    stored = {row[0]: row[2] for row in database.messages(thread)}
    for message, text in text_of(events).items():
        assert stored[message] == text
    # Repeated while its log is held: the same run again, and nothing new.
    again = list(api.stream(path(thread), {"content": "add eggs", "id": "s1"}).events())
    assert again[0]["runId"] == events[0]["runId"] and text_of(again) == text_of(events)
    assert {row[0] for row in database.messages(thread)} == set(stored)


@pytest.mark.parametrize("body, status, code", [
    ({}, 400, "invalid_field"), ({"content": 5}, 400, "invalid_field"), ({"content": " "}, 400, "empty_content"),
    ({"content": "x" * 10_001}, 413, "content_too_long"), ({"content": "x", "id": "y" * 65}, 400, "invalid_field"),
    ({"content": "x", "policy": "soon"}, 400, "invalid_field"), ("{", 400, "invalid_json"), ("[]", 400, "invalid_json"),
])
def test_wrong_messages(api, thread, body, status, code):
    assert api.refusal("POST", path(thread), body, status) == code


def test_what_is_not_json_or_too_large(api, thread):
    assert api.refusal("POST", path(thread), "content=x", 415, Content_Type="text/plain") == "invalid_field"
    assert api.raw("POST", path(thread), b'{"content":"' + b"x" * (1 << 20) + b'"}')[0] == 413


def test_somebody_elses_and_missing_conversations_look_the_same(gateway, api, thread, user):
    other = Api(gateway, f"{user}-other")
    bodies = {other.raw(method, path(id), {"content": "x"} if method == "POST" else None)[::2]
              for method in ("GET", "POST") for id in (thread, str(uuid.uuid4()), "nonsense")}
    assert [status for status, _ in bodies] == [404], bodies


def test_a_full_conversation(gateway, api, database, connect):
    chat = connect()
    thread = chat.turn("hello").thread
    while len(database.messages(thread)) < 60:
        chat.turn("hello", thread=thread)
    assert api.refusal("POST", path(thread), {"content": "one more"}, 422) == "conversation_full"


def test_methods(api, thread):
    status, headers, _ = api.raw("PUT", path(thread), {})
    assert status == 405 and headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    status, headers, body = api.raw("OPTIONS", path(thread))
    assert status == 204 and headers["Allow"] == "GET, POST, HEAD, OPTIONS" and body == b""
    whole = api.raw("GET", path(thread))
    status, headers, body = api.raw("HEAD", path(thread))
    assert status == 200 and body == b"" and int(headers["Content-Length"]) == len(whole[2])


def test_what_has_not_changed_is_not_sent_again(api, thread):
    _, headers, _ = api.raw("GET", path(thread))
    status, again, body = api.raw("GET", path(thread), headers={"If-None-Match": f'"x", {headers["ETag"]}'})
    assert (status, body, again["ETag"], again["Cache-Control"]) == (304, b"", headers["ETag"], "no-store")
    api("POST", path(thread), {"content": "more"}, 202)
    assert api.raw("GET", path(thread), headers={"If-None-Match": headers["ETag"]})[0] == 200


@pytest.fixture(scope="module")
def slow(database):
    """A gateway whose replies take their time."""
    from kit.gateway import Gateway
    gateway = Gateway(database, name="test_api_messages_slow", AGENT="scripted", SCRIPTED_TOKENS=100_000,
                      SCRIPTED_PACE_MS=1, STREAM_KEEP_ALIVE_SECONDS=1)
    try:
        yield gateway
    finally:
        gateway.remove()


def begin(gateway, user):
    """A conversation in which a reply is under way; its socket and ack."""
    chat = gateway.connect(user)
    return chat, chat.send("hello")


def test_busy_and_full_queues(slow, user):
    chat, ack = begin(slow, user)
    api = Api(slow, user)
    target = path(ack["threadId"])
    assert api.refusal("POST", target, {"content": "x", "policy": "reject"}, 409) == "busy"
    for place in range(8):
        queued = api("POST", target, {"content": "x"}, 202)
        assert (queued["status"], queued["position"]) == ("queued", place + 1)
    assert api.refusal("POST", target, {"content": "x"}, 409) == "queue_full"
    chat.close()


def test_a_queued_turn_streams_its_own_run_only_and_tells_that_it_was_cancelled(slow, user):
    chat, ack = begin(slow, user)
    stream = Api(slow, user).stream(path(ack["threadId"]), {"content": "next", "id": "q"})
    queued = chat.send("next", thread=ack["threadId"], id="q")
    assert queued["status"] == "duplicate"
    assert stream.answer.readline() == b": keep-alive\n", "nothing keeps the stream alive while it waits"
    chat.post(op="cancel", id="c", threadId=ack["threadId"], runId=queued["runId"])
    events = list(stream.events())
    assert [event["type"] for event in events] == ["RUN_STARTED", "RUN_FINISHED"]
    assert events[0]["runId"] == queued["runId"] and events[1]["outcome"] == {"type": "cancelled"}
    [place] = {tuple(event["metadata"]["parley"].items()) for event in events}
    assert dict(place)["threadId"] == ack["threadId"]
    # Nothing was said here of the run that is active: who goes on behind this on a socket gets all of that.
    with slow.connect(user) as second:
        second.subscribe(ack["threadId"], after=dict(place)["cursor"])
        second.until({"type": "TEXT_MESSAGE_CONTENT"})
        assert [f["runId"] for f in second.frames if f.get("type") == "RUN_STARTED"] == [ack["runId"]]
    chat.close()


def test_a_client_that_goes_away_does_not_cancel(slow, user):
    chat = slow.connect(user)
    thread = chat.send("hello")["threadId"]
    stream = Api(slow, user).stream(path(thread), {"content": "go on", "policy": "interrupt"})
    events = stream.events()
    run = next(events)["runId"]
    while next(events)["type"] != "TEXT_MESSAGE_CONTENT":
        pass
    stream.answer.close()
    stream.close()
    seen = sum(len(e.get("delta", "")) for e in chat.events(run_id=run))
    chat.until(lambda frame: frame.get("type") == "TEXT_MESSAGE_CONTENT" and len(chat.frames) > seen + 200)
    assert run not in chat.thread(thread).outcomes
    chat.post(op="cancel", id="c", threadId=thread)
    chat.end_of(run)
    chat.close()


def test_a_slow_reader_gets_merged_deltas(database, user):
    from kit.gateway import Gateway
    gateway = Gateway(database, name="test_api_messages_fast", AGENT="scripted", SCRIPTED_TOKENS=30_000)
    try:
        chat = gateway.connect(user)
        thread = chat.send("hello")["threadId"]
        stream = Api(gateway, user).stream(path(thread), {"content": "go on", "policy": "interrupt"})
        stream.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        events = stream.events()
        run = next(events)["runId"]
        # Nothing more is read until all of it has been said.
        assert chat.end_of(run, timeout=60)["outcome"] == {"type": "success"}
        rest = list(events)
        assert rest[-1]["type"] == "RUN_FINISHED" and len(rest) < 30_000
        [(message, text)] = text_of(rest).items()
        stored = database.value("select content from parley.messages where id = %s", message)
        assert (len(text), text) == (len(stored), stored)
        chat.close()
    finally:
        gateway.remove()


@pytest.mark.parametrize("pace, ahead, reads", [(1, 300, (1, 100)), (0, 20, (1, 10, 100))])
def test_a_stop_while_the_reader_is_behind(database, user, pace, ahead, reads):
    """What a stream shows of a stopped reply is what is stored, however far its reader had got."""
    from kit.gateway import Gateway
    gateway = Gateway(database, name="test_api_messages_stop", AGENT="scripted", SCRIPTED_TOKENS=30_000,
                      SCRIPTED_PACE_MS=pace)
    try:
        chat = gateway.connect(user)
        thread = chat.send("hello")["threadId"]
        for read in reads:
            stream = Api(gateway, user).stream(path(thread), {"content": "go on", "policy": "interrupt"})
            stream.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            events = stream.events()
            run = next(events)["runId"]
            seen = list(itertools.islice(events, read))
            # The socket keeps up, so this many have been said; over there most of them may wait.
            for _ in range(ahead):
                chat.until(lambda frame: frame.get("type") == "TEXT_MESSAGE_CONTENT")
            chat.post(op="cancel", threadId=thread, runId=run)
            outcome = chat.end_of(run, timeout=60)["outcome"]["type"]
            # Without a pace the reply may have been quicker than the stop.
            assert outcome == "cancelled" or outcome == "success" and pace == 0
            rest = seen + list(events)
            assert rest[-1]["type"] == "RUN_FINISHED"
            [(message, text)] = text_of(rest).items()
            stored = database.value("select content from parley.messages where id = %s", message)
            assert (read, len(text), text) == (read, len(stored), stored)
        chat.close()
    finally:
        gateway.remove()


def test_the_server_stops(database, user):
    from kit.gateway import Gateway
    gateway = Gateway(database, name="test_api_messages_stop", AGENT="scripted", SCRIPTED_TOKENS=100_000,
                      SCRIPTED_PACE_MS=1, DRAIN_SECONDS=0)
    try:
        chat, ack = begin(gateway, user)
        stream = Api(gateway, user).stream(path(ack["threadId"]), {"content": "x", "policy": "interrupt"})
        events = stream.events()
        next(events)
        gateway.terminate()
        last = list(events)[-1]
        assert last["type"] == "RUN_ERROR" and last["code"] == "interrupted"
    finally:
        gateway.remove()
