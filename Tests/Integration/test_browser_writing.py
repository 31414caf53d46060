"""What a person types: kept where it belongs, sent once, and never taken from an input method."""

import pytest
from selenium.webdriver.common.keys import Keys

from kit.gateway import Gateway
from kit.page import browser
from kit.site import Site

ITEM = "[data-testid=conversation-item]"
COMPOSER = "[data-testid=composer]"
ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def gateway(site, database):
    gateway = Gateway(database, name="test_browser_writing", dev=True, AGENT="scripted", ALLOWED_ORIGINS=site.origin)
    try:
        yield gateway
    finally:
        gateway.remove()


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


def typed(page, within=None):
    return page.one(COMPOSER).get_property("value")


def opened(page, thread):
    page.click(f"{ITEM}[data-thread-id='{thread}']")
    page.until(lambda: page.all(f"{ITEM}[data-thread-id='{thread}'][aria-current=true]"), "not opened")


def test_a_draft_stays_with_its_conversation(page, database, connect):
    socket = connect()
    first, second = (socket.turn(f"!text {text}").thread for text in ("one", "two"))
    page.until(lambda: len(page.all(ITEM)) == 2, "not two conversations in the list")
    opened(page, first)
    page.one(COMPOSER).send_keys("secret for the first")
    opened(page, second)
    assert typed(page) == ""
    page.one(COMPOSER).send_keys("for the second")
    page.click("[data-testid=new-conversation]")
    page.until(lambda: typed(page) == "", "a draft came along into a new conversation")
    page.one(COMPOSER).send_keys("for a new one")
    opened(page, first)
    assert typed(page) == "secret for the first"
    page.driver.refresh()
    page.online()
    assert typed(page) == "secret for the first", "the draft is gone after a reload"
    opened(page, second)
    assert typed(page) == "for the second"
    page.one(COMPOSER).send_keys(Keys.ENTER)
    page.until(lambda: page.texts("user") == ["!text two", "for the second"], "not sent")
    assert typed(page) == ""
    page.driver.refresh()
    page.online()
    page.until(lambda: page.texts("user"), "no history")
    assert typed(page) == "", "what was sent is typed again"
    contents = {content for thread in (first, second) for _, _, content, _ in database.messages(thread)}
    assert "secret for the first" not in contents


def test_a_draft_of_a_new_conversation_outlives_a_reload(page):
    page.one(COMPOSER).send_keys("not yet sent")
    page.driver.refresh()
    page.online()
    assert typed(page) == "not yet sent"
    # And it goes with the conversation that the one before it began.
    page.driver.execute_script("arguments[0].value = ''; arguments[0].dispatchEvent(new Event('input'))", page.one(COMPOSER))
    page.say("!text hello")
    page.one(COMPOSER).send_keys("typed on")
    page.one(ANSWER)
    page.until(lambda: page.all(f"{ITEM}[aria-current=true]"), "the conversation has no name yet")
    assert typed(page) == "typed on"
    page.driver.refresh()
    page.online()
    assert typed(page) == "typed on"


def test_another_user_finds_no_draft(page, user):
    page.one(COMPOSER).send_keys("mine alone")
    page.click("[data-testid=sign-out]")
    page.sign_in(f"{user}-other")
    assert typed(page) == ""
    page.click("[data-testid=sign-out]")
    page.sign_in(user)
    assert typed(page) == "mine alone"


_COMPOSING = """
const [field, key] = arguments;
for (const attributes of [{isComposing: true}, {keyCode: 229}]) {
    const event = new KeyboardEvent("keydown", {key, bubbles: true, composed: true, cancelable: true, ...attributes});
    if (!field.dispatchEvent(event)) return `taken with ${JSON.stringify(attributes)}`;
}
return null;
"""


def test_keys_of_an_input_method(page, connect):
    thread = connect().turn("!text hello").thread
    opened(page, thread)
    field = page.one(COMPOSER)
    field.send_keys("かな")
    assert page.driver.execute_script(_COMPOSING, field, "Enter") is None
    assert typed(page) == "かな" and page.texts("user") == ["!text hello"]
    page.choose(thread, "edit")
    title = page.one("[data-testid=conversation-title]")
    for key in ("Enter", "Escape"):
        assert page.driver.execute_script(_COMPOSING, title, key) is None
        assert title.is_displayed(), f"{key} ended it"


