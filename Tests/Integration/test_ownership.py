"""Two gateways on one database, and no broker between them: one has a user's session, and the other says so."""

import signal
import threading

import pytest
import websockets.exceptions

from kit.figures import figures, grown, total
from kit.gateway import Gateway
from kit.http import Api

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 100_000, "SCRIPTED_PACE_MS": 5, "SHARDS": 2}


@pytest.fixture(scope="module")
def other(database, gateway):
    other = Gateway(database, name="test_ownership_other", AUTH_JWT_SECRET=gateway.secret, **SETTINGS)
    other.secret = gateway.secret
    try:
        yield other
    finally:
        other.remove()


def refused(gateway, user):
    """A handshake that must be refused, as it must be: with when to come again."""
    with pytest.raises(websockets.exceptions.InvalidStatus) as caught:
        gateway.connect(user)
    response = caught.value.response
    assert response.status_code == 503 and b'"unavailable"' in response.body
    assert 1 <= int(response.headers["Retry-After"]) <= 5


@pytest.fixture
def busy(gateway, user):
    """A socket at the first gateway, and the ack of a run that goes on there."""
    with gateway.connect(user) as chat:
        ack = chat.send("go")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
        yield chat, ack
        chat.post(op="cancel", threadId=ack["threadId"], id="end")
        chat.end_of(ack["runId"])


def test_nothing_is_answered_falsely_elsewhere(busy, gateway, other, database, user):
    """What touches turns, or what sockets hear of, is refused; what is read is read."""
    chat, ack = busy
    thread, message = ack["threadId"], ack["messageId"]
    refused(other, user)
    there = Api(other, user)
    conversation = f"/api/conversations/{thread}"
    for method, path, body in (
            ("POST", f"{conversation}/messages", {"content": "more"}),
            ("PATCH", conversation, {"title": "t"}), ("PATCH", conversation, {"status": "archived"}),
            ("POST", f"/api/users/{user}/conversations", {"title": "t"}),
            ("DELETE", conversation, None), ("DELETE", f"/api/users/{user}", None)):
        answer = there.raw(method, path, body)
        assert (answer[0], other.error_code(answer)) == (503, "unavailable"), (method, path)
        assert 1 <= int(answer[1]["Retry-After"]) <= 5
    agui = {"threadId": thread, "runId": "r", "messages": [{"id": "m", "role": "user", "content": "more"}], "tools": [],
            "context": [], "state": {}, "forwardedProps": {}}
    assert there.refusal("POST", "/agui", agui, 503) == "unavailable"
    assert there.stream(f"{conversation}/messages", {"content": "more"}).status == 503
    admin = Api(other, f"{user}-admin", role="admin")
    assert admin.refusal("DELETE", f"/api/messages/{message}", None, 503) == "unavailable"
    assert admin.refusal("DELETE", f"/api/users/{user}", None, 503) == "unavailable"

    assert there("GET", conversation)["id"] == thread
    assert len(there("GET", f"{conversation}/messages")["data"]) == 1
    assert there("GET", f"/api/users/{user}/conversations")["data"]
    assert there("GET", f"/api/users/{user}/tasks")["data"] == []
    there("POST", f"/api/users/{user}/tasks", {"title": "t"}, 201)
    assert not [frame for frame in chat.so_far() if frame.get("op") == "thread"]
    assert database.run_status(ack["runId"]) == "running"
    assert len(database.messages(thread)) == 1


def test_the_owner_is_as_before(busy, gateway, user):
    """Also while somebody asks elsewhere."""
    chat, ack = busy
    with gateway.connect(user) as second:
        assert [run["runId"] for run in second.ready["runs"]] == [ack["runId"]]
        second.subscribe(ack["threadId"])
        second.until({"type": "TEXT_MESSAGE_CONTENT"})
        renamed = Api(gateway, user)("PATCH", f"/api/conversations/{ack['threadId']}", {"title": "new"})
        assert renamed["title"] == "new"
        assert chat.until({"op": "thread"})["title"] == "new" == second.until({"op": "thread"})["title"]


def test_who_has_left_is_let_in_elsewhere(gateway, other, user):
    """At the first try, and what was said there is seen here."""
    with gateway.connect(user) as chat:
        thread = chat.turn("!text hello").thread
    for here, count in ((other, 2), (gateway, 4), (other, 6)):
        with here.connect(user) as chat:
            chat.subscribe(thread)
            [snapshot] = [frame for frame in chat.frames if frame.get("op") == "snapshot"]
            assert len(snapshot["messages"]) == count
            chat.turn("!text again", thread=thread)


def test_what_another_gateway_said_meanwhile_is_not_missed(gateway, other, user):
    """A cursor of before is not good for what it does not know of."""
    with gateway.connect(user) as chat:
        turn = chat.turn("!text hello")
        cursor = turn.end["metadata"]["parley"]["cursor"]
    with other.connect(user) as chat:
        chat.turn("!text meanwhile", thread=turn.thread)
    with gateway.connect(user) as chat:
        subscribed = chat.subscribe(turn.thread, after=cursor)
        assert subscribed["mode"] == "snapshot"
        [snapshot] = [frame for frame in chat.frames if frame.get("op") == "snapshot"]
        assert len(snapshot["messages"]) == 4


