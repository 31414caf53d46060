"""The widget for everybody and in anybody's page: what axe finds, languages and directions, themes, and events."""

import pytest

from kit.carried import axe
from kit.gateway import Gateway
from kit.page import browser
from kit.site import Site
from kit.upstream import KEY, LLM, Fail, calls, says

ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"
ITEM = "[data-testid=conversation-item]"
MARKDOWN = ("## Plan\n\nUse **this** and [that](https://example.org):\n\n```python\ndef f(x):\n    return 'x' + 1  # no\n```\n\n"
            "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n- [x] done\n- [ ] open\n\n> said\n\n![a cat](https://example.org/cat.png)")


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def llm():
    llm = LLM()
    yield llm
    llm.close()


@pytest.fixture(scope="module")
def gateway(site, database, llm):
    gateway = Gateway(database, name="test_browser_access", dev=True, AGENT="chat-completions", AGENT_BASE_URL=llm.url,
                      AGENT_API_KEY=KEY, AGENT_MODEL="gpt-test", AGENT_MAX_RETRIES=0, ALLOWED_ORIGINS=site.origin)
    yield gateway
    gateway.remove()


_AXE = """
const [done] = arguments;
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    // The levels of an answer's headings are the answer's own.
    rules: {"heading-order": {enabled: false}}}).then((result) =>
    done(result.violations.map((each) => [each.id, each.nodes.map((node) => [node.html.slice(0, 160), node.failureSummary])])));
"""


def findings(page, state):
    page.screenshot(f"access-{state}")
    page.driver.execute_script(axe())
    return [f"{state}: {name}: {node}" for name, nodes in page.driver.execute_async_script(_AXE) for node in nodes]


@pytest.mark.parametrize(("theme", "size"), [("light", (1200, 900)), ("dark", (1200, 900)), ("light", (390, 844)),
                                             ("dark", (390, 844))])
def test_axe_finds_nothing(gateway, llm, user, theme, size):
    llm.reset()
    llm.script(says(MARKDOWN), calls(("add_task", {"title": "milk"})), says("Added."))
    isPhone = size[0] < 500
    with browser(*size) as page:
        page.driver.set_script_timeout(60)
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
        place = f"{theme}-{'phone' if isPhone else 'desktop'}"
        found = []
        page.driver.get(gateway.url)
        page.one("[data-testid=name-input]")
        found += findings(page, f"{place}-signed-out")
        page.sign_in(user)
        page.one("[data-testid=empty-state]")
        found += findings(page, f"{place}-empty")
        page.say("a plan, please")
        page.one(ANSWER)
        page.until(lambda: page.all(".token-keyword"), "no colours")
        page.say("add milk")
        page.until(lambda: len(page.all(ANSWER)) == 2, "no answer")
        llm.script(Fail(status=500))
        page.say("fail")
        page.one("[data-testid=run-notice]")
        found += findings(page, f"{place}-conversation")
        if isPhone:
            page.one("button.menu").click()
        page.one("[data-testid=conversation-menu]").click()
        page.one("[data-testid=menu]")
        found += findings(page, f"{place}-menu")
        page.one("[data-testid=conversation-trash]").click()
        page.one("[data-testid=question]")
        found += findings(page, f"{place}-question")
        assert not found, "\n".join(found)


def embedded(gateway, token, attributes="", style="", lang="en"):
    return (f"<!doctype html><html lang={lang}><title>elsewhere</title><style>parley-chat {{ display: block; height: 40rem }} {style}"
            f"</style><script type=module src='{gateway.url}/parley-chat.js'></script>"
            f"<main><h1>A page</h1><parley-chat token='{token}' {attributes}></parley-chat></main>")


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


def computed(page, selector, name):
    return page.all(selector)[0].value_of_css_property(name)


