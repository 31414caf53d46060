"""The chat behind a button, and the list of tasks beside it."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kit.gateway import Gateway
from kit.page import browser
from kit.site import Site

ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def gateway(site, database):
    gateway = Gateway(database, name="test_browser_widgets", dev=True, TOKEN_PACE_MS=0, ALLOWED_ORIGINS=site.origin)
    yield gateway
    gateway.remove()


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


def page_with(site, gateway, page, body, *modules):
    scripts = "".join(f"<script type=module src='{gateway.url}/{name}.js'></script>" for name in modules)
    site.pages["/widgets"] = f"<!doctype html><html lang=en><title>elsewhere</title>{scripts}<h1>A page</h1>{body}"
    page.driver.get(f"{site.origin}/widgets")


def opened(page):
    return page.driver.execute_script("return document.querySelector('parley-launcher').hasAttribute('open')")


def test_the_launcher(chromium, site, gateway, user):
    page_with(site, gateway, chromium, f"<parley-launcher token='{gateway.token(user)}'></parley-launcher>", "parley-launcher")
    chromium.click("[data-testid=launcher]")
    chromium.online()
    chromium.say("add buy milk")
    chromium.one(ANSWER)
    chromium.screenshot("launcher")
    # Escape closes it, and gives the focus back.
    ActionChains(chromium.driver).send_keys(Keys.ESCAPE).perform()
    chromium.until(lambda: not opened(chromium), "not closed")
    assert not chromium.all("[data-testid=launcher-panel]")[0].is_displayed()
    # What comes meanwhile, from another tab of the user, is counted.
    thread = chromium.driver.execute_script("return document.querySelector('parley-launcher').chat.threadId")
    with gateway.connect(user) as socket:
        socket.turn("add eggs", thread=thread)
    chromium.until(lambda: [each.text for each in chromium.all(".badge") if each.is_displayed()] == ["1"], "no badge")
    assert "unread" in chromium.one("[data-testid=launcher]").get_attribute("aria-label")
    chromium.click("[data-testid=launcher]")
    chromium.until(lambda: not any(each.is_displayed() for each in chromium.all(".badge")), "what is seen is counted")
    assert chromium.errors() == []


def test_a_card_of_the_page_in_the_launcher(chromium, site, gateway, user):
    """It stands in the page's own document, so that the page's styles reach it."""
    page_with(site, gateway, chromium, f"<style>.own {{ color: rgb(1, 2, 3) }}</style><parley-launcher token='{gateway.token(user)}'>"
              "</parley-launcher><script>document.querySelector('parley-launcher').toolCards = {add_task: ({status}) => "
              "Object.assign(document.createElement('p'), {className: 'own', textContent: status})}</script>", "parley-launcher")
    chromium.click("[data-testid=launcher]")
    chromium.online()
    chromium.say("add buy milk")
    chromium.one(ANSWER)
    card = chromium.one("parley-launcher > .own")
    assert (card.text, card.value_of_css_property("color")) == ("done", "rgba(1, 2, 3, 1)")
    panel = chromium.one("[data-testid=launcher-panel]").rect
    assert panel["y"] < card.rect["y"] < panel["y"] + panel["height"], "not in the conversation"
    chromium.driver.execute_script("document.querySelector('parley-launcher').chat.newConversation()")
    chromium.until(lambda: not chromium.all(".own"), "it is left behind")
    assert chromium.errors() == []


def test_the_launcher_on_a_phone(site, gateway, user):
    with browser(390, 844) as page:
        page_with(site, gateway, page, f"<meta name=viewport content='width=device-width'><parley-launcher token='{gateway.token(user)}'></parley-launcher>",
                  "parley-launcher")
        page.click("[data-testid=launcher]")
        page.online()
        panel = page.one("[data-testid=launcher-panel]").rect
        assert (panel["width"], panel["height"]) == (390, 844), "not the whole screen"
        page.screenshot("launcher-phone")
        page.click("[data-testid=launcher-close]")
        page.until(lambda: not opened(page), "not closed")


def titles(page):
    return page.driver.execute_script("""
        return [...document.querySelector('parley-tasks').shadowRoot.querySelectorAll('.task-title')].map((e) => e.textContent)""")


def test_the_tasks(chromium, site, gateway, database, user):
    token = gateway.token(user)
    page_with(site, gateway, chromium, f"<div style='display: flex; height: 40rem'><parley-chat token='{token}' style='flex: 2'></parley-chat>"
              f"<parley-tasks token='{token}' style='flex: 1'></parley-tasks></div>", "parley-chat", "parley-tasks")
    chromium.online()
    chromium.say("add buy milk")
    chromium.until(lambda: titles(chromium) == ["buy milk"], "what the assistant adds does not show")
    chromium.one("[data-testid=task-field]").send_keys("eggs", Keys.ENTER)
    chromium.until(lambda: sorted(titles(chromium)) == ["buy milk", "eggs"], "not added")
    chromium.screenshot("tasks")
    chromium.driver.execute_script("""
        const root = document.querySelector('parley-tasks').shadowRoot;
        [...root.querySelectorAll('[data-testid=task]')].find((e) => e.textContent.includes('eggs')).querySelector('[data-testid=task-edit]').click()""")
    ActionChains(chromium.driver).send_keys("brown eggs", Keys.ENTER).perform()
    chromium.until(lambda: sorted(titles(chromium)) == ["brown eggs", "buy milk"], "not renamed")
    chromium.all("[data-testid=task-box]")[0].click()
    chromium.until(lambda: len(titles(chromium)) == 1, "not checked off")
    assert database.value("select count(*) from tasks where user_id = %s and is_completed", user) == 1
    assert chromium.errors() == []


def test_a_task_that_is_not_taken(chromium, site, gateway, user):
    """Is seen, and not only heard; what was typed comes back."""
    page_with(site, gateway, chromium, f"<parley-tasks token='{gateway.token(user)}' style='display: block; height: 20rem'></parley-tasks>", "parley-tasks")
    field = chromium.one("[data-testid=task-field]")
    chromium.driver.execute_script("window.fetch = () => Promise.reject(new TypeError('offline'))")
    chromium.until(lambda: field.send_keys("eggs", Keys.ENTER) is None and chromium.contents("[data-testid=task-problem]") != [""], "nothing is said")
    assert chromium.one("[data-testid=task-problem]").is_displayed() and field.get_property("value").endswith("eggs")


def test_when_a_task_is_due(chromium, site, gateway, database, user):
    token = gateway.token(user)
    page_with(site, gateway, chromium, f"<parley-tasks token='{token}' style='display: block; height: 30rem'></parley-tasks>", "parley-tasks")
    for title in ("later", "sooner"):
        chromium.one("[data-testid=task-field]").send_keys(title, Keys.ENTER)
        chromium.until(lambda: title in titles(chromium), "not added")
    for title, due in (("later", "2031-05-04T09:30"), ("sooner", "2030-05-04T09:30")):
        chromium.driver.execute_script("""
            const root = document.querySelector('parley-tasks').shadowRoot;
            const row = [...root.querySelectorAll('[data-testid=task]')].find((e) => e.textContent.includes(arguments[0]));
            row.querySelector('[data-testid=task-edit]').click();
            root.querySelector('[data-testid=task-due]').value = arguments[1];""", title, due)
        # Leaving both fields keeps what is in them.
        chromium.click("h1")
        chromium.until(lambda: database.value(
            "select count(*) from tasks where user_id = %s and title = %s and due_at is not null", user, title), "not kept")
    chromium.until(lambda: titles(chromium) == ["sooner", "later"], "not in the order of what is due")
    chromium.until(lambda: "2030" in chromium.all("[data-testid=task]")[0].text, "not shown when it is due")
    chromium.screenshot("tasks-due")
    assert chromium.errors() == []
