"""The page when the line is cut, the gateway restarts, or a second tab comes, all in the middle of an answer."""

import socket
import struct
import threading

import pytest

from kit.gateway import Gateway
from kit.page import browser

ANSWER = "[data-testid=message][data-role=assistant]"
STATE = "[data-testid=connection-state]"
WORDS = 60
TEXT = " ".join(f"word{n:02}" for n in range(WORDS))
"""No part of it is like another, so a gap or a repeat shows. 2.7 s at the pace below."""

SETTINGS = {"AGENT": "scripted", "SCRIPTED_PACE_MS": 45}


class Line:
    """A TCP relay that can be cut: every connection by RST, and new ones refused until it is mended.

    It also gives the page one address for all gateways of a test.
    """

    def __init__(self, gateway):
        self._gateway, self._lock, self._ends = gateway, threading.Lock(), set()
        self._listener = None
        self.port = 0
        self.mend()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def mend(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def cut(self):
        # Closing alone would leave a thread in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Ends the thread that reads it; the reset follows with the last reference to it.
                end.shutdown(socket.SHUT_RD)
            except OSError:
                pass
            end.close()

    def _serve(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._gateway.port))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._ends |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                end.close()


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


@pytest.fixture
def gateway(request, database):
    """One for each test, since most of them end it."""
    gateway = Gateway(database, name="test_browser_resume", dev=True, DRAIN_SECONDS=getattr(request, "param", 20),
                      **SETTINGS)
    try:
        yield gateway
    finally:
        gateway.remove()


@pytest.fixture
def line(gateway):
    line = Line(gateway)
    yield line
    line.cut()


_WATCH = """
window.shown = [];
const found = (root) => {
    for (const element of root.querySelectorAll("*")) {
        if (element.matches("[data-testid=message][data-role=assistant] [data-testid=message-text]")) return element;
        const inner = element.shadowRoot && found(element.shadowRoot);
        if (inner) return inner;
    }
    return null;
};
const look = () => {
    const text = found(document)?.textContent ?? "";
    if (text && text !== window.shown.at(-1)) window.shown.push(text);
    requestAnimationFrame(look);
};
look();
"""


def opened(page, address, user):
    """The page, signed in, with a record of every text that the first answer has ever shown."""
    page.driver.get(address)
    page.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    page.driver.get(address)
    page.sign_in(user)
    page.driver.execute_script(_WATCH)
    return page


def asked(page, database, user):
    """Sends the question and waits until the answer is well under way; the thread."""
    page.say(f"!text {TEXT}")
    page.until(lambda: any("word05" in text for text in page.texts("assistant")), "the answer does not stream")
    return database.value("select id::text from conversations where user_id = %s", user)


def reply(database, thread):
    """(text, status) of the stored answer, once there is one."""
    database.wait("select count(*) from messages where conversation_id = %s and role = 'assistant'", thread)
    [row] = [row[2:] for row in database.messages(thread) if row[1] == "assistant"]
    return row


def state(page, name):
    return bool(page.all(f"{STATE}[data-state={name}]"))


def finished(page, stored, timeout=20):
    """Waits until the answer is shown as it is stored, and nothing claims to be under way."""
    page.until(lambda: page.texts("assistant") == [stored[0]] and not page.all("[data-testid=typing]")
               and not any(element.is_displayed() for element in page.all("[data-testid=stop]")),
               f"the answer does not end as {stored}", timeout)
    status = page.all(ANSWER)[0].get_attribute("data-status")
    assert (status == "complete") == (stored[1] == "complete"), f"{status} on the page, {stored[1]} in the database"
    assert len(page.texts("user")) == 1


def grew(page, text):
    """Nothing that was ever shown has a gap or a repeat, and nothing that was shown has gone again."""
    shown = page.driver.execute_script("return window.shown")
    assert len(shown) > 3, "it did not stream"
    assert all(text.startswith(each) for each in shown), [each for each in shown if not text.startswith(each)][:1]
    assert all(len(a) <= len(b) for a, b in zip(shown, shown[1:])), "text that was shown has gone"


