"""`parley chat` and `parley top`, through a pipe and at a terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest

from kit.gateway import BINARY, Gateway, command, environment
from kit.http import Api


def settings(gateway, **more):
    return environment(AUTH_JWT_SECRET=gateway.secret, HTTP_PORT=gateway.port, TERM="xterm", **more)


def piped(gateway, text, *arguments, **more):
    return subprocess.run([BINARY, "chat", *arguments], input=text, env=settings(gateway, **more), capture_output=True,
                          text=True, timeout=60)


class AtTerminal:
    """A program with a terminal of its own, and what is on its screen so far."""

    def __init__(self, arguments, env):
        self.terminal, inner = pty.openpty()
        self.process = subprocess.Popen([BINARY, *arguments], env=env, stdin=inner, stdout=inner, stderr=inner,
                                        start_new_session=True)
        os.close(inner)
        self.seen = ""

    def until(self, pattern, timeout=20):
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < deadline, self.seen
            if select.select([self.terminal], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.terminal, 65536).decode(errors="replace")
                except OSError:
                    break
        assert found, self.seen
        self.seen = self.seen[found.end():]
        return found

    def type(self, text):
        os.write(self.terminal, text.encode())

    def code(self):
        return self.process.wait(timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


def test_a_chat_through_a_pipe(gateway, user):
    answer = piped(gateway, "add milk\n\nadd eggs", "--user", user)
    assert answer.returncode == 0, answer.stderr
    assert "milk" in answer.stdout and "eggs" in answer.stdout and "add_task" in answer.stdout
    assert "\x1b" not in answer.stdout
    tasks = Api(gateway, user)("GET", f"/api/users/{user}/tasks")["data"]
    assert [task["title"] for task in tasks] == ["eggs", "milk"]
    [conversation] = Api(gateway, user)("GET", f"/api/users/{user}/conversations")["data"]
    # It goes on where it was, and shows that.
    again = piped(gateway, "what's on my list?\n", "--token", gateway.token(user), "--thread", conversation["id"],
                  "--url", gateway.url)
    assert again.returncode == 0 and "> add milk" in again.stdout and "eggs" in again.stdout


def test_a_chat_at_a_terminal(gateway, user):
    with AtTerminal(["chat", "--user", user], settings(gateway)) as chat:
        chat.until("> ")
        chat.type("add milkk\x7f\r")
        chat.until("add_task")
        chat.until("(?s)milk.*> ")
        # The line before, from the history, changed at its beginning.
        chat.type("\x1b[A\x01\x0b\x19\x17eggs\r")
        chat.until("(?s)Added.*eggs")
        chat.type("/nonsense\r")
        chat.until("no command /nonsense")
        # An end waits until what was just sent is stored.
        chat.type("add bread\r")
        chat.type("\x04")
        chat.until("--thread [0-9a-f-]{36} goes on")
        assert chat.code() == 0
    api = Api(gateway, user)
    assert {task["title"] for task in api("GET", f"/api/users/{user}/tasks")["data"]} >= {"milk", "eggs"}
    [conversation] = api("GET", f"/api/users/{user}/conversations")["data"]
    messages = api("GET", f"/api/conversations/{conversation['id']}/messages")["data"]
    assert [message["content"] for message in messages if message["role"] == "user"] == ["add milk", "add eggs", "add bread"]


def test_colours_are_a_wish(gateway, user):
    with AtTerminal(["chat", "--user", user], settings(gateway, NO_COLOR="1")) as chat:
        chat.until("> ")
        chat.type("add milk\r")
        shown = chat.until("(?s).*milk.*> ").group()
        assert "\x1b[1m" not in shown and "\x1b[2m" not in shown
        chat.type("/quit\r")
        assert chat.code() == 0


def test_a_reply_is_stopped_and_a_restart_outlived(database, user):
    gateway = Gateway(database, name="test_terminal", AGENT="scripted", SCRIPTED_TOKENS=400, SCRIPTED_PACE_MS=50)
    try:
        with AtTerminal(["chat", "--user", user], settings(gateway)) as chat:
            chat.until("> ")
            chat.type("hello\r")
            chat.until(r"\w+ \w+ \w+")
            chat.type("\x03")
            chat.until("stopped")
            gateway.stop()
            gateway.start()
            chat.type("again\r")
            chat.until(r"(?s)again.*\w+ \w+ \w+", timeout=40)
            chat.type("\x03")
            chat.until("stopped")
            chat.type("\x03")
            assert chat.code() == 0
    finally:
        gateway.remove()


def test_conversations_are_listed_and_opened(gateway, user):
    api = Api(gateway, user)
    for title in ("Groceries", "Work"):
        thread = api("POST", f"/api/users/{user}/conversations", {"title": title}, 201)["id"]
        api("POST", f"/api/conversations/{thread}/messages", {"content": f"add {title} first"}, 202)
    with AtTerminal(["chat", "--user", user], settings(gateway)) as chat:
        chat.until("> ")
        chat.type("/list\r")
        listed = chat.until(r"(?s)1  (\w+) .*2  (\w+) ")
        assert {listed[1], listed[2]} == {"Groceries", "Work"}
        chat.type("/open 2\r")
        chat.until(f"> add {listed[2]} first")
        # What is pasted is one message.
        chat.type("\x1b[200~add pasted\rlines\x1b[201~\r")
        chat.until("(?s)> add pasted\r?\nlines.*add_task")
        chat.type("/new\radd bread\r")
        chat.until("add_task")
        chat.type("/quit\r")
        assert chat.code() == 0
    assert len(api("GET", f"/api/users/{user}/conversations")["data"]) == 3


def test_a_signal_leaves_the_terminal_as_it_was(gateway, user):
    with AtTerminal(["chat", "--user", user], settings(gateway)) as chat:
        before = termios.tcgetattr(chat.terminal)
        assert before[3] & termios.ICANON
        chat.until("> ")
        assert not termios.tcgetattr(chat.terminal)[3] & termios.ICANON
        chat.process.terminate()
        assert chat.code() == 128 + signal.SIGTERM
        assert termios.tcgetattr(chat.terminal) == before


def test_a_reader_that_has_gone_ends_it(gateway, user):
    read, write = os.pipe()
    os.close(read)
    chat = subprocess.Popen([BINARY, "chat", "--user", user], env=settings(gateway), stdin=subprocess.PIPE, stdout=write,
                            stderr=subprocess.DEVNULL)
    os.close(write)
    chat.stdin.write(b"add milk\nadd eggs\n")
    chat.stdin.flush()
    assert chat.wait(timeout=20) == 69
    chat.stdin.close()


def test_the_first_failure_ends_a_pipe(gateway, user):
    answer = piped(gateway, "add milk\nadd eggs\n", "--user", user, "--thread", "018f0000-0000-7000-8000-000000000001")
    assert answer.returncode == 69 and len(answer.stderr.strip().splitlines()) == 1
    assert Api(gateway, user)("GET", f"/api/users/{user}/tasks")["data"] == []
    answer = piped(gateway, "add milk\n/nonsense\nadd eggs\n", "--user", user)
    assert answer.returncode == 69 and "/nonsense" in answer.stderr
    assert [task["title"] for task in Api(gateway, user)("GET", f"/api/users/{user}/tasks")["data"]] == ["milk"]


@pytest.mark.parametrize("arguments, code, words", [
    (["--user", ""], 64, "1 to 255"), (["--token", "x.y.z"], 69, "(HTTP 401): AUTH_JWT_SECRET must be the gateway's own"), ([], 64, "--user"), (["--user", "a", "--url", "nonsense"], 64, "no URL"),
    (["--user", "a", "--url", "http://127.0.0.1:1"], 69, "can't be reached")])
def test_a_chat_that_cannot_be(gateway, arguments, code, words):
    answer = piped(gateway, "hello\n", *arguments)
    assert answer.returncode == code and words in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_top(gateway, user):
    with gateway.connect(user) as chat:
        chat.turn("add milk")
        answer = subprocess.run([BINARY, "top"], env=settings(gateway), stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=30)
        assert answer.returncode == 0 and answer.stderr == "" and "\x1b" not in answer.stdout
        assert re.search(r"sockets +\d+ ", answer.stdout) and re.search(r"writes .*ms.*slowest", answer.stdout)
        with AtTerminal(["top", "--interval", "1"], settings(gateway)) as top:
            top.until(r"(?s)sockets +[1-9].*q quits")
            chat.turn("add eggs")
            top.until(r"runs ended +\d+\.\d/s")
            top.type("q")
            assert top.code() == 0


def test_a_gateway_that_is_ready_and_one_that_is_not(database, user):
    gateway = Gateway(database, name="test_terminal_check", DRAIN_DELAY_SECONDS=20)
    try:
        check = command("check", "gateway", HTTP_PORT=gateway.port)
        assert (check.returncode, check.stdout, check.stderr) == (0, "ready\n", "")
        gateway.terminate()
        deadline = time.monotonic() + 15
        while (check := command("check", "gateway", "--url", gateway.url)).returncode == 0:
            assert time.monotonic() < deadline
        assert check.returncode == 69 and "503" in check.stderr and "draining" in check.stderr and check.stdout == ""
        gateway.kill()
        check = command("check", "gateway", "--url", gateway.url)
        assert check.returncode == 69 and "can't be reached" in check.stderr
    finally:
        gateway.remove()


def test_top_that_cannot_be(gateway):
    answer = subprocess.run([BINARY, "top", "--url", "http://127.0.0.1:1"], env=settings(gateway), capture_output=True,
                            stdin=subprocess.DEVNULL, text=True, timeout=30)
    assert answer.returncode == 69 and "can't be reached" in answer.stderr


def test_what_comes_from_outside_steers_no_terminal(gateway, user):
    api = Api(gateway, user)
    thread = api("POST", f"/api/users/{user}/conversations", {}, 201)["id"]
    api("POST", f"/api/conversations/{thread}/messages", {"content": "add \x1b[31mred\x07"}, 202)
    answer = piped(gateway, "", "--user", user, "--thread", thread)
    assert answer.returncode == 0 and "\x1b" not in answer.stdout and "\x07" not in answer.stdout, json.dumps(answer.stdout)
