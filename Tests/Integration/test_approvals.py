"""Tools that ask first: a call waits for a person, over every transport, through restarts, and is carried out once."""

import base64
import json
import signal
import uuid

import pytest

from kit.database import Database, Gate
from kit.gateway import Gateway
from kit.http import Api
from kit.upstream import KEY, LLM, Fail, calls, says
from kit.validator import validate

TRANSPORTS = ("socket", "events")
SETTINGS = {"AGENT": "todo", "APPROVE_TOOLS": "delete_task"}


def suspend(chat, *, tasks=("milk",), content="delete milk"):
    """A conversation that waits for a person: (thread, the run that waits, its interrupts)."""
    thread = chat.turn("add " + ", ".join(tasks)).thread
    turn = chat.turn(content, thread=thread)
    assert turn.end["outcome"]["type"] == "interrupt", turn.end
    return thread, turn, turn.end["outcome"]["interrupts"]


def yes(*interrupts, **payload):
    return [{"interruptId": each["id"], "status": "resolved", "payload": {"approved": True, **payload}}
            for each in interrupts]


def no(*interrupts, **payload):
    return [{"interruptId": each["id"], "status": "resolved", "payload": {"approved": False, **payload}}
            for each in interrupts]


def answer(chat, thread, entries, id=None):
    id = id or chat.fresh_id()
    chat.post(op="resume", id=id, threadId=thread, resume=entries)
    return chat.until(lambda frame: frame.get("id") == id and frame.get("op") in ("ack", "error"))


def titles(database, user):
    return [title for title, in database.rows(
        "select title from tasks where user_id = %s and deleted_at is null order by id", user)]


def snapshot(chat, thread):
    chat.subscribe(thread)
    return next(frame for frame in reversed(chat.frames) if frame.get("op") == "snapshot" and frame["threadId"] == thread)


def test_a_call_waits_and_is_carried_out_when_the_person_agrees(chat, gateway, database, user):
    thread, turn, [interrupt] = suspend(chat)
    assert turn.tools[-1] == "delete_task" and turn.calls[-1]["result"] is None
    assert interrupt["reason"] == "tool_approval" and interrupt["toolCallId"] == turn.calls[-1]["id"]
    assert interrupt["expiresAt"].endswith("Z")
    assert titles(database, user) == ["milk"]
    assert database.run_status(turn.run) == "suspended"
    with gateway.connect(user) as other:
        assert other.ready["runs"] == [{"threadId": thread, "runId": turn.run, "status": "suspended"}]
        assert snapshot(other, thread)["interrupts"] == [interrupt]
        ack = answer(other, thread, yes(interrupt))
        assert (ack["status"], ack["threadId"]) == ("running", thread) and "messageId" not in ack
        assert ack["runId"] != turn.run
        end = chat.end_of(ack["runId"])
        assert end["outcome"]["type"] == "success"
    events = chat.events(thread, ack["runId"])
    assert [event["type"] for event in events[:2]] == ["RUN_STARTED", "TOOL_CALL_RESULT"]
    assert events[0]["input"]["resume"] == yes(interrupt) and events[0]["parentRunId"] == turn.run
    assert "deleted" in json.loads(events[1]["content"])
    assert titles(database, user) == []
    assert database.run_status(turn.run) == "completed" and database.run_status(ack["runId"]) == "completed"
    assert database.rows("select operation_type, status from task_operation_logs where run_id = %s and"
                         " operation_type = 'delete'", turn.run) == [("delete", "success")]
    assert database.rows("select tool, status, decided_by is not null from approvals where run_id = %s", turn.run) \
        == [("delete_task", "approved", True)]
    shown = snapshot(chat, thread)
    assert shown["interrupts"] == []
    # What was streamed is what is stored, the results of the calls behind them.
    roles = [message["role"] for message in shown["messages"]]
    assert roles[-2:] == ["tool", "assistant"]
    [entry] = database.rows("select action, detail->>'status' from audit_log where object = %s and action = 'approval'",
                            f"conversation/{thread}")
    assert entry == ("approval", "approved")