def test_at_home_in_a_page(chromium, site, gateway, llm, user):
    site.pages["/de"] = embedded(
        gateway, gateway.token(user), "theme=dark heading='Hilfe' greeting='Na?' suggestions='eins|zwei' sidebar=hidden", lang="de",
        style="html { font-size: 62.5%; text-transform: uppercase; letter-spacing: 4px } parley-chat { --parley-accent: #ff8800 }")
    chromium.driver.get(f"{site.origin}/de")
    chromium.online()
    chromium.until(lambda: chromium.one("[data-testid=composer]").get_attribute("aria-label") == "Nachricht", "not in German")
    assert [each.text for each in chromium.all("[data-testid=example]")] == ["eins", "zwei"]
    assert computed(chromium, "[data-testid=composer]", "font-size") == "16px"
    assert computed(chromium, "[data-testid=composer]", "text-transform") == "none"
    assert computed(chromium, "parley-chat", "background-color") == "rgba(21, 23, 24, 1)"
    assert not chromium.all(".sidebar")[0].is_displayed()
    llm.reset()
    llm.script(says("Ja."))
    chromium.driver.execute_script("""
        window.told = [];
        for (const name of ["parley-message", "parley-run", "parley-tool", "parley-error", "parley-state"]) {
            document.addEventListener(name, ({detail}) => told.push([name, detail.role ?? detail.status ?? "", detail.content ?? ""]));
        }""")
    chromium.say("Hallo")
    chromium.one(ANSWER)
    assert computed(chromium, ".archive-switch", "letter-spacing") == "normal"
    assert chromium.driver.execute_script(
        "return getComputedStyle(document.querySelector('parley-chat')).getPropertyValue('--accent')") == "#ff8800"
    chromium.until(lambda: ["parley-run", "completed", ""] in chromium.driver.execute_script("return told"), "the page is not told")
    told = chromium.driver.execute_script("return told")
    assert told == [["parley-message", "user", "Hallo"], ["parley-run", "running", ""], ["parley-message", "assistant", "Ja."],
                    ["parley-run", "completed", ""]]
    chromium.screenshot("embedded-german-dark")


@pytest.mark.parametrize(("lang", "send"), [("ar", "إرسال"), ("es", "Enviar"), ("fr", "Envoyer"), ("ja", "送信"), ("zh-CN", "发送"),
                                            ("tlh", "Send"), ("en-GB", "Send")])
def test_languages(chromium, site, gateway, user, lang, send):
    site.pages[f"/{lang}"] = embedded(gateway, gateway.token(user), lang=lang)
    chromium.driver.get(f"{site.origin}/{lang}")
    chromium.online()
    chromium.until(lambda: chromium.one("[data-testid=send]").get_attribute("aria-label") == send, f"not in {lang}")
    assert computed(chromium, ".shell", "direction") == ("rtl" if lang == "ar" else "ltr")
    chromium.screenshot(f"language-{lang}")
    assert chromium.errors() == []


def test_shortcuts_of_the_page_do_not_take_what_is_typed(chromium, site, gateway, user):
    site.pages["/keys"] = embedded(gateway, gateway.token(user)) + (
        "<script>window.pressed = []; for (const name of ['keydown', 'keyup']) addEventListener(name, ({key}) => pressed.push(key))</script>")
    chromium.driver.get(f"{site.origin}/keys")
    chromium.online()
    chromium.one("[data-testid=composer]").send_keys("s/? é")
    assert chromium.one("[data-testid=composer]").get_property("value") == "s/? é"
    assert [key for key in chromium.driver.execute_script("return pressed") if len(key) == 1] == []


def test_texts_of_the_page(chromium, site, gateway, user):
    site.pages["/texts"] = embedded(gateway, gateway.token(user)) + (
        "<script>document.querySelector('parley-chat').texts = {send: 'Go', 'error.internal': 'Oh.'}</script>")
    chromium.driver.get(f"{site.origin}/texts")
    chromium.online()
    chromium.until(lambda: chromium.one("[data-testid=send]").get_attribute("aria-label") == "Go", "not the page's own text")


def test_under_trusted_types(chromium, site, gateway, llm, user):
    """Where every HTML sink of the page is shut, the widget misses nothing."""
    site.pages["/strict"] = embedded(gateway, gateway.token(user)).replace("<title>", (
        "<meta http-equiv=Content-Security-Policy content=\"require-trusted-types-for 'script'; trusted-types 'none'\"><title>"))
    llm.reset()
    llm.script(says(MARKDOWN + "\n\n$$\\frac{1}{2}$$"))
    chromium.driver.get(f"{site.origin}/strict")
    chromium.online()
    chromium.say("a plan, please")
    chromium.one(ANSWER)
    chromium.until(lambda: chromium.all(".token-keyword") and chromium.all("math mfrac"), "no colours, or no formula")
    assert chromium.errors() == []
