"""Databases as people have them: who owns what, encodings and defaults, one that only reads, one whose host vanishes."""

import json
import time

import psycopg
import pytest

from kit.chat import PATIENCE
from kit.database import Cluster, Database
from kit.gateway import Gateway, command
from kit.relay import Silence

SECRET = "a secret of a good length, only for this test"


@pytest.fixture(scope="module")
def database(cluster):
    return Database(cluster.admin_url)


def refused(database, *arguments, code=78):
    answer = command(*arguments, DATABASE_URL=database.url, AUTH_JWT_SECRET=SECRET, HTTP_PORT=0)
    assert answer.returncode == code, f"{answer.returncode}: {answer.stdout}{answer.stderr}"
    assert answer.stderr.count("\n") == 1, answer.stderr
    return answer.stderr


def answers(gateway, name="ann"):
    with gateway.connect(name) as chat:
        assert chat.turn("add buy milk").end["outcome"] == {"type": "success"}


# --- owners


@pytest.fixture(scope="module")
def owners():
    """A cluster in which roles come and go."""
    cluster = Cluster()
    try:
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture
def fresh(owners):
    """A database of a login that is nobody: it owns it and that is all."""
    database = Database(owners.admin_url)
    login = f"login_{database.name}"
    database.do(f"create role {login} login")
    database.do(f"alter database {database.name} owner to {login}")
    database.login = login
    database.url = database.url.replace("parley@", f"{login}@")
    try:
        yield database
    finally:
        database.remove()


def role_exists(database):
    return database.value("select count(*) from pg_roles where rolname = 'parley_gateway'") == 1


def without_role(database):
    """As in a cluster in which Parley never was. Rights in other databases keep the role: it gets another name."""
    if role_exists(database):
        database.do(f"alter role parley_gateway rename to {database.name}_former")


def test_a_login_that_may_make_roles(fresh):
    """The usual one: `create role app login createrole; create database d owner app`."""
    without_role(fresh)
    fresh.do(f"alter role {fresh.login} createrole")
    gateway = Gateway(fresh, name="test_databases_owner")
    try:
        answers(gateway)
    finally:
        gateway.remove()


def test_a_login_that_may_not(fresh):
    """One line has what an administrator must say; then all is well."""
    without_role(fresh)
    line = refused(fresh, "migrate", "up")
    told = line[line.index("create role parley"):line.rindex(";") + 1]
    assert told == f"create role parley_gateway nologin; grant parley_gateway to {fresh.login};"
    fresh.do("create role parley_gateway nologin")
    line = refused(fresh, "migrate", "up")
    told = line[line.index("grant "):line.rindex(";") + 1]
    assert told == f"grant parley_gateway to {fresh.login};"
    fresh.do(told)
    gateway = Gateway(fresh, name="test_databases_granted")
    try:
        answers(gateway)
    finally:
        gateway.remove()


def test_what_was_taken_away_is_named(fresh):
    """Between migrating and serving; where the login can, `migrate up` mends it, although there is nothing to apply."""
    without_role(fresh)
    fresh.do(f"alter role {fresh.login} createrole")
    assert command("migrate", "up", DATABASE_URL=fresh.url).returncode == 0
    if fresh.connection.info.server_version >= 160000:
        # As migration 1 left it there before.
        fresh.do(f"set role {fresh.login}")
        fresh.do(f"revoke parley_gateway from {fresh.login}")
        fresh.do("reset role")
    else:
        fresh.do(f"revoke parley_gateway from {fresh.login}")
    assert f"grant parley_gateway to {fresh.login};" in refused(fresh, "serve")
    answer = command("migrate", "up", DATABASE_URL=fresh.url)
    assert answer.returncode == 0 and answer.stdout.strip() == "nothing to do", answer.stderr
    gateway = Gateway(fresh, name="test_databases_mended")
    try:
        answers(gateway)
    finally:
        gateway.remove()


# --- what a database may be


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_another_encoding_is_refused(cluster, encoding):
    database = Database(cluster.admin_url)
    try:
        with psycopg.connect(cluster.admin_url, autocommit=True) as connection:
            connection.execute(f"drop database {database.name}")
            connection.execute(f"create database {database.name} owner parley encoding '{encoding}'"
                               " template template0 lc_collate 'C' lc_ctype 'C'")
        for arguments in (["migrate", "up"], ["migrate", "status"], ["serve"], ["serve", "--dev"]):
            line = refused(database, *arguments)
            assert f"encoding is {encoding}" in line and "UTF8" in line
    finally:
        database.remove()


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_another_isolation_does_no_harm(cluster, level):
    database = Database(cluster.admin_url)
    database.do(f"alter database {database.name} set default_transaction_isolation = '{level}'")
    database.do(f"alter database {database.name} set row_security = off")
    gateway = Gateway(database, name="test_databases_isolation")
    try:
        database.do("create table seen (level text default current_setting('transaction_isolation'))")
        database.do("create function note() returns trigger language plpgsql security definer as"
                    " $$ begin insert into parley.seen default values; return null; end $$")
        for table in ("messages", "tasks", "runs"):
            database.do(f"create trigger note after insert or update on {table} execute function parley.note()")
        answers(gateway)
        status, _, body = gateway.request(
            "POST", "/api/users/ann/tasks", json.dumps({"title": "by hand"}),
            {"Authorization": f"Bearer {gateway.token('ann')}", "Content-Type": "application/json"})
        assert status == 201, body
        assert database.rows("select distinct level from seen") == [("read committed",)]
    finally:
        gateway.remove()
        database.remove()


