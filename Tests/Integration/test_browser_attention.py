"""What a page says when it is set up wrongly, when nobody looks at it, and where WebSockets don't pass."""

import base64
import json
import shutil
import subprocess
import urllib.parse

import pytest

from kit import TOP
from kit.gateway import Gateway
from kit.page import browser
from kit.site import Site

ANSWER = "[data-testid=message][data-role=assistant][data-status=complete]"
BANNER = "[data-testid=error-banner]"
LANGUAGES = ["ar", "de", "en", "es", "fr", "ja", "zh"]


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def gateway(site, database):
    gateway = Gateway(database, name="test_browser_attention", dev=True, AGENT="scripted", ALLOWED_ORIGINS=site.origin)
    yield gateway
    gateway.remove()


@pytest.fixture(scope="module", params=[(1200, 800), (390, 844)], ids=["desk", "phone"])
def chromium(request):
    with browser(*request.param) as page:
        page.size = "phone" if request.param[0] < 500 else "desk"
        yield page


def show(page, site, gateway, token, head="", attributes=""):
    site.pages["/attention"] = (
        f"<!doctype html><html lang=en><meta name=viewport content='width=device-width'>{head}<title>A page</title>"
        "<style>body { margin: 0 } parley-chat { display: block; height: 100vh }</style>"
        f"<script type=module src='{gateway.url}/parley-chat.js'></script><parley-chat token='{token}' {attributes}></parley-chat>"
        "<script>window.told = []; addEventListener('parley-error', ({detail}) => told.push(detail.code))</script>")
    page.driver.get(f"{site.origin}/attention")


def says(page, words, code):
    page.until(lambda: page.all(BANNER) and words in page.all(BANNER)[0].text, f"it does not say {words!r}")
    page.until(lambda: code in page.driver.execute_script("return window.told"), "the page is not told")


def test_a_token_without_a_user(chromium, site, gateway):
    show(chromium, site, gateway, gateway.token(None))
    says(chromium, "names no user", "no_subject")
    chromium.screenshot(f"misconfigured-{chromium.size}")


def test_a_policy_that_forbids_it(chromium, site, gateway, user):
    policy = "<meta http-equiv=Content-Security-Policy content=\"connect-src 'self'\">"
    show(chromium, site, gateway, gateway.token(user), policy)
    says(chromium, "connect-src", "csp")
    assert "Connecting" not in chromium.one("[data-testid=connection-state]").text


def test_an_origin_that_is_not_allowed(chromium, site, gateway, database, user):
    other = Gateway(database, name="test_browser_attention_other", AGENT="scripted")
    try:
        show(chromium, site, gateway, other.token(user), attributes=f"src='{other.url}'")
        says(chromium, "ALLOWED_ORIGINS", "origin")
    finally:
        other.remove()