def test_a_no_is_answered_to(chat, database, user):
    thread, turn, [interrupt] = suspend(chat)
    ack = answer(chat, thread, no(interrupt, reason="I still need it"))
    assert ack["status"] == "running"
    assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"
    result = next(e for e in chat.events(thread, ack["runId"]) if e["type"] == "TOOL_CALL_RESULT")
    error = json.loads(result["content"])["error"]
    assert error["code"] == "declined" and error["reason"] == "I still need it"
    assert titles(database, user) == ["milk"]
    assert database.run_status(turn.run) == "completed"
    assert not database.rows("select 1 from task_operation_logs where run_id = %s and operation_type = 'delete'", turn.run)


def test_cancelled_is_a_no(chat, database, user):
    thread, turn, [interrupt] = suspend(chat)
    ack = answer(chat, thread, [{"interruptId": interrupt["id"], "status": "cancelled"}])
    assert ack["status"] == "running"
    chat.end_of(ack["runId"])
    assert titles(database, user) == ["milk"]


REFUSED = {
    "nothing": lambda one: [],
    "no list": lambda one: {"interruptId": one["id"]},
    "an unknown one": lambda one: yes(one, {"id": str(uuid.uuid4())}),
    "no id of ours": lambda one: yes({"id": "x"}),
    "twice": lambda one: yes(one, one),
    "no status": lambda one: [{"interruptId": one["id"], "payload": {"approved": True}}],
    "another status": lambda one: [{"interruptId": one["id"], "status": "maybe"}],
    "no payload": lambda one: [{"interruptId": one["id"], "status": "resolved"}],
    "a payload that is none": lambda one: [{"interruptId": one["id"], "status": "resolved", "payload": True}],
    "no decision": lambda one: [{"interruptId": one["id"], "status": "resolved", "payload": {"parameters": {}}}],
    "a decision in words": lambda one: [{"interruptId": one["id"], "status": "resolved", "payload": {"approved": "yes"}}],
    "parameters that can't be used": lambda one: yes(one, parameters={"task_id": "none"}),
    "parameters that are none": lambda one: yes(one, parameters=[1]),
    "a reason that is no text": lambda one: no(one, reason=1),
}


def test_what_can_not_be_used_leaves_it_open(chat, database, user):
    thread, turn, [interrupt] = suspend(chat)
    for name, entries in REFUSED.items():
        refused = answer(chat, thread, entries(interrupt))
        assert (refused["op"], refused.get("code")) == ("error", "invalid_field"), (name, refused)
        assert database.value("select status from approvals where id = %s", interrupt["id"]) == "open", name
    assert database.run_status(turn.run) == "suspended"
    assert answer(chat, str(uuid.uuid4()), yes(interrupt))["code"] == "thread_not_found"
    assert answer(chat, thread, yes(interrupt))["status"] == "running"


def test_others_can_not_answer(chat, gateway, database):
    thread, turn, [interrupt] = suspend(chat)
    with gateway.connect(f"other-{uuid.uuid4()}") as other:
        assert answer(other, thread, yes(interrupt))["code"] == "thread_not_found"
    assert database.run_status(turn.run) == "suspended"


def test_the_parameters_may_be_corrected(chat, database, user):
    thread, turn, [interrupt] = suspend(chat, tasks=("milk", "eggs"))
    other = database.value("select id from tasks where user_id = %s and title = 'eggs'", user)
    ack = answer(chat, thread, yes(interrupt, parameters={"task_id": other}))
    chat.end_of(ack["runId"])
    assert titles(database, user) == ["milk"]
    assert database.value("select correction->>'task_id' from approvals where id = %s", interrupt["id"]) == str(other)
    assert database.value("select detail->'parameters'->>'task_id' from audit_log where action = 'approval'"
                          " and object = %s", f"conversation/{thread}") == str(other)


def test_an_answer_given_again_is_one(chat, database, user):
    """The same op twice, as after a lost connection."""
    thread, turn, [interrupt] = suspend(chat)
    for id in ("r", "r"):
        chat.post(op="resume", id=id, threadId=thread, resume=yes(interrupt))
    first, second = (chat.until(lambda f: f.get("op") == "ack" and f.get("id") == "r") for _ in range(2))
    assert (first["status"], second["status"]) == ("running", "duplicate") and first["runId"] == second["runId"]


