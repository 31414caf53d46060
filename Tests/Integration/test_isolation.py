"""A walk of two users and an admin through each other's things: nobody ever sees, changes or deletes another's."""

import json
import random
import uuid

import pytest

from kit.http import Api

STEPS = 500


class Walker:
    def __init__(self, gateway, name):
        self.name = name
        self.id = f"{name}-{uuid.uuid4().hex[:12]}"
        self.word = f"{name}word{uuid.uuid4().hex}"
        self.api = Api(gateway, self.id)
        self.conversations, self.messages, self.tasks = set(), set(), set()

    def marks(self):
        return {self.word, *self.conversations, *self.messages}


class World:
    def __init__(self, gateway, database, chance):
        self.chance, self.database = chance, database
        self.users = [Walker(gateway, "ada"), Walker(gateway, "bob")]
        self.statuses = set()

    def ask(self, actor, owner, method, path, body=None, accept=None):
        """One request by `actor` about a thing of `owner`, whose answer must tell nothing that is another's."""
        status, headers, content = actor.api.raw(method, path, body, {"Accept": accept} if accept else None)
        text = content.decode()
        for other in self.users:
            if other is not actor:
                told = [mark for mark in other.marks() if mark in text]
                assert not told, f"{actor.name}: {method} {path} gave {status} with {told}"
        assert status < 500
        self.statuses.add((actor is owner, method, status))
        if actor is not owner:
            assert status in (403, 404), f"{actor.name} got {status} for {method} {path} of {owner.name}"
        return status, json.loads(text) if text and headers.get_content_type() == "application/json" else text

    def choose(self, things):
        return self.chance.choice(sorted(things)) if things else uuid.uuid4()

    def step(self):
        actor, owner = self.chance.choice(self.users), self.chance.choice(self.users)
        conversation, task = self.choose(owner.conversations), self.choose(owner.tasks)
        message = self.choose(owner.messages)
        place = f"/api/conversations/{conversation}"
        kind = self.chance.choice([
            "create", "list", "get", "rename", "archive", "send", "stream", "messages", "from", "operations", "add",
            "tasks", "task", "change", "complete", "export", "drop", "erase", "purge", "admin"])
        mine = actor is owner
        if kind == "create":
            status, made = self.ask(actor, owner, "POST", f"/api/users/{owner.id}/conversations",
                                    {"title": actor.word, "metadata": {"x": actor.word}})
            if mine:
                assert status == 201
                actor.conversations.add(made["id"])
        elif kind in ("list", "tasks"):
            path = "conversations" if kind == "list" else "tasks"
            self.ask(actor, owner, "GET", f"/api/users/{owner.id}/{path}?limit=200")
        elif kind in ("get", "operations"):
            self.exists(mine, owner.conversations, self.ask(
                actor, owner, "GET", place + ("/operations" if kind == "operations" else "")))
        elif kind == "rename":
            self.exists(mine, owner.conversations, self.ask(actor, owner, "PATCH", place, {"title": actor.word}))
        elif kind == "archive":
            change = {"status": self.chance.choice(["active", "archived"])}
            self.ask(actor, owner, "PATCH", place, change)
        elif kind in ("send", "stream"):
            status, answer = self.ask(actor, owner, "POST", place + "/messages", {"content": f"add {actor.word}"},
                                      "text/event-stream")
            if status == 200:
                _, page = self.ask(actor, owner, "GET", place + "/messages?limit=200")
                actor.messages |= {item["id"] for item in page["data"]}
        elif kind == "messages":
            self.exists(mine, owner.conversations, self.ask(actor, owner, "GET", place + "/messages"))
        elif kind == "from":
            # A message of the other's as the place in a conversation of one's own.
            own, foreign = self.choose(actor.conversations), self.choose(
                {mark for user in self.users if user is not actor for mark in user.messages})
            status, _ = self.ask(actor, actor, "GET", f"/api/conversations/{own}/messages?before={foreign}")
            assert status in (400, 404)
        elif kind == "add":
            status, made = self.ask(actor, owner, "POST", f"/api/users/{owner.id}/tasks", {"title": actor.word})
            if mine:
                actor.tasks.add(made["id"])
        elif kind == "task":
            self.ask(actor, owner, "GET", f"/api/tasks/{task}")
        elif kind in ("change", "complete"):
            change = {"title": actor.word} if kind == "change" else {"is_completed": True}
            self.ask(actor, owner, "PATCH", f"/api/tasks/{task}", change)
        elif kind == "export":
            self.ask(actor, owner, "GET", f"/api/users/{owner.id}/export")
        elif kind == "drop":
            status, _ = self.ask(actor, owner, "DELETE", f"/api/tasks/{task}")
            if status == 204:
                actor.tasks.discard(task)
        elif kind == "erase" and self.chance.random() < 0.4:
            status, _ = self.ask(actor, owner, "DELETE", place)
            if status == 204:
                actor.conversations.discard(conversation)
        elif kind == "purge" and not mine:
            self.ask(actor, owner, "DELETE", f"/api/users/{owner.id}")
        elif kind == "admin":
            status, _, _ = actor.api.raw("DELETE", f"/api/messages/{message}")
            assert status == 403

    def exists(self, mine, things, answer):
        assert answer[0] == (200 if mine and things else 404) or not mine


@pytest.mark.parametrize("seed", [1, 2])
def test_a_walk(gateway, database, seed):
    world = World(gateway, database, random.Random(seed))
    for _ in range(STEPS):
        world.step()
    # It went everywhere, as oneself and as the other.
    for own in (True, False):
        assert {method for mine, method, _ in world.statuses if mine == own} == {"GET", "POST", "PATCH", "DELETE"}
    # What each has is whole, and of his own making alone.
    for user in world.users:
        page = user.api("GET", f"/api/users/{user.id}/conversations?limit=200")
        assert {item["id"] for item in page["data"]} == user.conversations
        titles = {row[0] for row in database.rows("select title from parley.tasks where user_id = %s", user.id)}
        assert not any(other.word in title for title in titles for other in world.users if other is not user)
