"""public/parley.d.ts against what really goes over the wire: recorded frames, events and objects as TypeScript."""

import json
import subprocess

import pytest

from kit import TOP
from kit.chat import ChatSocket
from kit.http import Api

DECLARATIONS = TOP / "public" / "parley.d.ts"


def compile(folder, source):
    """What Debian's compiler has to say."""
    (folder / "parley.d.ts").write_bytes(DECLARATIONS.read_bytes())
    (folder / "recorded.ts").write_text(source)
    answer = subprocess.run(["tsc", "--noEmit", "--strict", "--target", "es2020", "--moduleResolution", "node",
                             "parley.d.ts", "recorded.ts"], cwd=folder, capture_output=True, text=True, timeout=120)
    return answer.stdout + answer.stderr


def constant(number, kind, value):
    return f"export const r{number}: P.{kind} = {json.dumps(value)};"


@pytest.fixture(scope="module")
def recorded(gateway):
    """(type, value) of each thing that was seen."""
    seen = []
    user = "types"
    api = Api(gateway, user)
    admin = Api(gateway, "types-admin", role="admin")
    with ChatSocket(gateway, gateway.token(user)) as chat, ChatSocket(gateway, gateway.token(user)) as other:
        seen.append(("ReadyFrame", chat.ready))
        turn = chat.turn("add milk")
        other.subscribe(turn.thread)
        other.turn("what's on my list?", thread=turn.thread, id="twice")
        other.send("what's on my list?", thread=turn.thread, id="twice")
        other.post(op="cancel", id="c", threadId=turn.thread)
        other.until({"op": "ack", "status": "idle"})
        other.post(op="ping", id="p")
        other.until({"op": "pong"})
        other.post(op="auth", token=gateway.token(user))
        other.until({"op": "authenticated"})
        other.error(op="nonsense")
        other.post(op="unsubscribe", id="u", threadId=turn.thread)
        other.until({"op": "ack", "status": "unsubscribed"})
        api("PATCH", f"/api/conversations/{turn.thread}", {"title": "new", "metadata": {"a": [1, None, {"b": "c"}]}})
        chat.until({"op": "thread", "title": "new"})
        seen += [("ServerFrame", frame) for socket in (chat, other) for frame in socket.frames]
    made = api("POST", f"/api/users/{user}/tasks", {"title": "a", "is_completed": True}, 201)
    accepted = api("POST", f"/api/conversations/{turn.thread}/messages", {"content": "hello"}, 202)
    lines = api.raw("GET", f"/api/users/{user}/export")[2].decode().splitlines()
    seen += [
        ("Task", made), ("AcceptedTurn", accepted),
        ("Conversation", api("POST", f"/api/users/{user}/conversations", {}, 201)),
        ("ConversationDetail", api("GET", f"/api/conversations/{turn.thread}")),
        ("Page<P.Conversation>", api("GET", f"/api/users/{user}/conversations")),
        ("Page<P.Message>", api("GET", f"/api/conversations/{turn.thread}/messages")),
        ("Page<P.Operation>", api("GET", f"/api/conversations/{turn.thread}/operations")),
        ("Page<P.Task>", api("GET", f"/api/users/{user}/tasks")),
        ("Page<P.AgentObject>", api("GET", "/api/agents")),
        ("ErrorBody", api("GET", "/api/tasks/0", status=404)),
        ("ImportReport", json.loads(admin.raw(
            "POST", f"/api/users/{user}/import", "nonsense", {"Content-Type": "application/jsonl"})[2])),
        *(("ExportLine", json.loads(line)) for line in lines),
    ]
    return seen


def test_what_was_recorded_is_declared(recorded, tmp_path):
    kinds = {value.get("op") or value.get("type") for kind, value in recorded if kind in ("ServerFrame", "ReadyFrame")}
    assert {"ready", "ack", "error", "snapshot", "subscribed", "thread", "pong", "authenticated", "RUN_STARTED",
            "TEXT_MESSAGE_CONTENT", "TOOL_CALL_RESULT", "RUN_FINISHED"} <= kinds
    source = ['import * as P from "./parley";']
    source += [constant(number, kind, value) for number, (kind, value) in enumerate(recorded)]
    assert compile(tmp_path, "\n".join(source)) == ""


@pytest.mark.parametrize("kind, change", [
    ("ServerFrame", lambda value: value | {"op": "reddy"} if "op" in value else value | {"type": "RUN_BEGUN"}),
    ("Task", lambda value: value | {"is_completed": "yes"}), ("Task", lambda value: value | {"colour": "red"}),
    ("Page<P.Message>", lambda value: {"data": [{}], "next": None}),
])
def test_what_is_not_declared_is_found(recorded, tmp_path, kind, change):
    value = change(next(value for known, value in recorded if known == kind))
    assert "error TS" in compile(tmp_path, f'import * as P from "./parley";\n{constant(0, kind, value)}')


def test_what_clients_send_is_declared(tmp_path):
    frames = [
        {"op": "send", "content": "x"},
        {"op": "send", "id": "1", "threadId": "t", "content": "x", "policy": "interrupt", "parentId": None,
         "metadata": {"timeZone": "Europe/Berlin", "locale": "de"}},
        {"op": "regenerate", "threadId": "t", "messageId": "m"}, {"op": "select", "threadId": "t", "messageId": "m"},
        {"op": "resume", "threadId": "t",
         "resume": [{"interruptId": "i", "status": "resolved", "payload": {"approved": True}}]},
        {"op": "cancel", "threadId": "t"}, {"op": "subscribe", "threadId": "t", "after": "e.1"},
        {"op": "unsubscribe", "threadId": "t"}, {"op": "auth", "token": "x"}, {"op": "ping"},
    ]
    source = ['import * as P from "./parley";', *(constant(n, "ClientFrame", f) for n, f in enumerate(frames))]
    assert compile(tmp_path, "\n".join(source)) == ""
