"""A turn that ends badly, in a real browser: what is shown, what is heard, and what can be done about it."""

import pytest

from kit.gateway import Gateway
from kit.page import browser
from kit.upstream import KEY, LLM, Fail, SlowFirstToken, StreamFault, says

MESSAGE = "[data-testid=message]"
ANSWER = f"{MESSAGE}[data-role=assistant]"
NOTICE = "[data-testid=run-notice]"
AGAIN = "[data-testid=ask-again]"
FAILED = "The assistant answered with an error."


@pytest.fixture(scope="module")
def llm():
    llm = LLM()
    yield llm
    llm.close()


@pytest.fixture(scope="module")
def gateway(database, llm):
    gateway = Gateway(database, name="test_browser_failures", dev=True, AGENT="chat-completions",
                      AGENT_BASE_URL=llm.url, AGENT_API_KEY=KEY, AGENT_MODEL="gpt-test", AGENT_MAX_RETRIES=0)
    yield gateway
    gateway.remove()


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


_LISTEN = """
window.heard = [];
const found = (root) => {
    for (const element of root.querySelectorAll("*")) {
        if (element.matches(".visually-hidden[aria-live=polite]")) return element;
        const inner = element.shadowRoot && found(element.shadowRoot);
        if (inner) return inner;
    }
    return null;
};
new MutationObserver((records) => {
    for (const { addedNodes, type, target } of records) {
        if (type === "characterData") window.heard.push(target.data);
        else for (const node of addedNodes) window.heard.push(node.textContent);
    }
}).observe(found(document), { childList: true, characterData: true, subtree: true });
"""


@pytest.fixture
def page(chromium, gateway, user, llm):
    llm.reset()
    chromium.driver.get(gateway.url)
    chromium.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    chromium.driver.get(gateway.url)
    chromium.sign_in(user)
    chromium.driver.execute_script(_LISTEN)
    return chromium


def heard(page):
    return page.driver.execute_script("return window.heard")


def shown(page, selector):
    return [element for element in page.all(selector) if element.is_displayed()]


def noticed(page, count):
    page.until(lambda: len(page.all(NOTICE)) == count, f"not {count} notices")


def questions(database, user):
    return database.value("select count(*) from messages where user_id = %s and role = 'user'", user)


_TWICE = "const [button] = arguments; button.click(); button.click(); return button.matches(':focus')"


def test_ask_again_asks_once(page, llm, database, user):
    """Another answer to the same message: nothing is said again."""
    def ended():
        return database.value("select count(*) from runs where user_id = %s and finished_at is not null", user)
    llm.script(Fail(status=500), Fail(status=500), says("There you are."))
    page.say("fail now")
    noticed(page, 1)
    page.driver.execute_script(_TWICE, page.one(AGAIN))
    page.until(lambda: ended() == 2, "not asked again")
    page.until(lambda: len(shown(page, AGAIN)) == 1, "can't be asked once more")
    page.driver.execute_script(_TWICE, shown(page, AGAIN)[0])
    page.until(lambda: page.texts("assistant") == ["There you are."], "no answer")
    assert ended() == 3 and questions(database, user) == 1 and page.texts("user") == ["fail now"]
    page.until(lambda: shown(page, AGAIN) == [], "it can still be asked again")
    page.screenshot("asked-again")


def test_ask_again_from_two_tabs(page, gateway, llm, database, user):
    llm.script(Fail(status=500), says("Once."), says("Twice."))
    page.say("fail now")
    noticed(page, 1)
    first = page.driver.current_window_handle
    # The second tab has seen it happen, too, and is cut off when the first asks again.
    page.driver.execute_script("window.open(location.href)")
    second = next(handle for handle in page.driver.window_handles if handle != first)
    try:
        page.driver.switch_to.window(second)
        page.online()
        page.until(lambda: page.texts("user") == ["fail now"], "no history in the second tab")
        page.driver.switch_to.window(first)
        page.click(AGAIN)
        page.until(lambda: page.texts("assistant") == ["Once."], "no answer")
        page.driver.switch_to.window(second)
        page.until(lambda: page.texts("assistant") == ["Once."], "the second tab does not follow")
        assert shown(page, AGAIN) == []
    finally:
        page.driver.switch_to.window(second)
        page.driver.close()
        page.driver.switch_to.window(first)
    assert questions(database, user) == 1


def reloaded(page):
    page.driver.refresh()
    page.online()
    page.until(lambda: page.texts("user"), "no history")


def test_a_reload_shows_what_was_shown(page, llm, database, user):
    llm.script(Fail(status=500), says("Half an answer, and more of it"), StreamFault("disconnect", after_chunks=3),
               says("At last."))
    page.say("fail please")
    noticed(page, 1)
    page.say("break off")
    noticed(page, 2)
    before = page.contents(NOTICE)
    assert before[0].startswith(FAILED) and "broke off" in before[1]
    order = "return arguments[0].map((e) => e.dataset.testid + (e.dataset.role ?? ''))"
    rows = page.driver.execute_script(order, page.all(f"{MESSAGE}, {NOTICE}"))
    reloaded(page)
    noticed(page, 2)
    assert page.contents(NOTICE) == before
    assert page.driver.execute_script(order, page.all(f"{MESSAGE}, {NOTICE}")) == rows
    assert len(shown(page, AGAIN)) == 2
    page.screenshot("failed-after-a-reload")
    # Asked again from there it is the same as from before.
    page.driver.execute_script(_TWICE, shown(page, AGAIN)[1])
    page.until(lambda: "At last." in page.texts("assistant"), "no answer")
    reloaded(page)
    page.until(lambda: len(shown(page, AGAIN)) == 1, "the one that was asked again can be asked again")
    assert questions(database, user) == 2


def test_a_reload_shows_what_was_stopped(page, llm):
    llm.script(SlowFirstToken(30))
    page.say("think")
    llm.asked()
    page.click("[data-testid=stop]")
    noticed(page, 1)
    text = page.one(NOTICE).text
    reloaded(page)
    noticed(page, 1)
    assert page.one(NOTICE).text == text == "Stopped before there was an answer."


def test_failure_is_heard_once(page, llm):
    llm.script(Fail(status=500))
    page.say("fail please")
    noticed(page, 1)
    page.until(lambda: heard(page) == [FAILED], f"heard {heard(page)}")
    assert page.one(NOTICE).text.startswith(FAILED)


def test_equal_answers_are_each_heard(page, llm):
    llm.script(says("Done."), says("Done."))
    for count in (1, 2):
        page.say("do it")
        page.until(lambda: len(page.all(f"{ANSWER}[data-status=complete]")) == count, "no answer")
        page.until(lambda: heard(page) == ["Done."] * count, f"heard {heard(page)}")


def test_a_stop_is_heard(page, llm):
    llm.pace(100)
    llm.script(says("one two three four five six seven eight nine ten " * 5))
    page.say("count")
    page.until(lambda: "two" in "".join(page.texts("assistant")), "it does not stream")
    page.click("[data-testid=stop]")
    page.one(f"{ANSWER}[data-status=cancelled]")
    page.until(lambda: heard(page) == ["Stopped."], f"heard {heard(page)}")


def test_a_stop_before_the_first_token_is_heard(page, llm):
    llm.script(SlowFirstToken(30))
    page.say("think")
    llm.asked()
    page.click("[data-testid=stop]")
    noticed(page, 1)
    page.until(lambda: heard(page) == ["Stopped before there was an answer."], f"heard {heard(page)}")
