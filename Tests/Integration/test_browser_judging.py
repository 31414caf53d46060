"""What a person thinks of an answer, and what is looked for in the list; at a desk and on a phone."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kit.gateway import Gateway
from kit.page import browser

ITEM = "[data-testid=conversation-item]"
ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"
FOUND = "[data-testid=found-item]"
KEY = "a:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="


@pytest.fixture(scope="module")
def gateway(database):
    gateway = Gateway(database, name="test_browser_judging", dev=True, AGENT="scripted")
    yield gateway
    gateway.remove()


@pytest.fixture(scope="module", params=[(1200, 800), (390, 844)], ids=["desk", "phone"])
def chromium(request):
    with browser(*request.param) as page:
        page.size = "phone" if request.param[0] < 500 else "desk"
        yield page


def opened(page, gateway, user):
    page.driver.get(gateway.url)
    page.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    page.driver.get(gateway.url)
    page.sign_in(user)
    return page


@pytest.fixture
def page(chromium, gateway, user):
    return opened(chromium, gateway, user)


def press(page, selector):
    """Whether or not it can be seen (a drawer, on a phone)."""
    page.until(lambda: page.all(selector), f"no {selector}")
    page.driver.execute_script("arguments[0].click()", page.all(selector)[0])


def list_shown(page):
    if page.size == "phone":
        page.one("button.menu").click()
        page.until(lambda: page.driver.execute_script("return arguments[0].getRootNode().getAnimations().length === 0",
                                                      page.all("[data-testid=search]")[0]), "the drawer moves on")


def judged(page):
    return [each.get_attribute("data-testid") for each in page.all("[data-testid^=judge-][aria-pressed=true]")]


def stored(database, user):
    return database.value("select string_agg(concat_ws(' ', rating, comment), ',') from parley.feedback where user_id = %s", user)


def test_an_answer_is_judged(page, database, user):
    page.say("!text an answer")
    page.until(lambda: page.all(ANSWER), "no answer")
    ActionChains(page.driver).move_to_element(page.one(ANSWER)).perform()
    page.one("[data-testid=judge-down]").click()
    page.until(lambda: stored(database, user) == "down", "not stored")
    # The word with it may be left out, or said at once.
    ActionChains(page.driver).send_keys("too short", Keys.ENTER).perform()
    page.until(lambda: stored(database, user) == "down too short", "the word is not stored")
    page.until(lambda: judged(page) == ["judge-down"], "not shown as judged")
    page.screenshot(f"judged-{page.size}")
    page.driver.refresh()
    page.online()
    page.until(lambda: judged(page) == ["judge-down"], "forgotten after a reload")
    press(page, "[data-testid=judge-up]")
    page.until(lambda: stored(database, user) == "up", "not changed")
    press(page, "[data-testid=judge-up]")
    page.until(lambda: stored(database, user) is None, "not taken back")
    page.until(lambda: judged(page) == [], "still shown as judged")
    assert page.errors() == []


def test_words_are_found(page, connect):
    socket = connect()
    first = socket.turn("!text the zebra crossing").thread
    for number in range(60):
        socket.turn(f"!text filler {number}", thread=first)
    second = socket.turn("!text something else").thread
    page.until(lambda: len(page.all(ITEM)) == 2, "not two conversations")
    list_shown(page)
    page.one("[data-testid=search]").send_keys("zebr")
    page.until(lambda: len(page.all(FOUND)) >= 2, "not found")
    assert not any(each.is_displayed() for each in page.all(ITEM))
    assert {each.get_attribute("data-thread-id") for each in page.all(FOUND)} == {first} != {second}
    assert all(mark.text.lower() == "zebr" for mark in page.all("[data-testid=found] mark"))
    page.screenshot(f"found-{page.size}")
    # The keyboard goes through what was found; what lies before what is loaded is fetched and shown.
    ActionChains(page.driver).send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN).perform()
    wanted = page.driver.execute_script("return document.querySelector('parley-chat').shadowRoot.activeElement.dataset.messageId")
    assert wanted, "the second is no message"
    ActionChains(page.driver).send_keys(Keys.ENTER).perform()
    message = f"[data-testid=message][data-message-id='{wanted}']"
    page.until(lambda: page.all(message), "not loaded")
    page.until(lambda: page.driver.execute_script(
        "const box = arguments[0].getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight", page.all(message)[0]),
        "not on the screen")
    list_shown(page)
    page.one("[data-testid=search]").send_keys(Keys.ESCAPE)
    page.until(lambda: len([each for each in page.all(ITEM) if each.is_displayed()]) == 2, "the list is not back")
    assert page.errors() == []


def test_nothing_found(page, connect):
    connect().turn("!text hello")
    list_shown(page)
    page.one("[data-testid=search]").send_keys("unheard-of")
    page.until(lambda: page.one("[data-testid=found-note]").text == "Nothing was found.", "it does not say so")


def test_what_is_encrypted_says_so(chromium, database, user):
    gateway = Gateway(database, name="test_browser_judging_encrypted", dev=True, AGENT="scripted", CONTENT_KEYS=KEY)
    try:
        page = opened(chromium, gateway, user)
        page.say("!text a secret zebra")
        page.until(lambda: page.all(ANSWER), "no answer")
        list_shown(page)
        page.one("[data-testid=search]").send_keys("zebra")
        page.until(lambda: "not searched" in page.one("[data-testid=found-note]").text, "it does not say so")
    finally:
        gateway.remove()
