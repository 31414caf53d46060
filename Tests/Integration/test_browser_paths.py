"""Another answer, an edited question and the way between them, in the widget with a gateway; at a desk and on a phone."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kit.gateway import Gateway
from kit.page import browser


@pytest.fixture(scope="module")
def gateway(database):
    gateway = Gateway(database, name="test_browser_paths", dev=True, AGENT="scripted")
    yield gateway
    gateway.remove()


@pytest.fixture(scope="module", params=[(1200, 800), (390, 844)], ids=["desk", "phone"])
def chromium(request):
    with browser(*request.param) as page:
        page.size = "phone" if request.param[0] < 500 else "desk"
        yield page


@pytest.fixture
def page(chromium, gateway, user):
    chromium.driver.get(gateway.url)
    chromium.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    chromium.driver.get(gateway.url)
    chromium.sign_in(user)
    return chromium


def siblings(page):
    return page.contents("[data-testid=sibling]")


def answers(page, count):
    ended = "[data-testid=message][data-role=assistant][data-status=complete]"
    page.until(lambda: len(page.all(ended)) == count == len(page.texts("assistant")), f"not {count} answers")
    return page.texts("assistant")


def test_another_answer_and_back(page, database, user):
    page.say("!text one")
    answers(page, 1)
    page.say("!text two")
    answers(page, 2)
    page.press("[data-testid=regenerate]", at=1)
    page.until(lambda: siblings(page) == ["2 of 2"], "no second answer")
    assert answers(page, 2) == ["one", "two"] and page.texts("user") == ["!text one", "!text two"]
    counted = "select count(*) from messages where user_id = %s and role = %s"
    assert (database.value(counted, user, "user"), database.value(counted, user, "assistant")) == (2, 3)
    page.press("[data-testid=sibling-before]")
    page.until(lambda: siblings(page) == ["1 of 2"], "not the first answer")
    page.driver.refresh()
    page.until(lambda: siblings(page) == ["1 of 2"], "the choice is not kept")
    assert answers(page, 2) == ["one", "two"]
    assert page.errors() == []


def test_a_question_is_edited(page):
    page.say("!text one")
    answers(page, 1)
    page.say("!text two")
    answers(page, 2)
    page.press("[data-testid=rewrite]")
    field = page.one("[data-testid=rewrite-field]")
    assert field.get_property("value") == "!text one"
    ActionChains(page.driver).send_keys(" again", Keys.ENTER).perform()
    page.until(lambda: page.texts("user") == ["!text one again"], "not the edited question alone")
    assert answers(page, 1) == ["one again"]
    page.until(lambda: siblings(page) == ["2 of 2"], "no way back")
    page.press("[data-testid=sibling-before]")
    page.until(lambda: page.texts("user") == ["!text one", "!text two"], "the other path is not shown")
    assert answers(page, 2) == ["one", "two"]
    assert page.errors() == []
