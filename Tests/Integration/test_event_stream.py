"""A chat where WebSockets do not pass: section 12 of the protocol. What it has in common with a socket is tried over both."""

import http.client
import json
import socket
import uuid

import pytest

from kit.chat import ChatSocket
from kit.events import StreamConnection
from kit.gateway import Gateway
from kit.nginx import Nginx

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 80, "SCRIPTED_PACE_MS": 15, "STREAM_KEEP_ALIVE_SECONDS": 1,
            "MAX_SOCKETS_PER_USER": 4, "ALLOWED_ORIGINS": "https://shop.example"}
MEBIBYTE = 1 << 20


@pytest.fixture
def stream(connect):
    return connect(transport="events")


def stored_reply(database, thread):
    return "".join(content for _, role, content, _ in database.messages(thread) if role == "assistant")


def resumed(stream):
    """Takes the stream up again; its first frame."""
    stream.connection.resume()
    ready = stream.receive()
    assert ready["op"] == "ready" and ready["streamId"] == stream.ready["streamId"]
    return ready


# --- the stream

def test_the_first_frame_and_the_head(gateway, stream, user):
    assert stream.ready["userId"] == user and uuid.UUID(stream.ready["streamId"])
    assert "resumed" not in stream.ready
    headers = stream.connection.answer.headers
    assert headers["X-Accel-Buffering"] == "no" and "no-store" in headers["Cache-Control"]
    assert stream.connection.last_id == f"{stream.ready['streamId']}.1"
    status, headers, body = gateway.request("HEAD", "/events", headers={"Authorization": f"Bearer {gateway.token(user)}"})
    assert (status, headers.get_content_type(), body) == (200, "text/event-stream", b"")


def test_a_socket_and_a_stream_are_one_session(connect, stream):
    other = connect()
    assert other.ready["sessionId"] == stream.ready["sessionId"] and other.ready["epoch"] == stream.ready["epoch"]
    ack = stream.send("go")
    other.subscribe(ack["threadId"])
    assert stream.end_of(ack["runId"])["outcome"] == other.end_of(ack["runId"])["outcome"] == {"type": "success"}


def test_a_page_of_an_allowed_origin(gateway, user):
    for origin, status in (("https://shop.example", 200), ("https://elsewhere.example", 403)):
        answer = gateway.request("HEAD", "/events", headers={
            "Authorization": f"Bearer {gateway.token(user)}", "Origin": origin})
        assert answer[0] == status
        assert answer[1].get("Access-Control-Allow-Origin") == (origin if status == 200 else None)


@pytest.mark.parametrize("token", [None, "nonsense", "expired"])
def test_nobody(gateway, user, stream, token):
    if token == "expired":
        token = gateway.token(user, ttl=-60)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert gateway.error_code(gateway.request("GET", "/events", headers=headers)) == "unauthenticated"
    path = f"/events/{stream.ready['streamId']}"
    assert gateway.error_code(gateway.request("POST", path, '{"op":"ping"}', headers)) == "unauthenticated"


def test_something_is_said_when_there_is_nothing_to_say(stream):
    assert stream.so_far() == []
    for _ in range(2):
        with pytest.raises(TimeoutError):
            stream.connection.recv(timeout=1.2)
    assert stream.connection.comments
    assert stream.so_far() == []


# --- requests

def test_frames_in_their_order(stream):
    status, body = stream.connection.post(json.dumps([{"op": "ping", "id": f"p{n}"} for n in range(50)]))
    assert (status, body) == (202, b"")
    assert [stream.receive()["id"] for _ in range(50)] == [f"p{n}" for n in range(50)]
    assert stream.connection.post("[]") == (202, b"")


@pytest.mark.parametrize("frame, code", [
    ('{"op":"dance","id":"a"}', "invalid_op"), ('{"id":"a"}', "invalid_op"), ("[3]", "invalid_json"),
    ('{"op":"send","id":"a","content":3}', "invalid_field"), ('{"op":"send","id":"a","content":" "}', "empty_content"),
    ('{"op":"cancel","id":"a","threadId":"none"}', "thread_not_found")])
def test_a_frame_that_can_not_be(stream, frame, code):
    assert stream.connection.post(frame)[0] == 202
    answer = stream.receive()
    assert (answer["op"], answer["code"]) == ("error", code)
    assert answer.get("id") == ("a" if frame.startswith("{") else None)


@pytest.mark.parametrize("body, headers, status, code", [
    ("nonsense", {}, 400, "invalid_json"), ("", {}, 400, "invalid_json"), ("3", {}, 400, "invalid_json"),
    ('{"op":"ping"}', {"Content-Type": "text/plain"}, 415, "invalid_field")])
