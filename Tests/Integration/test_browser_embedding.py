"""The widget in a page of another origin, the policy that the page lives under, and hostile contents, in a real browser."""

import pytest

from kit.chat import ChatSocket
from kit.gateway import Gateway
from kit.page import browser
from kit.site import Site

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> [x](javascript:alert(1))"
ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def gateway(site, database):
    gateway = Gateway(database, name="test_browser_embedding", dev=True, ALLOWED_ORIGINS=site.origin, TOKEN_PACE_MS=5)
    try:
        yield gateway
    finally:
        gateway.remove()


@pytest.fixture(scope="module")
def page():
    with browser() as page:
        yield page


def embedding(gateway, token):
    return ("<!doctype html><title>elsewhere</title><style>parley-chat { display: block; height: 40rem }</style>"
            f"<script type=module src='{gateway.url}/parley-chat.js'></script><parley-chat token='{token}'></parley-chat>")


def test_in_a_page_of_an_allowed_origin(page, site, gateway, user):
    site.pages["/chat"] = embedding(gateway, gateway.token(user))
    page.driver.get(f"{site.origin}/chat")
    page.online()
    page.say("add buy milk")
    page.one(ANSWER)
    assert page.texts("user") == ["add buy milk"]
    assert page.errors() == []
    # The list of conversations comes by HTTP, with a preflight.
    assert any("/api/users/" in name and name.startswith(gateway.url) for name in page.requested())
    page.screenshot("embedded")


def test_not_in_a_page_of_another(page, site, gateway, user):
    stranger = Site()
    try:
        stranger.pages["/chat"] = embedding(gateway, gateway.token(user))
        page.driver.get(f"{stranger.origin}/chat")
        page.until(lambda: any("CORS" in error for error in page.errors()), "the browser did not refuse the module")
        assert not page.driver.execute_script("return customElements.get('parley-chat') !== undefined")
    finally:
        stranger.close()


@pytest.mark.parametrize("allowed", [True, False])
def test_framed(page, site, gateway, allowed):
    frame = f"<!doctype html><iframe id=f src='{gateway.url}/'></iframe>"
    other = Site()
    try:
        place = site if allowed else other
        place.pages["/frame"] = frame
        page.driver.get(f"{place.origin}/frame")
        if allowed:
            page.driver.switch_to.frame("f")
            page.until(lambda: page.driver.execute_script("return document.title") == "Parley", "the page is not shown")
            page.driver.switch_to.default_content()
        else:
            page.until(lambda: any("frame-ancestors" in error for error in page.errors()), "it was shown in a frame")
    finally:
        other.close()


def test_the_page_needs_no_inline_code(page, gateway, user):
    page.driver.get(gateway.url)
    page.sign_in(user)
    page.say("add milk")
    page.one(ANSWER)
    assert page.errors() == []
    # And what is put in by somebody does not run.
    page.driver.execute_script(
        "const script = document.createElement('script'); script.textContent = 'document.title = \"owned\"';"
        "document.body.append(script); document.body.insertAdjacentHTML('beforeend', \"<b onclick='1'>x</b>\");")
    assert page.driver.execute_script("return document.title") == "Parley"
    assert any("Content Security Policy" in error for error in page.errors())


def test_hostile_content_is_text(page, gateway, database, user):
    with ChatSocket(gateway, gateway.token(user)) as chat:
        thread = chat.turn(HOSTILE).ack["threadId"]
    assert database.value(
        "select content from messages where conversation_id = %s and position = 1", thread) == HOSTILE
    page.driver.get(gateway.url)
    page.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    page.driver.get(gateway.url)
    page.sign_in(user)
    page.click("[data-testid=conversation-item]")
    page.until(lambda: page.texts("user") == [HOSTILE], "the message is not shown as it is stored")
    assert page.driver.execute_script("return document.title") == "Parley"
    assert not page.all("[data-testid=message] img, [data-testid=message] script, [data-testid=message] a")
