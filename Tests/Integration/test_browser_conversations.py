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


def titles(page):
    return [item.text.split("\n")[0] for item in page.all(ITEM)]


def status(database, thread):
    return database.value(
        "select coalesce((select status from conversations where id = %s), 'archived')", thread)


def test_rename_archive_and_delete(page, database, connect):
    socket = connect()
    first, second = (socket.turn(text).thread for text in ("add milk", "add eggs"))
    page.until(lambda: len(page.all(ITEM)) == 2, "not two conversations in the list")
    page.click(f"{ITEM}[data-thread-id='{first}']")
    page.choose(first, "edit")
    # It has the focus, and its text is chosen.
    page.one("[data-testid=conversation-title]")
    ActionChains(page.driver).send_keys("Shöpping <b>", Keys.ENTER).perform()
    page.until(lambda: "Shöpping <b>" in titles(page), "not renamed")
    assert database.value("select title from conversations where id = %s", first) == "Shöpping <b>"
    place = page.one(f"{ITEM}[data-thread-id='{second}']")
    ActionChains(page.driver).move_to_element(place).perform()
    page.screenshot("conversations")
    page.choose(first, "archive")
    page.until(lambda: len(page.all(ITEM)) == 1, "not archived")
    assert status(database, first) == "archived"
    # One press takes it back.
    banner = page.one("[data-testid=error-banner]")
    banner.find_element("css selector", "button.link").click()
    page.until(lambda: len(page.all(ITEM)) == 2, "not restored")
    assert status(database, first) == "active"
    page.choose(second, "trash")
    question = page.one("[data-testid=question]")
    assert "add eggs" in question.text and len(page.all(ITEM)) == 2, "deleted without a question"
    page.screenshot("conversation-delete")
    page.click("[data-testid=refuse]")
    page.until(lambda: not question.is_displayed(), "a no does not end the question")
    assert status(database, second) == "active"
    page.choose(second, "trash")
    page.click("[data-testid=confirm]")
    page.until(lambda: len(page.all(ITEM)) == 1, "not gone from the list")
    # It may be taken back.
    page.click("[data-testid=error-banner] .link")
    page.until(lambda: len(page.all(ITEM)) == 2, "not taken back")
    assert status(database, second) == "active"
    page.choose(second, "trash")
    page.click("[data-testid=confirm]")
    page.until(lambda: len(page.all(ITEM)) == 1, "not gone from the list")
    assert "deleted" in page.one("[data-testid=error-banner]").text
    # Whoever leaves the page meant it.
    page.driver.refresh()
    page.until(lambda: status(database, second) == "deleted", "not deleted")
    page.online()
    page.until(lambda: titles(page) == ["Shöpping <b>"], "the list is another after a reload")
    assert page.errors() == []


def test_the_archive(page, database, connect):
    socket = connect()
    first, second = (socket.turn(text).thread for text in ("add milk", "add eggs"))
    page.until(lambda: len(page.all(ITEM)) == 2, "not two conversations in the list")
    page.choose(first, "archive")
    page.until(lambda: len(page.all(ITEM)) == 1, "not archived")
    page.click("[data-testid=archive-switch]")
    archived = f"{ITEM}[data-thread-id='{first}']"
    page.until(lambda: page.all(archived) and len(page.all(ITEM)) == 1, "not in the archive")
    page.screenshot("archive")
    page.one(archived).click()
    page.until(lambda: page.texts("user") == ["add milk"], "what is in the archive can't be read")
    page.choose(first, "restore")
    page.until(lambda: not page.all(ITEM), "still in the archive")
    assert status(database, first) == "active"
    page.click("[data-testid=archive-switch]")
    page.until(lambda: len(page.all(ITEM)) == 2, "not back in the list")
    assert page.errors() == []


def test_what_was_not_seen_is_marked(page, connect):
    socket = connect()
    first, second = (socket.turn(text).thread for text in ("add milk", "add eggs"))
    for thread in (first, second):
        page.click(f"{ITEM}[data-thread-id='{thread}']")
        page.until(lambda: page.all(f"{ITEM}[data-thread-id='{thread}'][aria-current=true]"), "not opened")
    socket.turn("add bread", thread=first)
    page.one(f"{ITEM}[data-thread-id='{first}'][data-unread]")
    assert "unread" in page.one(f"{ITEM}[data-thread-id='{first}']").get_property("textContent")
    page.driver.refresh()
    page.online()
    page.click(f"{ITEM}[data-thread-id='{first}'][data-unread]")
    page.until(lambda: not page.all("[data-unread]"), "what was seen is marked")


