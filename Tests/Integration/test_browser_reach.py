"""The widget by the keyboard alone, at 400 %, on paper, and where the browser is at its limits."""

import base64

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from kit.gateway import RESULTS
from kit.page import browser

DEV = True
SETTINGS = {"AGENT": "scripted"}
ITEM = "[data-testid=conversation-item]"
ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"
COMPOSER = "[data-testid=composer]"


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
    yield chromium
    # Chromium says so of a page that it puts aside with its socket, and asks for an icon of what is no page.
    assert [each for each in chromium.errors() if "Back-Forward Cache" not in each and "favicon" not in each] == []


def keys(page, *pressed):
    ActionChains(page.driver).send_keys(*pressed).perform()


_FOCUSED = """
let element = document.activeElement;
while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
if (!element || element === document.body) return null;
const box = element.getBoundingClientRect();
const [x, y] = [box.left + box.width / 2, Math.min(box.top + box.height / 2, innerHeight - 1)];
let seen = document.elementFromPoint(x, y);
while (seen?.shadowRoot?.elementFromPoint(x, y) && seen.shadowRoot.elementFromPoint(x, y) !== seen) seen = seen.shadowRoot.elementFromPoint(x, y);
const {outlineStyle, borderColor, boxShadow} = getComputedStyle(element);
return {
    name: element.dataset.testid ?? element.className, isSeen: element === seen || element.contains(seen) || seen?.contains(element),
    isMarked: outlineStyle !== "none" || element.matches("textarea"), opacity: Number(getComputedStyle(element.closest(".message-tools") ?? element).opacity),
};
"""


def focused(page):
    return page.driver.execute_script(_FOCUSED)


def tab_to(page, name):
    """Goes on until that has the focus."""
    for _ in range(60):
        keys(page, Keys.TAB)
        now = focused(page)
        if now and now["name"] == name:
            return
    raise AssertionError(f"{name} can't be reached")


def test_everything_by_the_keyboard_alone(page, database, user):
    assert focused(page)["name"] == "composer", "signed in, and the focus is lost"
    keys(page, "!text **one**", Keys.ENTER)
    page.one(ANSWER)
    # Whatever is passed is seen, marked, and behind nothing.
    passed = {}
    for _ in range(40):
        keys(page, Keys.TAB)
        now = focused(page)
        if now:
            passed[now["name"]] = now
    assert {"new-conversation", "search", "conversation-item", "conversation-menu", "archive-switch", "scroller", "rewrite",
            "copy-message", "judge-up", "judge-down", "regenerate", "composer", "sign-out"} <= set(passed)
    assert [each for each in passed.values() if not (each["isSeen"] and each["isMarked"] and each["opacity"] == 1)] == []
    # Edited, answered anew, and the other one looked at.
    tab_to(page, "rewrite")
    keys(page, Keys.ENTER)
    page.one("[data-testid=rewrite-field]")
    keys(page, " more", Keys.ENTER)
    page.until(lambda: page.texts("user") == ["!text **one** more"] and page.contents("[data-testid=sibling]") == ["2 of 2"], "not edited")
    page.one(ANSWER)
    tab_to(page, "sibling-before")
    keys(page, Keys.SPACE)
    page.until(lambda: page.texts("user") == ["!text **one**"], "not the other one")
    # Judged, with a word; the focus comes back to the thumb.
    tab_to(page, "judge-down")
    keys(page, Keys.ENTER)
    page.until(lambda: focused(page)["name"] == "judge-comment", "no way to say more")
    keys(page, "too short", Keys.ENTER)
    page.until(lambda: database.value("select comment from parley.feedback where user_id = %s", user) == "too short", "not judged")
    assert focused(page)["name"] == "judge-down"
    # Renamed and archived by the menu, and found again.
    tab_to(page, "conversation-menu")
    keys(page, Keys.ENTER)
    page.one("[data-testid=menu]")
    keys(page, Keys.ENTER)
    page.one("[data-testid=conversation-title]")
    keys(page, Keys.HOME, "zebra ", Keys.ENTER)
    page.until(lambda: "zebra" in page.contents(f"{ITEM} .title")[0], "not renamed")
    tab_to(page, "conversation-menu")
    keys(page, Keys.ENTER)
    page.one("[data-testid=menu]")
    keys(page, Keys.ARROW_DOWN, Keys.ENTER)
    page.until(lambda: not page.all(ITEM), "not archived")
    assert focused(page), "the focus is lost"
    tab_to(page, "search")
    keys(page, "zebra")
    page.one("[data-testid=found-item]")
    keys(page, Keys.ARROW_DOWN, Keys.ENTER)
    page.until(lambda: page.texts("user") == ["!text **one**"], "what was found is not shown")