def test_what_a_secure_page_may_not_reach(tmp_path):
    """Seen before anything is tried: a browser says of mixed content no more than that it failed."""
    for path in (TOP / "public").glob("*.js"):
        shutil.copy(path, tmp_path)
    (tmp_path / "package.json").write_text('{"type":"module"}')
    claims = base64.urlsafe_b64encode(b'{"sub":"ada"}').decode().rstrip("=")
    script = """
        const [folder, token] = process.argv.slice(1);
        const { misconfigured } = await import(`${folder}/parley-diagnosis.js`);
        const cases = [["https:", "ws://chat.example.com/ws"], ["https:", "wss://chat.example.com/ws"],
                       ["http:", "ws://chat.example.com/ws"], ["https:", "ws://localhost:8080/ws"], ["https:", "ws://[::1]/ws"]];
        console.log(JSON.stringify(cases.map(([protocol, url]) => {
            globalThis.location = { protocol };
            return misconfigured(url, token);
        })));
        """
    answer = subprocess.run(["node", "--input-type=module", "-e", script, tmp_path, f"x.{claims}.x"],
                            capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == ["mixed_content", None, None, None, None]


_HIDDEN = """
Object.defineProperty(document, "hidden", {configurable: true, get: () => arguments[0] ?? window.isHidden});
Object.defineProperty(document, "visibilityState", {configurable: true, get: () => window.isHidden ? "hidden" : "visible"});
window.isHidden = true;
window.notes = [];
window.Notification = class { static permission = "granted"; constructor(title, options) { window.notes.push({title, ...options}); } };
document.dispatchEvent(new Event("visibilitychange"));
"""


def test_nobody_looks(chromium, site, gateway, user):
    page = chromium
    show(page, site, gateway, gateway.token(user))
    page.online()
    page.say("!text the first")
    page.one(ANSWER)
    thread = page.driver.execute_script("return document.querySelector('parley-chat').threadId")
    page.driver.execute_script(_HIDDEN)
    assert page.driver.execute_script("return document.title") == "A page"
    with gateway.connect(user) as socket:
        socket.turn("!text **Your** plan is ready.", thread=thread)
    page.until(lambda: page.driver.execute_script("return document.title") == "(1) A page", "the title says nothing")
    [note] = page.driver.execute_script("return window.notes")
    assert note["body"] == "Your plan is ready." and note["silent"] and note["tag"] == f"parley-{thread}"
    page.driver.execute_script("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    page.until(lambda: page.driver.execute_script("return document.title") == "A page", "the title is not given back")


def test_a_page_that_wants_no_notice(chromium, site, gateway, user):
    page = chromium
    show(page, site, gateway, gateway.token(user), attributes="notify=off")
    page.online()
    page.say("!text the first")
    page.one(ANSWER)
    thread = page.driver.execute_script("return document.querySelector('parley-chat').threadId")
    page.driver.execute_script(_HIDDEN)
    with gateway.connect(user) as socket:
        socket.turn("!text more", thread=thread)
    page.until(lambda: page.texts("assistant") == ["the first", "more"], "no answer")
    assert page.driver.execute_script("return [document.title, window.notes.length]") == ["A page", 0]


def test_every_language_says_everything(chromium, site, gateway, user):
    """What a language lacks would be said in English. Numbers have no words of their own."""
    show(chromium, site, gateway, gateway.token(user))
    names = chromium.driver.execute_async_script("""
        const [url, languages, done] = arguments;
        Promise.all(languages.map((each) => import(`${url}/texts/${each}.js`))).then((modules) => done(modules.map((module) => {
            const table = module.texts ?? module.english;
            const places = (text) => [...JSON.stringify(text).matchAll(/\\{(\\w+)\\}/g)].map((each) => each[1]);
            return Object.fromEntries(Object.entries(table).map(([name, text]) => [name, [...new Set(places(text))].sort()]));
        })));
        """, gateway.url, LANGUAGES)
    english = names[LANGUAGES.index("en")]
    for language, table in zip(LANGUAGES, names):
        missing = set(english) - set(table) - {"heading", "count"}
        assert not missing and not set(table) - set(english), f"{language}: {missing} {set(table) - set(english)}"
        for name, places in table.items():
            # Of two or none a language may say so without the number.
            assert set(places) == set(english[name]) or set(places) <= {"count"}, f"{language}: {name} has {places}"


_BLOCKED = """
window.Real = WebSocket;
window.tried = 0;
window.WebSocket = class {
    readyState = 0;
    constructor() { window.tried++; setTimeout(() => { this.readyState = 3; this.onclose?.({code: 1006}); }); }
    send() {}
    close() {}
};
Object.assign(window.WebSocket, {CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3});
"""


def test_where_sockets_do_not_pass(chromium, site, gateway, database, user):
    page = chromium
    show(page, site, gateway, gateway.token(user), f"<script>{_BLOCKED}</script>")
    page.online()
    assert page.driver.execute_script("return window.tried") == 2
    page.say("!text through a stream")
    page.one(ANSWER)
    assert page.texts("assistant") == ["through a stream"]
    page.say("!stall")
    page.click("[data-testid=stop]")
    page.until(lambda: not page.one("[data-testid=composer]").get_property("disabled")
               and not any(each.is_displayed() for each in page.all("[data-testid=stop]")), "it can't be stopped")
    # Another network: a socket takes over, and nothing is lost or doubled.
    page.driver.execute_script("window.WebSocket = window.Real; window.dispatchEvent(new Event('online'))")
    page.until(lambda: page.driver.execute_script(
        "return performance.getEntriesByType('resource').every((e) => !e.name.includes('/events') || e.responseEnd > 0)"), "the stream goes on")
    page.online()
    page.say("!text through a socket")
    page.until(lambda: "through a socket" in page.texts("assistant"), "no answer")
    assert page.texts("assistant")[0] == "through a stream"
    assert database.value("select count(*) from messages where user_id = %s and role = 'user'", user) == 3


def test_what_a_page_has_to_load(chromium, gateway, user):
    """Without mathematics and colours, which come when they are needed; nothing comes from elsewhere."""
    page = chromium
    page.driver.get(gateway.url)
    page.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    page.driver.get(gateway.url)
    page.sign_in(user)
    page.say("!text hello")
    page.one(ANSWER)
    page.until(lambda: any("/lib/marked.js" in name for name in page.requested()), "no Markdown")
    files = {name for name in page.requested() if urllib.parse.urlparse(name).path.endswith(".js") and "/demo.js" not in name}
    assert all(name.startswith(gateway.url) for name in page.requested() if name.startswith("http"))
    assert not any(late in name for name in files for late in ("katex", "prism", "approval", "own-cards", "event-stream", "menu", "search"))
    compressed = [gateway.request("GET", urllib.parse.urlparse(name).path, headers={"Accept-Encoding": "gzip"}) for name in files]
    assert all(headers["Content-Encoding"] == "gzip" or len(body) < 512 for _, headers, body in compressed)
    weight = sum(len(body) for _, _, body in compressed)
    (TOP / ".data" / "results" / "widget-weight.json").write_text(json.dumps({"files": len(files), "compressed": weight}))
    assert weight < 90_000, f"{weight} bytes in {len(files)} files"
