"""A page in a headless Firefox ESR, by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), which Firefox speaks itself:
Debian has no geckodriver."""

import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time

import websocket

_FOUND = """
const found = (selector) => {
    const elements = [];
    const search = (root) => {
        for (const element of root.querySelectorAll("*")) {
            if (element.matches(selector)) elements.push(element);
            if (element.shadowRoot) search(element.shadowRoot);
        }
    };
    search(document);
    return elements;
};
"""


class Firefox:
    def __init__(self, port):
        self.socket = websocket.create_connection(f"ws://127.0.0.1:{port}/session", timeout=30, suppress_origin=True)
        self.numbers = itertools.count(1)
        self.log = []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])
        self.context = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def command(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("method") == "log.entryAdded":
                self.log.append(answer["params"])
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def get(self, url):
        self.command("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def size(self, width, height):
        self.command("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": height})

    def run(self, body):
        """What a function's body returns, as JSON; `found(selector)` looks into shadow roots."""
        result = self.command("script.evaluate", target={"context": self.context}, awaitPromise=True,
                              expression=f"(async () => {{ {_FOUND} return JSON.stringify(await (async () => {{ {body} }})()) }})()")
        assert result["type"] == "success", result
        return json.loads(result["result"].get("value", "null"))

    def until(self, body, what, timeout=20):
        deadline = time.monotonic() + timeout
        while not (value := self.run(body)):
            assert time.monotonic() < deadline, what
        return value

    def press(self, selector):
        self.until(f"const [it] = found({selector!r}); it?.click(); return Boolean(it)", f"no {selector}")

    def type(self, selector, text):
        """By the keyboard, at the end of what is in the field."""
        self.until(f"const [it] = found({selector!r}); it?.focus(); return Boolean(it)", f"no {selector}")
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.command("input.performActions", context=self.context, actions=[{"type": "key", "id": "keys", "actions": keys}])

    def texts(self, role):
        return self.run("return found('[data-testid=message][data-role=%s] [data-testid=message-text]')"
                        ".map((each) => each.textContent)" % role)

    def errors(self):
        """What pages wrote to the console as an error; what Firefox says of itself is none of theirs."""
        return [entry["text"] for entry in self.log if entry["level"] == "error" and "127.0.0.1" in json.dumps(entry)]


@contextlib.contextmanager
def firefox():
    with tempfile.TemporaryDirectory() as profile, tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [shutil.which("firefox-esr"), "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0",
             "about:blank"], stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while True:
                output.seek(0)
                ports = [line.rsplit(":", 1)[1] for line in output.read().splitlines() if "BiDi listening on ws://" in line]
                if ports:
                    break
                assert process.poll() is None and time.monotonic() < deadline, "Firefox does not start"
                time.sleep(0.05)
            browser = Firefox(int(ports[0]))
            try:
                yield browser
            finally:
                browser.socket.close()
        finally:
            process.terminate()
            process.wait(20)
