"""Markdown in a real browser: shown as it is meant, while it comes, and never as anything but the nodes of a list.

The renderer is driven as a module of the page, so that thousands of texts take seconds.
"""


import pytest

from kit.carried import specification
from kit.gateway import Gateway
from kit.hostile import texts as hostile_texts
from kit.page import browser
from kit.upstream import KEY, LLM, says

MESSAGE = "[data-testid=message]"
ANSWER = f"{MESSAGE}[data-role=assistant]"

ALLOWED = {
    "A", "BDI", "BLOCKQUOTE", "BR", "BUTTON", "CODE", "DEL", "DIV", "EM", "H3", "H4", "H5", "H6", "HR", "LI", "OL", "P",
    "PRE", "SPAN", "STRONG", "SVG", "PATH", "TABLE", "TBODY", "TD", "TH", "THEAD", "TR", "UL"}
"""And what KaTeX makes of mathematics, all in MathML's namespace."""

_SETUP = """
const [base, done] = arguments;
(async () => {
    const {MessageText, spokenText} = await import(base + "/parley-message-text.js");
    const {Texts} = await import(base + "/parley-texts.js");
    const {library} = await import(base + "/parley-libraries.js");
    const texts = new Texts();
    const ready = await Promise.all(["marked", "prism", "katex"].map(library));
    window.make = () => {
        const view = new MessageText({texts, say: () => {}});
        document.body.replaceChildren(view.element);
        return view;
    };
    window.show = (text) => {
        const view = make();
        view.update(text, {isMarkdown: true, isOpen: false});
        return view.element;
    };
    window.spoken = (text) => spokenText(text, texts);
    window.wrong = [];
    addEventListener("error", (event) => window.wrong.push(String(event.message)));
    addEventListener("unhandledrejection", (event) => window.wrong.push(String(event.reason)));
    document.addEventListener("securitypolicyviolation", (event) => window.wrong.push(event.violatedDirective));
    return ready.every((each) => each !== null);
})().then(done, (error) => done(String(error)));
"""

_STRANGE = """
const [texts, allowed, done] = arguments;
const names = new Set(allowed), found = [];
const attributes = new Set(["class", "dir", "href", "target", "rel", "title", "type", "start", "scope", "tabindex", "role",
    "aria-label", "aria-hidden", "viewBox", "d", "data-name", "data-host", "data-language", "data-testid", "data-done",
    "data-source"]);
const math = "http://www.w3.org/1998/Math/MathML";
for (const text of texts) {
    let element;
    try {
        element = show(text);
    } catch (error) {
        found.push([text, String(error)]);
        continue;
    }
    for (const each of element.querySelectorAll("*")) {
        const name = each.nodeName.toUpperCase();
        if (each.namespaceURI !== math && !names.has(name)) found.push([text, name]);
        for (const {name: attribute, value} of each.attributes) {
            if (each.namespaceURI !== math && !attributes.has(attribute)) found.push([text, attribute]);
            if (/^on|^style$|^src$/i.test(attribute) && each.namespaceURI !== math) found.push([text, attribute]);
            if (attribute === "href" && !/^(https?:\\/\\/|mailto:)/.test(value)) found.push([text, value]);
        }
    }
}
setTimeout(() => done(found), 50);
"""


@pytest.fixture(scope="module")
def llm():
    llm = LLM()
    yield llm
    llm.close()


@pytest.fixture(scope="module")
def gateway(database, llm):
    gateway = Gateway(database, name="test_browser_markdown", dev=True, AGENT="chat-completions",
                      AGENT_BASE_URL=llm.url, AGENT_API_KEY=KEY, AGENT_MODEL="gpt-test")
    yield gateway
    gateway.remove()


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        page.driver.set_script_timeout(80)
        yield page


@pytest.fixture
def stage(chromium, gateway):
    """The renderer in an empty page of the gateway's, under the gateway's policy."""
    chromium.driver.get(f"{gateway.url}/index.html")
    assert chromium.driver.execute_async_script(_SETUP, gateway.url) is True, "not all libraries are there"
    yield chromium
    assert chromium.driver.execute_script("return window.wrong") == []
    outside = [name for name in chromium.requested() if not name.startswith(gateway.url + "/")]
    assert outside == [], "something was fetched from elsewhere"


