"""An upgrade on one machine: the newest program takes over, and nobody is refused, cut or loses anything."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import psycopg
import pytest

from kit import TOP
from kit.chat import PATIENCE
from kit.gateway import BENCH, BINARY, RESULTS, Gateway, environment
from kit.processes import Process

SCRIPTED = {"AGENT": "scripted", "SCRIPTED_TOKENS": 60, "SCRIPTED_PACE_MS": 20, "DRAIN_DELAY_SECONDS": 600}


class Manager:
    """The service manager: knows which process is the service."""

    def __init__(self, folder):
        self.address = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.settimeout(PATIENCE)

    def word(self, begins):
        while True:
            words = self.socket.recv(8192).decode().split("\n")
            if words[0].startswith(begins):
                return words[0].removeprefix(begins)


class Service(Gateway):
    """A gateway whose process changes; with `listening`, its socket is handed over by the manager."""

    def __init__(self, database, manager, name, listening=None, **settings):
        self.manager, self.listening, self.main = manager, listening, None
        super().__init__(database, name=name, NOTIFY_SOCKET=manager.address, **settings)
        manager.word("READY=1")

    def start(self, ready=True):
        if self.listening is None:
            super().start(ready)
        else:
            number = self.listening.fileno()
            script = f'exec 3<&{number}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve'
            self.process = Process(["/bin/bash", "-c", script, BINARY], env=environment(**self.settings),
                                   log=RESULTS / f"{self.name}.log", pass_fds=[number])
            self.port = int(self.process.line("listening on ").rsplit(":", 1)[1].rstrip("/"))
        self.main = self.process.pid

    def ask(self):
        os.kill(self.main, signal.SIGUSR2)

    def upgrade(self):
        """The process that was the service before."""
        self.ask()
        before, self.main = self.main, int(self.manager.word("MAINPID="))
        assert self.main != before
        return before

    def gone(self, pid):
        if pid == self.process.pid:
            assert self.process.exit_code() == 0
        deadline = time.monotonic() + PATIENCE
        while is_alive(pid):
            assert time.monotonic() < deadline, f"{pid} is still there"
            time.sleep(0.02)

    def remove(self):
        with contextlib.suppress(OSError):
            os.kill(self.main, signal.SIGKILL)
        super().remove()


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def polled(gateway):
    """Requests all the while, each on a connection of its own; none may be refused, cut or answered 503."""
    answers, failures, over = [], [], threading.Event()

    def poll():
        while not over.is_set():
            try:
                answers.append(gateway.get("/readyz")[0])
            except OSError as error:
                failures.append(error)

    pollers = [threading.Thread(target=poll) for _ in range(2)]
    for poller in pollers:
        poller.start()
    try:
        yield answers
    finally:
        over.set()
        for poller in pollers:
            poller.join()
    assert not failures, failures[:3]
    assert set(answers) == {200}, set(answers)


@pytest.mark.parametrize("is_activated", [False, True], ids=["bound", "handed over"])
def test_nobody_is_refused_and_what_runs_goes_to_its_end(database, tmp_path, user, is_activated):
    listening = socket.create_server(("127.0.0.1", 0)) if is_activated else None
    manager = Manager(tmp_path)
    # Where a socket is handed over, the port is not asked.
    settings = SCRIPTED | ({"HTTP_PORT": 1} if is_activated else {})
    gateway = Service(database, manager, f"test_upgrade_{is_activated}", listening, **settings)
    try:
        with polled(gateway) as answers:
            for number in range(2):
                busy, idle = gateway.connect(f"{user}-{number}"), gateway.connect(f"{user}-idle-{number}")
                ack = busy.send("go")
                busy.until({"type": "TEXT_MESSAGE_CONTENT"})
                old = gateway.upgrade()
                draining = idle.until({"op": "draining"})
                assert draining["reconnectAfter"] >= 1
                assert idle.closed() == 1012
                with gateway.connect(f"{user}-new-{number}") as new:
                    assert new.turn("!tokens 3 1").end["outcome"] == {"type": "success"}
                assert busy.end_of(ack["runId"])["outcome"] == {"type": "success"}
                assert busy.closed() == 1012
                assert database.run_status(ack["runId"]) == "completed"
                gateway.gone(old)
                with gateway.connect(f"{user}-{number}") as again:
                    assert again.turn("!tokens 3 1", thread=ack["threadId"]).end["outcome"] == {"type": "success"}
            count = len(answers)
            deadline = time.monotonic() + PATIENCE
            while len(answers) < count + 5:
                assert time.monotonic() < deadline
    finally:
        gateway.remove()
        if listening is not None:
            listening.close()
        manager.socket.close()


def test_a_program_that_does_not_come_up_changes_nothing(database, tmp_path, user):
    manager = Manager(tmp_path)
    gateway = Service(database, manager, "test_upgrade_failed", **SCRIPTED)
    lock = psycopg.connect(database.admin_url)
    try:
        with gateway.connect(user) as chat, polled(gateway):
            # The last thing that can go wrong: the place is taken over by then.
            lock.execute("lock table parley.runs in access exclusive mode")
            gateway.ask()
            begun = gateway.process.line("an upgrade begins")
            child = int(begun.rsplit("process=", 1)[1].split()[0])
            gateway.process.line("waiting", start=gateway.process.lines.index(begun))
            os.kill(child, signal.SIGKILL)
            gateway.process.line("the upgrade failed")
            lock.rollback()
            assert chat.turn("!tokens 3 1").end["outcome"] == {"type": "success"}
        old = gateway.upgrade()
        gateway.gone(old)
        gateway.ready_status(200)
    finally:
        lock.close()
        gateway.remove()
        manager.socket.close()


def test_a_stop_reaches_the_process_before_too(database, tmp_path, user):
    assert "\nKillMode=control-group\n" in (TOP / "deploy" / "systemd" / "parley.service").read_text()
    manager = Manager(tmp_path)
    gateway = Service(database, manager, "test_upgrade_stopped", **SCRIPTED | {"SCRIPTED_TOKENS": 2000})
    try:
        with gateway.connect(user) as chat:
            ack = chat.send("go")
            chat.until({"type": "TEXT_MESSAGE_CONTENT"})
            old = gateway.upgrade()
            chat.until({"op": "draining"})
            # What comes within a second of the first wish is the same wish.
            deadline = time.monotonic() + PATIENCE
            while database.run_status(ack["runId"]) == "running":
                assert time.monotonic() < deadline
                os.kill(old, signal.SIGTERM)
                time.sleep(0.1)
            assert chat.end_of(ack["runId"])["code"] == "interrupted"
            text = "".join(event["delta"] for event in chat.events() if event["type"] == "TEXT_MESSAGE_CONTENT")
        gateway.gone(old)
        [(_, _, stored, _)] = [row for row in database.messages(ack["threadId"]) if row[1] == "assistant"]
        assert stored == text
    finally:
        gateway.remove()
        manager.socket.close()


# What a load test of the release program saw across ten upgrades is in Operations.
LOADED = """select count(distinct c.user_id) from parley.runs r join parley.conversations c on c.id = r.conversation_id
    where c.user_id like 'load-%' and r.status = 'completed'"""
UPGRADES = int(os.environ.get("PARLEY_UPGRADES", 1))


def test_a_load_goes_on_across_an_upgrade(database, tmp_path):
    manager = Manager(tmp_path)
    gateway = Service(database, manager, "test_upgrade_load", **SCRIPTED)
    outcome = tmp_path / "outcome"
    arguments = ["load", "turns", "--sockets", "20", "--warm-up", "0", "--seconds", str(4 * UPGRADES), "--verify", "20",
                 "--content", "!tokens 20 5", "--url", gateway.socket_url, "--json", outcome]
    load = subprocess.Popen([BENCH, *arguments], env=environment(AUTH_JWT_SECRET=gateway.secret), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + PATIENCE
        while database.value(LOADED) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for _ in range(UPGRADES):
            gateway.gone(gateway.upgrade())
        said, _ = load.communicate(timeout=60 + 8 * UPGRADES)
        assert load.returncode == 0, said
        seen = json.loads(outcome.read_text())
        assert seen["errors"] == {} and seen["violations"] == {} and seen["unfinishedTurns"] == 0, said
        assert seen["socketsMovedByRestarts"] >= 20 and seen["verifiedReplies"] == 20 and seen["runsEndedUnseen"] == 0, said
    finally:
        load.kill()
        gateway.remove()
        manager.socket.close()