def focused(page):
    """What has the focus, in the shadow root of the widget."""
    return page.driver.execute_script("return document.querySelector('parley-chat').shadowRoot.activeElement")


def test_by_keyboard_alone(page, database, connect):
    socket = connect()
    first, second = (socket.turn(text).thread for text in ("add milk", "add eggs"))
    page.until(lambda: len(page.all(ITEM)) == 2, "not two conversations in the list")
    keys = ActionChains(page.driver)
    page.driver.execute_script("arguments[0].focus()", page.all(ITEM)[0])
    keys.send_keys(Keys.ARROW_DOWN, Keys.ENTER).perform()
    page.until(lambda: page.texts("user") == ["add milk"], "not opened")
    page.driver.execute_script("arguments[0].focus()", page.all(ITEM)[1])
    ActionChains(page.driver).send_keys(Keys.TAB, Keys.ENTER).perform()
    page.one("[data-testid=menu]")
    assert focused(page).get_attribute("data-testid") == "conversation-edit"
    # Escape closes the menu alone, and gives the focus back.
    ActionChains(page.driver).send_keys(Keys.ESCAPE).perform()
    page.until(lambda: focused(page).get_attribute("data-testid") == "conversation-menu", "the focus is lost")
    ActionChains(page.driver).send_keys(Keys.ENTER, Keys.ARROW_UP, Keys.ENTER).perform()
    page.one("[data-testid=question]")
    # Nothing is lost by an accident: the focus is on the no.
    assert focused(page).get_attribute("data-testid") == "refuse"
    ActionChains(page.driver).send_keys(Keys.TAB, Keys.ENTER).perform()
    page.until(lambda: len(page.all(ITEM)) == 1, "not gone from the list")
    assert focused(page) is not None, "the focus is lost with the row"
    # It can't be taken back once that is no longer offered.
    page.click("[data-testid=error-banner] .close")
    page.until(lambda: status(database, first) == "deleted", "not deleted")
    assert status(database, second) == "active"


def test_by_touch(gateway, user, connect):
    thread = connect().turn("add milk").thread
    with browser(390, 844) as page:
        page.driver.get(gateway.url)
        page.sign_in(user)
        page.click("button.menu")
        page.one(f"{ITEM}[data-thread-id='{thread}']")
        # What is behind the drawer can't be reached.
        assert page.driver.execute_script("return arguments[0].closest('[inert]') !== null", page.all("[data-testid=composer]")[0])
        menu = page.one("[data-testid=conversation-menu]")
        assert float(menu.value_of_css_property("opacity")) == 1, "there is nothing to be touched"
        # A finger that comes down while the drawer is still moving misses it.
        page.until(lambda: page.driver.execute_script(
            "return arguments[0].getRootNode().getAnimations().length === 0", menu), "the drawer moves on")
        menu.click()
        page.one("[data-testid=conversation-archive]")
        page.screenshot("phone-menu")
        page.click("[data-testid=conversation-archive]")
        page.until(lambda: not page.all(ITEM), "not archived")


def test_earlier_messages(page, connect):
    socket = connect()
    thread = socket.turn("hello 0").thread
    for number in range(1, 60):
        socket.turn(f"hello {number}", thread=thread)
    page.click(f"{ITEM}[data-thread-id='{thread}']")
    wanted = [f"hello {number}" for number in range(60)]
    page.until(lambda: page.texts("user")[-1:] == wanted[-1:], "no history")
    shown = page.texts("user")
    assert 10 < len(shown) < 60
    while page.texts("user") != wanted:
        before = len(page.texts("user"))
        # By scrolling upwards, as by pressing what stands there.
        earlier = page.all("[data-testid=earlier]")[0]
        if before % 2 == 0:
            page.driver.execute_script("arguments[0].click()", earlier)
        else:
            page.driver.execute_script("arguments[0].closest('.scroller').scrollTop = 40", earlier)
        page.until(lambda: len(page.texts("user")) > before, "nothing came")
        assert page.texts("user") == wanted[-len(page.texts("user")):]
        page.screenshot("earlier")
    page.until(lambda: not page.all("[data-testid=earlier]"), "there are none before the first")
    socket.turn("hello 60", thread=thread)
    page.until(lambda: page.texts("user") == [*wanted, "hello 60"], "what is new does not come at the end")
    assert page.errors() == []
