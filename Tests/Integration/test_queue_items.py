"""What waits in a thread's queue: seen from every socket, cancelled one by one, by its run."""

from kit.http import Api

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 2000, "SCRIPTED_PACE_MS": 20}


def unfinished(socket):
    return [(run["runId"], run["status"]) for run in socket.ready["runs"]]


def filled(chat, count):
    """The ack of a run that goes on, and those of `count` that wait behind it."""
    running = chat.send("!stall")
    chat.until({"type": "TEXT_MESSAGE_CONTENT"})
    waiting = [chat.send(f"number {n}", thread=running["threadId"]) for n in range(count)]
    assert [(ack["status"], ack["position"]) for ack in waiting] == [("queued", n + 1) for n in range(count)]
    return running, waiting


def test_a_new_socket_is_told_of_all_that_is_unfinished(connect):
    chat = connect()
    running, waiting = filled(chat, 3)
    elsewhere = chat.send("!stall")
    expected = [(running["runId"], "running"), *((ack["runId"], "queued") for ack in waiting)]
    late = connect()
    assert {run["threadId"] for run in late.ready["runs"]} == {running["threadId"], elsewhere["threadId"]}
    own = [(run["runId"], run["status"]) for run in late.ready["runs"] if run["threadId"] == running["threadId"]]
    assert own == expected, "the running one, then those that wait, in their order"
    assert (elsewhere["runId"], "running") in unfinished(late)


def test_each_is_cancelled_by_its_run(connect, database):
    chat, other = connect(), connect()
    running, waiting = filled(chat, 4)
    thread, runs = running["threadId"], [ack["runId"] for ack in waiting]
    left = list(runs)
    for socket, run in ((chat, runs[2]), (other, runs[0]), (chat, runs[3]), (other, runs[1])):
        answer = socket.cancel(thread, run=run)
        assert (answer["status"], answer["runId"]) == ("cancelled", run)
        assert database.run_status(run) == "cancelled"
        left.remove(run)
        assert unfinished(connect()) == [(running["runId"], "running"), *((run, "queued") for run in left)]
        assert socket.cancel(thread, run=run)["status"] == "idle", "a second time there is nothing to cancel"
    assert database.run_status(running["runId"]) == "running"
    chat.cancel(thread)
    assert [e["runId"] for e in chat.events(thread) + chat.so_far() if e.get("type") == "RUN_STARTED"] == \
        [running["runId"]]
    assert unfinished(connect()) == []


def test_positions_move_up(chat):
    running, waiting = filled(chat, 3)
    thread = running["threadId"]
    chat.cancel(thread, run=waiting[0]["runId"])
    assert chat.send("next", thread=thread)["position"] == 3
    chat.cancel(thread)
    chat.until(lambda _: chat.thread(thread).run == waiting[1]["runId"])
    assert chat.send("one more", thread=thread)["position"] == 3


def test_a_cancelled_item_makes_room(chat):
    running, waiting = filled(chat, 8)
    thread = running["threadId"]
    assert chat.error(op="send", id="no room", threadId=thread, content="x")["code"] == "queue_full"
    chat.cancel(thread, run=waiting[4]["runId"])
    ack = chat.send("x", thread=thread, id="no room")
    assert (ack["status"], ack["position"]) == ("queued", 8)


def test_a_waiting_item_s_message_again(connect, database):
    """A duplicate, with its own ids, also after it was cancelled: it does not run after all."""
    chat, other = connect(), connect()
    running, [item] = filled(chat, 1)
    for socket in (chat, other):
        again = socket.send("other words", thread=running["threadId"], id=item["id"])
        assert again["status"] == "duplicate" and again["runId"] == item["runId"]
    chat.cancel(running["threadId"], run=item["runId"])
    again = other.send("other words", thread=running["threadId"], id=item["id"])
    assert again["status"] == "duplicate" and again["runId"] == item["runId"]
    assert database.run_status(item["runId"]) == "cancelled"
    chat.cancel(running["threadId"])
    assert database.value("select count(*) from runs where conversation_id = %s", running["threadId"]) == 2
    assert database.value("select count(*) from runs where conversation_id = %s and status <> 'cancelled'",
                          running["threadId"]) == 0


def test_their_order_survives_a_kill(gateway, connect, database, user):
    chat = connect()
    running, waiting = filled(chat, 3)
    chat.cancel(running["threadId"], run=waiting[1]["runId"])
    # The first has shown text, which is safe once a checkpoint has it.
    database.wait("select checkpoint like '%%word%%' from runs where id = %s", running["runId"])
    gateway.kill()
    gateway.start()
    late = connect()
    database.wait("select status from runs where id = %s", running["runId"],
                  wanted=lambda status: status == "interrupted", timeout=5)
    database.wait("select status from runs where id = %s", waiting[0]["runId"],
                  wanted=lambda status: status == "running", timeout=5)
    assert database.run_status(waiting[1]["runId"]) == "cancelled"
    assert database.run_status(waiting[2]["runId"]) == "queued"
    thread = running["threadId"]
    late.subscribe(thread)
    for run in (waiting[0]["runId"], waiting[2]["runId"]):
        if late.thread(thread).run != run:
            late.until({"type": "RUN_STARTED", "runId": run})
        assert late.cancel(thread)["status"] == "cancelled"
    assert unfinished(connect()) == []
    # Question, answer, question, answer: also where the questions were stored before the answers.
    messages = Api(gateway, user)("GET", f"/api/conversations/{thread}/messages")["data"]
    answered = [(question, answer) for question, answer in zip(messages, messages[1:]) if answer["role"] == "assistant"]
    assert [question["role"] for question, _ in answered] == ["user"] * len(answered) and answered
    assert [question["run"]["id"] for question, _ in answered] == [answer["run_id"] for _, answer in answered]