def test_a_request_without_frames(stream, body, headers, status, code):
    answer = stream.connection.post(body, headers=headers)
    assert (answer[0], json.loads(answer[1])["error"]["code"]) == (status, code)
    assert stream.so_far() == []


@pytest.mark.parametrize("id", ["another's", "unknown", "nonsense"])
def test_a_stream_that_is_not_there(gateway, connect, stream, user, id):
    if id == "another's":
        id = connect(f"{user}-other", transport="events").ready["streamId"]
    elif id == "unknown":
        id = uuid.uuid4()
    for body in ('{"op":"ping"}', "nonsense"):
        status, answer = stream.connection.post(body, stream=id)
        assert (status, json.loads(answer)["error"]["code"]) == (404, "not_found")


def test_too_many_bad_frames(stream):
    stream.connection.post(json.dumps([3] * 300))
    assert stream.closed() == 4429
    assert stream.connection.post('{"op":"ping"}')[0] == 404


def test_too_many_requests_that_make_no_sense(stream):
    for _ in range(102):
        stream.connection.post("nonsense")
    assert stream.closed() == 4429


@pytest.mark.parametrize("pack", [lambda frame: frame, lambda frame: [{"op": "ping"}, frame]], ids=["one", "in an array"])
def test_a_frame_that_is_too_long(stream, pack):
    frame = {"op": "ping", "pad": "x" * (256 << 10)}
    status, body = stream.connection.post(json.dumps(pack(frame)))
    assert (status, json.loads(body)["error"]["code"]) == (413, "content_too_long")
    assert stream.closed() == 1009


def test_frames_that_are_long_together(stream):
    frames = [{"op": "ping", "id": str(n), "pad": "x" * (200 << 10)} for n in range(4)]
    assert stream.connection.post(json.dumps(frames))[0] == 202
    assert [stream.receive()["id"] for _ in range(4)] == ["0", "1", "2", "3"]


# --- cut and taken up

@pytest.mark.parametrize("after", [0, 5, 30])
def test_cut_in_the_middle_of_a_text(stream, database, after):
    ack = stream.send("go")
    for _ in range(after):
        stream.until({"type": "TEXT_MESSAGE_CONTENT"})
    stream.connection.cut()
    ready = resumed(stream)
    assert ready["resumed"] is True
    assert [run["runId"] for run in ready["runs"]] in ([ack["runId"]], [])
    assert stream.end_of(ack["runId"])["outcome"] == {"type": "success"}
    [text] = stream.thread(ack["threadId"]).texts.values()
    assert text == stored_reply(database, ack["threadId"])
    assert not any(frame.get("op") == "snapshot" for frame in stream.frames)


def test_cut_again_and_again(stream, database):
    ack = stream.send("go")
    for _ in range(12):
        stream.until({"type": "TEXT_MESSAGE_CONTENT"})
        stream.connection.cut()
        resumed(stream)
    assert stream.end_of(ack["runId"])["outcome"] == {"type": "success"}
    [text] = stream.thread(ack["threadId"]).texts.values()
    assert text == stored_reply(database, ack["threadId"])


def test_frames_that_were_sent_while_it_was_cut(stream, database):
    stream.connection.cut()
    stream.post(op="ping", id="p")
    stream.post(op="send", id="s", content="go")
    # What is stored by now has its answer.
    stream.post(op="send", id="empty", content=" ")
    resumed(stream)
    assert stream.receive() == {"op": "pong", "id": "p"}
    ack = stream.until({"op": "ack", "id": "s"})
    assert stream.end_of(ack["runId"])["outcome"] == {"type": "success"}
    [text] = stream.thread(ack["threadId"]).texts.values()
    assert text == stored_reply(database, ack["threadId"])
    assert len([frame for frame in stream.frames if frame.get("id") == "empty"]) == 1


def test_taken_up_while_it_is_open(stream):
    """The gateway may hear of the end of the old connection late."""
    old = stream.connection.answer
    stream.connection.post('{"op":"ping","id":"unread"}')
    resumed(stream)
    assert stream.receive() == {"op": "pong", "id": "unread"}
    stream.post(op="ping", id="new")
    assert stream.receive() == {"op": "pong", "id": "new"}
    old.close()


