"""The page that shows all widgets: they are live together, take on looks, and the picture of the documentation is theirs."""

import re
import struct

import pytest
from selenium.webdriver.common.keys import Keys

from kit import TOP
from kit.gateway import RESULTS, Gateway
from kit.page import browser
from kit.site import Site

DEV = True
SETTINGS = {"TOKEN_PACE_MS": 0}
ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def allowing(site, database):
    gateway = Gateway(database, name="test_browser_showcase_allowing", dev=True, TOKEN_PACE_MS=0, ALLOWED_ORIGINS=site.origin)
    yield gateway
    gateway.remove()


def tasks(page):
    return page.driver.execute_script(
        "return [...document.querySelector('parley-tasks').shadowRoot.querySelectorAll('.task-title')].map((e) => e.textContent)")


def is_picture(content, size):
    """Made anew with each run, beside the results; what is committed is one of these."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) < 200_000
    width, height = struct.unpack(">II", content[16:24])
    assert width == size[0] and 0 < height <= size[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 1000), (390, 844)], ids=["desk", "phone"])
def test_all_widgets_in_one_page(gateway, user, theme, size):
    with browser(*size) as page:
        page.driver.get(f"{gateway.url}/showcase.html")
        page.one("[data-testid=showcase-name]").send_keys(user, Keys.ENTER)
        page.online()
        page.driver.execute_script("""
            const field = document.querySelector("[data-testid=theme]");
            field.value = arguments[0];
            field.dispatchEvent(new Event("input", {bubbles: true}));
            """, theme)
        for number, text in enumerate(("add buy milk, call the dentist and book the train to Oslo", "I finished the milk one"), 1):
            page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", page.all("[data-testid=composer]")[0])
            page.say(text)
            page.until(lambda: len(page.all(ANSWER)) == number, "no answer")
        page.until(lambda: len(tasks(page)) == 2, "the list does not follow")
        assert f'theme="{theme}"' in page.one("#code").text
        assert page.driver.execute_script("return getComputedStyle(document.querySelector('parley-chat')).colorScheme") == theme
        # What is on the screen in one widget is not news in another.
        assert not any(each.is_displayed() for each in page.all(".badge"))
        page.driver.execute_script("scrollTo(0, 0)")
        name = f"showcase-{theme}-{'phone' if size[0] < 500 else 'desk'}"
        page.screenshot(name)
        if name.endswith("desk"):
            is_picture((RESULTS / "screenshots" / f"{name}.png").read_bytes(), size)
            is_picture((TOP / f"Sources/parley/Documentation.docc/Resources/showcase-{theme}.png").read_bytes(), size)
        # The name is known now; and all three are one connection.
        page.driver.refresh()
        page.online()
        page.until(lambda: len(tasks(page)) == 2, "not signed in again")
        assert page.errors() == []


@pytest.mark.parametrize("is_changed", [False, True])
def test_the_lines_with_integrity(site, allowing, user, is_changed):
    """They hold the widget to what the gateway serves: as they are it runs, and what is another than they say does not."""
    gateway = allowing
    with browser() as page:
        page.driver.get(f"{gateway.url}/showcase.html")
        page.click("[data-testid=pinned]")
        page.until(lambda: "importmap" in page.one("#code").text, "no hashes")
        lines = page.one("#code").text
        loaded = re.findall(r'"(http[^"]+)": "sha384-[\w+/]{64}"', lines)
        assert len(loaded) > 50 and {f"{gateway.url}/{name}.js" for name in ("parley-menu", "texts/de", "lib/katex")} <= set(loaded)
        if is_changed:
            lines = re.sub(r'(parley-dom.js": "sha384-)....', r"\1AAAA", lines)
        site.pages["/pinned"] = lines.replace('fetch("/my/token")', 'fetch("/token")')
        site.pages["/token"] = gateway.token(user)
        page.driver.get(f"{site.origin}/pinned")
        if is_changed:
            page.until(lambda: any("integrity" in error for error in page.errors()), "it is not refused")
            assert not page.driver.execute_script("return Boolean(customElements.get('parley-chat'))")
            return
        page.online()
        page.say("add milk")
        page.one(ANSWER)
        page.until(lambda: page.all("[data-testid=tool-card]"), "what comes late is not there")
        assert page.errors() == []
