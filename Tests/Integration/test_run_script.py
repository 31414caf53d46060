"""`deploy/run`, the command that starts everything: as a person uses it, and with what a killed run leaves."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import psycopg
import pytest

from kit import TOP
from kit.database import Database
from kit.processes import Process

SEARCH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
"""A person's search path, with websocat on it."""


class Run:
    """One run of the script, with a data folder of the test's own."""

    def __init__(self, data, **settings):
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("DATABASE_URL", "HTTP_PORT", "AUTH_JWT_SECRET")}
        environment |= {"PARLEY_DATA": str(data), "PATH": SEARCH} | settings
        self.data = data
        self.process = Process([TOP / "deploy" / "run", "--no-build"], env=environment, group=True)

    def ready(self):
        self.process.line("Ctrl-C stops it", timeout=60)
        text = "\n".join(self.process.lines)
        self.url = re.search(r"the page +(http://127\.0\.0\.1:\d+)/", text)[1]
        self.websocat = re.search(r"a terminal +(\S*websocat .*)", text)[1]
        self.database = found[1] if (found := re.search(r"psql '([^']+)'", text)) else None
        return self

    def stop(self, number=signal.SIGINT):
        """As the terminal does it: the signal goes to the whole group."""
        os.killpg(self.process.pid, number)
        return self.process.exit_code(60)

    def pid(self, name):
        """Of the gateway or of the database."""
        file = self.data / "gateway.pid" if name == "gateway" else (self.data / "postgres" / "data" / "postmaster.pid")
        return int(file.read_text().split()[0])


@pytest.fixture
def run(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    # A server that may not be root's must get there.
    for folder in (data, data.parent, data.parent.parent):
        folder.chmod(0o755)
    started = []

    def start(**settings):
        started.append(Run(data, **settings))
        return started[-1]

    yield start
    for each in started:
        if each.process.process.poll() is None:
            try:
                each.stop(signal.SIGTERM)
            finally:
                each.process.end()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def talk(command, line):
    """Pastes the printed command into a shell and types a line."""
    program = Process(["bash", "-c", command], env=os.environ | {"PATH": SEARCH}, stdin=subprocess.PIPE)
    try:
        program.line('"op":"ready"')
        program.write(line + "\n")
        program.line("RUN_FINISHED")
        return [json.loads(text) for text in program.lines]
    finally:
        program.end()


def test_a_first_run_and_a_second(run):
    first = run().ready()
    with urllib.request.urlopen(first.url, timeout=15) as page:
        assert page.status == 200 and b"<html" in page.read()
    assert stat.S_IMODE((first.data / "secret").stat().st_mode) == 0o600

    frames = talk(first.websocat, "add buy milk")
    assert any(frame.get("type") == "TOOL_CALL_RESULT" for frame in frames)
    with psycopg.connect(first.database) as connection:
        assert connection.execute("select title from parley.tasks").fetchall() == [("buy milk",)]
        assert connection.execute("show listen_addresses").fetchone()[0] == "", "only its Unix socket"

    gateway, database = first.pid("gateway"), first.pid("database")
    assert alive(gateway) and alive(database)
    assert first.stop() == 0
    assert not alive(gateway) and not alive(database)
    assert not (first.data / "gateway.pid").exists()

    secret = (first.data / "secret").read_bytes()
    second = run().ready()
    assert (second.data / "secret").read_bytes() == secret
    frames = talk(second.websocat, "what's on my list?")
    assert "buy milk" in "".join(frame["delta"] for frame in frames if frame.get("type") == "TEXT_MESSAGE_CONTENT")
    assert second.stop(signal.SIGTERM) == 0


def test_after_a_kill_of_everything(run):
    first = run().ready()
    talk(first.websocat, "add buy milk")
    for pid in (first.process.pid, first.pid("gateway"), first.pid("database")):
        os.kill(pid, signal.SIGKILL)
    first.process.exit_code()
    second = run().ready()
    with psycopg.connect(second.database) as connection:
        assert connection.execute("select title from parley.tasks").fetchall() == [("buy milk",)]
    assert second.stop() == 0


def test_after_a_kill_of_the_script_alone(run):
    first = run().ready()
    gateway, database = first.pid("gateway"), first.pid("database")
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.process.wait()
    second = run().ready()
    assert not alive(gateway) and not alive(database), "what the killed run left still runs"
    assert any("earlier run" in line for line in second.process.lines)
    assert second.stop() == 0


def test_two_at_once(run):
    first = run().ready()
    second = run()
    assert second.process.exit_code() == 75
    assert "already" in second.process.lines[-1] and str(first.process.pid) in second.process.lines[-1]
    talk(first.websocat, "hello")
    assert first.stop() == 0


def test_a_database_that_exists(run, admin_url):
    database = Database(admin_url)
    try:
        started = run(DATABASE_URL=database.url).ready()
        assert started.database is None and not (started.data / "postgres").exists()
        talk(started.websocat, "add buy milk")
        assert database.value("select title from tasks") == "buy milk"
        assert started.stop() == 0
        assert database.value("select count(*) from tasks") == 1, "a database that it has not started goes on"
        # Nor does it take anything back where the database is a newer program's.
        database.do("insert into schema_migrations (version, name, checksum) values (9999, 'of the future', '')")
        before = database.rows("select * from schema_migrations order by version")
        again = run(DATABASE_URL=database.url)
        assert again.process.exit_code(60) == 70 and any("9999 (of the future)" in line for line in again.process.lines)
        assert database.rows("select * from schema_migrations order by version") == before
        assert database.value("select count(*) from tasks") == 1
    finally:
        database.remove()


def test_a_taken_port_is_passed_over(run, tmp_path):
    first = run().ready()
    other = tmp_path / "other"
    other.mkdir()
    for folder in (other, tmp_path):
        folder.chmod(0o755)
    second = Run(other).ready()
    try:
        assert second.url != first.url
    finally:
        assert second.stop() == 0
    assert first.stop() == 0


def test_the_gateway_dies(run):
    first = run().ready()
    database = first.pid("database")
    os.kill(first.pid("gateway"), signal.SIGKILL)
    assert first.process.exit_code(60) not in (0, None)
    assert not alive(database)


def test_wrong_arguments(run):
    answer = subprocess.run([TOP / "deploy" / "run", "--nonsense"], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 64 and "--nonsense" in answer.stderr