def html(page, text):
    return page.driver.execute_script("return show(arguments[0]).innerHTML", text)


def structure(page, text):
    """The names of the elements and the texts, without attributes: what a reader sees of the structure."""
    return page.driver.execute_script("""
        const plain = (node) => node.nodeType === 3 ? node.data
            : node.nodeName === "svg" ? "" : `<${node.localName}>${[...node.childNodes].map(plain).join("")}</>`;
        return [...show(arguments[0]).childNodes].map(plain).join("");
        """, text)


@pytest.mark.parametrize(("text", "wanted"), [
    ("plain", "<p>plain</>"),
    ("two\nlines", "<p>two\nlines</>"),
    ("**bold** and *so* ~~gone~~", "<p><strong>bold</> and <em>so</> <del>gone</></>"),
    ("# One\n## Two", "<h3>One</>\n<h4>Two</>"),
    ("a `<b>` c", "<p>a <code><b></> c</>"),
    ("- a\n- b", "<ul><li><span>a</></>\n<li><span>b</></></>"),
    ("3. a\n4. b", "<ol><li><span>a</></>\n<li><span>b</></></>"),
    ("- [x] done\n- [ ] open", "<ul><li><span></><span>done</></>\n<li><span></><span>open</></></>"),
    ("> said", "<blockquote><p>said</></>"),
    ("a<br>b <b>c</b>", "<p>a<br></>b <b>c</b></>"),
    ("&copy; &lt;b&gt; &#64; &unknown;", "<p>© <b> @ &unknown;</>"),
    ("\\*no\\*", "<p>*no*</>"),
    ("text[^1]\n\n[^1]: note", "<p>text[^1]</>\n\n<p>[^1]: note</>"),
    ("it is $5 and $6 then", "<p>it is $5 and $6 then</>"),
    ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</>"),
    ("[x](/relative)", "<p>[x](/relative)</>"),
    ("[x](data:text/html,hi)", "<p>[x](data:text/html,hi)</>"),
])
def test_what_is_shown(stage, text, wanted):
    assert structure(stage, text) == wanted


@pytest.mark.parametrize(("text", "address", "host"), [
    ("[x](https://example.org/a?b=c&amp;d)", "https://example.org/a?b=c&d", None),
    ("<https://example.org>", "https://example.org/", None),
    ("https://example.org/x.", "https://example.org/x", None),
    ("www.example.org", "https://www.example.org/", None),
    ("<ada@example.org>", "mailto:ada@example.org", None),
    ("[ref]\n\n[ref]: https://example.org", "https://example.org/", None),
    ("[bank.example](https://evil.example/)", "https://evil.example/", "evil.example"),
    ("[https://bank.example/x](https://evil.example/)", "https://evil.example/", "evil.example"),
    ("[www.bank.example](https://bank.example/)", "https://bank.example/", None),
])
def test_links(stage, text, address, host):
    [link] = stage.driver.execute_script("""
        return [...show(arguments[0]).querySelectorAll("a")].map((a) => [a.href, a.dataset.host ?? null, a.rel, a.target])
        """, text)
    assert link[:2] == [address, host]
    assert {"noopener", "noreferrer", "nofollow"} <= set(link[2].split()) and link[3] == "_blank"


@pytest.mark.parametrize("address", ["https://bank.example@evil.example/", "ftp://example.org/", "https://", "vbscript:x",
                                     "JAVASCRIPT:alert(1)", "java\tscript:alert(1)", "//evil.example"])
def test_no_link(stage, address):
    assert stage.driver.execute_script("return show(arguments[0]).querySelector('a')", f"[x](<{address}>)") is None


def test_a_picture_fetches_nothing_until_it_is_pressed(stage, gateway):
    button = stage.driver.execute_script(
        "return show(arguments[0]).querySelector('button')", f"![a cat]({gateway.url}/favicon.svg?cat)")
    assert "a cat" in button.text
    assert not any("?cat" in name for name in stage.requested())
    button.click()
    stage.until(lambda: any("?cat" in name for name in stage.requested()), "it does not come when it is pressed")
    assert stage.all("img")[-1].get_attribute("referrerpolicy") == "no-referrer"


