"""Conversations and messages found by their words."""

from urllib.parse import quote

import pytest

from kit.http import Api

SETTINGS = {"AGENT": "scripted"}


@pytest.fixture
def api(gateway, user):
    return Api(gateway, user)


def found(api, words, **query):
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return api("GET", f"/api/users/{quote(api.user)}/search?q={quote(words)}{more}")


def messages(page):
    return [hit["excerpt"] for hit in page["data"] if hit["message_id"]]


@pytest.mark.parametrize("text, words, is_found", [
    ("buy some brown milk", "milk", True), ("buy some brown milk", "MILK Buy", True),
    ("buy some brown milk", "mil", True), ("buy some brown milk", "ilk", False),
    ("buy some brown milk", "milk eggs", False), ("Größe überall", "größe", True),
    ("it's O'Brien's", "O'Brien", True), ("牛乳を買う", "牛乳", True), ("我要买牛奶", "牛奶", True), ("우유를 사다", "우유", True),
    ("اشتري الحليب", "الحليب", True), ("see https://example.com/a", "example.com", True), ("a & b | c", "&", False),
    ("a ' or 1=1 --", "' or 1=1", True), ("50% off :* !", "50%", True),
])
def test_words(api, connect, text, words, is_found):
    turn = connect().turn(text)
    page = found(api, words)
    hits = [hit for hit in page["data"] if hit["role"] == "user"]
    assert bool(hits) == is_found, page
    if is_found:
        assert hits[0]["conversation_id"] == turn.thread and hits[0]["excerpt"]
    assert page["not_searched"] == []


def test_what_came_since_is_found_too(api, connect):
    socket = connect()
    thread = socket.turn("the first zebra").thread
    assert len(messages(found(api, "zebra"))) >= 1
    before = len(messages(found(api, "zebra")))
    socket.turn("another zebra", thread=thread)
    assert len(messages(found(api, "zebra"))) > before


def test_titles(api, connect, user):
    turn = connect().turn("hello")
    api("PATCH", f"/api/conversations/{turn.thread}", {"title": "Quarterly penguins"})
    [hit] = found(api, "pengu")["data"]
    assert (hit["conversation_id"], hit["title"], hit["message_id"]) == (turn.thread, "Quarterly penguins", None)


def test_pages(api, connect):
    socket = connect()
    thread = socket.turn("giraffe 0").thread
    for number in range(1, 5):
        socket.turn(f"giraffe {number}", thread=thread)
    every = messages(found(api, "giraffe"))
    pages, before = [], None
    while True:
        page = found(api, "giraffe", limit=3, **({"before": before} if before else {}))
        assert len(messages(page)) <= 3
        pages += messages(page)
        before = page["next"]
        if before is None:
            break
    assert pages == every and "giraffe 4" in every[0] + every[1]


def test_nobody_elses_and_nothing_that_is_deleted(api, gateway, connect, database, user):
    turn = connect().turn("a secret walrus")
    other = Api(gateway, f"{user}-other")
    assert found(other, "walrus")["data"] == []
    assert other.raw("GET", f"/api/users/{user}/search?q=walrus")[0] == 403
    api("PATCH", f"/api/conversations/{turn.thread}", {"status": "archived"})
    assert messages(found(api, "walrus")), "what is in the archive is not found"
    # Not even where the words were left behind, since what is shown is read anew.
    assert api.raw("DELETE", f"/api/conversations/{turn.thread}")[0] == 204
    assert found(api, "walrus")["data"] == []
    assert api.raw("DELETE", f"/api/users/{user}")[0] == 204
    assert database.value("select count(*) from parley.search_words where user_id = %s", user) == 0


@pytest.mark.parametrize("query", ["", "?q=", f"?q={'x' * 201}", "?q=a%00b", "?q=a&before=x", "?q=a&limit=0"])
def test_what_makes_no_sense(api, gateway, query):
    assert gateway.error_code(api.raw("GET", f"/api/users/{api.user}/search{query}")) == "invalid_field"