def let_go(gateway, user, after=lambda chat: None):
    """Somebody is here, does something, and leaves; the gateway gives the session back, and keeps it in memory."""
    before = figures(gateway)
    with gateway.let_in(user) as chat:
        done = after(chat)
    grown(gateway, before, "parley_cluster_released_total", 1)
    return done


@pytest.mark.parametrize("what", ["conversation", "user", "user who came again"])
def test_what_another_gateway_deleted_is_gone(gateway, other, user, what):
    """What this one has in memory of it is neither shown nor gone on with."""
    turn = let_go(gateway, user, lambda chat: chat.turn("!text hello"))
    path = f"/api/conversations/{turn.thread}" if what == "conversation" else f"/api/users/{user}"
    Api(other, user)("DELETE", path, None, 204)
    if what == "user who came again":
        let_go(other, user)
    with gateway.let_in(user) as chat:
        assert chat.ready["runs"] == []
        cursor = turn.end["metadata"]["parley"]["cursor"]
        for frame in ({"op": "subscribe"}, {"op": "subscribe", "after": cursor}, {"op": "send", "content": "more"}):
            chat.post(id="k", threadId=turn.thread, **frame)
            error = chat.until({"id": "k"})
            assert (error["op"], error["code"]) == ("error", "thread_not_found"), frame
        assert chat.turn("!text anew").end["outcome"] == {"type": "success"}
    assert len(Api(gateway, user)("GET", f"/api/users/{user}/conversations")["data"]) == 1


def test_who_comes_back_before_anybody_else_resumes(gateway, other, user):
    """The log of a run is kept for those that were cut at its end."""
    with gateway.connect(user) as chat:
        turn = chat.turn("!text hello")
        cursor = turn.end["metadata"]["parley"]["cursor"]
    before = figures(gateway)
    grown(gateway, before, "parley_cluster_released_total", 1)
    with gateway.connect(user) as chat:
        assert chat.subscribe(turn.thread, after=cursor)["mode"] == "resumed"


def test_a_run_goes_on_without_anybody_there(gateway, other, user):
    """And the session stays where it is until that has ended."""
    with gateway.connect(user) as chat:
        ack = chat.send("!tokens 60 50")
        chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    refused(other, user)
    with other.let_in(user) as chat:
        chat.subscribe(ack["threadId"])
        [snapshot] = [frame for frame in chat.frames if frame.get("op") == "snapshot"]
        assert [message["role"] for message in snapshot["messages"]] == ["user", "assistant"]


def test_a_gateway_that_stops_gives_back(database, user):
    """At once, while it still ends another's reply; and what it gives back is there to be claimed."""
    old = Gateway(database, name="test_ownership_old", DRAIN_SECONDS=60, **SETTINGS)
    new = Gateway(database, name="test_ownership_new", AUTH_JWT_SECRET=old.secret, **SETTINGS)
    new.secret = old.secret
    try:
        busy, idle = old.connect(user), old.connect(f"{user}-idle")
        ack = busy.send("go")
        busy.until({"type": "TEXT_MESSAGE_CONTENT"})
        refused(new, f"{user}-idle")
        old.terminate()
        assert idle.closed() == 1012
        new.connect(f"{user}-idle").close()
        refused(new, user)
        busy.post(op="cancel", threadId=ack["threadId"], id="c")
        assert busy.end_of(ack["runId"])["outcome"] == {"type": "cancelled"}
        assert busy.closed() == 1012
        new.let_in(user).close()
    finally:
        old.remove()
        new.remove()


def test_a_clean_stop_locks_nobody_out(database, user):
    alone = Gateway(database, name="test_ownership_alone", **SETTINGS)
    try:
        with alone.connect(user) as chat:
            chat.turn("!text hello")
            assert alone.stop() == 0
        alone.start()
        alone.connect(user).close()
    finally:
        alone.remove()


def test_a_crash_locks_nobody_out(database, user):
    """Whoever starts on the machine sees that its predecessor's process is gone, and has looked at what it left."""
    dead = Gateway(database, name="test_ownership_dead", **SETTINGS)
    try:
        with dead.connect(user) as chat:
            ack = chat.send("go")
            chat.until({"type": "TEXT_MESSAGE_CONTENT"})
            database.wait("select checkpoint is not null from runs where id = %s", ack["runId"])
            dead.kill()
        dead.start()
        with dead.connect(user) as chat:
            assert chat.ready["runs"] == []
            chat.subscribe(ack["threadId"])
            [snapshot] = [frame for frame in chat.frames if frame.get("op") == "snapshot"]
            assert snapshot["messages"][0]["metadata"]["parley"]["run"]["status"] == "interrupted"
        dead.connect(f"{user}-new").close()
    finally:
        dead.remove()