def test_the_first_answer_counts(chat, gateway, database, user):
    thread, turn, [interrupt] = suspend(chat)
    with gateway.connect(user) as other:
        chat.post(op="resume", id="a", threadId=thread, resume=yes(interrupt))
        other.post(op="resume", id="b", threadId=thread, resume=no(interrupt))
        acks = [chat.until(lambda f: f.get("id") == "a"), other.until(lambda f: f.get("id") == "b")]
        assert sorted(ack["status"] for ack in acks) == ["duplicate", "running"], acks
        assert len({ack["runId"] for ack in acks}) == 1
        chat.end_of(acks[0]["runId"])
        again = answer(other, thread, yes(interrupt))
        assert (again["status"], again["runId"]) == ("duplicate", acks[0]["runId"])
    carried_out = acks[0]["status"] == "running"
    assert titles(database, user) == ([] if carried_out else ["milk"])
    assert database.value("select count(*) from runs where conversation_id = %s", thread) == 3


def test_a_message_meanwhile_declines(chat, gateway, database, user):
    thread, turn, [interrupt] = suspend(chat)
    assert chat.error(op="send", threadId=thread, content="no", policy="reject")["code"] == "busy"
    with gateway.connect(user) as other:
        other.subscribe(thread)
        ack = chat.send("show my list", thread=thread)
        assert ack["status"] == "running"
        chat.end_of(ack["runId"])
        shown = other.until(lambda f: f.get("op") == "snapshot" and f["interrupts"] == [])
        result = next(m for m in shown["messages"] if m.get("toolCallId") == interrupt["toolCallId"])
        assert json.loads(result["content"])["error"]["code"] == "declined"
        other.end_of(ack["runId"])
    assert database.run_status(turn.run) == "cancelled"
    assert titles(database, user) == ["milk"]
    late = answer(chat, thread, yes(interrupt))
    assert late["status"] == "duplicate" and "runId" not in late


def test_busy_is_said_also_by_who_does_not_know(chat, gateway, database, user):
    """Nobody is subscribed: what is open is known to the database alone."""
    thread, turn, _ = suspend(chat)
    chat.post(op="unsubscribe", threadId=thread)
    answered = Api(gateway, user).refusal(
        "POST", f"/api/conversations/{thread}/messages", {"content": "no", "policy": "reject"}, status=409)
    assert answered == "busy"
    for path, body in ((f"/api/messages/{turn.message}/regenerate", {"policy": "reject"}),
                       (f"/api/conversations/{thread}/messages", {"content": "no", "parent_id": None, "policy": "reject"})):
        assert Api(gateway, user).refusal("POST", path, body, status=409) == "busy", path
    assert database.run_status(turn.run) == "suspended"


def test_cancel_declines_without_an_answer(chat, gateway, database, user):
    thread, turn, [interrupt] = suspend(chat)
    with gateway.connect(user) as other:
        other.subscribe(thread)
        ack = chat.cancel(thread)
        assert (ack["status"], ack["runId"]) == ("cancelled", turn.run)
        for each in (chat, other):
            each.until(lambda f: f.get("op") == "snapshot" and f["interrupts"] == [])
    assert database.run_status(turn.run) == "cancelled"
    assert database.value("select status from approvals where id = %s", interrupt["id"]) == "declined"
    assert chat.cancel(thread)["status"] == "idle"


def test_cancel_from_a_socket_that_knows_nothing(chat, gateway, database, user):
    thread, turn, _ = suspend(chat)
    chat.post(op="unsubscribe", threadId=thread)
    with gateway.connect(user) as other:
        assert other.cancel(thread, run=turn.run)["status"] == "cancelled"
    assert database.run_status(turn.run) == "cancelled"


