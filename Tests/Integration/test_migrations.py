"""`parley migrate` and the start of gateways: what a database's schema may be, and how it gets there."""

import concurrent.futures
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
    answer = subprocess.run(["pg_dump", "-s", "-d", database.admin_url], capture_output=True, text=True, timeout=60)
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
    status = migrate(fresh, "status").splitlines()
    assert len(status) == len(names) and all("pending" in line for line in status)


def test_an_edited_migration_is_refused_by_name(fresh):
    migrate(fresh, "up")
    fresh.do("update schema_migrations set checksum = repeat('0', 64) where version = 1")
    for arguments in (["up"], ["down"], ["status"], ["redo"]):
        line = migrate(fresh, *arguments, code=78)
        assert "1 (chat)" in line and "edited" in line and "\n" not in line


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
