"""The main ways through the widget in Firefox ESR, at a desk and on a phone."""

import pytest

from kit.firefox import firefox

DEV = True
SETTINGS = {"TOKEN_PACE_MS": 0}
ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"
COMPOSER = "[data-testid=composer]"


@pytest.fixture(scope="module")
def browser():
    with firefox() as browser:
        yield browser


@pytest.fixture(params=[(1200, 800), (390, 844)], ids=["desk", "phone"])
def page(browser, gateway, user, request):
    browser.size(*request.param)
    browser.log.clear()
    browser.get(gateway.url)
    browser.run("localStorage.clear(); sessionStorage.clear()")
    browser.get(gateway.url)
    browser.type("[data-testid=name-input]", user)
    browser.press("[data-testid=sign-in]")
    browser.until("return found('[data-testid=connection-state][data-state=online]').length > 0", "not online")
    return browser


def answered(page, count):
    page.until(f"return found('{ANSWER}').length === {count}", f"not {count} answers")


def test_a_conversation(page, gateway):
    page.type(COMPOSER, "add buy milk\ue007")
    answered(page, 1)
    assert page.texts("user") == ["add buy milk"]
    assert page.run("return found('[data-testid=tool-card][data-status=done]').length") == 1
    # What is typed, and what was said, outlives a reload.
    page.type(COMPOSER, "not sent")
    page.get(gateway.url)
    answered(page, 1)
    assert page.run(f"return found('{COMPOSER}')[0].value") == "not sent"
    page.press("[data-testid=new-conversation]")
    page.until("return found('[data-testid=message]').length === 0", "not a new one")
    assert page.run(f"return found('{COMPOSER}')[0].value") == ""
    page.press("[data-testid=conversation-item]")
    answered(page, 1)
    assert page.errors() == []


@pytest.mark.parametrize("page", [(1200, 800)], indirect=True, ids=["desk"])
def test_judged_found_and_archived(page):
    page.type(COMPOSER, "add a zebra\ue007")
    answered(page, 1)
    page.press("[data-testid=judge-up]")
    page.until("return found('[data-testid=judge-up][aria-pressed=true]').length === 1", "not judged")
    page.type("[data-testid=search]", "zebra")
    page.until("return found('[data-testid=found-item]').length > 0", "not found")
    page.type("[data-testid=search]", "\ue00c")
    page.press("[data-testid=conversation-menu]")
    page.press("[data-testid=conversation-archive]")
    page.until("return found('[data-testid=conversation-item]').length === 0", "not archived")
    assert page.errors() == []


def test_all_widgets(page, gateway):
    page.get(f"{gateway.url}/showcase.html")
    page.until("return found('[data-testid=connection-state][data-state=online]').length > 0", "not online")
    page.type(COMPOSER, "add water the plants\ue007")
    page.until("return found('parley-tasks').length && found('[data-testid=task]').some((each) => each.textContent.includes('plants'))",
               "the list does not follow")
    page.press("[data-testid=launcher]")
    page.until("return document.querySelector('parley-launcher').hasAttribute('open')", "not opened")
    assert page.errors() == []
