"""The event stream of many different turns. Each event is checked as it arrives, and the order of all of them."""

import json

import pytest

SMALL_TALK = []

TURNS = [
    # before, then: what is said, the tools it calls (None: any), what the answer holds, titles afterwards (None: any)
    ([], "add buy milk", ["add_task"], "milk", ["buy milk"]),
    ([], "add milk, eggs and bread", ["add_task"] * 3, "eggs", ["milk", "eggs", "bread"]),
    ([], "what's on my list?", ["list_tasks"], "", []),
    (["add buy milk"], "what's on my list?", ["list_tasks"], "milk", ["buy milk"]),
    (["add buy milk"], "show me everything, done too", ["list_tasks"], "milk", ["buy milk"]),
    (["add buy milk"], "I finished the milk one", None, "milk", ["buy milk"]),
    (["add buy milk"], "change the milk task to oat milk", None, "oat milk", ["oat milk"]),
    (["add groceries"], "delete groceries", None, "groceries", []),
    (["add buy milk"], "tell me about the milk task", None, "milk", ["buy milk"]),
    (["add buy milk", "done with buy milk"], "clear all finished tasks", None, "", []),
    ([], "add buy milk and then show me my list", None, "milk", ["buy milk"]),
    ([], "help", SMALL_TALK, "", []),
    ([], "thanks", SMALL_TALK, "", []),
    ([], "hello there", SMALL_TALK, "", []),
    ([], "add 买牛奶 🥛", ["add_task"], "买牛奶 🥛", ["买牛奶 🥛"]),
    ([], 'add "read \\"War & Peace\\""', ["add_task"], "War & Peace", None),
    ([], "colourless green ideas sleep furiously", SMALL_TALK, "", []),
    (["add milk for mum", "add milk for dad"], "delete milk", None, "milk", ["milk for mum", "milk for dad"]),
    ([], "x" * 10_000, None, "", None),
]


@pytest.mark.parametrize("before, said, tools, holds, titles", TURNS, ids=[turn[1][:32] for turn in TURNS])
def test_turn(chat, database, user, before, said, tools, holds, titles):
    thread = None
    for content in before:
        thread = chat.turn(content, thread=thread).thread
    turn = chat.turn(said, thread=thread)

    assert turn.kinds[0] == "RUN_STARTED" and turn.end["outcome"] == {"type": "success"}
    assert turn.text.strip(), "no answer"
    assert holds in turn.text
    if tools is not None:
        # A list may be looked at on the way.
        called = [tool for tool in turn.tools if tool != "list_tasks" or "list_tasks" in tools]
        assert called == tools
    for call in turn.calls:
        json.loads(call["arguments"])
        json.loads(call["result"])
    if titles is not None:
        assert sorted(row[1] for row in database.tasks(user)) == sorted(titles)
    stored = {id: content for id, _, content, _ in database.messages(turn.thread)}
    assert {message: stored.get(message) for message in turn.texts} == turn.texts


def test_an_ambiguous_request_is_asked_about_and_the_answer_understood(chat, database, user):
    thread = chat.turn("add milk for mum").thread
    chat.turn("add milk for dad", thread=thread)
    question = chat.turn("delete milk", thread=thread)
    assert "milk for mum" in question.text and "milk for dad" in question.text
    assert len(database.tasks(user)) == 2
    answer = chat.turn("the first one", thread=thread)
    assert answer.tools[-1] == "delete_task"
    assert len(database.tasks(user)) == 1


def test_a_done_task_is_done(chat, database, user):
    thread = chat.turn("add buy milk").thread
    chat.turn("done with buy milk", thread=thread)
    assert database.tasks(user)[0][2] is True
    # By its number, which is the user's own.
    chat.turn("un-complete 1", thread=thread)
    assert database.tasks(user)[0][2] is False


def test_a_task_of_somebody_else_is_not_touched(connect, database, user):
    other = f"{user}-other"
    connect(other).turn("add a secret plan")
    [(number, _, _)] = database.tasks(other)
    chat = connect()
    for request in (f"mark {number} as done", f"delete {number}", f"tell me about task {number}"):
        turn = chat.turn(request)
        assert turn.end["outcome"]["type"] == "success" and "secret" not in turn.text
    assert database.tasks(other) == [(number, "a secret plan", False)] or \
        database.tasks(other) == [(number, "secret plan", False)]
