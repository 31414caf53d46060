"""How the program starts, and how it refuses to: one clear line and a code of sysexits(3)."""

import socket

import pytest

from kit.database import Database
from kit.gateway import BINARY, Gateway, command, environment
from kit.processes import Process

SECRET = "a secret of a good length, only for this test"


def one_line(answer, code):
    assert answer.returncode == code, f"{answer.returncode}: {answer.stderr}{answer.stdout}"
    lines = answer.stderr.strip().splitlines()
    assert len(lines) == 1, answer.stderr
    assert answer.stdout == ""
    return lines[0]


def test_no_secret(database):
    line = one_line(command("serve", DATABASE_URL=database.url, HTTP_PORT=0), 78)
    assert "AUTH_JWT_SECRET" in line


def test_an_unreachable_database(tmp_path):
    url = f"postgresql://parley@/parley?host={tmp_path}"
    one_line(command("serve", DATABASE_URL=url, AUTH_JWT_SECRET=SECRET, HTTP_PORT=0), 69)
    one_line(command("migrate", "up", DATABASE_URL=url), 69)


@pytest.mark.parametrize("arguments", [
    ["serve", "--no-such-flag"], ["--no-such-flag"], ["nonsense"], ["serve", "surplus"], ["token"],
    ["migrate", "sideways"], ["migrate", "up", "many"], ["token", "--user", "a", "--ttl", "soon"]])
def test_wrong_arguments(arguments):
    one_line(command(*arguments, AUTH_JWT_SECRET=SECRET), 64)


@pytest.mark.parametrize("name, value", [
    ("HTTP_PORT", "eighty"), ("HTTP_PORT", "70000"), ("HTTP_PORT", "-1"), ("SHARDS", "0"), ("SHARDS", "many"),
    ("AGENT", "nobody"), ("SCRIPTED_TOKENS", "-5"), ("MAX_MESSAGE_BYTES", "lots"), ("DATABASE_POOL_MAX", "0"),
    ("DATABASE_POOL_MIN", "30"), ("LOG_LEVEL", "loud"), ("ALLOWED_ORIGINS", "example.com"), ("TOKEN_PACE_MS", "1.5")])
def test_bad_values(database, name, value):
    settings = {"DATABASE_URL": database.url, "AUTH_JWT_SECRET": SECRET, "HTTP_PORT": 0, name: value}
    answer = command("serve", **settings)
    assert answer.returncode in (64, 78), f"{answer.returncode}: {answer.stderr}"
    assert len(answer.stderr.strip().splitlines()) == 1, answer.stderr
    assert name in answer.stderr
    assert SECRET not in answer.stderr


def test_an_address_that_is_none(gateway):
    line = one_line(command("serve", **(gateway.settings | {"HTTP_HOST": "not a host"})), 69)
    assert "not a host" in line


def test_a_port_that_is_taken(gateway):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = command("serve", **(gateway.settings | {"HTTP_PORT": port}))
    assert answer.returncode not in (0, None) and answer.returncode > 0
    assert len(answer.stderr.strip().splitlines()) == 1 and str(port) in answer.stderr


def test_a_database_without_the_schema(admin_url):
    """Nothing half-works: it says what is missing."""
    database = Database(admin_url)
    try:
        answer = command("serve", DATABASE_URL=database.url, AUTH_JWT_SECRET=SECRET, HTTP_PORT=0)
        assert answer.returncode > 0 and "migrate" in answer.stderr
    finally:
        database.remove()


def test_dev_mode_without_a_secret(database):
    gateway = Gateway(database, name="test_start_dev", dev=True, AUTH_JWT_SECRET=None)
    try:
        assert gateway.get("/healthz")[0] == 200
        assert gateway.stop() == 0
    finally:
        gateway.remove()


def test_help():
    answer = command("--help")
    assert answer.returncode == 0
    for name in ("serve", "migrate", "retention", "reencrypt", "token", "audit"):
        assert name in answer.stdout
    # What only measures is a program of its own, and no part of what is deployed.
    assert command("echo", "--port", "0").returncode == command("load").returncode == 64


def test_migrations_go_up_and_down(admin_url):
    database = Database(admin_url)
    try:
        def migrate(*arguments, code=0):
            answer = command("migrate", *arguments, DATABASE_URL=database.url)
            assert answer.returncode == code, answer.stderr
            return answer.stdout

        tables = "select count(*) from information_schema.tables where table_name = 'messages'"
        assert "pending" in migrate("status", code=1)
        migrate("up")
        assert database.value(tables) == 1
        assert database.value("select count(*) from schema_migrations") >= 1
        migrate("up")
        assert "pending" not in migrate("status")
        while database.value("select count(*) from schema_migrations"):
            migrate("down", "1")
        assert database.value(tables) == 0
        migrate("up")
        assert database.value(tables) == 1
    finally:
        database.remove()


def test_two_migrations_at_once(admin_url):
    database = Database(admin_url)
    try:
        processes = [Process([BINARY, "migrate", "up"], env=environment(DATABASE_URL=database.url)) for _ in range(4)]
        assert [process.exit_code() for process in processes] == [0] * 4
        for process in processes:
            process.end()
        assert database.value("select count(*) from schema_migrations") == \
            database.value("select count(distinct version) from schema_migrations")
    finally:
        database.remove()
