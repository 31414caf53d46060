"""The widget's cards against the gateway: what asks first is decided by a person, also after a reload."""

import pytest

from kit.page import browser
from test_browser_todo import say

DEV = True
SETTINGS = {"TOKEN_PACE_MS": 0, "APPROVE_TOOLS": "delete_task"}
CARD = "[data-testid=approval]"


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


@pytest.fixture
def page(chromium, gateway, user):
    chromium.driver.get(gateway.url)
    chromium.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    chromium.driver.get(gateway.url)
    chromium.sign_in(user)
    yield chromium
    assert chromium.errors() == []


def write(page, text):
    page.driver.execute_script(
        "const field = arguments[0]; field.value = arguments[1]; field.dispatchEvent(new Event('input', {bubbles: true}))",
        page.one("[data-testid=composer]"), text)
    page.click("[data-testid=send]")


def ask(page, text):
    write(page, text)
    page.one(CARD)


def open_titles(database, user):
    return [title for title, in database.rows(
        "select title from tasks where user_id = %s and deleted_at is null and not is_completed order by id", user)]


def test_many_at_once_are_decided_together(page, database, user):
    say(page, "add milk, eggs, bread, soap")
    ask(page, "mark 1, 2, 3 and 4 as done")
    page.until(lambda: len(page.all(CARD)) == 4, "not all ask")
    assert all("soap" in card.text for card in page.all(CARD))
    page.driver.refresh()
    page.until(lambda: len(page.all(CARD)) == 4, "a reload has lost what asks")
    for number in range(3):
        page.press("[data-testid=approve]", number)
    page.press("[data-testid=decline]", 3)
    page.until(lambda: not page.all(CARD), "what is decided still asks")
    page.until(lambda: "did not agree" in page.texts("assistant")[-1], "the assistant does not say what was left")
    assert open_titles(database, user) == ["soap"]


def test_a_message_declines(page, database, user):
    say(page, "add milk")
    ask(page, "delete 1")
    write(page, "what's on my list?")
    page.until(lambda: "#1 milk" in page.texts("assistant")[-1], "the list is not shown")
    page.until(lambda: not page.all(CARD), "what was declined still asks")
    assert open_titles(database, user) == ["milk"]
    ask(page, "delete 1")
    page.press("[data-testid=approve]")
    page.until(lambda: not page.all(CARD), "what is decided still asks")
    page.until(lambda: open_titles(database, user) == [], "not carried out")
