"""Several sockets of one user: one session, and the events of a thread on each socket that follows it."""

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 60, "SCRIPTED_PACE_MS": 10}


def test_two_sockets_follow_one_run(connect, database):
    sender, watcher = connect(), connect()
    thread = sender.turn("first").thread
    assert watcher.subscribe(thread)["mode"] == "snapshot"

    ack = sender.send("second", thread=thread)
    end = sender.end_of(ack["runId"])
    assert watcher.end_of(ack["runId"])["outcome"] == end["outcome"]

    text = {message: sender.thread(thread).texts[message] for message in sender.thread(thread).texts}
    for event in watcher.events(thread, ack["runId"]):
        if event["type"] == "TEXT_MESSAGE_START":
            assert watcher.thread(thread).texts[event["messageId"]] == text[event["messageId"]]
    kinds = [kind["type"] for kind in watcher.events(thread, ack["runId"])]
    assert kinds[0] == "RUN_STARTED" and kinds[-1] == "RUN_FINISHED"


def test_a_second_socket_joins_in_the_middle_of_a_run(connect, database):
    sender, watcher = connect(), connect()
    ack = sender.send("go")
    sender.until({"type": "TEXT_MESSAGE_CONTENT"})
    subscribed = watcher.subscribe(ack["threadId"])
    assert subscribed["mode"] == "snapshot"
    snapshot = next(frame for frame in watcher.frames if frame.get("op") == "snapshot")
    assert [message["id"] for message in snapshot["messages"]] == [ack["messageId"]]
    replayed = watcher.events(ack["threadId"])
    assert replayed[0]["type"] == "RUN_STARTED"
    assert all(event["metadata"]["parley"]["replay"] is True for event in replayed)
    watcher.end_of(ack["runId"])
    sender.end_of(ack["runId"])
    assert watcher.thread(ack["threadId"]).texts == sender.thread(ack["threadId"]).texts
    stored = {id: content for id, role, content, _ in database.messages(ack["threadId"]) if role == "assistant"}
    assert stored == sender.thread(ack["threadId"]).texts
    live = [event for event in watcher.events(ack["threadId"]) if not event["metadata"]["parley"].get("replay")]
    assert live and live[-1]["type"] == "RUN_FINISHED"


def test_ready_names_the_run_that_is_under_way(connect):
    sender = connect()
    ack = sender.send("go")
    late = connect()
    assert late.ready["runs"] == [{"threadId": ack["threadId"], "runId": ack["runId"], "status": "running"}]
    assert late.ready["sessionId"] == sender.ready["sessionId"], "one session for all sockets of a user"
    sender.end_of(ack["runId"])
    assert connect().ready["runs"] == []


def test_unsubscribe_ends_the_events(connect):
    sender, watcher = connect(), connect()
    thread = sender.turn("first").thread
    watcher.subscribe(thread)
    ack = sender.send("second", thread=thread)
    watcher.until({"type": "TEXT_MESSAGE_CONTENT"})
    watcher.post(op="unsubscribe", id="u", threadId=thread)
    assert watcher.until({"op": "ack", "id": "u"}) == {
        "op": "ack", "id": "u", "threadId": thread, "status": "unsubscribed"}
    sender.end_of(ack["runId"])
    assert not [frame for frame in watcher.so_far() if "type" in frame]


def test_a_run_goes_on_when_its_sender_is_gone(connect, database):
    sender = connect()
    ack = sender.send("go")
    sender.until({"type": "TEXT_MESSAGE_CONTENT"})
    sender.close()
    database.wait("select status from runs where id = %s", ack["runId"], wanted=lambda status: status == "completed")


def test_different_users_see_nothing_of_each_other(connect, user):
    mine, other = connect(), connect(f"{user}-other")
    mine.turn("go")
    assert other.so_far() == []


def test_two_threads_of_one_user_run_at_the_same_time(chat):
    first, second = chat.send("one"), chat.send("two")
    assert first["status"] == second["status"] == "running"
    chat.end_of(first["runId"])
    chat.end_of(second["runId"])
    kinds = [(event["type"], event["metadata"]["parley"]["threadId"]) for event in chat.events()]
    assert kinds.index(("RUN_STARTED", second["threadId"])) < kinds.index(("RUN_FINISHED", first["threadId"]))


def test_many_sockets_of_many_users(gateway, user):
    """Every user's sockets land on that user's shard, whichever accepted them."""
    sockets = [gateway.connect(f"{user}-{n % 8}") for n in range(24)]
    acks = [socket.send("go") for socket in sockets]
    for socket, ack in zip(sockets, acks):
        assert socket.end_of(ack["runId"], timeout=40)["outcome"]["type"] == "success"
    assert len({(socket.ready["userId"], socket.ready["sessionId"]) for socket in sockets}) == 8
    for socket in sockets:
        socket.close()