def test_over_http(chat, gateway, database, user):
    thread, turn, [interrupt] = suspend(chat)
    api = Api(gateway, user)
    [shown] = api("GET", f"/api/conversations/{thread}")["interrupts"]
    assert (shown["id"], shown["reason"], shown["tool_call_id"], shown["expires_at"]) == \
        (interrupt["id"], "tool_approval", interrupt["toolCallId"], interrupt["expiresAt"])
    path = f"/api/conversations/{thread}/resume"
    entry = {"interrupt_id": interrupt["id"], "status": "resolved"}
    assert api.refusal("POST", path, {"resume": [entry]}) == "invalid_field"
    assert api.refusal("POST", path, {}) == "invalid_field"
    assert api.refusal("POST", f"/api/conversations/{uuid.uuid4()}/resume", {"resume": [entry]}, 404) == "thread_not_found"
    body = {"resume": [{**entry, "payload": {"approved": True}}]}
    first = api("POST", path, body, status=202)
    again = api("POST", path, body, status=200)
    assert first["run_id"] == again["run_id"]
    chat.end_of(first["run_id"])
    assert titles(database, user) == []
    assert api("GET", f"/api/conversations/{thread}")["interrupts"] == []


def test_over_agui(gateway, database, user):
    api = Api(gateway, user)
    thread = f"thread-{uuid.uuid4()}"

    def run(*messages, **more):
        stream = api.stream("/agui", {"threadId": thread, "runId": f"run-{uuid.uuid4()}", "messages": list(messages),
                                      "tools": [], "context": [], "state": {}, "forwardedProps": {}, **more})
        assert stream.status == 200, stream.body
        return list(stream.events())

    run({"id": "1", "role": "user", "content": "add milk"})
    asked = run({"id": "1", "role": "user", "content": "add milk"}, {"id": "2", "role": "user", "content": "delete milk"})
    assert asked[-1]["threadId"] == thread and asked[-1]["outcome"]["type"] == "interrupt"
    again = run({"id": "1", "role": "user", "content": "add milk"}, {"id": "2", "role": "user", "content": "delete milk"})
    assert again[-1]["outcome"] == asked[-1]["outcome"]
    done = run({"id": "1", "role": "user", "content": "add milk"}, {"id": "2", "role": "user", "content": "delete milk"},
               resume=yes(*asked[-1]["outcome"]["interrupts"]))
    assert [e["type"] for e in done][:2] == ["RUN_STARTED", "TOOL_CALL_RESULT"]
    assert done[-1]["outcome"]["type"] == "success" and done[-1]["threadId"] == thread
    assert titles(database, user) == []


def test_more_than_three_at_once_are_asked_for_together(chat, database, user):
    names = ("milk", "eggs", "bread", "soap")
    thread = chat.turn("add " + ", ".join(names)).thread
    turn = chat.turn("mark 1, 2, 3 and 4 as done", thread=thread)
    interrupts = turn.end["outcome"]["interrupts"]
    assert len(interrupts) == 4
    for interrupt in interrupts:
        assert all(name in interrupt["message"] for name in names), interrupt
    done = "select count(*) from tasks where user_id = %s and is_completed"
    assert database.value(done, user) == 0
    assert answer(chat, thread, yes(*interrupts[:3]))["code"] == "invalid_field"
    ack = answer(chat, thread, yes(*interrupts[:3]) + no(interrupts[3]))
    chat.end_of(ack["runId"])
    assert database.value(done, user) == 3
    text = "".join(e["delta"] for e in chat.events(thread, ack["runId"]) if e["type"] == "TEXT_MESSAGE_CONTENT")
    assert "soap" in text and "milk" in text, text


def test_what_was_said_behind_it_is_done_too(chat, database, user):
    thread = chat.turn("add milk, eggs, bread, soap").thread
    turn = chat.turn("mark 1, 2, 3 and 4 as done and add tea", thread=thread)
    ack = answer(chat, thread, yes(*turn.end["outcome"]["interrupts"]))
    assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"
    assert database.value("select count(*) from tasks where user_id = %s and is_completed", user) == 4
    assert "tea" in titles(database, user)


def test_three_are_not_asked_for(chat, database, user):
    thread = chat.turn("add milk, eggs, bread").thread
    turn = chat.turn("mark 1, 2 and 3 as done", thread=thread)
    assert turn.end["outcome"]["type"] == "success"


