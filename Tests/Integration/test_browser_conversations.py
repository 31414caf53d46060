"""Conversations in the page's list: renamed, archived, deleted; and the way back to their earlier messages."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kit.page import browser

DEV = True
SETTINGS = {"TOKEN_PACE_MS": 0}
ITEM = "[data-testid=conversation-item]"


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
    return chromium


def tool(page, thread, name):
    """Presses a conversation's tool, which shows where the pointer is."""
    place = page.one(f"{ITEM}[data-thread-id='{thread}']")
    ActionChains(page.driver).move_to_element(place).perform()
    page.driver.execute_script("arguments[0].focus()", place)
    row = page.driver.execute_script("return arguments[0].parentElement", place)
    button = row.find_element("css selector", f"[data-testid=conversation-{name}]")
    page.until(button.is_displayed, f"{name} does not show")
    button.click()
    return button


def titles(page):
    return [item.text.split("\n")[0] for item in page.all(ITEM)]


def status(database, thread):
    return database.value(
        "select coalesce((select status from conversations where id = %s), 'archived')", thread)


def test_rename_archive_and_delete(page, database, connect):
    socket = connect()
    first, second = (socket.turn(text).thread for text in ("add milk", "add eggs"))
    page.until(lambda: len(page.all(ITEM)) == 2, "not two conversations in the list")
    page.one(f"{ITEM}[data-thread-id='{first}']").click()
    tool(page, first, "edit")
    # It has the focus, and its text is chosen.
    page.one("[data-testid=conversation-title]")
    ActionChains(page.driver).send_keys("Shöpping <b>", Keys.ENTER).perform()
    page.until(lambda: "Shöpping <b>" in titles(page), "not renamed")
    assert database.value("select title from conversations where id = %s", first) == "Shöpping <b>"
    place = page.one(f"{ITEM}[data-thread-id='{second}']")
    ActionChains(page.driver).move_to_element(place).perform()
    page.screenshot("conversations")
    tool(page, first, "archive")
    page.until(lambda: len(page.all(ITEM)) == 1, "not archived")
    assert status(database, first) == "archived"
    # One press takes it back.
    banner = page.one("[data-testid=error-banner]")
    banner.find_element("css selector", "button.link").click()
    page.until(lambda: len(page.all(ITEM)) == 2, "not restored")
    assert status(database, first) == "active"
    trash = tool(page, second, "trash")
    assert trash.get_attribute("data-armed") is not None and len(page.all(ITEM)) == 2, "deleted by one press"
    page.screenshot("conversation-delete")
    trash.click()
    page.until(lambda: len(page.all(ITEM)) == 1, "not deleted")
    assert status(database, second) == "deleted"
    page.driver.refresh()
    page.online()
    page.until(lambda: titles(page) == ["Shöpping <b>"], "the list is another after a reload")
    assert page.errors() == []


def test_earlier_messages(page, connect):
    socket = connect()
    thread = socket.turn("hello 0").thread
    for number in range(1, 60):
        socket.turn(f"hello {number}", thread=thread)
    page.one(f"{ITEM}[data-thread-id='{thread}']").click()
    wanted = [f"hello {number}" for number in range(60)]
    page.until(lambda: page.texts("user")[-1:] == wanted[-1:], "no history")
    shown = page.texts("user")
    assert 10 < len(shown) < 60
    while page.texts("user") != wanted:
        before = len(page.texts("user"))
        page.driver.execute_script("arguments[0].scrollIntoView()", page.one("[data-testid=earlier]"))
        page.one("[data-testid=earlier]").click()
        page.until(lambda: len(page.texts("user")) > before, "nothing came")
        assert page.texts("user") == wanted[-len(page.texts("user")):]
        page.screenshot("earlier")
    page.until(lambda: not page.all("[data-testid=earlier]"), "there are none before the first")
    socket.turn("hello 60", thread=thread)
    page.until(lambda: page.texts("user") == [*wanted, "hello 60"], "what is new does not come at the end")
    assert page.errors() == []