@pytest.mark.parametrize("back", ["while it streams", "after the end"])
def test_the_line_is_cut(chromium, line, database, user, back):
    page = opened(chromium, line.url, user)
    thread = asked(page, database, user)
    line.cut()
    page.until(lambda: state(page, "offline"), "does not say that it is offline", timeout=10)
    at_the_cut = page.texts("assistant")[0]
    assert at_the_cut and TEXT.startswith(at_the_cut) and at_the_cut != TEXT
    page.screenshot(f"offline-{back.replace(' ', '-')}")
    if back == "after the end":
        reply(database, thread)
    line.mend()
    if back == "after the end":
        # As a browser does that sees the network come back; the other goes by the widget's own back-off.
        page.driver.execute_script("dispatchEvent(new Event('online'))")
    page.until(lambda: state(page, "online"), "does not come back by itself", timeout=20)
    stored = reply(database, thread)
    assert stored == (TEXT, "complete")
    finished(page, stored)
    grew(page, TEXT)
    page.screenshot(f"resumed-{back.replace(' ', '-')}")


def test_the_line_is_cut_again_and_again(chromium, line, database, user):
    page = opened(chromium, line.url, user)
    thread = asked(page, database, user)
    for _ in range(2):
        before = len(page.texts("assistant")[0])
        line.cut()
        page.until(lambda: not state(page, "online"), "does not notice the cut")
        line.mend()
        page.driver.execute_script("dispatchEvent(new Event('online'))")
        page.until(lambda: state(page, "online"), "does not come back by itself", timeout=20)
        page.until(lambda: len(page.texts("assistant")[0]) > before or page.texts("assistant") == [TEXT],
                   "stands still")
    stored = reply(database, thread)
    assert stored == (TEXT, "complete")
    finished(page, stored)
    grew(page, TEXT)


@pytest.mark.parametrize(("gateway", "end"), [(20, "complete"), (1, "interrupted")], indirect=["gateway"])
def test_the_gateway_restarts_in_the_middle(chromium, gateway, line, database, user, end):
    """With time enough to end the answer, and without."""
    page = opened(chromium, line.url, user)
    thread = asked(page, database, user)
    assert gateway.stop() == 0
    page.until(lambda: not state(page, "online"), "still online")
    gateway.start()
    page.until(lambda: state(page, "online"), "does not come back by itself", timeout=30)
    stored = reply(database, thread)
    assert stored[1] == end and (stored[0] == TEXT if end == "complete" else TEXT.startswith(stored[0]))
    finished(page, stored)
    grew(page, stored[0])
    page.screenshot(f"restarted-{end}")
    # The conversation goes on.
    page.say("!text and on")
    page.until(lambda: page.texts("assistant")[1:] == ["and on"], "no answer after the restart")


def test_the_gateway_is_killed_in_the_middle(chromium, gateway, line, database, user):
    page = opened(chromium, line.url, user)
    thread = asked(page, database, user)
    database.wait("select checkpoint like '%%word%%' from runs where conversation_id = %s", thread)
    gateway.kill()
    page.until(lambda: not state(page, "online"), "still online")
    gateway.start()
    page.until(lambda: state(page, "online"), "does not come back by itself", timeout=30)
    stored = reply(database, thread)
    # What was shown after the last checkpoint is lost; then what is stored counts.
    assert stored[1] == "interrupted" and TEXT.startswith(stored[0])
    finished(page, stored)
    page.screenshot("killed")


def test_a_second_tab_in_the_middle(chromium, line, database, user):
    page = opened(chromium, line.url, user)
    thread = asked(page, database, user)
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    try:
        page.driver.get(line.url)
        page.driver.execute_script(_WATCH)
        if any(element.is_displayed() for element in page.all("[data-testid=name-input]")):
            page.sign_in(user)
        page.online()
        page.until(lambda: page.all(ANSWER) or page.all("[data-testid=conversation-item]"), "an empty page")
        if not page.all(ANSWER):
            page.click("[data-testid=conversation-item]")
        page.until(lambda: page.texts("assistant"), "the second tab does not show the answer")
        in_the_middle = page.texts("assistant")[0]
        page.screenshot("second-tab")
        stored = reply(database, thread)
        assert stored == (TEXT, "complete")
        finished(page, stored)
        shown = page.driver.execute_script("return window.shown")
        assert all(TEXT.startswith(each) for each in [in_the_middle, *shown])
        page.driver.switch_to.window(first)
        finished(page, stored)
        grew(page, TEXT)
    finally:
        for handle in page.driver.window_handles:
            if handle != first:
                page.driver.switch_to.window(handle)
                page.driver.close()
        page.driver.switch_to.window(first)