def test_what_waits_in_the_queue_declines(gateway, database, user):
    """A message that was sent before the run came to ask is answered behind it, and nothing stays open."""
    with gateway.connect(user) as chat:
        chat.turn("add milk")
        thread = chat.frames[-1]["threadId"]
        with Gate(database, "runs", f"new.user_id = '{user}' and new.status = 'suspended'", "update") as gate:
            first = chat.send("delete milk", thread=thread)
            gate.reached()
            chat.post(op="send", id="second", threadId=thread, content="show my list")
            chat.post(op="ping")
            gate.open()
        assert chat.end_of(first["runId"])["outcome"]["type"] == "interrupt"
        second = chat.until({"op": "ack", "id": "second"})
        assert chat.end_of(second["runId"])["outcome"]["type"] == "success"
        assert snapshot(chat, thread)["interrupts"] == []
    assert database.run_status(first["runId"]) == "cancelled"
    assert titles(database, user) == ["milk"]


@pytest.fixture
def own(database):
    """A gateway that the test may kill."""
    gateway = Gateway(database, name="test_approvals_own", SHARDS=1, **SETTINGS)
    try:
        yield gateway
    finally:
        gateway.remove()


def test_it_survives_a_restart(own, database, user):
    with own.connect(user) as chat:
        thread, turn, [interrupt] = suspend(chat)
    own.kill()
    own.start()
    with own.connect(user) as chat:
        assert chat.ready["runs"] == [{"threadId": thread, "runId": turn.run, "status": "suspended"}]
        assert snapshot(chat, thread)["interrupts"] == [interrupt]
        ack = answer(chat, thread, yes(interrupt))
        assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"
    assert titles(database, user) == []


# What is committed: the write that is held back, and how it is seen to be committed.
COMMITS = {
    "what is asked": (lambda d, u: Gate(d, "runs", f"new.user_id = '{u}' and new.status = 'suspended'", "update"),
                      "select count(*) from approvals where user_id = %s"),
    "the decision": (lambda d, u: Gate(d, "approvals", f"new.user_id = '{u}'", "update"),
                     "select count(*) from approvals where user_id = %s and status = 'approved'"),
    "the answer": (lambda d, u: Gate(d, "messages", f"new.user_id = '{u}' and new.role = 'tool'"
                                     " and new.content like '%%deleted%%'"),
                   "select count(*) from runs where user_id = %s and resumed_run_id is not null and status = 'completed'"),
}


@pytest.mark.parametrize("side", ["before", "behind"])
@pytest.mark.parametrize("commit", COMMITS)
def test_killed_at(own, database, user, commit, side):
    """Asked, decided once, carried out once, and answered to, whatever dies in between; behind a commit nobody has been
    told of it yet."""
    hold, seen = COMMITS[commit]
    with own.connect(user) as chat:
        if commit == "what is asked":
            thread = chat.turn("add milk").thread
        else:
            thread, turn, [interrupt] = suspend(chat)
        with hold(database, user) as gate:
            if commit == "what is asked":
                chat.post(op="send", id="s", threadId=thread, content="delete milk")
            else:
                chat.post(op="resume", id="r", threadId=thread, resume=yes(interrupt))
            gate.reached()
            if side == "behind":
                own.process.signal(signal.SIGSTOP)
                gate.open()
                database.wait(seen, user)
            own.kill()
            gate.open()
    own.start()
    with own.connect(user) as chat:
        if commit == "what is asked":
            run = database.value("select id::text from runs where conversation_id = %s order by created_at desc limit 1",
                                 thread)
            fate = database.wait("select status from runs where id = %s", run, wanted=("suspended", "interrupted").count)
            assert titles(database, user) == ["milk"]
            if fate == "interrupted":
                # It had looked at the list: nothing is done again without the person.
                assert side == "before"
                chat.turn("delete milk", thread=thread)
            [interrupt] = snapshot(chat, thread)["interrupts"]
        ack = answer(chat, thread, yes(interrupt))
        assert ack["op"] == "ack" and ack["status"] in ("running", "duplicate"), ack
        database.wait("select status from runs where id = %s", ack["runId"], wanted=lambda s: s == "completed")
        shown = snapshot(chat, thread)
        again = answer(chat, thread, yes(interrupt))
        assert (again["status"], again["runId"]) == ("duplicate", ack["runId"])
    assert shown["interrupts"] == [] and shown["messages"][-1]["role"] == "assistant"
    assert [m["role"] for m in shown["messages"]].count("tool") == len(
        [c for m in shown["messages"] for c in m.get("toolCalls", [])])
    assert titles(database, user) == []
    assert database.rows("select status from task_operation_logs where user_id = %s and operation_type = 'delete'",
                         user) == [("success",)]
    assert database.rows("select detail->>'status' from audit_log where object = %s and action = 'approval'",
                         f"conversation/{thread}") == [("approved",)]


