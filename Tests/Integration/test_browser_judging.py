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


def list_shown(page):
    if page.size == "phone":
        page.click("button.menu")
        page.until(lambda: page.driver.execute_script("return arguments[0].getRootNode().getAnimations().length === 0",
                                                      page.all("[data-testid=search]")[0]), "the drawer moves on")


def judged(page):
    return page.attributes("[data-testid^=judge-][aria-pressed=true]", "data-testid")


def stored(database, user):
    return database.value("select string_agg(concat_ws(' ', rating, comment), ',') from parley.feedback where user_id = %s", user)


def test_an_answer_is_judged(page, database, user):
    page.say("!text an answer")
    page.until(lambda: page.all(ANSWER), "no answer")
    ActionChains(page.driver).move_to_element(page.one(ANSWER)).perform()
    page.click("[data-testid=judge-down]")
    page.until(lambda: stored(database, user) == "down", "not stored")
    # The word with it may be left out, or said at once.
    ActionChains(page.driver).send_keys("too short", Keys.ENTER).perform()
    page.until(lambda: stored(database, user) == "down too short", "the word is not stored")
    page.until(lambda: judged(page) == ["judge-down"], "not shown as judged")
    assert page.findings(f"judged-{page.size}") == []
    page.driver.refresh()
    page.online()
    page.until(lambda: judged(page) == ["judge-down"], "forgotten after a reload")
    page.press("[data-testid=judge-up]")
    page.until(lambda: stored(database, user) == "up", "not changed")
    page.press("[data-testid=judge-up]")
    page.until(lambda: stored(database, user) is None, "not taken back")
    page.until(lambda: judged(page) == [], "still shown as judged")
    assert page.errors() == []


def test_the_key_that_ends_a_composition_sends_no_word(page, database, user):
    """Safari submits a form by it, behind `compositionend`, with the input method's key code."""
    page.say("!text an answer")
    page.until(lambda: page.all(ANSWER), "no answer")
    page.press("[data-testid=judge-down]")
    page.until(lambda: stored(database, user) == "down", "not stored")
    field = page.one("[data-testid=judge-comment]")
    field.send_keys("かな")
    submitted = """
        const [field, keyCode] = arguments;
        const key = (name) => field.dispatchEvent(new KeyboardEvent(name, {key: "Enter", keyCode, bubbles: true, composed: true, cancelable: true}));
        const isTaken = !key("keydown");
        field.form.requestSubmit();
        key("keyup");
        return isTaken;"""
    assert page.driver.execute_script(submitted, field, 229) is False
    assert field.is_displayed() and field.get_property("value") == "かな"
    page.driver.execute_script(submitted, field, 13)
    page.until(lambda: stored(database, user) == "down かな", "not sent by the next one")


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
    assert set(page.attributes(FOUND, "data-thread-id")) == {first} != {second}
    assert all(mark.text.lower() == "zebr" for mark in page.all("[data-testid=found] mark"))
    assert page.findings(f"found-{page.size}") == []
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
