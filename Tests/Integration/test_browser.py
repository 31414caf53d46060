"""The page in a real browser, as a person uses it."""

import pytest

from kit.page import browser

DEV = True
SETTINGS = {"TOKEN_PACE_MS": 25}


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


@pytest.fixture
def page(chromium, gateway, user):
    """The page, signed in as the test's user."""
    chromium.driver.get(gateway.url)
    chromium.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    chromium.driver.get(gateway.url)
    chromium.sign_in(user)
    return chromium


ANSWER = "[data-testid=message][data-role=assistant]"
CARD = "[data-testid=tool-card][data-tool=add_task]"


# Whatever text an answer has had on the screen, noted where it happens: a driver may look too late.
_SEEN = """
window.seen = [];
const root = document.querySelector("parley-chat").shadowRoot;
new MutationObserver(() => {
    const text = root.querySelector("[data-role=assistant] [data-testid=message-text]")?.textContent;
    if (text && !window.seen.includes(text)) window.seen.push(text);
}).observe(root, {childList: true, characterData: true, subtree: true});
"""


def test_add_buy_milk(page, gateway, database, user):
    page.driver.execute_script(_SEEN)
    page.say("add buy milk")
    page.one(CARD)
    page.one(f"{ANSWER}[data-status=complete]")
    seen = page.driver.execute_script("return window.seen")
    card = page.one(f"{CARD}[data-status=done]")
    assert "buy milk" in card.text
    assert page.texts("user") == ["add buy milk"]
    [answer] = page.texts("assistant")
    assert "milk" in answer
    assert len(seen) > 1, "the answer did not stream"
    assert all(answer.startswith(text) for text in seen)
    page.screenshot("answer")

    assert database.tasks(user)[0][1] == "buy milk"
    thread = database.value("select id::text from conversations where user_id = %s", user)
    stored = [content for _, role, content, _ in database.messages(thread) if role == "assistant" and content]
    assert stored == [answer]

    page.driver.refresh()
    page.online()
    page.one("[data-testid=conversation-item]")
    if not page.all(ANSWER):
        page.click("[data-testid=conversation-item]")
    page.one(ANSWER)
    page.one(CARD)
    assert page.texts("user") == ["add buy milk"] and page.texts("assistant") == [answer]
    page.screenshot("history")
    assert page.errors() == []
    assert all(address.startswith(gateway.url + "/") for address in page.requested()), page.requested()


def test_a_conversation_goes_on(page, database, user):
    page.say("add milk, eggs and bread")
    page.until(lambda: len(page.all(f"{CARD}[data-status=done]")) == 3, "three tasks were not added")
    page.until(lambda: page.all(f"{ANSWER}[data-status=complete]"), "no answer")
    page.say("what's on my list?")
    page.one("[data-testid=tool-card][data-tool=list_tasks][data-status=done]")
    page.until(lambda: len(page.all(f"{ANSWER}[data-status=complete]")) == 2, "no second answer")
    assert "eggs" in page.texts("assistant")[1]
    assert database.value("select count(*) from conversations where user_id = %s", user) == 1
    page.screenshot("list")


def test_stop(page, database, user):
    page.say("help")
    page.one(ANSWER)
    page.click("[data-testid=stop]")
    page.one(f"{ANSWER}[data-status=cancelled]")
    [shown] = page.texts("assistant")
    thread = database.value("select id::text from conversations where user_id = %s", user)
    database.wait("select count(*) from messages where conversation_id = %s and status = 'cancelled'"
                  " and role = 'assistant'", thread)
    assert [content for _, role, content, _ in database.messages(thread) if role == "assistant"] == [shown]


def test_a_new_conversation(page):
    page.say("add one")
    page.until(lambda: page.all(f"{ANSWER}[data-status=complete]"), "no answer")
    page.click("[data-testid=new-conversation]")
    page.until(lambda: not page.texts("user"), "the new conversation is not empty")
    page.say("add two")
    page.until(lambda: page.all(f"{ANSWER}[data-status=complete]"), "no answer")
    assert page.texts("user") == ["add two"]
    page.until(lambda: len(page.all("[data-testid=conversation-item]")) == 2, "not two conversations in the list")


def test_what_is_typed_is_text(page):
    evil = "<img src=x onerror=\"document.title='gone'\"> <b>bold</b>"
    page.say(evil)
    page.until(lambda: page.all(f"{ANSWER}[data-status=complete]"), "no answer")
    assert page.texts("user") == [evil]
    assert page.driver.title != "gone" and not page.all("img[src=x]")


def test_two_tabs(page, gateway, user):
    page.say("add buy milk")
    page.until(lambda: page.all(f"{ANSWER}[data-status=complete]"), "no answer")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    try:
        page.driver.get(gateway.url)
        if any(element.is_displayed() for element in page.all("[data-testid=name-input]")):
            page.sign_in(user)
        page.online()
        if not page.all(ANSWER):
            page.click("[data-testid=conversation-item]")
        page.one(ANSWER)
        page.say("add eggs")
        page.until(lambda: len(page.all(f"{ANSWER}[data-status=complete]")) == 2, "no answer in the second tab")
        texts = page.texts("assistant")
        page.driver.switch_to.window(first)
        page.until(lambda: page.texts("assistant") == texts, "the first tab did not follow")
    finally:
        for handle in page.driver.window_handles:
            if handle != first:
                page.driver.switch_to.window(handle)
                page.driver.close()
        page.driver.switch_to.window(first)


def test_the_gateway_restarts(page, gateway):
    page.say("add buy milk")
    page.until(lambda: page.all(f"{ANSWER}[data-status=complete]"), "no answer")
    port = gateway.port
    gateway.stop()
    page.until(lambda: not page.all("[data-testid=connection-state][data-state=online]"), "still online")
    gateway.settings["HTTP_PORT"] = port
    gateway.start()
    page.until(lambda: page.all("[data-testid=connection-state][data-state=online]"), "did not come back", timeout=40)
    page.say("add eggs")
    page.until(lambda: len(page.all(f"{ANSWER}[data-status=complete]")) == 2, "no answer after the restart")


def test_on_a_phone(gateway, user):
    with browser(390, 844) as page:
        page.driver.get(gateway.url)
        page.sign_in(user)
        page.say("add buy milk")
        page.one(f"{CARD}[data-status=done]")
        page.until(lambda: page.all(f"{ANSWER}[data-status=complete]"), "no answer")
        wide = page.driver.execute_script("return document.documentElement.scrollWidth > window.innerWidth")
        page.screenshot("phone")
        assert not wide, "it scrolls sideways"
