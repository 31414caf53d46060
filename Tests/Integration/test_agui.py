"""POST /agui: Parley as a plain AG-UI agent, judged by the protocol's models and by a validator of others."""

import json
import uuid

import pytest

from kit import agui
from kit.http import Api, text_of
from kit.validator import validate


@pytest.fixture
def api(gateway, user):
    return Api(gateway, user)


def run_input(thread, *messages, run=None, **more):
    return {"threadId": thread, "runId": run or f"run-{uuid.uuid4()}", "messages": list(messages), "tools": [],
            "context": [], "state": {}, "forwardedProps": {}, **more}


def said(id, content, role="user", **more):
    return {"id": id, "role": role, "content": content, **more}


def run(api, body):
    stream = api.stream("/agui", body)
    assert stream.status == 200, stream.body
    assert stream.answer.headers["Cache-Control"] == "no-store, no-transform"
    events = list(stream.events())
    assert (events[0]["type"], events[0]["threadId"], events[0]["runId"]) == \
        ("RUN_STARTED", body["threadId"], body["runId"])
    return events


def thread_of(events):
    """The conversation behind the client's thread."""
    return next(event["metadata"]["parley"]["threadId"] for event in events if "metadata" in event)


def test_a_conversation_of_a_foreign_thread(api, database):
    thread = f"thread-{uuid.uuid4()}"
    first = run(api, run_input(thread, said("1", "add milk")))
    assert first[-1]["type"] == "RUN_FINISHED" and first[-1]["threadId"] == thread
    assert [e["toolCallName"] for e in first if e["type"] == "TOOL_CALL_START"] == ["add_task"]
    stored = thread_of(first)
    texts = text_of(first)
    rows = {row[0]: row[2] for row in database.messages(stored)}
    assert all(rows[id] == text for id, text in texts.items()) and texts
    history = [said("1", "add milk"), *(said(id, text, "assistant") for id, text in texts.items())]
    second = run(api, run_input(thread, *history, said("2", "what's on my list?")))
    assert thread_of(second) == stored and "milk" in "".join(text_of(second).values())
    assert [row[2] for row in database.messages(stored) if row[1] == "user"] == ["add milk", "what's on my list?"]


def test_what_is_stored_already_is_not_done_twice(api, database, user):
    body = run_input("t1", said("1", "add milk"))
    first = run(api, body)
    count = len(database.messages(thread_of(first)))
    # While the run's log is held, and after the process that ran it is gone.
    again = run(api, {**body, "runId": "r2"})
    assert text_of(again) == text_of(first)
    api.gateway.kill()
    api.gateway.start()
    later = run(api, {**body, "runId": "r3"})
    assert text_of(later) == text_of(first) and later[-1]["outcome"] == {"type": "success"}
    assert {(e["metadata"]["parley"]["threadId"], e["metadata"]["parley"]["replay"]) for e in later} == \
        {(thread_of(first), True)}
    with api.gateway.connect(user) as other, api.gateway.connect(user) as chat:
        # What was replayed is in no run's log: who goes on behind it on a socket gets the history, also where the
        # conversation is in use.
        other.subscribe(thread_of(first))
        cursor = later[-1]["metadata"]["parley"]["cursor"]
        assert chat.subscribe(thread_of(first), after=cursor)["mode"] == "snapshot"
    known = [said(id, text, "assistant") for id, text in text_of(first).items()]
    silent = run(api, {**body, "runId": "r4", "messages": [*body["messages"], *known]})
    assert text_of(silent) == {}
    assert len(database.messages(thread_of(first))) == count and len(database.tasks(user)) == 1


def test_a_conversation_of_ours_is_found_by_its_id_and_so_are_its_messages(api, connect, database):
    turn = connect().turn("add milk")
    messages = [said(row[0], row[2], row[1]) for row in database.messages(turn.thread) if row[1] == "user"]
    silent = run(api, run_input(turn.thread, *messages))
    assert silent[-1]["type"] == "RUN_FINISHED"
    count = len(database.messages(turn.thread))
    run(api, run_input(turn.thread, *messages, said("new", "hello")))
    assert len(database.messages(turn.thread)) == count + 2


def test_threads_are_the_users_own(gateway, api, connect, user):
    turn = connect().turn("add a secret")
    other = Api(gateway, f"{user}-other")
    events = run(other, run_input(turn.thread, said("1", "what's on my list?")))
    assert thread_of(events) != turn.thread and "secret" not in json.dumps(events)
    mine, theirs = (thread_of(run(one, run_input("same", said("1", "hello")))) for one in (api, other))
    assert mine != theirs


