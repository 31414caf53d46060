"""Objects have the same fields wherever they are shown: HTTP, the list, a snapshot, the export."""

import json

import pytest
from kit.http import Api

CONVERSATION = {"id", "user_id", "title", "status", "metadata", "message_count", "created_at", "updated_at"}
MESSAGE = {"id", "conversation_id", "user_id", "run_id", "position", "role", "sender", "status", "content", "tool_calls",
           "tool_call_id", "created_at"}
OPERATION = {"operation_id", "conversation_id", "user_message_id", "run_id", "ordinal", "operation_type", "input_params",
             "result", "status", "created_at", "finished_at"}


@pytest.fixture
def api(gateway, user):
    return Api(gateway, user)


def test_conversations(api, user, connect):
    thread = connect().turn("add milk").thread
    changed = api("PATCH", f"/api/conversations/{thread}", {"metadata": {"colour": "red"}})
    [listed] = api("GET", f"/api/users/{user}/conversations")["data"]
    shown = api("GET", f"/api/conversations/{thread}")
    for conversation in (changed, listed, shown):
        assert CONVERSATION <= set(conversation)
        assert conversation["user_id"] == user and conversation["metadata"] == {"colour": "red"}
    made = api("POST", f"/api/users/{user}/conversations", {"metadata": {"a": 1}}, 201)
    assert CONVERSATION <= set(made) and made["metadata"] == {"a": 1}


def test_messages(api, user, connect):
    socket = connect()
    turn = socket.turn("add milk")
    messages = api("GET", f"/api/conversations/{turn.thread}/messages")["data"]
    for message in messages:
        assert MESSAGE | {"run"} <= set(message)
        assert (message["conversation_id"], message["user_id"], message["run_id"]) == (turn.thread, user, turn.run)
        assert message["sender"] == ("user" if message["role"] == "user" else "assistant") and message["created_at"]
    [call] = next(message["tool_calls"]["tools"] for message in messages if message["tool_calls"])
    assert call["tool"] == "add_task" and call["parameters"] == {"title": "milk"} and call["id"]
    assert messages[0]["tool_calls"] is None


def test_operations(api, connect):
    turn = connect().turn("add milk")
    [operation] = api("GET", f"/api/conversations/{turn.thread}/operations")["data"]
    assert set(operation) == OPERATION
    assert operation["operation_type"] == "add" and operation["input_params"] == {"title": "milk"}


def test_the_export_has_the_same(gateway, api, user, connect):
    turn = connect().turn("add milk")
    status, _, body = gateway.get(
        f"/api/users/{user}/export", Authorization=f"Bearer {gateway.token(user)}")
    assert status == 200
    lines = [json.loads(line) for line in body.decode().splitlines()]
    of = {kind: [line for line in lines if line["type"] == kind] for kind in ("conversation", "message", "operation")}
    assert CONVERSATION <= set(of["conversation"][0]) and OPERATION <= set(of["operation"][0])
    for line in of["message"]:
        assert MESSAGE <= set(line) and (line["user_id"], line["conversation_id"]) == (user, turn.thread)


TASK = {"id", "number", "user_id", "title", "due_at", "recurrence", "description", "is_completed", "ai_generated", "last_interaction_id", "created_at",
        "updated_at"}


def export(gateway, user):
    status, _, body = gateway.get(f"/api/users/{user}/export", Authorization=f"Bearer {gateway.token(user)}")
    assert status == 200
    return [json.loads(line) for line in body.decode().splitlines()]


def test_tasks(gateway, api, user, connect):
    turn = connect().turn("add milk")
    made = api("POST", f"/api/users/{user}/tasks", {"title": "done already", "is_completed": True}, 201)
    assert TASK <= set(made) and made["is_completed"] is True and made["last_interaction_id"] is None
    assert made["user_id"] == user
    tasks = api("GET", f"/api/users/{user}/tasks")["data"]
    assert [task["title"] for task in tasks] == ["done already", "milk"]
    assert tasks[1]["last_interaction_id"] == turn.message and tasks[1]["ai_generated"]
    for query, titles in [("include_completed=true", ["done already", "milk"]), ("include_completed=false", ["milk"]),
                          ("completed=true", ["done already"])]:
        assert [task["title"] for task in api("GET", f"/api/users/{user}/tasks?{query}")["data"]] == titles
    assert api.refusal("GET", f"/api/users/{user}/tasks?include_completed=no", status=400) == "invalid_field"


def test_an_export_has_the_objects_of_the_api(gateway, api, user, connect):
    """To the byte of each value: there is one spelling of an object."""
    turn = connect().turn("add milk")
    api("PATCH", f"/api/conversations/{turn.thread}", {"metadata": {"colour": "red"}})
    lines = export(gateway, user)

    def lines_of(kind):
        return [{name: value for name, value in line.items()
                 if name not in ("type", "client_id", "head_run_id", "parent_run_id")}
                for line in lines if line["type"] == kind]

    def without_places(messages):
        # An export has the tree by its runs, from which places follow.
        return [{name: value for name, value in message.items() if name not in ("parent_id", "siblings")}
                for message in messages]
    assert lines_of("conversation") == api("GET", f"/api/users/{user}/conversations")["data"]
    assert lines_of("message") == without_places(api("GET", f"/api/conversations/{turn.thread}/messages")["data"])
    assert lines_of("operation") == api("GET", f"/api/conversations/{turn.thread}/operations")["data"]
    assert lines_of("task") == api("GET", f"/api/users/{user}/tasks")["data"]


def test_a_snapshot_tells_the_same(api, user, connect):
    turn = connect().turn("add milk")
    socket = connect()
    socket.subscribe(turn.thread)
    frame = next(frame for frame in socket.frames if frame.get("op") == "snapshot")
    stored = api("GET", f"/api/conversations/{turn.thread}/messages")["data"]
    assert len(frame["messages"]) == len(stored)
    for shown, message in zip(frame["messages"], stored):
        assert (shown["id"], shown["role"], shown["content"]) == (message["id"], message["role"], message["content"])
        told = shown["metadata"]["parley"]
        assert (told["createdAt"], told["status"], told["runId"], told["position"]) == (
            message["created_at"], message["status"], message["run_id"], message["position"])


@pytest.mark.parametrize("change", [{"title": "new"}, {"metadata": {"a": 1}}, {"status": "archived"}])
def test_every_change_moves_the_time(api, user, connect, change):
    thread = connect().turn("hello").thread
    before = api("GET", f"/api/conversations/{thread}")["updated_at"]
    after = api("PATCH", f"/api/conversations/{thread}", change)["updated_at"]
    assert after > before
    # So does a message, and what it wakes.
    connect().turn("hello", thread=thread)
    assert api("GET", f"/api/conversations/{thread}")["updated_at"] > after