def test_code_has_its_colours_and_its_source(stage):
    text = "```python\ndef add(a, b):\n\treturn a + b  # sum\n```"
    shown = stage.driver.execute_script("return show(arguments[0])", text)
    stage.until(lambda: shown.find_elements("css selector", ".token-keyword"), "no colours")
    code = shown.find_element("css selector", "code")
    assert code.get_property("textContent") == "def add(a, b):\n\treturn a + b  # sum"
    assert shown.find_element("css selector", ".code").get_attribute("data-language") == "python"
    assert shown.find_element("css selector", ".code").get_attribute("dir") == "ltr"


def test_mathematics(stage):
    shown = stage.driver.execute_script("return show(arguments[0])", "so $a^2+b^2=c^2$, and\n\n$$\\frac{1}{2}$$")
    stage.until(lambda: len(shown.find_elements("css selector", "math")) == 2, "no formulas")
    assert shown.find_elements("css selector", ".display mfrac")


def test_characters_that_reorder_are_seen(stage):
    text = "a \u202egpj.exe\u202c b `x\u2066y`"
    shown = stage.driver.execute_script("return show(arguments[0])", text)
    names = [each.get_attribute("data-name") for each in shown.find_elements("css selector", "bdi")]
    assert names == ["RLO", "PDF", "LRI"]
    assert shown.get_property("textContent") == "a \u202egpj.exe\u202c b x\u2066y", "the text is not what was sent"


@pytest.mark.parametrize(("text", "wanted"), [
    ("- one\n- שלום\n  - مرحبا\n- 3", "ul ltr, li ltr, li rtl, ul rtl, li rtl, li ltr"),
    ("1. أولا\n\n   more\n2. two", "ol rtl, li rtl, li ltr"),
    ("- [x] مهمة\n- [ ] open", "ul rtl, li rtl, li ltr"),
    ("> **שלום** there", "blockquote rtl, p rtl"), ("> there שלום", "blockquote ltr, p ltr"),
    ("| الاسم | b |\n| - | - |\n| 1 | x |", "div rtl, th rtl, th ltr, td ltr, td ltr"),
])
def test_the_direction_of_what_holds_lines(stage, text, wanted):
    """Marks of lists, the bar of a quote and the columns of a table stand where the reading begins."""
    found = stage.driver.execute_script("""
        const element = show(arguments[0]);
        return [...element.querySelectorAll("ul, ol, li, p, blockquote, .table, th, td")]
            .map((each) => `${each.localName} ${getComputedStyle(each).direction}`).join(", ");""", text)
    assert found == wanted


LONG = "\n\n".join(
    f"## Part {n}\n\nSome *text* with `code` and a [link](https://example.org/{n}).\n\n- one\n- two\n  - three\n\n"
    f"| a | b |\n| - | -: |\n| {n} | **x** |\n\n```js\nconst x = {n};\n```\n\n> said\n> twice" for n in range(8))


@pytest.mark.parametrize("text", [LONG, "a\n\n- b\n\n  c\n- d\n\ne [x] f\n\n[x]: https://example.org\n",
                                  "one\ntwo\n===\n\n1. a\n\n   b\n2. c\n\n```\ncode\n\n\nmore", "```\na\n```\n\n\tcode\ttab\n\r\nend"])
def test_streamed_is_what_it_is_at_once(stage, text):
    """In any pieces, and what is settled is never made anew."""
    once = stage.driver.execute_async_script("""
        const [text, done] = arguments;
        const element = show(text);
        setTimeout(() => done(element.innerHTML), 300);
        """, text)
    for step in (1, 7, 64):
        streamed, kept = stage.driver.execute_async_script("""
            const [text, step, done] = arguments;
            const view = make();
            let first = null, removed = false;
            for (let end = step; end < text.length; end += step) {
                view.update(text.slice(0, end), {isMarkdown: true, isOpen: true});
                if (end > text.length / 2) first ??= view.element.firstElementChild;
            }
            view.update(text, {isMarkdown: true, isOpen: false});
            setTimeout(() => done([view.element.innerHTML, !first || first === view.element.firstElementChild]), 300);
            """, text, step)
        assert streamed == once and kept


