"""Every route of the router, asked without a token, as another user and as an admin: the table in deploy/ROUTES.md."""

import json
import uuid

import pytest

from kit import TOP
from kit.gateway import RESULTS
from kit.http import Api

DEV = True
SETTINGS = {"TOKEN_PACE_MS": 0}
TABLE = TOP / "deploy" / "ROUTES.md"

BODIES = {
    "createConversation": {"title": "x"}, "changeConversation": {"title": "x"}, "sendMessage": {"content": "hello"},
    "addTask": {"title": "x"}, "changeTask": {"title": "x"}, "makeToken": {"user_id": "somebody"},
    "judgeMessage": {"rating": "up"},
    "resumeConversation": {"resume": [{"interrupt_id": "none", "status": "cancelled"}]},
    "runAgent": {"threadId": "t", "runId": "r", "messages": [{"id": "1", "role": "user", "content": "hello"}]},
    "sendFrames": {"op": "ping"}, "importUser": '{"type":"user"}', "regenerate": {},
}
"""What routes with a body are asked with; one that is missing here fails the test."""


class Owner:
    """Whose things are asked for: new for each question, since some answers delete them."""

    def __init__(self, gateway):
        self.api = Api(gateway, f"owner-{uuid.uuid4().hex[:12]}")
        user = self.api.user
        conversation = self.api("POST", f"/api/users/{user}/conversations", {"title": "x"}, 201)["id"]
        list(self.api.stream(f"/api/conversations/{conversation}/messages", {"content": "hello"}).events())
        question, answer = (self.api("GET", f"/api/conversations/{conversation}/messages")["data"][at]["id"] for at in (0, -1))
        self.stream = gateway.connect(user, transport="events")
        self.ids = {"events": self.stream.ready["streamId"], "conversations": conversation, "messages": question, "feedback": answer,
                    "tasks": self.api("POST", f"/api/users/{user}/tasks", {"title": "x"}, 201)["id"]}

    def path(self, pattern):
        if "{id}" in pattern:
            kind = next(kind for kind in pattern.split("/") if kind in self.ids)
            return pattern.replace("{id}", str(self.ids["feedback" if pattern == "/api/messages/{id}/feedback" else kind]))
        if pattern.endswith("/search"):
            pattern += "?q=hello"
        return pattern.replace("{user_id}", self.api.user)


def routes(gateway):
    """Method, pattern and description of each, in the router's order."""
    for pattern, operations in json.loads(gateway.get("/openapi.json")[2])["paths"].items():
        for method, operation in operations.items():
            if method != "parameters":
                yield method.upper(), pattern, operation


def ask(gateway, method, pattern, operation, who):
    body = None
    if "requestBody" in operation:
        body = BODIES[operation["operationId"]]
    owner = Owner(gateway)
    asking = owner.api
    if who != "owner":
        asking = Api(gateway, f"{who}-{uuid.uuid4().hex[:8]}", role="admin" if who == "admin" else None)
    headers = {"Authorization": None} if who == "nobody" else {}
    if "requestBody" in operation:
        [headers["Content-Type"]] = operation["requestBody"]["content"]
    if operation["operationId"] == "openStream":
        # It has no end.
        method = "HEAD"
    status, headers, content = asking.raw(method, owner.path(pattern), body, headers)
    owner.stream.close()
    code = ""
    if method == "HEAD" and status >= 400:
        status, headers, content = asking.raw("GET", pattern, headers={"Authorization": None})
    if status >= 400 and "error" in (answer := json.loads(content)):
        code = f" `{answer['error']['code']}`"
    return f"{status}{code}"


def test_the_table_of_routes(gateway):
    lines = ["| route | for | owner | no token | another user | admin |", "| --- | --- | --- | --- | --- | --- |"]
    for method, pattern, operation in routes(gateway):
        answers = {who: ask(gateway, method, pattern, operation, who) for who in ("owner", "nobody", "other", "admin")}
        lines.append(f"| `{method} {pattern}` | {operation['x-access']} | " + " | ".join(answers.values()) + " |")
        if operation["security"]:
            assert answers["nobody"] == "401 `unauthenticated`", f"{method} {pattern} without a token: {answers}"
        if operation["x-access"] == "admin":
            assert answers["other"] == answers["owner"] == "403 `forbidden`" and answers["admin"][0] == "2", answers
        elif "{user_id}" in pattern:
            assert answers["other"] == "403 `forbidden`", f"{method} {pattern} as another: {answers}"
        elif "{id}" in pattern:
            assert answers["other"].startswith("404 "), f"{method} {pattern} as another: {answers}"
    text = "\n".join(lines) + "\n"
    (RESULTS / "ROUTES.md").write_text(text)
    assert text in TABLE.read_text(), f"{TABLE} is not the table that was found: {RESULTS / 'ROUTES.md'}"


@pytest.mark.parametrize("pattern", ["/", "/parley-chat.js"])
def test_files_are_everybodys(gateway, pattern):
    assert gateway.get(pattern)[0] == 200
