"""PostgreSQL for the tests: clusters by the functions of deploy/postgres.sh, databases, and gates that hold a commit back."""

import os
import pathlib
import subprocess
import tempfile
import time
import uuid

import psycopg
import psycopg.conninfo

from . import TOP

QUICK = ["fsync = off", "full_page_writes = off", "max_connections = 200"]
"""Commits still reach the operating system, so an immediate stop loses none."""


def _bash(function, *arguments):
    script = f'set -euo pipefail; . "{TOP}/deploy/lib.sh"; . "{TOP}/deploy/postgres.sh"; {function} "$@"'
    answer = subprocess.run(["bash", "-c", script, "cluster", *map(str, arguments)], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, f"{function}: {answer.stdout}{answer.stderr}"
    return answer.stdout.strip()


class Cluster:
    """A cluster of one test's own, which it may stop. `lines` are lines of its configuration."""

    def __init__(self, *lines, follow=None):
        self._folder = tempfile.TemporaryDirectory(prefix="parley-cluster.", ignore_cleanup_errors=True)
        os.chmod(self._folder.name, 0o755)
        self.place = pathlib.Path(self._folder.name) / "postgres"
        self.lines = lines
        if follow is not None:
            _bash("cluster_follow", self.place, follow.place)
        self.start()
        if follow is None:
            _bash("cluster_database", self.place, "parley")

    def start(self):
        _bash("cluster_start", self.place, *QUICK, *self.lines)

    def follower(self, *lines):
        """A standby of this one, which streams."""
        return Cluster(*lines, follow=self)

    def promote(self):
        _bash("cluster_promote", self.place)

    @property
    def socket(self):
        return psycopg.conninfo.conninfo_to_dict(self.admin_url)["host"]

    @property
    def postmaster(self):
        return int((self.place / "data" / "postmaster.pid").read_text().splitlines()[0])

    def processes(self):
        """The server's processes, the first of all last."""
        children = pathlib.Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read_text().split()
        return [*map(int, children), self.postmaster]

    def stop(self, mode="fast"):
        _bash("cluster_stop", self.place, mode)

    @property
    def admin_url(self):
        return _bash("cluster_url", self.place, "postgres", "postgres")

    def remove(self):
        self.stop("immediate")
        self._folder.cleanup()


class Database:
    """A new database in a cluster, owned by the role that the gateway connects as, read by the superuser."""

    def __init__(self, admin_url):
        self.name = f"t{uuid.uuid4().hex[:16]}"
        self._maintenance = admin_url
        self.admin_url = psycopg.conninfo.make_conninfo(
            admin_url, dbname=self.name, options="-c search_path=parley,public")
        self.host = host = psycopg.conninfo.conninfo_to_dict(admin_url)["host"]
        self.url = f"postgresql://parley@/{self.name}?host={host}"
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(f"create database {self.name} owner parley")
        self._connection = None

    @property
    def connection(self):
        """Autocommitting, the superuser's: row-level security hides nothing from it."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.admin_url, autocommit=True)
        return self._connection

    def do(self, statement, *parameters):
        """A cursor with what the statement gave; on a new connection where the server was stopped meanwhile."""
        try:
            return self.connection.execute(statement, parameters or None)
        except psycopg.OperationalError:
            self._connection.close()
            return self.connection.execute(statement, parameters or None)

    def rows(self, statement, *parameters):
        return self.do(statement, *parameters).fetchall()

    def value(self, statement, *parameters):
        row = self.do(statement, *parameters).fetchone()
        return row[0] if row else None

    def messages(self, thread):
        """(id, role, content, status) in the order of history."""
        return self.rows("select id::text, role, content, status from messages where conversation_id = %s"
                         " order by position", thread)

    def tasks(self, user):
        return self.rows("select id, title, is_completed from tasks where user_id = %s and deleted_at is null"
                         " order by id", user)

    def run_status(self, run):
        return self.value("select status from runs where id = %s", run)

    def wait(self, statement, *parameters, wanted=lambda value: value, timeout=15):
        """Repeats a query until its value is wanted; the database's own clock makes the pauses."""
        deadline = time.monotonic() + timeout
        while not wanted(value := self.value(statement, *parameters)):
            assert time.monotonic() < deadline, f"not within {timeout} s: {statement} {parameters}, last {value!r}"
            self.connection.execute("select pg_sleep(0.02)")
        return value

    def remove(self):
        if self._connection is not None:
            self._connection.close()
        with psycopg.connect(self._maintenance, autocommit=True) as connection:
            connection.execute(f"drop database if exists {self.name} with (force)")


class Gate:
    """Holds back the commit of every transaction that writes a row of `table` for which `condition` holds.

    A deferred trigger waits for an advisory lock at the moment of the commit, so all that the transaction does has been
    done by then, and nothing of it can be seen. Used as a context; `open` lets them through.
    """

    def __init__(self, database, table, condition="true", events="insert"):
        self.database = database
        self.key = uuid.uuid4().int % 2**31
        self.name = f"gate_{self.key}"
        self._holder = psycopg.connect(database.admin_url, autocommit=True)
        self._holder.execute("select pg_advisory_lock(%s)", [self.key])
        database.do(
            f"create function {self.name}() returns trigger language plpgsql security definer as $$ begin"
            f" perform pg_advisory_xact_lock_shared({self.key}); return null; end $$")
        database.do(
            f"create constraint trigger {self.name} after {events} on {table} deferrable initially deferred"
            f" for each row when ({condition}) execute function {self.name}()")
        self._table = table

    def reached(self):
        """Waits until a commit stands before the gate."""
        self.database.wait(
            "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = %s", self.key)

    def open(self):
        if not self._holder.closed:
            self._holder.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open()
        self.database.do("set lock_timeout = '10s'")
        self.database.do(f"drop trigger {self.name} on {self._table}")
        self.database.do(f"drop function {self.name}()")


def notified(connection, timeout=15):
    """The next notification on a connection that listens."""
    for note in connection.notifies(timeout=timeout, stop_after=1):
        return note
    raise AssertionError(f"no notification within {timeout} s")
