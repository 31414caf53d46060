"""Under a service manager: what it is told, the socket that it hands over, and the units of deploy/systemd."""

import http.client
import os
import re
import shutil
import socket
import subprocess

import pytest

from kit import TOP
from kit.gateway import BINARY, RESULTS, Gateway, environment
from kit.processes import Process

UNITS = TOP / "deploy" / "systemd"


class Manager:
    """Where a service says what it has to say."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.settimeout(15)

    def word(self, begins):
        while True:
            words = self.socket.recv(8192).decode().split("\n")
            if words[0].startswith(begins):
                return words


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path):
    name = str(tmp_path / "notify")
    manager = Manager(name if request.param == "file" else "\0" + name)
    manager.address = name if request.param == "file" else "@" + name
    yield manager
    manager.socket.close()


def test_it_is_told(manager, database):
    gateway = Gateway(database, name="test_service_manager", NOTIFY_SOCKET=manager.address, WATCHDOG_USEC=300_000)
    try:
        assert manager.word("READY=1") == ["READY=1", f"STATUS=listening on {gateway.url}"]
        for _ in range(3):
            assert manager.word("WATCHDOG=1") == ["WATCHDOG=1"]
        gateway.terminate()
        assert manager.word("STOPPING=1")[1].startswith("STATUS=")
        assert gateway.process.exit_code() == 0
    finally:
        gateway.remove()


def test_a_watchdog_that_is_another_process_s(manager, database):
    gateway = Gateway(database, name="test_service_manager", NOTIFY_SOCKET=manager.address, WATCHDOG_USEC=1000,
                      WATCHDOG_PID=1)
    try:
        manager.word("READY=1")
        gateway.terminate()
        words = manager.socket.recv(8192).decode().split("\n")
        assert words[0] == "STOPPING=1"
    finally:
        gateway.remove()


def test_a_start_that_waits_says_for_what(manager, database, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        arguments = {"NOTIFY_SOCKET": manager.address,
                     "DATABASE_URL": f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x", "AUTH_JWT_SECRET": "x" * 40}
        process = Process([BINARY, "serve"], env={"PATH": os.environ["PATH"], **arguments})
        try:
            words = manager.word("STATUS=waiting for")
            assert "database" in words[0] and words[1].startswith("EXTEND_TIMEOUT_USEC=")
        finally:
            process.end()


class Activated(Gateway):
    """A gateway to which a listening socket is handed over, as descriptor 3."""

    def __init__(self, database, listening, **settings):
        self.listening = listening
        super().__init__(database, name="test_service_manager_socket", **settings)

    def start(self, ready=True):
        number = self.listening.fileno()
        # The shell's process becomes the gateway's: only so its number can be known before.
        script = f'exec 3<&{number}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve'
        self.process = Process(["/bin/bash", "-c", script, BINARY], env=environment(**self.settings),
                               log=RESULTS / f"{self.name}.log", pass_fds=[number])
        if ready:
            line = self.process.line("listening on ")
            self.port = int(line.rsplit(":", 1)[1].rstrip("/"))


def test_the_socket_outlives_the_process(database):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        # Nobody is there yet; who comes waits.
        early = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        early.request("GET", "/healthz")
        gateway = Activated(database, listening, HTTP_PORT=1)
        try:
            assert gateway.port == port, "HTTP_PORT is not asked where a socket is handed over"
            assert early.getresponse().status == 200
            assert gateway.stop() == 0
            between = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            between.request("GET", "/healthz")
            gateway.start()
            assert between.getresponse().status == 200
        finally:
            gateway.remove()


def test_what_is_not_meant_for_it(database):
    """A number of another process, as it is inherited by what a service starts: it binds its own."""
    gateway = Gateway(database, name="test_service_manager", LISTEN_PID=1, LISTEN_FDS=1, NOTIFY_SOCKET="relative")
    try:
        assert gateway.get("/healthz")[0] == 200
    finally:
        gateway.remove()


def test_a_socket_that_is_none(database):
    script = 'exec 3</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" serve'
    answer = subprocess.run(["/bin/bash", "-c", script, BINARY], capture_output=True, text=True, timeout=60, check=False,
                            env={"PATH": os.environ["PATH"], "DATABASE_URL": database.url, "AUTH_JWT_SECRET": "x" * 40})
    assert answer.returncode == 69 and "LISTEN_FDS" in answer.stderr.splitlines()[-1], answer.stderr


# --- the units

ANALYZE = "/usr/bin/systemd-analyze"


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """The units with this build's program, as systemd finds them."""
    folder = tmp_path_factory.mktemp("units")
    for unit in UNITS.iterdir():
        text = unit.read_text()
        if unit.suffix == ".service":
            assert "ExecStart=/usr/bin/parley" in text
            text = text.replace("/usr/bin/parley", str(BINARY)).replace("file:///usr/share/doc/parley/Operations.md",
                                                                        "https://parley.example")
        (folder / unit.name).write_text(text)
    return folder


def test_systemd_finds_nothing_to_say(units):
    assert shutil.which(ANALYZE), "systemd-analyze is not installed"
    for unit in units.iterdir():
        answer = subprocess.run([ANALYZE, "verify", "--man=no", unit], capture_output=True, text=True, timeout=60,
                                check=False)
        said = [line for line in answer.stderr.splitlines() if "parley" in line]
        assert not said, said


def test_it_may_do_little(units):
    answer = subprocess.run([ANALYZE, "security", "--offline=true", units / "parley.service"], capture_output=True,
                            text=True, timeout=60, check=False)
    found = re.search(r"exposure level for parley\.service: ([\d.]+)", answer.stdout)
    assert found, answer.stdout + answer.stderr
    assert float(found[1]) < 1.5
