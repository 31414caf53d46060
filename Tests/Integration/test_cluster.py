"""Three gateways that are one: sockets of a user at any of them see one session, and outlive the gateway that has it."""

import pytest
import websockets.exceptions

from kit.cluster import GatewayCluster
from kit.http import Api, text_of as text_of_events

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 100, "SCRIPTED_PACE_MS": 10, "DRAIN_SECONDS": 20}


@pytest.fixture(scope="module")
def cluster(database):
    cluster = GatewayCluster(database, "test_cluster", **SETTINGS)
    try:
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture
def sockets(cluster, user):
    """`sockets(0, 1)`: one at each of these gateways, opened in this order, so that the first gateway has the session."""
    opened = []

    def connect(*places, **options):
        new = [cluster[place].connect(user, **options) for place in places]
        opened.extend(new)
        return new

    yield connect
    for socket in opened:
        socket.close()


def text_of(socket, thread, run):
    return "".join(e["delta"] for e in socket.events(thread, run) if e["type"] == "TEXT_MESSAGE_CONTENT")


def answered(socket, id):
    """The answer to a frame that was posted, whether it came already or is to come: before what else is told, or behind."""
    def is_it(frame):
        return frame.get("id") == id
    return next(filter(is_it, socket.frames), None) or socket.until(is_it)


def asked(database, thread):
    return [content for _, role, content, _ in database.messages(thread) if role == "user"]


def test_one_session(sockets, database):
    first, second, third = sockets(0, 1, 2)
    for other in (second, third):
        assert (other.ready["sessionId"], other.ready["epoch"]) == (first.ready["sessionId"], first.ready["epoch"])
    ack = second.send("go")
    third.subscribe(ack["threadId"])
    first.subscribe(ack["threadId"])
    for socket in (first, second, third):
        assert socket.end_of(ack["runId"])["outcome"] == {"type": "success"}
    texts = {text_of(socket, ack["threadId"], ack["runId"]) for socket in (first, second, third)}
    assert len(texts) == 1 and texts.pop()


def test_cancel_queue_and_busy_from_anywhere(sockets):
    first, second = sockets(0, 1)
    ack = first.send("!tokens 1000 10")
    thread = ack["threadId"]
    queued = second.send("next", thread=thread)
    assert queued["status"] == "queued" and queued["position"] == 1
    assert second.error(op="send", id="b", threadId=thread, content="x", policy="reject")["code"] == "busy"
    assert second.cancel(thread, ack["runId"])["status"] == "cancelled"
    assert first.end_of(ack["runId"])["outcome"] == {"type": "cancelled"}
    assert second.end_of(queued["runId"])["outcome"] == {"type": "success"}
    assert second.send("next", thread=thread, id="b2")["status"] == "running"
    assert first.send("next", thread=thread, id="b2")["status"] == "duplicate"


def test_a_cursor_holds_anywhere(sockets):
    first, second = sockets(0, 1)
    ack = second.send("go")
    second.until({"type": "TEXT_MESSAGE_CONTENT"})
    second.so_far()
    cursor = [e["metadata"]["parley"]["cursor"] for e in second.events(ack["threadId"])][-1]
    second.close()
    [third] = sockets(2)
    third.carry_over(ack["threadId"], second)
    assert third.subscribe(ack["threadId"], after=cursor)["mode"] == "resumed"
    assert third.end_of(ack["runId"])["outcome"] == {"type": "success"}


def test_without_an_id_and_by_hand(sockets, database):
    """What a gateway names for itself is no matter of the client's."""
    first, second = sockets(0, 1, subprotocols=())
    second.post(op="send", content="one")
    ack = second.until({"op": "ack"})
    assert "id" not in ack
    second.end_of(ack["runId"])
    second.raw("two")
    again = second.until({"op": "ack"})
    assert "id" not in again and again["threadId"] == ack["threadId"]
    second.post(op="cancel", threadId=ack["threadId"])
    assert "id" not in second.until({"op": "ack"})


def test_a_large_message_and_a_large_history(sockets):
    first, second = sockets(0, 1)
    text = "é" * 9_000
    ack = None
    for _ in range(12):
        ack = second.send(text, thread=ack and ack["threadId"])
        second.cancel(ack["threadId"])
    [third] = sockets(2)
    assert third.subscribe(ack["threadId"])["mode"] == "snapshot"
    snapshot = next(frame for frame in third.frames if frame.get("op") == "snapshot")
    assert sum(message["content"] == text for message in snapshot["messages"]) == 12


