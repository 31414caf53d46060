"""The process and what is around it: signals, a start that waits, a log that nobody reads, descriptors that run out."""

import os
import re
import resource
import signal
import socket
import subprocess
import time

import psycopg
import pytest

from kit.figures import figures, grown, total
from kit.gateway import BENCH, BINARY, Gateway, environment
from kit.processes import Process

SECRET = "a secret of a good length, only for this test"


# --- signals


def ignores(pid, number):
    """Whether the process has said that it does not want to hear the signal, or hears it itself."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        masks = [int(line.split()[1], 16) for line in status if line.startswith(("SigIgn:", "SigCgt:"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


@pytest.mark.parametrize("arguments", [["serve"], ["echo", "--port", "0"]], ids=["serve", "echo"])
@pytest.mark.parametrize("delay", [0, 0.05, 0.1, 0.3])
def test_hangup_ends_nothing(gateway, arguments, delay):
    """Whatever is configured, and however early it comes: from the first instruction on that is the program's own. Before
    that the dynamic linker is at work, which takes its time on a busy machine."""
    settings = {**gateway.settings, "HTTP_PORT": 0}
    process = Process([BENCH if "echo" in arguments else BINARY, *arguments], env=environment(**settings))
    try:
        deadline = time.monotonic() + 15
        while not ignores(process.pid, signal.SIGHUP):
            assert time.monotonic() < deadline and process.process.poll() is None, process.lines
        # A signal at a moment of the start is what is tried, so this is a time and not a wait for something.
        time.sleep(delay)
        process.signal(signal.SIGHUP)
        process.line("listening on ")
        process.signal(signal.SIGHUP)
        process.signal(signal.SIGTERM)
        assert process.exit_code() == 0
    finally:
        process.end()


def test_hangup_during_a_reply(database, user):
    gateway = Gateway(database, name="test_process_hangup", AGENT="scripted", SCRIPTED_PACE_MS=10)
    try:
        with gateway.connect(user) as chat:
            ack = chat.send("!tokens 60 10")
            chat.until({"type": "TEXT_MESSAGE_CONTENT"})
            gateway.process.signal(signal.SIGHUP)
            gateway.process.line("nothing to be read again")
            assert chat.end_of(ack["runId"])["outcome"] == {"type": "success"}
    finally:
        gateway.remove()


def test_hangup_ends_a_command_that_does_not_serve(gateway):
    """As it does everywhere: nobody is there any more to read what it prints."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"postgresql://parley@127.0.0.1:{listener.getsockname()[1]}/parley"
    process = Process([BINARY, "migrate", "status"], env=environment(DATABASE_URL=url))
    try:
        listener.settimeout(15)
        connection, _ = listener.accept()
        process.signal(signal.SIGHUP)
        assert process.exit_code() == -signal.SIGHUP
        connection.close()
    finally:
        process.end()
        listener.close()


# --- a start that waits


@pytest.fixture
def silent():
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def stopped_while_waiting(process, what, number=signal.SIGTERM):
    try:
        assert what in process.line("waiting")
        began = time.monotonic()
        process.signal(number)
        assert process.exit_code() == 0
        # The promise is a second; a busy machine is given more than that.
        assert time.monotonic() - began < 4
        assert not any("listening on" in line for line in process.lines)
    finally:
        process.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_start_that_waits_for_a_database(silent, number):
    url = f"postgresql://parley:pw-of-the-database@127.0.0.1:{silent}/parley"
    process = Process([BINARY, "serve"], env=environment(DATABASE_URL=url, AUTH_JWT_SECRET=SECRET, HTTP_PORT=0))
    stopped_while_waiting(process, "the database of DATABASE_URL", number)
    assert not any("pw-of-the-database" in line for line in process.lines)


def test_a_start_that_waits_for_keys(silent, gateway):
    settings = {**gateway.settings, "HTTP_PORT": 0, "AUTH_JWKS_URL": f"http://127.0.0.1:{silent}/jwks.json"}
    stopped_while_waiting(Process([BINARY, "serve"], env=environment(**settings)), "keys that tokens are checked with")


