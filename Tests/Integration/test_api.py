"""What the page asks of the HTTP API."""

import json

import pytest


@pytest.fixture
def ask(gateway, user):
    def ask(path, name=None, **claims):
        status, headers, body = gateway.get(path, Authorization=f"Bearer {gateway.token(name or user, **claims)}")
        assert headers.get_content_type() == "application/json"
        return status, json.loads(body)
    return ask


def test_the_list_of_conversations(ask, connect, user):
    chat = connect()
    first, second = chat.turn("add milk").thread, chat.turn("add eggs").thread
    status, answer = ask(f"/api/users/{user}/conversations")
    assert status == 200 and answer["next"] is None
    assert [item["id"] for item in answer["data"]] == [second, first], "newest activity first"
    assert {"id", "title", "status", "created_at", "updated_at"} <= set(answer["data"][0])
    chat.turn("what's on my list?", thread=first)
    assert [item["id"] for item in ask(f"/api/users/{user}/conversations")[1]["data"]] == [first, second]


def test_its_pages(ask, connect, user):
    chat = connect()
    threads = [chat.turn("hello").thread for _ in range(5)]
    found, path = [], f"/api/users/{user}/conversations?limit=2"
    while path:
        status, answer = ask(path)
        assert status == 200 and len(answer["data"]) <= 2
        found += [item["id"] for item in answer["data"]]
        path = answer["next"] and f"/api/users/{user}/conversations?limit=2&before={answer['next']}"
    assert found == threads[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=-1", "before=x", "status=gone",
                                   *(f"before={time}_019a0000-0000-7000-8000-000000000000"
                                     for time in (-2 ** 63, 2 ** 63, -253_402_300_799_999_999))])
def test_wrong_queries(ask, user, query):
    status, answer = ask(f"/api/users/{user}/conversations?{query}")
    assert status == 400 and answer["error"]["code"] == "invalid_field"


def test_the_messages_of_a_conversation(ask, connect, database):
    turn = connect().turn("add milk")
    status, answer = ask(f"/api/conversations/{turn.thread}/messages")
    assert status == 200
    assert [(item["id"], item["role"], item["content"]) for item in answer["data"]] == \
        [row[:3] for row in database.messages(turn.thread)]


def test_others_see_nothing(ask, connect, user, gateway):
    turn = connect().turn("add a secret")
    other = f"{user}-other"
    status, answer = ask(f"/api/users/{user}/conversations", name=other)
    assert status == 403 and answer["error"]["code"] == "forbidden"
    for thread in (turn.thread, "019a0000-0000-7000-8000-000000000000", "nonsense"):
        status, answer = ask(f"/api/conversations/{thread}/messages", name=other)
        assert status == 404 and answer["error"]["code"] in ("thread_not_found", "not_found")
    assert ask(f"/api/users/{user}/conversations", name=other, role="admin")[0] == 200


def test_a_token_is_needed(gateway, user):
    for path in (f"/api/users/{user}/conversations", "/api/conversations/019a0000-0000-7000-8000-000000000000/messages"):
        answer = gateway.get(path)
        assert answer[0] == 401 and gateway.error_code(answer) == "unauthenticated"