def test_requests_anywhere(cluster, sockets, user, database):
    """Answered as by the gateway that has the session: its sockets hear of them."""
    [first] = sockets(0)
    api = Api(cluster[1], user)
    made = api("POST", f"/api/users/{user}/conversations", {"title": "here"}, 201)
    assert first.until({"op": "thread", "threadId": made["id"]})["title"] == "here"
    first.subscribe(made["id"])
    path = f"/api/conversations/{made['id']}"
    events = list(api.stream(f"{path}/messages", {"content": "go", "id": "once"}).events())
    assert events[-1]["outcome"] == {"type": "success"}
    assert first.end_of(events[0]["runId"])["outcome"] == {"type": "success"}
    assert set(text_of_events(events).values()) == {text_of(first, made["id"], events[0]["runId"])}
    again = Api(cluster[2], user)("POST", f"{path}/messages", {"content": "go", "id": "once"}, 202)
    assert (again["run_id"], again["status"]) == (events[0]["runId"], "duplicate")
    assert api("PATCH", path, {"title": "there"})["title"] == "there"
    assert first.until({"op": "thread", "threadId": made["id"]})["title"] == "there"
    running = api("POST", f"{path}/messages", {"content": "!tokens 1000 10"}, 202)
    assert api.refusal("POST", f"{path}/messages", {"content": "x", "policy": "reject"}, 409) == "busy"
    first.until({"type": "RUN_STARTED", "runId": running["run_id"]})
    [seen] = [s for s in api("GET", f"/api/users/{user}/sessions")["data"]]
    assert seen["gateway"].endswith(f":{cluster[0].port}")
    assert api("DELETE", path, status=204) is None
    assert first.until({"op": "thread", "threadId": made["id"]})["status"] == "deleted"
    assert database.run_status(running["run_id"]) == "cancelled"


def test_who_is_where(cluster, sockets, user):
    first, second = sockets(0, 1)
    for gateway in cluster.gateways:
        seen = Api(gateway, user)("GET", f"/api/users/{user}/sessions")["data"]
        assert [s["gateway"].rsplit(":", 1)[1] for s in seen] == [str(cluster[0].port), str(cluster[1].port)]


def test_over_agui(cluster, sockets, user):
    [first] = sockets(0)
    events = list(Api(cluster[1], user).stream("/agui", {
        "threadId": "t", "runId": "r", "messages": [{"id": "1", "role": "user", "content": "go"}],
        "tools": [], "context": [], "state": {}, "forwardedProps": {}}).events())
    assert events[0]["type"] == "RUN_STARTED" and events[-1]["outcome"] == {"type": "success"}
    assert first.until({"op": "thread"})


def test_an_event_stream_anywhere(cluster, sockets, user):
    [first] = sockets(0)
    [stream] = sockets(1, transport="events")
    assert stream.ready["sessionId"] == first.ready["sessionId"]
    ack = first.send("go")
    stream.subscribe(ack["threadId"])
    assert stream.end_of(ack["runId"])["outcome"] == {"type": "success"}
    assert stream.send("again", thread=ack["threadId"])["status"] == "running"


def test_deleted_through_another(cluster, sockets, user):
    first, second = sockets(0, 1)
    assert Api(cluster[2], user)("DELETE", f"/api/users/{user}", status=204) is None
    assert first.closed() == 4401 and second.closed() == 4401


def test_its_gateway_is_killed(cluster, sockets, database):
    """The others keep their sockets, are told how the run ended, and what was said meanwhile is stored once."""
    first, second, third = sockets(0, 1, 2)
    ack = second.send("!tokens 1000 10")
    thread = ack["threadId"]
    third.subscribe(thread)
    # Something of it is stored: it is not run again.
    database.wait("select checkpoint is not null from runs where id = %s", ack["runId"])
    cluster[0].kill()
    try:
        second.post(op="send", id="after", threadId=thread, content="after")
        for socket in (second, third):
            snapshot = socket.until({"op": "snapshot"})
            [question] = [m for m in snapshot["messages"] if m["role"] == "user"][:1]
            assert question["metadata"]["parley"]["run"]["code"] == "interrupted"
        answer = answered(second, "after")
        assert answer["op"] == "ack"
        assert second.end_of(answer["runId"])["outcome"] == {"type": "success"}
        assert asked(database, thread) == ["!tokens 1000 10", "after"]
    finally:
        cluster[0].start()


def test_its_gateway_stops(cluster, sockets, database):
    """What runs streams to its end through the gateways that stay; what is said meanwhile is not refused."""
    first, second = sockets(0, 1)
    ack = second.send("!tokens 200 10")
    thread = ack["threadId"]
    second.until({"type": "TEXT_MESSAGE_CONTENT"})
    cluster[0].terminate()
    try:
        assert first.until({"op": "draining"})
        assert first.closed() == 1012
        second.post(op="send", id="after", threadId=thread, content="after")
        assert second.end_of(ack["runId"])["outcome"] == {"type": "success"}
        answer = answered(second, "after")
        assert answer["op"] == "ack", answer
        assert second.end_of(answer["runId"])["outcome"] == {"type": "success"}
        assert not [frame for frame in second.frames if frame.get("op") == "draining"]
        assert cluster[0].process.exit_code() == 0
    finally:
        cluster[0].process.end()
        cluster[0].start()


def test_its_broker_is_away(cluster, sockets, user):
    """Who is where the session is notices nothing; others are told so, within a second or so, and all heals."""
    first, second = sockets(0, 1)
    ack = first.send("!tokens 100 10")
    cluster.broker.kill()
    try:
        with pytest.raises(websockets.exceptions.InvalidStatus) as refusal:
            cluster[2].connect(user)
        assert refusal.value.response.status_code == 503 and int(refusal.value.response.headers["Retry-After"]) >= 1
        assert first.end_of(ack["runId"])["outcome"] == {"type": "success"}
        assert second.closed() == 1012
    finally:
        cluster.broker.start()
    again = cluster[1].let_in(user)
    assert again.ready["sessionId"] == first.ready["sessionId"]
    again.subscribe(ack["threadId"])
    assert again.send("go", thread=ack["threadId"])["status"] == "running"
    again.close()