def test_each_line_has_its_own_direction(page, connect):
    text = "Summary:\nשלום (1).\nمرحبا 3!"
    thread = connect().turn(f"!text {text}").thread
    opened(page, thread)
    page.until(lambda: page.texts("assistant") == [text], "not shown as it is stored")
    edges = page.driver.execute_script("""
        const [element] = arguments, box = element.getBoundingClientRect(), edges = [];
        const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
        for (let node; (node = walker.nextNode());) {
            for (const match of node.data.matchAll(/[^\\n]+/g)) {
                const range = document.createRange();
                range.setStart(node, match.index);
                range.setEnd(node, match.index + match[0].length);
                const line = range.getBoundingClientRect();
                edges.push([line.left - box.left, box.right - line.right]);
            }
        }
        return edges;
        """, page.all("[data-testid=message][data-role=assistant] [data-testid=message-text]")[0])
    assert len(edges) == 3
    assert edges[0][0] < 2 < edges[0][1]
    assert all(right < 2 < left for left, right in edges[1:]), edges


_FRAMES = """
window.sent = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) { window.sent.push(JSON.parse(data)); return send.call(this, data); };
"""


def test_a_message_tells_where_its_sender_is(page):
    page.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Pacific/Chatham"})
    try:
        page.driver.execute_script(_FRAMES)
        page.say("!text hello")
        page.one(ANSWER)
        [send] = [frame for frame in page.driver.execute_script("return window.sent") if frame["op"] == "send"]
        # The page is in English, whatever the browser is in.
        assert send["metadata"] == {"timeZone": "Pacific/Chatham", "locale": "en"}
    finally:
        page.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


# --- two widgets in one page

_IN = """
const [number, selector] = arguments;
return [...document.querySelectorAll("parley-chat")][number].shadowRoot.querySelector(selector);
"""


@pytest.fixture
def pair(chromium, site, gateway, user):
    """A page with two widgets of one user."""
    token = gateway.token(user)
    site.pages["/pair"] = (
        "<!doctype html><title>two</title><style>parley-chat { display: block; height: 20rem }</style>"
        "<script>window.sockets = 0; const Real = WebSocket; window.WebSocket = class extends Real {"
        "constructor(...a) { super(...a); window.sockets++; } }</script>"
        f"<script type=module src='{gateway.url}/parley-chat.js'></script>"
        f"<parley-chat token='{token}'></parley-chat><parley-chat token='{token}'></parley-chat>")
    chromium.driver.get(f"{site.origin}/pair")
    chromium.until(lambda: len(chromium.all("[data-testid=connection-state][data-state=online]")) == 2, "not both online")
    return chromium


def within(page, number, selector):
    return page.driver.execute_script(_IN, number, selector)


def says(page, number, text):
    within(page, number, COMPOSER).send_keys(text)
    within(page, number, "[data-testid=send]").click()


def test_two_widgets_share_one_connection(pair, gateway, database, user):
    assert pair.driver.execute_script("return window.sockets") == 1
    says(pair, 0, "!text left")
    says(pair, 1, "!text right")
    for number, text in enumerate(("left", "right")):
        pair.until(lambda: within(pair, number, ANSWER), "no answer")
        shown = within(pair, number, ANSWER).find_element("css selector", "[data-testid=message-text]")
        assert shown.text == text
    assert database.value("select count(*) from conversations where user_id = %s", user) == 2
    # Each finds its own again.
    pair.driver.refresh()
    for number, text in enumerate(("left", "right")):
        pair.until(lambda: within(pair, number, ANSWER), "no history")
        assert within(pair, number, ANSWER).find_element("css selector", "[data-testid=message-text]").text == text
    # One that goes takes nothing from the other.
    pair.driver.execute_script("document.querySelector('parley-chat').remove()")
    says(pair, 0, "!text on")
    pair.until(lambda: pair.texts("assistant") == ["right", "on"], "the other does not go on")
    # And the last that goes takes the connection along: nobody is left who reads.
    assert pair.errors() == []


def test_two_widgets_never_lose_what_is_unsent(pair, gateway, database, user):
    gateway.kill()
    try:
        pair.until(lambda: not pair.all("[data-testid=connection-state][data-state=online]"), "still online")
        says(pair, 0, "!text left")
        says(pair, 1, "!text right")
        pair.until(lambda: len(pair.all("[data-status=pending]")) == 2, "not both are waiting")
        pair.driver.execute_script(
            "for (const chat of [...document.querySelectorAll('parley-chat')]) { const parent = chat.parentNode;"
            " chat.remove(); parent.append(chat); }")
        pair.until(lambda: len(pair.all("[data-status=pending]")) == 2, "moving a widget lost what is unsent")
    finally:
        gateway.start()
    pair.until(lambda: len(pair.all(ANSWER)) == 2, "not both were answered", timeout=40)
    assert database.value("select count(*) from messages where user_id = %s and role = 'user'", user) == 2