@pytest.mark.parametrize("id", ["another's", "unknown", "beyond", "nonsense", "", "-1", "x" * 500])
def test_nothing_to_take_up(gateway, connect, stream, user, id):
    other = connect(f"{user}-other", transport="events")
    last = {"another's": other.connection.last_id, "unknown": f"{uuid.uuid4()}.1",
            "beyond": f"{stream.ready['streamId']}.99"}.get(id, id)
    headers = {"Authorization": f"Bearer {gateway.token(user)}"}
    begun = StreamConnection(gateway.port, headers=headers, last_id=last)
    ready = json.loads(begun.recv())
    assert ready["op"] == "ready" and "resumed" not in ready and ready["userId"] == user
    assert ready["streamId"] not in (stream.ready["streamId"], other.ready["streamId"])
    begun.close()
    other.so_far()


def test_more_answers_than_are_kept(stream):
    """1 MiB is kept for a client that is away; then the stream is over."""
    stream.connection.cut()
    frames = json.dumps([{"op": "ping", "id": "x" * 60}] * 4000)
    statuses = [stream.connection.post(frames)[0] for _ in range(8)]
    assert statuses[0] == 202 and statuses[-1] == 404
    stream.connection.resume()
    ready = stream.receive()
    assert ready["op"] == "ready" and "resumed" not in ready and ready["streamId"] != stream.ready["streamId"]


def test_as_many_answers_as_are_kept(stream):
    stream.connection.cut()
    frames = json.dumps([{"op": "ping", "id": f"{n:060}"} for n in range(2500)])
    for _ in range(2):
        assert stream.connection.post(frames)[0] == 202
    resumed(stream)
    got = [stream.receive()["id"] for _ in range(5000)]
    assert got == [f"{n:060}" for n in range(2500)] * 2


def test_a_stream_that_nobody_reads(gateway, user):
    """Over 1 MiB behind: it is told so behind what it has."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(15)
    raw.connect(("127.0.0.1", gateway.port))
    raw.sendall(f"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token(user)}\r\n\r\n".encode())
    stream = raw.makefile("rb")
    ready = next(json.loads(line[6:]) for line in stream if line.startswith(b"data: "))
    frames = json.dumps([{"op": "ping", "id": "x" * 60}] * 6000)
    headers = {"Authorization": f"Bearer {gateway.token(user)}", "Content-Type": "application/json"}
    for _ in range(40):
        if gateway.request("POST", f"/events/{ready['streamId']}", frames, headers)[0] == 404:
            break
    data = [json.loads(line[6:]) for line in stream if line.startswith(b"data: ")]
    assert (data[-1]["op"], data[-1]["code"]) == ("closing", 4408)
    assert {frame["op"] for frame in data[:-1]} == {"pong"}
    raw.close()


def test_a_stream_that_was_cut_makes_room(connect, stream, user):
    others = [connect(transport="events") for _ in range(2)] + [connect()]
    stream.connection.cut()
    # The gateway has heard of it when there is room for one more, instead of the one that was cut.
    for _ in range(100):
        new = connect(ready=False)
        try:
            assert new.receive()["op"] == "ready"
            break
        except Exception:  # one too many as yet
            continue
    stream.connection.resume()
    assert stream.closed() == 4429
    for other in others:
        assert other.so_far() == []


# --- what is between, and the end

def test_through_nginx_with_its_defaults(gateway, user, database):
    with Nginx(gateway) as nginx:
        chat = ChatSocket(nginx, gateway.token(user), transport="events")
        ack = chat.send("go")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        assert "TEXT_MESSAGE_END" not in [event["type"] for event in chat.events()], "held back on the way"
        chat.connection.cut()
        assert resumed(chat)["resumed"] is True
        assert chat.end_of(ack["runId"])["outcome"] == {"type": "success"}
        assert "".join(chat.thread(ack["threadId"]).texts.values()) == stored_reply(database, ack["threadId"])
        with pytest.raises(Exception):
            ChatSocket(nginx, gateway.token(user), url=f"ws://127.0.0.1:{nginx.port}/ws")
        chat.close()


def test_the_gateway_stops(database, user):
    gateway = Gateway(database, name="test_event_stream_stop", **SETTINGS)
    try:
        busy, idle = (gateway.connect(name, transport="events") for name in (user, f"{user}-idle"))
        ack = busy.send("go")
        busy.until({"type": "TEXT_MESSAGE_CONTENT"})
        gateway.terminate()
        assert "reconnectAfter" in busy.until({"op": "draining"})
        assert idle.closed() == 1012
        # What runs is shown to its end, also to a stream that is cut meanwhile.
        busy.connection.cut()
        assert resumed(busy)["resumed"] is True
        busy.post(op="send", id="late", content="go")
        assert busy.until({"op": "error", "id": "late"})["code"] == "unavailable"
        assert busy.end_of(ack["runId"])["outcome"] == {"type": "success"}
        assert busy.closed() == 1012
        assert gateway.process.exit_code() == 0
    finally:
        gateway.remove()