def test_long_contents_are_compressed_by_what_the_server_has(database):
    """A server that was built without lz4 has pglz, and no error."""
    servers = database.value("select enumvals::text[] from pg_settings where name = 'default_toast_compression'")
    gateway = Gateway(database, name="test_databases_compression", AGENT="scripted")
    try:
        with gateway.connect("ann") as chat:
            assert chat.turn("!text " + "a long text " * 800).end["outcome"] == {"type": "success"}
        found = database.rows("select distinct pg_column_compression(content) from messages where length(content) > 4000")
        assert found == [("lz4" if "lz4" in servers else "pglz",)]
    finally:
        gateway.remove()


# --- one that only reads


def post_task(gateway, user):
    return gateway.request(
        "POST", f"/api/users/{user}/tasks", json.dumps({"title": "one"}),
        {"Authorization": f"Bearer {gateway.token(user)}", "Content-Type": "application/json"})[0]


def reasons(gateway):
    """What /readyz says now. It waits for nothing: an answer that takes its time is a failure."""
    status, _, body = gateway.request("GET", "/readyz", timeout=2)
    return status, json.loads(body).get("reasons")


def until(gateway, wanted):
    deadline = time.monotonic() + PATIENCE
    while (seen := reasons(gateway)) != wanted:
        assert time.monotonic() < deadline, f"/readyz says {seen}"


READY = (200, None)


def test_it_turns_read_only_and_back(gateway, database, connect, user):
    chat = connect()
    thread = chat.turn("add buy milk").thread
    until(gateway, READY)
    database.do(f"alter database {database.name} set default_transaction_read_only = on")
    database.do("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and application_name = 'parley'")
    try:
        until(gateway, (503, ["database read-only"]))
        assert chat.error(op="send", id="r1", threadId=thread, content="add eggs")["code"] == "unavailable"
        assert post_task(gateway, user) == 503
    finally:
        database.do(f"alter database {database.name} set default_transaction_read_only = off")
    until(gateway, READY)
    # No session is left that began as one that only reads.
    assert [post_task(gateway, user) for _ in range(30)] == [201] * 30
    assert chat.turn("add bread", thread=thread).end["outcome"] == {"type": "success"}


def test_a_start_that_finds_one_that_only_reads(cluster):
    database = Database(cluster.admin_url)
    try:
        assert command("migrate", "up", DATABASE_URL=database.url).returncode == 0
        database.do(f"alter database {database.name} set default_transaction_read_only = on")
        for arguments in (["serve"], ["migrate", "up"]):
            assert "read-only" in refused(database, *arguments, code=69)
        assert command("migrate", "status", DATABASE_URL=database.url).returncode == 0
    finally:
        database.remove()


# --- a host that vanishes


def test_a_host_vanishes_and_another_is_promoted():
    """No FIN comes. All that is under way, and /readyz, goes on once the other one takes writes."""
    cluster = Cluster()
    follower = cluster.follower()
    hosts = [Silence(f"{server.socket}/.s.PGSQL.5432") for server in (cluster, follower)]
    database = Database(cluster.admin_url)
    addresses = ",".join(f"127.0.0.1:{host.port}" for host in hosts)
    database.url = f"postgresql://parley@{addresses}/{database.name}"
    gateway = None
    try:
        gateway = Gateway(database, name="test_databases_vanished", AGENT="scripted", SCRIPTED_TOKENS=3)
        position = database.value("select pg_current_wal_lsn()::text")
        with psycopg.connect(follower.admin_url, autocommit=True) as connection:
            deadline = time.monotonic() + PATIENCE
            while not connection.execute("select pg_last_wal_replay_lsn() >= %s::pg_lsn", [position]).fetchone()[0]:
                assert time.monotonic() < deadline, "the standby does not follow"
        with gateway.connect("ann") as chat:
            thread = chat.turn("one").thread
            until(gateway, READY)
            hosts[0].freeze()
            chat.post(op="send", id="v1", threadId=thread, content="two")
            until(gateway, (503, ["database silent"]))
            follower.promote()
            answer = chat.until(lambda frame: frame.get("id") == "v1", timeout=PATIENCE)
            assert answer["op"] == "ack" or answer["code"] == "unavailable", answer
            until(gateway, READY)
            # From now on the silent host costs nothing.
            for n in range(5):
                assert chat.turn(f"more {n}", thread=thread).end["outcome"] == {"type": "success"}
                assert reasons(gateway) == READY
            assert post_task(gateway, "ann") == 201
    finally:
        for host in hosts:
            host.thaw()
        if gateway is not None:
            gateway.remove()
        for host in hosts:
            host.remove()
        follower.remove()
        cluster.remove()


def test_a_host_is_silent_for_a_while(cluster):
    """The only one: nothing is lost, and nothing done twice."""
    database = Database(cluster.admin_url)
    host = Silence(f"{cluster.socket}/.s.PGSQL.5432")
    database.url = f"postgresql://parley@127.0.0.1:{host.port}/{database.name}"
    gateway = Gateway(database, name="test_databases_silent", AGENT="scripted", SCRIPTED_TOKENS=3)
    try:
        with gateway.connect("ann") as chat:
            thread = chat.turn("one").thread
            until(gateway, READY)
            host.freeze()
            chat.post(op="send", id="s1", threadId=thread, content="two")
            until(gateway, (503, ["database silent"]))
            host.thaw()
            until(gateway, READY)
            answer = chat.until(lambda frame: frame.get("id") == "s1", timeout=PATIENCE)
            if answer["op"] == "error":
                assert answer["code"] == "unavailable"
                answer = chat.send("two", thread=thread, id="s1")
            assert chat.end_of(answer["runId"])["outcome"] == {"type": "success"}
            assert [row[2] for row in database.messages(thread) if row[1] == "user"] == ["one", "two"]
    finally:
        host.thaw()
        gateway.remove()
        host.remove()
        database.remove()