def test_what_is_asked_is_sealed_like_messages(admin_url, user):
    database = Database(admin_url)
    keys = "k1:" + base64.b64encode(b"K" * 32).decode()
    gateway = Gateway(database, name="test_approvals_sealed", SHARDS=1, CONTENT_KEYS=keys, **SETTINGS)
    try:
        with gateway.connect(user) as chat:
            thread, turn, [interrupt] = suspend(chat, tasks=("milk", "eggs"), content="delete milk")
            assert database.rows("select content_key, jsonb_typeof(parameters), jsonb_typeof(interrupt) from approvals"
                                 " where run_id = %s", turn.run) == [("k1", "string", "string")]
        with gateway.connect(user) as chat:
            assert snapshot(chat, thread)["interrupts"] == [interrupt]
            ack = answer(chat, thread, yes(interrupt))
            assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"
        assert titles(database, user) == ["eggs"]
    finally:
        gateway.remove()
        database.remove()


@pytest.fixture(scope="module")
def model(database):
    llm = LLM()
    gateway = Gateway(database, name="test_approvals_model", AGENT="chat-completions", AGENT_BASE_URL=llm.url,
                      AGENT_MODEL="m", AGENT_API_KEY=KEY, APPROVE_TOOLS="add_task")
    try:
        yield gateway, llm
    finally:
        gateway.remove()
        llm.close()


def told(llm, request=-1):
    return [message for message in llm.bodies()[request]["messages"] if message["role"] == "tool"]


def test_a_model_is_told_of_the_answer(model, database, user):
    """Calls of the same step that don't ask are carried out before; the model goes on when all are answered."""
    gateway, llm = model
    llm.reset()
    llm.script(calls(("add_task", {"title": "milk"}), ("list_tasks", {}), ("add_task", {"title": "eggs"}), text="Wait. "),
               says("One of them."))
    with gateway.connect(user) as chat:
        turn = chat.turn("add milk and eggs")
        interrupts = turn.end["outcome"]["interrupts"]
        assert [call["result"] is not None for call in turn.calls] == [False, True, False]
        assert [i["toolCallId"] for i in interrupts] == [turn.calls[0]["id"], turn.calls[2]["id"]]
        assert len(llm.bodies()) == 1
        ack = answer(chat, turn.thread, yes(interrupts[0]) + no(interrupts[1]))
        assert chat.end_of(ack["runId"])["outcome"]["type"] == "success"
        results = told(llm)
        assert len(results) == 3 and "declined" in results[2]["content"] and "milk" in results[0]["content"]
        assert titles(database, user) == ["milk"]
        # It may ask again in the run that goes on.
        llm.script(calls(("add_task", {"title": "tea"})), calls(("add_task", {"title": "jam"})), says("Both."))
        turn = chat.turn("tea and jam", thread=turn.thread)
        for title in ("tea", "jam"):
            [interrupt] = turn.end["outcome"]["interrupts"] if title == "tea" else end["outcome"]["interrupts"]
            ack = answer(chat, turn.thread, yes(interrupt))
            end = chat.end_of(ack["runId"])
        assert end["outcome"]["type"] == "success"
    assert titles(database, user) == ["milk", "tea", "jam"]
    assert len(told(llm)) == 5