def test_the_specification(stage):
    """All examples of CommonMark's: no crash, and no node or address that is not on the list."""
    texts = [example["markdown"] for example in specification()]
    assert len(texts) >= 640
    assert stage.driver.execute_async_script(_STRANGE, texts, sorted(ALLOWED)) == []


def test_hostile_texts(stage):
    for seed in range(10):
        strange = stage.driver.execute_async_script(_STRANGE, hostile_texts(seed, 1_000), sorted(ALLOWED))
        assert strange == [], f"seed {seed}"


@pytest.mark.parametrize("text", [
    ">" * 20_000, "> " * 20_000 + "x", "- " * 20_000, "[" * 50_000, "![" * 40_000, "*a **b " * 10_000, "`" * 50_000,
    "_a" * 40_000, "<" * 50_000, "|" * 50_000, "a\n" * 40_000, "[a](" * 20_000, "\\" * 50_000, "&#" * 40_000,
    "~" * 50_000, "$a" * 40_000, "\\(" * 40_000, "1. " * 20_000, "#" * 50_000, "*" * 50_000, "- a\n" * 20_000,
    "[x]: " * 20_000, "<!--" * 20_000, "www." * 20_000, "a@" * 40_000, "\t" * 50_000, "- \t" * 20_000,
], ids=lambda text: repr(text[:5]))
def test_a_text_that_is_hard_to_read_takes_no_time(stage, text):
    took = stage.driver.execute_script(
        "const began = performance.now(); show(arguments[0]); return performance.now() - began", text)
    assert took < 5_000


def test_what_is_read_out(stage):
    text = "# Plan\n\nThe **short** `x` [way](https://example.org):\n\n- a\n- b\n\n```python\nprint(1)\n```\n\nDone."
    said = stage.driver.execute_script("return spoken(arguments[0])", text)
    assert said == "Plan\nThe short x way:\na\nb\nCode (python).\nDone."


def test_in_the_conversation(chromium, gateway, llm, user):
    text = "## Plan\n\nUse **this**:\n\n```swift\nlet x = 1\n```\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n- [x] done\n- [ ] open"
    llm.reset()
    llm.pace(5)
    llm.script(says(text))
    chromium.driver.get(gateway.url)
    chromium.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    chromium.driver.get(gateway.url)
    chromium.sign_in(user)
    chromium.driver.execute_cdp_cmd("Browser.grantPermissions", {
        "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": gateway.url})
    chromium.say("plan **not bold** https://example.org/x.")
    chromium.one(f"{ANSWER}[data-status=complete]")
    chromium.until(lambda: chromium.all(f"{ANSWER} .token-keyword"), "no colours")
    assert len(chromium.all(f"{ANSWER} td")) == 2
    # What a person wrote stays text, with links.
    assert chromium.texts("user") == ["plan **not bold** https://example.org/x."]
    assert chromium.attributes(f"{MESSAGE}[data-role=user] a", "href") == ["https://example.org/x"]
    chromium.screenshot("markdown")
    # What is copied is the source.
    read = "const [done] = arguments; navigator.clipboard.readText().then(done, (error) => done(String(error)))"
    chromium.driver.execute_script("arguments[0].click()", chromium.all(f"{ANSWER} [data-testid=copy-message]")[0])
    chromium.until(lambda: chromium.driver.execute_async_script(read) == text, "the message's source is not copied")
    chromium.driver.execute_script("arguments[0].click()", chromium.all("[data-testid=copy-code]")[0])
    chromium.until(lambda: chromium.driver.execute_async_script(read) == "let x = 1", "the code is not copied")
    assert chromium.errors() == []


def test_without_the_libraries(chromium, database, llm, user):
    gateway = Gateway(database, name="test_browser_markdown_without", dev=True, AGENT="chat-completions",
                      AGENT_BASE_URL=llm.url, AGENT_API_KEY=KEY, AGENT_MODEL="gpt-test", WIDGET_LIBRARIES="none")
    try:
        assert gateway.get("/lib/marked.js")[0] == 404
        llm.reset()
        llm.script(says("**as** it\nis"))
        chromium.driver.get(gateway.url)
        chromium.sign_in(user)
        chromium.say("hello")
        chromium.until(lambda: chromium.texts("assistant") == ["**as** it\nis"], "the text is not shown as it is")
    finally:
        gateway.remove()
