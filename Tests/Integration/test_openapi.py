"""/openapi.json against the gateway: schemathesis as two users and as an admin, and none of them sees another's."""

import json
import os
import pathlib
import subprocess
import sys
import uuid

import pytest

from kit.gateway import RESULTS
from kit.http import Api

SETTINGS = {"RATE_LIMIT_MESSAGES": 0}
CHECKS = ",".join(["not_a_server_error", "status_code_conformance", "content_type_conformance",
                   "response_headers_conformance", "response_schema_conformance", "unsupported_method",
                   "use_after_free"])
SECONDS = 12
"""For one of the three."""


class Person:
    """Somebody with two conversations and two tasks, and a word in all texts."""

    def __init__(self, gateway, name, **claims):
        self.word = f"{name}{uuid.uuid4().hex}"
        self.id = f"{name}-{uuid.uuid4().hex[:12]}"
        self.api = Api(gateway, self.id, **claims)
        chat = gateway.connect(self.id)
        turns = [chat.turn(f"add {self.word}") for _ in range(2)]
        chat.close()
        self.conversations = [turn.thread for turn in turns]
        for thread in self.conversations:
            self.api("PATCH", f"/api/conversations/{thread}", {"title": self.word, "metadata": {"word": self.word}})
        self.messages = [item["id"] for thread in self.conversations
                         for item in self.api("GET", f"/api/conversations/{thread}/messages")["data"]]
        self.tasks = [self.api("POST", f"/api/users/{self.id}/tasks", {"title": self.word}, 201)["id"]
                      for _ in range(2)]

    @property
    def secrets(self):
        return [self.word.encode(), *(id.encode() for id in self.conversations + self.messages)]


@pytest.fixture(scope="module")
def people(gateway):
    return {"a": Person(gateway, "a"), "b": Person(gateway, "b"), "admin": Person(gateway, "admin", role="admin")}


def configuration(document, people):
    """Which values the ids in the paths take, most of the time: everybody's."""
    known = {
        "events": [str(uuid.uuid4())],
        "conversations": [id for person in people.values() for id in person.conversations],
        "messages": [id for person in people.values() for id in person.messages],
        "tasks": [id for person in people.values() for id in person.tasks],
        "users": [person.id for person in people.values()],
        "strangers": ["nobody", "nobody@else"],
    }
    lines = ["[generation]", 'database = "none"']
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters" or "{" not in path:
                continue
            name = "user_id" if "{user_id}" in path else "id"
            which = "users" if name == "user_id" else next(kind for kind in path.split("/") if kind in known)
            if operation["operationId"] == "deleteUser":
                # It would end the test.
                which = "strangers"
            lines += ["[[operations]]", f'include-operation-id = "{operation["operationId"]}"',
                      "[operations.parameters]",
                      f'"path.{name}" = {{ dictionary = "{which}", probability = 0.7 }}']
    return "\n".join(lines) + "\n"


def bodies(report):
    """Each answer in a HAR file: request line, status, body; the request, and what was stored of its body."""
    for entry in json.loads(report.read_text())["log"]["entries"]:
        request, response = entry["request"], entry["response"]
        is_stored = request["method"] in ("POST", "PATCH") and response["status"] < 300
        yield (f"{request['method']} {request['url']}", response["status"],
               (response["content"].get("text") or "").encode(), json.dumps(request).encode(),
               (request.get("postData") or {}).get("text", "").encode() if is_stored else b"")


@pytest.mark.parametrize("name", ["a", "b", "admin"])
def test_the_description_is_true(gateway, people, name, tmp_path):
    document = json.loads(gateway.get("/openapi.json")[2])
    config, report = tmp_path / "schemathesis.toml", tmp_path / "report.har"
    config.write_text(configuration(document, people))
    run = subprocess.run(
        [pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", config, "run",
         f"{gateway.url}/openapi.json", "-H", f"Authorization: Bearer {people[name].api.token}", "--checks", CHECKS,
         # A stream, and a body that it has no form for: they have tests of their own.
         "--exclude-operation-id", "openStream", "--exclude-operation-id", "importUser", "--max-time", str(SECONDS), "--seed", "1", "--max-examples", "15",
         "--request-timeout", "10", "--report-har-path", report, "--warnings", "off", "--no-color", "--no-shrink"],
        cwd=tmp_path, env={**os.environ, "NO_PROXY": "*", "HOME": str(tmp_path)}, capture_output=True, text=True,
        timeout=SECONDS * 5)
    (RESULTS / f"schemathesis-{name}.log").write_text(run.stdout + run.stderr)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    answers = list(bodies(report))
    seen = {status for _, status, *_ in answers}
    assert len(answers) > 300 and {200, 201, 204, 400, 404} <= seen, f"{len(answers)} answers, {seen}"
    if name == "admin":
        return
    others = [secret for other, person in people.items() if other != name for secret in person.secrets]
    written = b""
    for what, status, body, request, stored in answers:
        found = [secret for secret in others if secret in body and secret not in request + written]
        assert not found, f"{what} gave {status} with {found}"
        # It may be read again: another's id as that of one's own message.
        written += stored
    # The same search finds one's own.
    assert any(people[name].word.encode() in body for _, _, body, *_ in answers)