def test_a_start_that_waits_for_a_migration(gateway, database):
    """Another one holds the lock for it, or a table: in the dev mode the start migrates."""
    with psycopg.connect(database.admin_url) as other:
        other.execute("lock table parley.schema_migrations in access exclusive mode")
        process = Process([BINARY, "serve", "--dev"], env=environment(**{**gateway.settings, "HTTP_PORT": 0}))
        stopped_while_waiting(process, "its schema")
        other.rollback()


def test_a_start_that_waits_for_what_was_left(gateway, database):
    with psycopg.connect(database.admin_url) as other:
        other.execute("lock table parley.runs in access exclusive mode")
        process = Process([BINARY, "serve"], env=environment(**{**gateway.settings, "HTTP_PORT": 0}))
        stopped_while_waiting(process, "DATABASE_URL")
        other.rollback()


# --- a log that nobody reads


class Stalled:
    """A gateway whose standard error is a pipe that is read only when the test says so."""

    def __init__(self, gateway, **settings):
        self.gateway = Gateway.__new__(Gateway)
        self.gateway.__dict__.update(gateway.__dict__)
        self.gateway.settings = {**gateway.settings, "HTTP_PORT": 0, "LOG_BUFFER_BYTES": 65536, **settings}
        read, write = os.pipe()
        self.log = os.fdopen(read, "rb", buffering=0)
        self.process = subprocess.Popen([BINARY, "serve"], env=environment(**self.gateway.settings), stderr=write,
                                        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        os.close(write)
        line = self.process.stdout.readline().decode()
        self.gateway.port = int(line.strip().rsplit(":", 1)[1])

    def read_until(self, text, timeout=15):
        deadline, seen = time.monotonic() + timeout, b""
        os.set_blocking(self.log.fileno(), False)
        while text not in seen:
            assert time.monotonic() < deadline, seen[-500:]
            seen += self.log.read(65536) or b""
        return seen

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def test_a_log_that_nobody_reads_holds_nobody_up(gateway, user):
    with Stalled(gateway, LOG_FORMAT="json") as stalled:
        with stalled.gateway.connect(user) as chat:
            chat.turn("add milk")
            before = figures(stalled.gateway)
            # The pipe, what may wait, and more.
            for _ in range(1_500):
                assert stalled.gateway.get("/healthz")[0] == 200
            dropped = grown(stalled.gateway, before, "parley_log_dropped_total", 1)
            chat.turn("add bread")
            # Requests went on to be answered, and what was lost is told as soon as somebody reads again.
            seen = stalled.read_until(b"log lines were lost")
            counts = [int(n) for n in re.findall(rb'"message":"log lines were lost[^}]*"count":"(\d+)"', seen)]
            assert counts and counts[0] >= dropped
            assert all(line.startswith(b"{") for line in seen.splitlines()[:-1])
            assert total(figures(stalled.gateway), "parley_log_dropped_total") >= counts[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_log_that_nobody_reads_does_not_hold_a_stop_up(gateway, number):
    with Stalled(gateway) as stalled:
        before = figures(stalled.gateway)
        while total(figures(stalled.gateway), "parley_log_dropped_total") == total(before, "parley_log_dropped_total"):
            stalled.gateway.get("/healthz")
        stalled.process.send_signal(number)
        assert stalled.process.wait(15) == 0


def test_a_log_whose_reader_is_gone(gateway, user):
    with Stalled(gateway) as stalled:
        os.close(os.dup(stalled.log.fileno()))
        stalled.log.close()
        for _ in range(50):
            assert stalled.gateway.get("/healthz")[0] == 200
        with stalled.gateway.connect(user) as chat:
            chat.turn("add milk")
        stalled.process.send_signal(signal.SIGTERM)
        assert stalled.process.wait(15) == 0


# --- descriptors


def started_with(limits, gateway, name, **settings):
    """A gateway whose shell had set these limits (soft, hard)."""
    other = Gateway.__new__(Gateway)
    other.__dict__.update(gateway.__dict__)
    other.name, other.settings = name, {**gateway.settings, "HTTP_PORT": 0, **settings}
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = limits
    shell = ["/bin/sh", "-c", f"ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" serve", str(BINARY)]
    assert hard <= old[1]
    other.process = Process(shell, env=environment(**other.settings))
    other.port = int(other.process.line("listening on ").rsplit(":", 1)[1])
    return other


def limit_of(pid):
    with open(f"/proc/{pid}/limits") as limits:
        [line] = [line for line in limits if line.startswith("Max open files")]
    return tuple(map(int, line.split()[3:5]))


def test_the_soft_limit_is_raised(gateway):
    other = started_with((256, 1024), gateway, "test_process_soft", MAX_SOCKETS=500)
    try:
        assert limit_of(other.process.pid) == (1024, 1024)
        sockets = [socket.create_connection(("127.0.0.1", other.port)) for _ in range(400)]
        assert other.get("/healthz")[0] == 200 and other.get("/readyz")[0] == 200
        for connection in sockets:
            connection.close()
        assert not any("open files" in line for line in other.process.lines)
        assert other.stop() == 0
    finally:
        other.remove()


def test_sockets_that_fill_up_leave_the_rest_what_it_needs(database, gateway, user, cluster_restart):
    """What can't be had is said; health is answered, and the pool finds its way back to the database."""
    other = started_with((256, 256), gateway, "test_process_full", DATABASE_POOL_MIN=2, DATABASE_POOL_MAX=4)
    sockets = []
    try:
        line = other.process.line("MAX_SOCKETS")
        room = int(re.search(r"leaves room for (\d+)", line)[1])
        assert "256" in line and 64 <= room < 256
        with other.connect(user) as chat:
            for _ in range(300):
                sockets.append(socket.create_connection(("127.0.0.1", other.port)))
            for _ in range(5):
                assert other.get("/healthz")[0] == 200
                assert other.get("/openapi.json")[0] == 503
            other.ready_status(200)
            cluster_restart()
            other.ready_status(200)
            assert chat.turn("add milk").end["outcome"] == {"type": "success"}
        assert total(figures(other), "parley_limited_total", limit="sockets") > 0
    finally:
        for connection in sockets:
            connection.close()
        other.remove()


@pytest.fixture
def cluster_restart(database):
    """Ends all of the gateway's sessions, as a restart of the database does."""
    def restart():
        database.do("select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()")
    return restart


def test_descriptors_that_run_out_all_the_same(database, user):
    """Another may lower the limit, or the whole system be short: who is there is served, and it is over when it is over."""
    gateway = Gateway(database, name="test_process_exhausted")
    connections = []
    try:
        with gateway.connect(user) as chat:
            chat.turn("add milk")
            used = len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
            resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (used + 5, limit_of(gateway.process.pid)[1]))
            for _ in range(60):
                connections.append(socket.create_connection(("127.0.0.1", gateway.port)))
            gateway.process.line("no descriptors left")
            assert chat.turn("add bread").end["outcome"] == {"type": "success"}
            # It is said once a shard and not with every connection.
            assert len([line for line in gateway.process.lines if "no descriptors left" in line]) <= 2
            for connection in connections:
                connection.close()
            deadline = time.monotonic() + 15
            while True:
                try:
                    counted = total(figures(gateway), "parley_limited_total", limit="descriptors")
                    break
                except OSError:
                    assert time.monotonic() < deadline
            assert counted > 0
    finally:
        for connection in connections:
            connection.close()
        gateway.remove()


def test_too_few_descriptors_to_begin(gateway):
    shell = ["/bin/sh", "-c", "ulimit -n 40 && exec \"$0\" serve", str(BINARY)]
    answer = subprocess.run(shell, env=environment(**{**gateway.settings, "HTTP_PORT": 0}), capture_output=True,
                            text=True, timeout=30)
    assert answer.returncode == 78 and "open files" in answer.stderr, answer.stderr
