"""The widget for everybody and in anybody's page: what axe finds, languages and directions, themes, and events."""

import re

import pytest

from kit import PAGES
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


@pytest.mark.parametrize(("theme", "size"), [("light", (1200, 900)), ("dark", (1200, 900)), ("light", (390, 844)),
                                             ("dark", (390, 844))])
def test_axe_finds_nothing(gateway, llm, user, theme, size):
    llm.reset()
    llm.script(says(MARKDOWN), calls(("add_task", {"title": "milk"})), says("Added."))
    isPhone = size[0] < 500
    with browser(*size) as page:
        page.looks(theme)
        place = f"{theme}-{'phone' if isPhone else 'desktop'}"
        found = []
        page.driver.get(gateway.url)
        page.one("[data-testid=name-input]")
        found += page.findings(f"{place}-signed-out")
        page.sign_in(user)
        page.one("[data-testid=empty-state]")
        found += page.findings(f"{place}-empty")
        page.say("a plan, please")
        page.one(ANSWER)
        page.until(lambda: page.all(".token-keyword"), "no colours")
        page.say("add milk")
        page.until(lambda: len(page.all(ANSWER)) == 2, "no answer")
        llm.script(Fail(status=500))
        page.say("fail")
        page.one("[data-testid=run-notice]")
        found += page.findings(f"{place}-conversation")
        if isPhone:
            page.click("button.menu")
        page.click("[data-testid=conversation-menu]")
        page.one("[data-testid=menu]")
        found += page.findings(f"{place}-menu")
        page.click("[data-testid=conversation-trash]")
        page.one("[data-testid=question]")
        found += page.findings(f"{place}-question")
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
    assert chromium.contents("[data-testid=example]") == ["eins", "zwei"]
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


@pytest.fixture(scope="module")
def introduced(site, database, llm):
    gateway = Gateway(database, name="test_browser_access_introduced", dev=True, AGENT="chat-completions", AGENT_BASE_URL=llm.url,
                      AGENT_API_KEY=KEY, AGENT_MODEL="gpt-test", ALLOWED_ORIGINS=site.origin, AGENT_NAME="Ada",
                      AGENT_GREETING="What can Ada do?", AGENT_PICTURE="/favicon.svg", AGENT_SUGGESTIONS="a, b|c")
    yield gateway
    gateway.remove()


@pytest.mark.parametrize(("attributes", "greeting", "name", "suggestions", "picture"), [
    ("", "What can Ada do?", "Ada", ["a, b", "c"], "{gateway}/favicon.svg"),
    # What the page says goes before, each for itself.
    ("greeting='Na?'", "Na?", "Ada", ["a, b", "c"], "{gateway}/favicon.svg"),
    ("name=Bob suggestions='x' picture='{gateway}/favicon.svg?x'", "What can Ada do?", "Bob", ["x"], "{gateway}/favicon.svg?x"),
])
def test_the_gateway_introduces_the_assistant(chromium, site, introduced, user, attributes, greeting, name, suggestions, picture):
    site.pages["/introduced"] = embedded(introduced, introduced.token(user), attributes.format(gateway=introduced.url))
    chromium.driver.get(f"{site.origin}/introduced")
    chromium.online()
    chromium.until(lambda: chromium.contents("[data-testid=empty-state] h3") == [greeting], "not greeted")
    assert chromium.contents("[data-testid=example]") == suggestions
    assert chromium.contents("h2.heading") == [name]
    assert chromium.attributes("img.picture, .emblem img", "src") == [picture.format(gateway=introduced.url)] * 2


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


def quoted(beginning):
    """The piece of the chapter's code that begins so."""
    chapter = (PAGES / "Embedding.md").read_text()
    [block] = [block for block in re.findall(r"^```\w*\n(.*?)^```", chapter, re.S | re.M) if block.startswith(beginning)]
    return block


def test_what_the_chapter_says_is_enough(chromium, site, gateway, llm, user):
    """Its whole page at another origin, under a policy that lets nothing through but what the chapter names: in German, dark,
    in the brand's colour, with a card of its own."""
    def here(text):
        return text.replace("wss://chat.example.com", gateway.url.replace("http", "ws")).replace("https://chat.example.com", gateway.url)
    policy = {name: sources for name, *sources in (each.split() for each in here(quoted("script-src")).split(";") if each.strip())}
    policy["script-src"].append("'nonce-x'")
    policy["connect-src"].append("'self'")
    policy |= {"default-src": ["'none'"], "style-src": ["'nonce-x'"]}
    told = "; ".join(" ".join([name, *sources]) for name, sources in policy.items())
    page = here(quoted("<!doctype html>")).replace("<style>", "<style nonce=x>").replace("<script>", "<script nonce=x>")
    site.pages["/chapter"] = page.replace("<title>", f'<meta http-equiv=Content-Security-Policy content="{told}"><title>')
    site.pages["/api/auth/token"] = '{"token": "%s"}' % gateway.token(user)
    llm.reset()
    llm.script(calls(("get_weather", {"place": "Oslo"})), says("Kalt."))
    chromium.driver.get(f"{site.origin}/chapter")
    chromium.online()
    chromium.until(lambda: chromium.attributes("[data-testid=composer]", "aria-label") == ["Nachricht"], "not in German")
    assert chromium.contents("[data-testid=example]") == ["Wie wird das Wetter?", "Was kannst du?"]
    chromium.say("Wetter?")
    chromium.one(ANSWER)
    cards = "return [...document.querySelectorAll('parley-chat > p')].map((each) => each.textContent)"
    chromium.until(lambda: chromium.driver.execute_script(cards) == ["Oslo: failed"], "no card of the page's own")
    assert computed(chromium, "parley-chat", "color-scheme") == "dark"
    accent = "return getComputedStyle(document.querySelector('parley-chat')).getPropertyValue('--accent')"
    assert chromium.driver.execute_script(accent) == "#e2725b"
    chromium.screenshot("chapter")
    assert chromium.errors() == []


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
