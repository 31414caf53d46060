"""The sender's idempotency key: the same `id` again stores nothing and starts nothing."""

TRANSPORTS = ("socket", "events")
SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 30, "SCRIPTED_PACE_MS": 10}


def same_ids(first, second):
    return all(first[name] == second[name] for name in ("threadId", "messageId", "runId"))


def counts(database, user):
    return database.rows("select (select count(*) from messages where user_id = %s and role = 'user'),"
                         " (select count(*) from runs where user_id = %s),"
                         " (select count(*) from conversations where user_id = %s)", user, user, user)[0]


def test_after_the_run(chat, database, user):
    turn = chat.turn("go", id="k1")
    again = chat.send("go", id="k1")
    assert again["status"] == "duplicate" and same_ids(turn.ack, again)
    assert not [frame for frame in chat.so_far() if "type" in frame]
    assert counts(database, user) == (1, 1, 1)


def test_with_another_content_it_is_still_the_same_message(chat, database, user):
    turn = chat.turn("go", id="k1")
    again = chat.send("something else", id="k1")
    assert again["status"] == "duplicate" and same_ids(turn.ack, again)
    assert database.messages(turn.thread)[0][2] == "go"
    assert counts(database, user) == (1, 1, 1)


def test_while_it_runs_and_from_another_socket(connect, database, user):
    first, second = connect(), connect()
    ack = first.send("go", id="k1")
    first.until({"type": "TEXT_MESSAGE_CONTENT"})
    again = second.send("go", id="k1")
    assert again["status"] == "duplicate" and same_ids(ack, again)
    # It subscribes the socket: the rest of the run is seen there.
    assert second.end_of(ack["runId"])["outcome"] == {"type": "success"}
    assert counts(database, user) == (1, 1, 1)


def test_both_at_the_same_moment(connect, database, user):
    sockets = [connect() for _ in range(4)]
    for socket in sockets:
        socket.post(op="send", id="k1", content="go")
    acks = [socket.until({"op": "ack"}) for socket in sockets]
    assert sorted(ack["status"] for ack in acks) == ["duplicate"] * 3 + ["running"]
    assert all(same_ids(acks[0], ack) for ack in acks)
    assert counts(database, user) == (1, 1, 1)


def test_two_with_the_same_id_in_one_breath(chat, database, user):
    chat.post(op="send", id="k1", content="go")
    chat.post(op="send", id="k1", content="go")
    acks = [chat.until({"op": "ack"}) for _ in range(2)]
    assert [ack["status"] for ack in acks] == ["running", "duplicate"] and same_ids(*acks)
    assert counts(database, user) == (1, 1, 1)


def test_another_user_may_use_the_same_id(connect, user):
    assert connect().send("go", id="k1")["status"] == "running"
    assert connect(f"{user}-other").send("go", id="k1")["status"] == "running"