def test_every_call_has_its_result_when_a_message_declines(model, database, user):
    """A call without a result, or with two, is what providers refuse the next request for."""
    gateway, llm = model
    llm.reset()
    llm.script(calls(("add_task", {"title": "milk"}), ("add_task", {"title": "eggs"})), says("Never mind."))
    with gateway.connect(user) as chat:
        turn = chat.turn("add milk and eggs")
        assert chat.turn("what is the time?", thread=turn.thread).text == "Never mind."
    messages = llm.bodies()[-1]["messages"]
    called = [call["id"] for message in messages for call in message.get("tool_calls") or []]
    assert [message["tool_call_id"] for message in messages if message["role"] == "tool"] == called and len(called) == 2
    assert all("declined" in result["content"] for result in told(llm))
    assert titles(database, user) == []


def test_an_answer_anew_of_a_turn_that_asked(model, database, user):
    """It stands beside the whole turn, what asked and what went on, whichever message of it is named; and nothing that was
    approved is done again."""
    gateway, llm = model
    llm.reset()
    llm.script(calls(("add_task", {"title": "milk"})), says("Added."), says("Anew."), says("Once more."))
    with gateway.connect(user) as chat:
        turn = chat.turn("add milk")
        asking = [m["id"] for m in snapshot(chat, turn.thread)["messages"]][1]
        ack = answer(chat, turn.thread, yes(*turn.end["outcome"]["interrupts"]))
        chat.end_of(ack["runId"])
        last = snapshot(chat, turn.thread)["messages"][-1]
        assert last["content"] == "Added."
        # Behind the message that asked nothing goes: the turn is longer than that.
        refused = chat.error(op="send", id="e", threadId=turn.thread, content="x", parentId=asking)
        assert refused["code"] == "invalid_field"
        answers = [asking]
        for named in (turn.message, last["id"]):
            chat.post(op="select", id="back", threadId=turn.thread, messageId=asking)
            chat.until({"op": "ack", "id": "back"})
            id = chat.fresh_id()
            chat.post(op="regenerate", id=id, threadId=turn.thread, messageId=named)
            again = chat.until(lambda f: f.get("id") == id)
            assert again.get("status") == "running", again
            # It may be over before the history is drawn anew, which then has it.
            database.wait("select status from runs where id = %s", again["runId"], wanted=lambda s: s == "completed")
            assert [m["role"] for m in llm.bodies()[-1]["messages"] if m["role"] != "system"] == ["user"]
            shown = snapshot(chat, turn.thread)["messages"]
            assert [m["role"] for m in shown] == ["user", "assistant"]
            answers.append(shown[-1]["id"])
            assert shown[-1]["metadata"]["parley"]["siblings"] == answers
        chat.post(op="select", id="whole", threadId=turn.thread, messageId=last["id"])
        chat.until({"op": "ack", "id": "whole"})
        whole = snapshot(chat, turn.thread)["messages"]
        assert [m["role"] for m in whole] == ["user", "assistant", "tool", "assistant"]
        assert whole[1]["metadata"]["parley"]["siblings"] == answers
    assert titles(database, user) == ["milk"]


def test_the_run_that_goes_on_fails(model, database, user):
    """What was approved is done, the answer is not there, and whoever looks is told so, in a conversation that branches too."""
    gateway, llm = model
    llm.reset()
    llm.script(calls(("add_task", {"title": "milk"})))
    with gateway.connect(user) as chat:
        turn = chat.turn("add milk")
        entries = yes(*turn.end["outcome"]["interrupts"])
        llm.reset()
        llm.script(Fail(400, times=None))
        ack = answer(chat, turn.thread, entries)
        assert chat.end_of(ack["runId"])["type"] == "RUN_ERROR"
        assert answer(chat, turn.thread, entries)["runId"] == ack["runId"]
        for _ in ("linear", "branched"):
            question = snapshot(chat, turn.thread)["messages"][0]["metadata"]["parley"]
            assert question["run"]["status"] == "failed", question
            database.do("update conversations set is_linear = false where id = %s", turn.thread)
            chat.post(op="unsubscribe", id="u", threadId=turn.thread)
            chat.until({"op": "ack", "id": "u"})
        llm.reset()
        llm.script(says("There it is."))
        chat.post(op="regenerate", id="again", threadId=turn.thread, messageId=turn.message)
        again = chat.until({"id": "again"})["runId"]
        database.wait("select status from runs where id = %s", again, wanted=lambda s: s == "completed")
    assert titles(database, user) == ["milk"]