@pytest.mark.parametrize("heir", ["itself", "another"])
def test_what_ran_is_there_right_after_a_crash(database, user, heir):
    """Runs of which nothing was seen go on: who comes back at once is told of them, by whichever gateway."""
    settings = {**SETTINGS, "SCRIPTED_PACE_MS": 20_000}
    dead = Gateway(database, name=f"test_ownership_crash_{heir}", **settings)
    other = Gateway(database, name=f"test_ownership_heir_{heir}", AUTH_JWT_SECRET=dead.secret, **settings)
    other.secret = dead.secret
    try:
        with dead.connect(user) as chat:
            runs = [chat.send("go")]
            runs.append(chat.send("then this", thread=runs[0]["threadId"]))
            runs.append(chat.send("beside it"))
            dead.kill()
        if heir == "itself":
            dead.start()
        with (dead if heir == "itself" else other).connect(user) as chat:
            told = {run["runId"]: run["status"] for run in chat.ready["runs"]}
            assert told == {run["runId"]: status for run, status in zip(runs, ("running", "queued", "running"))}
            for run in reversed(runs):
                assert chat.cancel(run["threadId"], run["runId"])["status"] == "cancelled"
    finally:
        dead.remove()
        other.remove()


def test_one_that_only_stands_still_is_not_gone(database, user):
    """Its process is there: it is waited for as long as any other."""
    still = Gateway(database, name="test_ownership_still", **SETTINGS)
    other = Gateway(database, name="test_ownership_beside", AUTH_JWT_SECRET=still.secret, **SETTINGS)
    other.secret = still.secret
    try:
        with still.connect(user) as chat:
            chat.turn("!text hello")
            [node] = [node for node, in database.rows("select id from nodes") if f":{still.port}/" in node]
            still.process.signal(signal.SIGSTOP)
            refused(other, user)
            assert database.value("select count(*) from nodes where id = %s", node) == 1
        other.let_in(user).close()
        assert database.value("select count(*) from nodes where id = %s", node) == 0
    finally:
        still.process.signal(signal.SIGCONT)
        still.remove()
        other.remove()


def test_a_session_that_moved_all_the_same(gateway, other, database, user):
    """Whatever made another gateway the owner: what the former one writes is refused, and its sockets go there."""
    with gateway.connect(user) as chat:
        thread = chat.turn("!text hello").thread
        [node] = [node for node, in database.rows("select id from nodes") if f":{other.port}/" in node]
        database.do("update users set owner_node = %s, owner_epoch = owner_epoch + 1 where id = %s", node, user)
        chat.post(op="send", id="k", threadId=thread, content="!text more")
        error = chat.until(lambda frame: frame.get("id") == "k")
        assert (error["op"], error["code"]) == ("error", "unavailable")
        assert chat.closed() == 1012
    assert len(database.messages(thread)) == 2
    with other.let_in(user) as chat:
        assert chat.turn("!text more", thread=thread).end["outcome"] == {"type": "success"}


def test_many_who_ask_at_once(gateway, other, user):
    """One owner, whoever was first; the others are told."""
    answers, start = [], threading.Barrier(8)

    def ask(here):
        start.wait()
        try:
            answers.append((here, here.connect(user)))
        except websockets.exceptions.InvalidStatus as refusal:
            answers.append((here, refusal.response.status_code))

    threads = [threading.Thread(target=ask, args=(here,)) for here in (gateway, other) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    let_in = {here.name for here, answer in answers if answer != 503}
    assert len(let_in) == 1 and len(answers) == 8
    for here, answer in answers:
        if answer != 503:
            answer.close()


def test_the_figures(busy, gateway, other, user):
    assert total(figures(gateway), "parley_cluster_sessions") >= 1
    assert total(figures(gateway), "parley_cluster_gateways") >= 2
    before = figures(other)
    refused(other, user)
    grown(other, before, "parley_cluster_claims_total", 1, outcome="refused")
    grown(other, before, "parley_cluster_claim_seconds_count", 2)


def test_who_is_there(busy, gateway, other, user):
    """The sockets of a user, at the gateway that has them."""
    chat, _ = busy
    path = f"/api/users/{user}/sessions"
    [socket] = Api(gateway, user)("GET", path)["data"]
    assert set(socket) == {"gateway", "connected_at", "address", "user_agent"}
    assert socket["gateway"].endswith(f":{gateway.port}") and socket["address"] == "127.0.0.1"
    assert "websockets" in socket["user_agent"]
    assert Api(gateway, "somebody", role="admin")("GET", path)["data"] == [socket]
    assert Api(gateway, "somebody").refusal("GET", path, None, 403) == "forbidden"
    assert Api(other, user).refusal("GET", path, None, 503) == "unavailable"
    nobody = Api(other, f"{user}-nobody")
    assert nobody("GET", f"/api/users/{user}-nobody/sessions")["data"] == []