@pytest.mark.parametrize("change, status, code", [
    ({"messages": []}, 400, "invalid_field"), ({"threadId": ""}, 400, "invalid_field"),
    ({"threadId": None}, 400, "invalid_field"), ({"runId": 5}, 400, "invalid_field"),
    ({"messages": [{"id": "1", "role": "user", "content": ""}]}, 400, "empty_content"),
    ({"messages": [{"id": "1", "role": "user", "content": "x" * 10_001}]}, 413, "content_too_long"),
    ({"messages": [{"id": "1", "role": "assistant", "content": "x"}]}, 400, "invalid_field"),
    ({"messages": [{"id": "1", "role": "user", "content": [{"type": "image"}]}]}, 400, "invalid_field"),
    ({"messages": [said(str(number), "x") for number in range(2_001)]}, 400, "invalid_field"),
])
def test_wrong_inputs(api, change, status, code):
    stream = api.stream("/agui", {**run_input("t", said("1", "x")), **change})
    assert (stream.status, stream.body["error"]["code"]) == (status, code)


def test_parts_of_text(api, database):
    parts = [{"type": "text", "text": "add"}, {"type": "text", "text": "milk"}]
    events = run(api, run_input("parts", said("1", parts)))
    assert database.messages(thread_of(events))[0][2] == "add\nmilk"


def test_a_token_is_needed(gateway, api):
    assert api.raw("POST", "/agui", run_input("t", said("1", "x")), headers={"Authorization": None})[0] == 401
    assert api.raw("GET", "/agui")[0] == 405


def test_the_validator_drives_it(gateway, api):
    answer = validate(f"{gateway.url}/agui", "--header", f"Authorization: Bearer {api.token}", "--timeout", "20")
    assert answer.returncode == 0, answer.stdout.decode() + answer.stderr.decode()


def test_the_validator_reads_what_was_recorded(api):
    stream = api.stream("/agui", run_input("v", said("1", "add milk and eggs, then list my tasks")))
    assert [event["type"] for event in stream.events()][-1] == "RUN_FINISHED"
    answer = validate("-", input=stream.recorded)
    assert answer.returncode == 0, answer.stdout.decode() + answer.stderr.decode()
    broken = b"".join(line for line in stream.recorded.splitlines(True) if b"RUN_FINISHED" not in line)
    assert validate("-", input=broken).returncode == 1, "the validator finds nothing"


def test_its_events_in_the_strict_check(api):
    """Each event has been against the models already (kit.http); here their order."""
    thread = agui.Thread()
    for event in run(api, run_input("o", said("1", "add milk"))):
        thread.apply(event)
    assert thread.run is None and list(thread.outcomes.values()) == ["success"] and len(thread.calls) == 1


def users(database, thread):
    return [row[2] for row in database.messages(thread) if row[1] == "user"]


def test_several_messages_of_a_new_thread(api, database, user):
    """Those before the last are stored and not answered; the assistant is told of all."""
    thread = f"thread-{uuid.uuid4()}"
    body = run_input(thread, said("s", "be kind", "system"), said("1", "I like milk"), said("2", [{"type": "text", "text": "and eggs"}]),
                     said("3", "what's on my list?"))
    first = run(api, body)
    stored = thread_of(first)
    assert users(database, stored) == ["I like milk", "and eggs", "what's on my list?"]
    assert [row[1] for row in database.messages(stored)] == ["user", "user", "user", *(["assistant", "tool", "assistant"][-len(database.messages(stored)) + 3:])]
    assert database.tasks(user) == []
    # The same again starts nothing, and a later one takes over what lies between.
    run(api, body | {"runId": "again"})
    assert len(users(database, stored)) == 3
    run(api, run_input(thread, *body["messages"], said("4", "one more thing"), said("5", "add milk")))
    assert users(database, stored)[3:] == ["one more thing", "add milk"]
    assert [title for _, title, _ in database.tasks(user)] == ["milk"]


def test_what_cannot_be_taken_of_several_is_refused_by_name(api, database, user):
    def refused(*messages):
        answer = api.raw("POST", "/agui", run_input(f"thread-{uuid.uuid4()}", *messages))
        return answer[0], json.loads(answer[2])["error"]["code"]

    last = said("z", "hello")
    assert refused(*(said(str(n), f"message {n}") for n in range(9)), last) == (400, "invalid_field")
    assert refused(said("1", [{"type": "image", "source": {"type": "url", "value": "http://x"}}]), last) == (400, "invalid_field")
    assert refused(said("1", "  "), last)[1] == "empty_content"
    assert refused(said("1", "x" * 200_000), last)[1] == "content_too_long"
    assert database.value("select count(*) from messages where user_id = %s", user) == 0