def test_what_can_not_be_carried_out_does_not_ask(model, database, user):
    gateway, llm = model
    llm.reset()
    llm.script(calls(("add_task", {"titel": "milk"})), calls(("no_such_tool", {})), says("I can't."))
    with gateway.connect(user) as chat:
        turn = chat.turn("add milk")
        assert turn.end["outcome"]["type"] == "success" and [call["result"] is not None for call in turn.calls] == [True] * 2


def test_it_expires_by_itself(database, user):
    gateway = Gateway(database, name="test_approvals_expiry", SHARDS=1, APPROVAL_EXPIRES="1s", **SETTINGS)
    try:
        with gateway.connect(user) as chat:
            thread, turn, [interrupt] = suspend(chat)
            shown = chat.until(lambda f: f.get("op") == "snapshot" and f["interrupts"] == [])
            result = next(m for m in shown["messages"] if m.get("toolCallId") == interrupt["toolCallId"])
            assert json.loads(result["content"])["error"]["code"] == "declined"
            late = answer(chat, thread, yes(interrupt))
            assert late["status"] == "duplicate" and "runId" not in late
        assert database.run_status(turn.run) == "cancelled"
        assert database.value("select status from approvals where id = %s", interrupt["id"]) == "expired"
        assert titles(database, user) == ["milk"]
    finally:
        gateway.remove()


def test_two_gateways_let_expire_once(admin_url, user):
    """Each is told by the gateway it is connected to, whichever of them has let it expire; also when nothing else is open."""
    database = Database(admin_url)
    gateways = [Gateway(database, name=f"test_approvals_expiry_{place}", SHARDS=1, APPROVAL_EXPIRES="1s", **SETTINGS)
                for place in "ab"]
    try:
        chats = [gateways[place % 2].connect(f"{user}-{place}") for place in range(6)]
        waiting = [suspend(chat) for chat in chats]
        for chat, (thread, turn, [interrupt]) in zip(chats, waiting):
            shown = chat.until(lambda f: f.get("op") == "snapshot" and f["interrupts"] == [])
            results = [m for m in shown["messages"] if m.get("toolCallId") == interrupt["toolCallId"]]
            assert len(results) == 1 and json.loads(results[0]["content"])["error"]["code"] == "declined"
            assert database.run_status(turn.run) == "cancelled"
            assert database.rows("select detail->>'status' from audit_log where action = 'approval' and object = %s",
                                 f"conversation/{thread}") == [("expired",)]
            chat.close()
    finally:
        for gateway in gateways:
            gateway.remove()
        database.remove()


def test_the_validator_reads_runs_that_ask(model, user):
    """What it records live, and what goes on with the answer."""
    gateway, llm = model
    llm.reset()
    llm.script(calls(("add_task", {"title": "milk"})), calls(("add_task", {"title": "eggs"})), says("Both."))
    api = Api(gateway, user)
    live = validate(f"{gateway.url}/agui", "--header", f"Authorization: Bearer {api.token}", "--timeout", "20")
    assert live.returncode == 0, live.stdout.decode() + live.stderr.decode()
    assert len(llm.bodies()) == 1, "it was not asked"
    body = {"threadId": f"thread-{uuid.uuid4()}", "runId": f"run-{uuid.uuid4()}", "tools": [], "context": [], "state": {},
            "messages": [{"id": "1", "role": "user", "content": "add eggs"}], "forwardedProps": {}}
    asked = api.stream("/agui", body)
    outcome = list(asked.events())[-1]["outcome"]
    assert outcome["type"] == "interrupt"
    done = api.stream("/agui", {**body, "runId": f"run-{uuid.uuid4()}", "resume": yes(*outcome["interrupts"])})
    assert list(done.events())[-1]["outcome"] == {"type": "success"}
    # A result of what was asked belongs to a call of the run before, which the validator does not look for.
    for recorded, off in ((asked.recorded, ()), (done.recorded, ("--off", "AGUI207"))):
        answer = validate("-", *off, input=recorded)
        assert answer.returncode == 0, answer.stdout.decode() + answer.stderr.decode()
    assert validate("-", input=done.recorded).returncode == 1, "the validator finds nothing"
