"""What a user thinks of answers: stored, changed, taken back, exported, gone with what it is about."""

import json

import pytest

from kit.gateway import Gateway, command
from kit.http import Api

KEY = "a:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
OTHER = "b:" + "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="


@pytest.fixture
def api(gateway, user):
    return Api(gateway, user)


def answer_of(api, turn):
    return api("GET", f"/api/conversations/{turn.thread}/messages")["data"][-1]["id"]


def exported(api, user):
    lines = [json.loads(line) for line in api.raw("GET", f"/api/users/{user}/export")[2].splitlines()]
    return [line for line in lines if line["type"] == "feedback"]


def test_it_is_stored_changed_and_taken_back(api, user, connect, database):
    turn = connect().turn("hello")
    answer = answer_of(api, turn)
    place = f"/api/messages/{answer}/feedback"
    first = api("POST", place, {"rating": "up"})
    assert (first["message_id"], first["rating"], first["comment"]) == (answer, "up", None)
    second = api("POST", place, {"rating": "down", "comment": "too short 💬"})
    assert (second["rating"], second["comment"], second["created_at"]) == ("down", "too short 💬", first["created_at"])
    listed = api("GET", f"/api/conversations/{turn.thread}/feedback")
    assert listed == {"data": [second], "next": None}
    [line] = exported(api, user)
    assert (line["message_id"], line["conversation_id"], line["rating"], line["comment"]) \
        == (answer, turn.thread, "down", "too short 💬")
    assert api("POST", place, {"rating": None}) == {"message_id": answer, "rating": None, "comment": None}
    assert api("GET", f"/api/conversations/{turn.thread}/feedback")["data"] == [] and exported(api, user) == []
    assert database.value("select count(*) from parley.feedback where user_id = %s", user) == 0


@pytest.mark.parametrize("body", [{}, {"rating": "good"}, {"rating": 1}, {"rating": "up", "comment": 1},
                                  {"rating": "up", "comment": "x" * 2001}, {"rating": "up", "comment": "a\u0000"}])
def test_what_makes_no_sense(api, connect, gateway, body):
    answer = answer_of(api, connect().turn("hello"))
    assert gateway.error_code(api.raw("POST", f"/api/messages/{answer}/feedback", body)) == "invalid_field"


def test_only_of_ones_own_answers(api, gateway, user, connect):
    turn = connect().turn("hello")
    question = api("GET", f"/api/conversations/{turn.thread}/messages")["data"][0]["id"]
    assert gateway.error_code(api.raw("POST", f"/api/messages/{question}/feedback", {"rating": "up"})) == "invalid_field"
    other = Api(gateway, f"{user}-other")
    assert other.raw("POST", f"/api/messages/{answer_of(api, turn)}/feedback", {"rating": "up"})[0] == 404
    assert other.raw("GET", f"/api/conversations/{turn.thread}/feedback")[0] == 404


def test_it_goes_into_the_archive_and_back(api, user, connect, database):
    turn = connect().turn("hello")
    answer = answer_of(api, turn)
    api("POST", f"/api/messages/{answer}/feedback", {"rating": "up", "comment": "good"})
    conversation = f"/api/conversations/{turn.thread}"
    for status in ("archived", "active"):
        api("PATCH", conversation, {"status": status})
        assert [each["comment"] for each in api("GET", f"{conversation}/feedback")["data"]] == ["good"], status
        assert len(exported(api, user)) == 1
    # While it is archived it can be judged, too.
    api("PATCH", conversation, {"status": "archived"})
    assert api("POST", f"/api/messages/{answer}/feedback", {"rating": "down"})["rating"] == "down"


def test_it_goes_with_its_message_and_its_user(api, gateway, user, connect, database):
    turn = connect().turn("hello")
    answer = answer_of(api, turn)
    for archived in (False, True):
        api("POST", f"/api/messages/{answer}/feedback", {"rating": "up"})
        if archived:
            api("PATCH", f"/api/conversations/{turn.thread}", {"status": "archived"})
        assert Api(gateway, "an-admin", role="admin").raw("DELETE", f"/api/messages/{answer}")[0] == 204
        assert database.value("select count(*) from parley.feedback where message_id = %s", answer) == 0
        turn = connect().turn("hello again")
        answer = answer_of(api, turn)
    api("POST", f"/api/messages/{answer}/feedback", {"rating": "up"})
    assert api.raw("DELETE", f"/api/users/{user}")[0] == 204
    assert database.value("select count(*) from parley.feedback where user_id = %s", user) == 0


def test_encrypted(database, user):
    gateway = Gateway(database, name="test_feedback_encrypted", TOKEN_PACE_MS=0, CONTENT_KEYS=KEY)
    try:
        api = Api(gateway, user)
        with gateway.connect(user) as socket:
            turn = socket.turn("hello")
        place = f"/api/messages/{answer_of(api, turn)}/feedback"
        api("POST", place, {"rating": "up", "comment": "between us"})
        stored = "select comment || comment_key from parley.feedback where user_id = %s"
        assert "between us" not in database.value(stored, user)
        assert api("GET", f"/api/conversations/{turn.thread}/feedback")["data"][0]["comment"] == "between us"
        assert exported(api, user)[0]["comment"] == "between us"
        gateway.stop()
        gateway.settings["CONTENT_KEYS"] = f"{OTHER},{KEY}"
        done = command("reencrypt", **gateway.settings)
        assert done.returncode == 0, done.stderr
        assert database.value("select comment_key from parley.feedback where user_id = %s", user) == "b"
        gateway.start()
        assert api("GET", f"/api/conversations/{turn.thread}/feedback")["data"][0]["comment"] == "between us"
        found = api("GET", f"/api/users/{user}/search?q=hello")
        assert found == {"data": [], "next": None, "not_searched": ["titles", "messages"]}
    finally:
        gateway.remove()