def test_at_400_percent(page, gateway):
    """A window of 1280 by 1024 at 400 % (WCAG 2.2, 1.4.10): nothing to be scrolled in two directions, and room to read and write."""
    text = "!text # Title\n\nA paragraph with `averyveryverylongnamethatneverends_andgoeson_andon()` in it.\n\n| a | b | c |\n| - | - | - |\n| one | two | three |"
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 320, "height": 256, "deviceScaleFactor": 4, "mobile": False})
    try:
        page.driver.execute_script("""
            const field = arguments[0];
            field.value = arguments[1];
            field.dispatchEvent(new Event("input", {bubbles: true}));""", page.one(COMPOSER), text)
        page.click("[data-testid=send]")
        page.one(ANSWER)
        page.until(lambda: page.all(".markdown td"), "no Markdown")
        page.screenshot("zoomed")
        wide = page.driver.execute_script("""
            const root = document.querySelector("parley-chat").shadowRoot, found = [];
            for (const each of [document.documentElement, ...root.querySelectorAll(".shell, .main, .scroller, .sidebar, header, .composer")]) {
                if (each.scrollWidth > each.clientWidth + 1) found.push(each.className || each.localName);
            }
            return found;""")
        assert wide == []
        seen = "const box = arguments[0].getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth"
        assert page.driver.execute_script(seen, page.one(COMPOSER)) and page.driver.execute_script(seen, page.one("[data-testid=send]"))
        room = page.driver.execute_script("return arguments[0].clientHeight", page.one(".scroller"))
        assert room >= 80, f"{room} px to read in"
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_paper(page, gateway, user):
    """All of a long conversation, and nothing but it."""
    with gateway.connect(user) as socket:
        thread = socket.turn("!text number 0").thread
        for number in range(1, 45):
            socket.turn(f"!text number {number}", thread=thread)
    page.click(f"{ITEM}[data-thread-id='{thread}']")
    # What came earlier is fetched by going up.
    page.until(lambda: page.driver.execute_script("arguments[0].scrollTop = 1; arguments[0].scrollTop = 0", page.one(".scroller"))
               or len(page.all("[data-testid=message]")) == 90 and page.all("[data-far]"), "not a long conversation")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        hidden = page.driver.execute_script("""
            const root = document.querySelector("parley-chat").shadowRoot;
            const isShown = (each) => each.checkVisibility({contentVisibilityAuto: true});
            return [[...root.querySelectorAll("[data-testid=message-text]")].filter((each) => !isShown(each)).length,
                    [...root.querySelectorAll(".sidebar, .composer, .message-tools, .scroller > :not(.items)")].filter(isShown).length,
                    root.querySelector(".scroller").scrollHeight - root.querySelector(".scroller").clientHeight];""")
        assert hidden == [0, 0, 0]
        pdf = base64.b64decode(page.driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
        (RESULTS / "screenshots" / "printed.pdf").write_bytes(pdf)
        assert pdf.count(b"/Type /Page\n") > 2, "not all of it is on paper"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


_FILL = """
for (const storage of [localStorage, sessionStorage]) {
    let size = 1 << 20;
    for (let at = 0; size > 0;) {
        try { storage.setItem(`filled${at++}`, "x".repeat(size)); } catch { size >>= 1; }
    }
}
"""


def test_where_storage_is_full(page):
    page.say("!text before")
    page.one(ANSWER)
    page.driver.execute_script(_FILL)
    page.one(COMPOSER).send_keys("a draft that finds no room")
    page.click("[data-testid=new-conversation]")
    page.say("!text other")
    page.until(lambda: page.texts("assistant") == ["other"], "not sent")
    page.until(lambda: len(page.all(ITEM)) == 2, "not in the list")
    page.press(ITEM, 1)
    page.until(lambda: page.texts("assistant") == ["before"], "not opened")
    assert page.one(COMPOSER).get_property("value") == "a draft that finds no room"
    page.driver.refresh()
    page.online()
    page.say("!text on")
    page.until(lambda: "on" in page.texts("assistant"), "it does not go on after a reload")
    page.driver.execute_script("localStorage.clear(); sessionStorage.clear()")


def test_a_page_that_is_left_and_come_back_to(page, gateway):
    page.say("!text before")
    page.one(ANSWER)
    page.one(COMPOSER).send_keys("not sent")
    page.driver.get(f"{gateway.url}/openapi.json")
    page.driver.back()
    page.online()
    page.until(lambda: page.texts("assistant") == ["before"], "no history")
    assert page.one(COMPOSER).get_property("value") == "not sent"
    keys(page, Keys.NULL)
    page.one(COMPOSER).clear()
    page.say("!text after")
    page.until(lambda: page.texts("assistant") == ["before", "after"], "it does not go on")


def test_a_giant_paste(page):
    """Half a million characters: said to be too many, at once, and taken away again."""
    page.driver.execute_script("""
        const [field, text] = arguments;
        field.focus();
        field.setRangeText(text, 0, 0, "end");
        field.dispatchEvent(new InputEvent("input", {bubbles: true, composed: true, inputType: "insertFromPaste"}));""",
        page.one(COMPOSER), "words and more words\n" * 25_000)
    page.until(lambda: page.all(".counter[data-over]"), "it is not said to be too long")
    assert page.one("[data-testid=send]").get_property("disabled")
    keys(page, Keys.ENTER)
    assert page.texts("user") == []
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys("!text hello", Keys.ENTER).perform()
    page.until(lambda: page.texts("assistant") == ["hello"], "it does not go on")


def test_fields_that_no_phone_zooms_into(gateway, user):
    """Letters of 16 px and more wherever a finger writes."""
    with gateway.connect(user) as socket:
        thread = socket.turn("!text hello").thread
    with browser(390, 844) as phone:
        phone.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
        phone.driver.get(gateway.url)
        phone.sign_in(user)
        phone.press(ITEM)
        phone.press("[data-testid=judge-down]")
        phone.press("[data-testid=rewrite]")
        phone.press(f"li:has([data-thread-id='{thread}']) [data-testid=conversation-menu]")
        phone.press("[data-testid=conversation-edit]")
        phone.until(lambda: phone.all("[data-testid=conversation-title]"), "no field for the title")
        sizes = phone.driver.execute_script("""
            const root = document.querySelector("parley-chat").shadowRoot;
            return [...root.querySelectorAll("input, textarea")].map((each) => [each.dataset.testid, parseFloat(getComputedStyle(each).fontSize)]);""")
        assert {name for name, _ in sizes} >= {"composer", "search", "judge-comment", "rewrite-field", "conversation-title"}
        assert [each for each in sizes if each[1] < 16] == []


def test_a_body_that_is_exchanged(page, database, user):
    """As pages do that load themselves anew without a reload (Turbo, view transitions): another element, and all is there."""
    page.say("!text before")
    page.one(ANSWER)
    page.one(COMPOSER).send_keys("not sent")
    page.driver.execute_script("""
        const chat = document.querySelector("parley-chat"), again = document.createElement("parley-chat");
        again.token = chat.token;
        const body = document.createElement("body");
        body.append(again);
        document.body.replaceWith(body);""")
    page.online()
    page.until(lambda: page.texts("assistant") == ["before"], "no history")
    assert page.one(COMPOSER).get_property("value") == "not sent"
    # The same element, at another place of the page.
    page.driver.execute_script("const main = document.createElement('main'); document.body.append(main); main.append(document.querySelector('parley-chat'))")
    page.online()
    page.until(lambda: page.texts("assistant") == ["before"], "no history at another place")
    assert page.one(COMPOSER).get_property("value") == "not sent"
    page.one(COMPOSER).clear()
    page.say("!text after")
    page.until(lambda: page.texts("assistant") == ["before", "after"], "it does not go on")
    assert database.value("select count(*) from conversations where user_id = %s", user) == 1


def test_conversations_that_were_opened_leave_nothing_behind(page, gateway, user):
    with gateway.connect(user) as socket:
        threads = [socket.turn(f"!text ## {number}\n\n- *one*\n\n```js\nconst x = 1;\n```").thread for number in range(8)]

    def opened(thread):
        # Looked at from within: what a driver is handed it holds on to.
        page.driver.execute_script("document.querySelector('parley-chat').openConversation(arguments[0])", thread)
        page.until(lambda: page.driver.execute_script("""
            const chat = document.querySelector("parley-chat"), root = chat.shadowRoot;
            return chat.threadId === arguments[0] && root.querySelectorAll("[data-testid=message]").length === 2
                && Boolean(root.querySelector("[data-status=complete] .token-keyword"));""", thread), "not opened")

    def nodes():
        for _ in range(3):
            page.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        return next(each["value"] for each in page.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"] if each["name"] == "Nodes")

    page.driver.execute_cdp_cmd("Performance.enable", {})
    for thread in threads:
        opened(thread)
    before = nodes()
    for thread in threads * 2:
        opened(thread)
    page.until(lambda: nodes() <= before + 20, f"more and more nodes than {before}")
