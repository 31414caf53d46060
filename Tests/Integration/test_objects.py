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
