"""`parley migrate` and the start of gateways: what a database's schema may be, and how it gets there."""

import concurrent.futures
import os
import subprocess

import pytest

from kit.database import Database
from kit.gateway import RESULTS, Gateway, command


@pytest.fixture
def fresh(admin_url):
    database = Database(admin_url)
    try:
        yield database
    finally:
        database.remove()


def migrate(database, *arguments, code=0):
    answer = command("migrate", *arguments, DATABASE_URL=database.url)
    assert answer.returncode == code, f"{answer.returncode}: {answer.stdout}{answer.stderr}"
    return (answer.stdout or answer.stderr).strip()


def schema(database):
    """`pg_dump -s`, without the lines that differ from call to call."""
    program = os.path.join(os.environ.get("CLUSTER_PROGRAMS", ""), "pg_dump")
    answer = subprocess.run([program, "-s", "-d", database.admin_url], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return [line for line in answer.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def test_down_to_zero_and_up_again_leaves_the_same_schema(fresh):
    migrate(fresh, "up")
    before = schema(fresh)
    assert len(before) > 500
    count = fresh.value("select count(*) from schema_migrations")
    migrate(fresh, "down", str(count))
    assert fresh.rows("select tablename from pg_tables where schemaname = 'parley'") == [("schema_migrations",)]
    migrate(fresh, "up")
    assert schema(fresh) == before


def test_every_step_up_and_down_alone(fresh):
    migrate(fresh, "up")
    names = [name for name, in fresh.rows("select name from schema_migrations order by version")]
    migrate(fresh, "down", str(len(names)))
    dumps = [schema(fresh)]
    for number, name in enumerate(names, 1):
        assert migrate(fresh, "up", "1") == f"applied {number} {name}"
        dumps.append(schema(fresh))
    assert migrate(fresh, "up") == "nothing to do"
    for number in range(len(names), 0, -1):
        assert schema(fresh) == dumps[number], f"migration {number}"
        assert migrate(fresh, "redo") == f"redid {number} {names[number - 1]}"
        assert schema(fresh) == dumps[number], f"migration {number} done again"
        assert migrate(fresh, "down") == f"took back {number} {names[number - 1]}"
    assert migrate(fresh, "down") == "nothing to do"
    status = migrate(fresh, "status", code=1).splitlines()
    assert len(status) == len(names) and all("pending" in line for line in status)


def test_an_edited_migration_is_refused_by_name(fresh):
    migrate(fresh, "up")
    fresh.do("update schema_migrations set checksum = repeat('0', 64) where version = 1")
    for arguments in (["up"], ["down"], ["redo"], ["status"]):
        answer = command("migrate", *arguments, DATABASE_URL=fresh.url)
        assert answer.returncode == 78 and answer.stderr.count("\n") == 1
        assert "1 (chat)" in answer.stderr and "edited" in answer.stderr and "use the program" in answer.stderr
    # The list goes on.
    lines = answer.stdout.splitlines()
    assert "edited since" in lines[0] and len(lines) > 2 and all("applied" in line for line in lines)


def test_what_a_mended_migration_was_before_goes_on(fresh):
    """A database that had migration 1 when it still failed on some servers."""
    migrate(fresh, "up")
    fresh.do("update schema_migrations set checksum ="
             " 'c15ccfb21185d8c7ada5212f90452d9ca01dddb1f64a39a7d9162f581c382729' where version = 1")
    assert migrate(fresh, "up") == "nothing to do"
    assert "edited" not in migrate(fresh, "status")


def filled(fresh, **settings):
    """A gateway that has answered a turn."""
    gateway = Gateway(fresh, name="test_migrations_down", **settings)
    with gateway.connect("ann") as chat:
        assert chat.turn("add buy milk").end["outcome"] == {"type": "success"}
    return gateway


def test_what_would_be_lost_is_named_and_stays(fresh):
    gateway = filled(fresh)
    try:
        count = str(fresh.value("select count(*) from schema_migrations"))
        # Not from under a gateway, whatever is said.
        for arguments in (["down", count], ["down", count, "--yes"], ["redo", "--yes"]):
            line = migrate(fresh, *arguments, code=69)
            assert "is alive" in line and "stop" in line and "\n" not in line
        assert gateway.stop() == 0
        answer = command("migrate", "down", count, DATABASE_URL=fresh.url)
        assert answer.returncode == 64 and answer.stdout == "" and answer.stderr.count("\n") == 1
        messages, tasks = (fresh.value(f"select count(*) from {table}") for table in ("messages", "tasks"))
        for part in (f"messages ({messages} rows)", f"tasks ({tasks} row)", "users (1 row)", "--yes"):
            assert part in answer.stderr
        assert fresh.value("select count(*) from messages") == messages
        assert migrate(fresh, "down", count, "--yes").count("took back") == int(count)
        assert fresh.rows("select tablename from pg_tables where schemaname = 'parley'") == [("schema_migrations",)]
    finally:
        gateway.remove()


def test_the_start_takes_nothing_back(fresh):
    """Not even in the dev mode, with a database of a newer program."""
    gateway = filled(fresh)
    assert gateway.stop() == 0
    fresh.do("insert into schema_migrations (version, name, checksum) values (9999, 'of the future', '')")
    before = fresh.rows("select * from schema_migrations order by version")
    answer = command("serve", "--dev", DATABASE_URL=fresh.url, HTTP_PORT=0)
    assert answer.returncode == 78 and "older than the database" in answer.stderr
    assert fresh.rows("select * from schema_migrations order by version") == before
    assert fresh.value("select count(*) from messages") > 0


def test_the_audit_of_a_database_without_a_schema(fresh):
    answer = command("audit", DATABASE_URL=fresh.url)
    assert answer.returncode == 78 and "run parley migrate up" in answer.stderr


def test_a_newer_database_is_refused(fresh):
    migrate(fresh, "up")
    fresh.do("insert into schema_migrations (version, name, checksum) values (9999, 'of the future', '')")
    line = migrate(fresh, "up", code=78)
    assert "9999 (of the future)" in line and "\n" not in line
    answer = command("serve", DATABASE_URL=fresh.url, AUTH_JWT_SECRET="s" * 40, HTTP_PORT=0)
    assert answer.returncode == 78 and "9999 (of the future)" in answer.stderr


def test_two_gateways_starting_at_once(fresh):
    """One migrates, the other waits for it; both serve."""
    settings = {"AUTH_JWT_SECRET": "s" * 40, "HTTP_PORT": 0, "SHARDS": 1}

    def start(number):
        gateway = Gateway.__new__(Gateway)
        gateway.secret, gateway.database, gateway.dev, gateway.arguments = "s" * 40, fresh, True, ()
        gateway.name, gateway.process, gateway.port = f"test_migrations_{number}", None, None
        gateway.settings = {"DATABASE_URL": fresh.url, **settings}
        RESULTS.mkdir(parents=True, exist_ok=True)
        gateway.start()
        return gateway

    # The processes end with the threads that have started them: the pool stays as long as they are needed.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        gateways = list(pool.map(start, range(2)))
        try:
            for gateway in gateways:
                with gateway.connect("somebody") as chat:
                    assert chat.turn("hello").end["outcome"] == {"type": "success"}
            assert fresh.value("select count(*) = max(version) from schema_migrations")
        finally:
            for gateway in gateways:
                gateway.remove()
