"""The end of the gateway: asked for (SIGTERM, SIGINT), and not (SIGKILL), with what the next start makes of it."""

import http.client
import json
import signal

import pytest
import websockets.exceptions

from kit.gateway import Gateway
from kit.raw import RawWebSocket

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 400, "SCRIPTED_PACE_MS": 20}


@pytest.fixture
def gateway(request, database):
    gateway = Gateway(database, name=f"test_shutdown_{request.node.name}", **SETTINGS)
    try:
        yield gateway
    finally:
        gateway.remove()


def text(socket, thread):
    return "".join(socket.thread(thread).texts.values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_graceful_stop(gateway, user, number):
    sockets = [gateway.connect(f"{user}-{n}") for n in range(5)]
    gateway.process.signal(number)
    draining = sockets[0].until({"op": "draining"})
    assert draining["reconnectAfter"] >= 0
    assert [socket.closed() for socket in sockets] == [1012] * 5
    assert gateway.process.exit_code() == 0


def test_a_stop_in_the_middle_of_a_run(gateway, user, database):
    chat = gateway.connect(user)
    ack = chat.send("go")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    gateway.terminate()
    assert chat.closed() == 1012
    assert gateway.process.exit_code() == 0
    status = database.run_status(ack["runId"])
    gateway.start()
    with gateway.connect(user) as again:
        again.subscribe(ack["threadId"])
        if status != "completed":
            database.wait("select status from runs where id = %s", ack["runId"],
                          wanted=lambda status: status in ("completed", "interrupted", "cancelled", "failed"), timeout=30)
        stored = [content for _, role, content, _ in database.messages(ack["threadId"]) if role == "assistant"]
        assert stored and stored[0].startswith(text(chat, ack["threadId"])), "text that was shown is gone"


def test_what_waits_when_it_stops_is_run_by_the_next(database, user):
    """As after a crash: a message that was acknowledged is answered."""
    gateway = Gateway(database, name="test_shutdown_queue", AGENT="scripted", SCRIPTED_TOKENS=100, SCRIPTED_PACE_MS=20,
                      DRAIN_SECONDS=0)
    try:
        with gateway.connect(user) as chat:
            thread = chat.send("go")["threadId"]
            waiting = chat.send("and then", thread=thread)
            assert waiting["status"] == "queued"
            # Who waits for one over HTTP is cut off, not told that it was cancelled, also where a socket that does not
            # answer the close holds the stop up.
            mute = RawWebSocket(gateway, gateway.token(user))
            stream = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=15)
            stream.request("POST", f"/api/conversations/{thread}/messages", json.dumps({"content": "and last"}), {
                "Authorization": f"Bearer {gateway.token(user)}", "Content-Type": "application/json",
                "Accept": "text/event-stream"})
            answer = stream.getresponse()
            assert answer.status == 200
            gateway.terminate()
            with pytest.raises(http.client.IncompleteRead) as cut:
                answer.read()
            assert b"RUN_FINISHED" not in cut.value.partial
            assert chat.closed() == 1012
        assert gateway.process.exit_code() == 0
        mute.close()
        assert database.run_status(waiting["runId"]) == "queued"
        gateway.start()
        with gateway.connect(user) as again:
            again.subscribe(thread)
            assert again.end_of(waiting["runId"], timeout=30)["outcome"] == {"type": "success"}
    finally:
        gateway.remove()


def test_no_new_sockets_while_it_stops(gateway, user):
    chat = gateway.connect(user)
    gateway.terminate()
    chat.until({"op": "draining"})
    with pytest.raises((OSError, websockets.exceptions.WebSocketException)):
        gateway.connect(f"{user}-late")
    assert gateway.process.exit_code() == 0


def test_killed_in_the_middle_of_a_text(gateway, user, database):
    chat = gateway.connect(user)
    ack = chat.send("go")
    thread, run = ack["threadId"], ack["runId"]
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    # A checkpoint, that is at most a second of text lost.
    database.wait("select checkpoint is not null and checkpoint <> '' from runs where id = %s", run)
    gateway.kill()
    shown = text(chat, thread)
    assert database.run_status(run) == "running"

    gateway.start()
    database.wait("select status from runs where id = %s", run, wanted=lambda status: status == "interrupted", timeout=5)
    [reply] = [(content, status) for _, role, content, status in database.messages(thread) if role == "assistant"]
    assert reply[1] == "interrupted" and reply[0]
    assert shown.startswith(reply[0]) or reply[0].startswith(shown)
    with gateway.connect(user) as again:
        assert again.ready["epoch"] != chat.ready["epoch"]
        assert again.ready["runs"] == []
        cursor = chat.events(thread)[-1]["metadata"]["parley"]["cursor"]
        assert again.subscribe(thread, after=cursor)["mode"] == "snapshot"
        snapshot = next(frame for frame in again.frames if frame.get("op") == "snapshot")
        assert [message["content"] for message in snapshot["messages"]] == ["go", reply[0]]
        # The conversation goes on.
        second = again.send("go", thread=thread)
        assert second["status"] == "running"
        again.until({"type": "RUN_STARTED", "runId": second["runId"]})
        assert again.cancel(thread)["status"] == "cancelled"


def test_killed_before_the_first_token(database, user):
    """Nothing was shown or done: the run is repeated, and what waited behind it runs too."""
    gateway = Gateway(database, name="test_shutdown_first_token", AGENT="scripted", SCRIPTED_TOKENS=3,
                      SCRIPTED_PACE_MS=800)
    try:
        chat = gateway.connect(user)
        ack = chat.send("go")
        queued = chat.send("then this", thread=ack["threadId"])
        assert queued["status"] == "queued"
        gateway.kill()
        assert database.value("select checkpoint is null or checkpoint in ('', '[]') from runs where id = %s",
                              ack["runId"])
        gateway.start()
        with gateway.connect(user) as again:
            for run in (ack["runId"], queued["runId"]):
                database.wait("select status from runs where id = %s", run,
                              wanted=lambda status: status == "completed", timeout=30)
            roles = [role for _, role, _, _ in database.messages(ack["threadId"])]
            assert roles.count("user") == 2 and roles.count("assistant") == 2
            duplicate = again.send("go", thread=ack["threadId"], id=ack["id"])
            assert duplicate["status"] == "duplicate" and duplicate["runId"] == ack["runId"]
    finally:
        gateway.remove()


def test_a_gateway_that_starts_beside_another_leaves_its_runs_alone(gateway, user, database):
    """Both were given port 0 on the same host: they have ports of their own all the same."""
    with gateway.connect(user) as chat:
        ack = chat.send("go")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        row = "select node, status, heartbeat_at is not null from runs where id = %s"
        before = database.rows(row, ack["runId"])
        other = Gateway(database, name="test_shutdown_beside", AGENT="scripted")
        try:
            assert database.rows(row, ack["runId"]) == before
            assert chat.cancel(ack["threadId"])["status"] == "cancelled"
            assert database.run_status(ack["runId"]) == "cancelled"
        finally:
            other.remove()
