"""What people do with a page that no plan foresees: press twice, type on while something comes, leave and come back, have
two gateways or no storage. At a desk and on a phone."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kit.gateway import Gateway
from kit.page import browser
from kit.site import Site

ITEM = "[data-testid=conversation-item]"
COMPOSER = "[data-testid=composer]"
ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"
FAILED = "[data-testid=message][data-status=failed]"


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def gateway(site, database):
    gateway = Gateway(database, name="test_browser_habits", dev=True, AGENT="scripted", ALLOWED_ORIGINS=site.origin)
    yield gateway
    gateway.remove()


@pytest.fixture(scope="module", params=[(1200, 800), (390, 844)], ids=["desk", "phone"])
def chromium(request):
    with browser(*request.param) as page:
        page.is_phone = request.param[0] < 500
        yield page


@pytest.fixture
def page(chromium, gateway, user):
    chromium.driver.get(gateway.url)
    chromium.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    chromium.driver.get(gateway.url)
    chromium.sign_in(user)
    return chromium


def opened(page, thread):
    page.press(f"{ITEM}[data-thread-id='{thread}']")
    page.until(lambda: page.all(f"{ITEM}[data-thread-id='{thread}'][aria-current=true]"), "not opened")


def typed(page):
    return page.all(COMPOSER)[0].get_property("value")


def sent(database, user):
    return database.value("select count(*) from messages where user_id = %s and role = 'user'", user)


_TWICE = "arguments[0].click(); arguments[0].click()"


def test_a_suggestion_pressed_twice_is_said_once(page, database, user):
    page.driver.execute_script(_TWICE, page.one("[data-testid=example]"))
    page.until(lambda: page.all(ANSWER), "no answer")
    assert sent(database, user) == 1


def test_a_new_conversation_keeps_what_was_typed_for_it(page, connect):
    thread = connect().turn("!text hello").thread
    page.one(COMPOSER).send_keys("for later")
    opened(page, thread)
    assert typed(page) == ""
    page.press("[data-testid=new-conversation]")
    assert typed(page) == "for later"
    page.press("[data-testid=new-conversation]")
    assert typed(page) == "for later"
    page.click("[data-testid=send]")
    page.one(ANSWER)
    page.press("[data-testid=new-conversation]")
    page.until(lambda: page.texts("user") == [], "not a new one")
    assert typed(page) == ""


@pytest.fixture
def refused(page, connect):
    """A message that the server has refused: its conversation went in another tab meanwhile, unheard."""
    thread = connect().turn("!text hello").thread
    opened(page, thread)
    page.until(lambda: page.texts("user"), "no history")
    page.driver.execute_script("""
        const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (data) {
            const frame = JSON.parse(data);
            if (frame.op !== "send") return send.call(this, data);
            const error = { op: "error", id: frame.id, code: "conversation_full", message: "full" };
            setTimeout(() => this.onmessage({ data: JSON.stringify(error) }));
            WebSocket.prototype.send = send;
        };
        """)
    page.one(COMPOSER).send_keys("too much", Keys.ENTER)
    page.one(FAILED)
    return page


def test_what_is_refused_is_heard(refused):
    heard = refused.all("[data-testid=announcer]")[0]
    refused.until(lambda: "This conversation is full" in heard.get_property("textContent"), "nobody hears of it")


def test_a_refused_message_moves_on_once(refused, database, user):
    button = next(each for each in refused.all(f"{FAILED} button") if "new conversation" in each.text)
    refused.driver.execute_script(_TWICE, button)
    refused.until(lambda: refused.texts("user") == ["too much"], "not in a new conversation")
    refused.one(ANSWER)
    assert sent(database, user) == 2


def test_what_is_typed_on_stays_as_it_is(page):
    """An acknowledgement comes while a word is being put into the middle."""
    page.say("!text hello")
    field = page.one(COMPOSER)
    # As a person does it: on a field, WebDriver's keys begin at the end.
    field.click()
    ActionChains(page.driver).send_keys("abcdef", Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT).perform()
    page.one(ANSWER)
    page.until(lambda: page.all(f"{ITEM}[aria-current=true]"), "the conversation has no name yet")
    ActionChains(page.driver).send_keys("-").perform()
    assert typed(page) == "abc-def"


def test_a_title_that_is_being_written_is_left_alone(page, connect, database):
    socket = connect()
    first, second = (socket.turn(f"!text {text}").thread for text in ("one", "two"))
    page.until(lambda: len(page.all(ITEM)) == 2, "not two conversations")
    if page.is_phone:
        page.click("button.menu")
        page.until(lambda: page.driver.execute_script("return arguments[0].getRootNode().getAnimations().length === 0",
                                                      page.all(ITEM)[0]), "the drawer moves on")
    page.choose(first, "edit")
    page.one("[data-testid=conversation-title]")
    ActionChains(page.driver).send_keys("half of ").perform()
    # Another tab says something in it: it belongs to the top now.
    socket.turn("!text three", thread=first)
    page.until(lambda: page.driver.execute_script(
        "return arguments[0].getRootNode().activeElement?.dataset.testid", page.all(COMPOSER)[0]) == "conversation-title",
        "the field has lost the focus")
    ActionChains(page.driver).send_keys("a name", Keys.ENTER).perform()
    page.until(lambda: database.value("select title from conversations where id = %s", first) == "half of a name",
               "not the whole name")
    page.until(lambda: page.all(ITEM)[0].get_attribute("data-thread-id") == first, "the order is never made good")
    assert len(page.all(ITEM)) == 2 and second != first


def test_without_storage(chromium, gateway, user):
    page = chromium
    source = "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, " \
             "{ get() { throw new DOMException('denied', 'SecurityError'); } });"
    script = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})["identifier"]
    try:
        page.driver.get(gateway.url)
        page.sign_in(user)
        page.say("!text hello")
        page.one(ANSWER)
        page.one(COMPOSER).send_keys("for this one")
        page.press("[data-testid=new-conversation]")
        assert typed(page) == ""
        page.one(COMPOSER).send_keys("for a new one")
        page.press(ITEM)
        page.until(lambda: typed(page) == "for this one", "the draft is lost")
        page.press("[data-testid=new-conversation]")
        assert typed(page) == "for a new one"
        assert page.errors() == []
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})


def chats(gateway, token, *attributes):
    return ("<!doctype html><title>two</title><style>parley-chat, parley-tasks { display: block; height: 20rem }</style>"
            f"<script type=module src='{gateway.url}/parley-chat.js'></script>"
            f"<script type=module src='{gateway.url}/parley-tasks.js'></script>"
            + "".join(f"<{each}></{each.split()[0]}>" for each in attributes))


def test_the_address_of_a_gateway_is_enough(chromium, site, gateway, user):
    token = gateway.token(user)
    site.pages["/address"] = chats(gateway, token, f"parley-chat src='{gateway.url}' token='{token}'",
                                   f"parley-tasks src='{gateway.url}/' token='{token}'")
    chromium.driver.get(f"{site.origin}/address")
    chromium.online()
    # Written in another way it is still one gateway, and one connection.
    assert len([name for name in chromium.requested() if name.startswith("ws")]) <= 1


def test_what_is_unsent_goes_to_its_own_gateway(chromium, site, gateway, admin_url, user):
    """The same person at two gateways: what the one could not take is never given to the other."""
    from kit.database import Database
    other_database = Database(admin_url)
    other = Gateway(other_database, name="test_browser_habits_other", dev=True, AGENT="scripted", ALLOWED_ORIGINS=site.origin)
    try:
        page = chromium
        site.pages["/here"] = chats(gateway, None, f"parley-chat token='{gateway.token(user)}'")
        site.pages["/there"] = chats(other, None, f"parley-chat token='{other.token(user)}'")
        page.driver.get(f"{site.origin}/here")
        page.online()
        gateway.kill()
        try:
            page.until(lambda: not page.all("[data-testid=connection-state][data-state=online]"), "still online")
            page.say("!text for the first")
            page.one("[data-status=pending]")
            page.driver.get(f"{site.origin}/there")
            page.online()
            page.say("!text for the second")
            page.one(ANSWER)
            assert page.texts("assistant") == ["for the second"]
        finally:
            gateway.start()
        assert other_database.value("select string_agg(content, ',') from messages where role = 'user'") == "!text for the second"
        page.driver.get(f"{site.origin}/here")
        page.until(lambda: page.texts("assistant") == ["for the first"], "it is lost", timeout=40)
    finally:
        other.remove()
        other_database.remove()


def test_a_task_added_twice_is_one(chromium, site, gateway, database, user):
    token = gateway.token(user)
    site.pages["/tasks"] = chats(gateway, token, f"parley-tasks token='{token}'")
    chromium.driver.get(f"{site.origin}/tasks")
    chromium.one("[data-testid=task-field]").send_keys("milk")
    chromium.driver.execute_script(_TWICE, chromium.one("[data-testid=task-add]"))
    chromium.until(lambda: database.value("select count(*) from tasks where user_id = %s", user), "not added")
    chromium.one("[data-testid=task-field]").send_keys("eggs", Keys.ENTER)
    chromium.until(lambda: database.value("select count(*) from tasks where user_id = %s and title = 'eggs'", user), "no second")
    assert database.value("select count(*) from tasks where user_id = %s", user) == 2
