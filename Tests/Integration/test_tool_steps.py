"""The process dies between any two steps of a tool: its effect is there once or not at all, and the log says which."""

import uuid

import psycopg
import pytest

from kit.database import Gate
from kit.gateway import Gateway

ENDED = ("completed", "interrupted", "cancelled", "failed")
WITHIN = 5
"""Seconds after `ready` in which every run that a dead process left is settled."""


class Pause:
    """Stops every transaction at the moment at which it has written a row, or is about to; `open` lets them go on."""

    def __init__(self, database, moment, table, condition="true"):
        self.database, self.table = database, table
        self.key = uuid.uuid4().int % 2**31
        self.name = f"pause_{self.key}"
        self._holder = psycopg.connect(database.admin_url, autocommit=True)
        self._holder.execute("select pg_advisory_lock(%s)", [self.key])
        database.do(
            f"create function {self.name}() returns trigger language plpgsql security definer as $$ begin"
            f" perform pg_advisory_xact_lock_shared({self.key}); return new; end $$")
        database.do(f"create trigger {self.name} {moment} on {table} for each row when ({condition})"
                    f" execute function {self.name}()")

    reached, open, __enter__ = Gate.reached, Gate.open, Gate.__enter__

    def __exit__(self, *_):
        self.open()
        self.database.do("set lock_timeout = '10s'")
        self.database.do(f"drop trigger {self.name} on {self.table}")
        self.database.do(f"drop function {self.name}()")


def held(database, pause):
    """The server processes that stand there."""
    return [pid for pid, in database.rows(
        "select pid from pg_locks where locktype = 'advisory' and objid = %s and not granted", pause.key)]


def gone(database, processes):
    database.wait("select count(*) from pg_stat_activity where pid = any(%s)", processes,
                  wanted=lambda count: not count)


STEPS = {
    "before the log row": lambda d, u: Pause(
        d, "before insert", "task_operation_logs", f"new.user_id = '{u}'"),
    "after the log row": lambda d, u: Pause(
        d, "after insert", "task_operation_logs", f"new.user_id = '{u}'"),
    "before the effect": lambda d, u: Pause(d, "before insert", "tasks", f"new.user_id = '{u}'"),
    "after the effect": lambda d, u: Pause(d, "after insert", "tasks", f"new.user_id = '{u}'"),
    "before the result": lambda d, u: Pause(
        d, "before update", "task_operation_logs", f"new.user_id = '{u}' and new.status = 'success'"),
    "in the commit": lambda d, u: Gate(d, "task_operation_logs", f"new.user_id = '{u}'", "insert or update"),
    "after the commit, before the reply": lambda d, u: Pause(
        d, "before insert", "messages", f"new.user_id = '{u}' and new.role <> 'user'"),
    "in the commit of the reply": lambda d, u: Gate(
        d, "messages", f"new.user_id = '{u}' and new.role = 'assistant'"),
}

FATES = ("goes on", "is lost", "is overtaken")
"""Of the transaction that the dead process has left behind: it ends before the next process starts; it is rolled back;
it still stands there when the next process takes the run over."""


@pytest.fixture(scope="module", params=["scripted"])
def gateway(request, database):
    """Each test kills it and starts it again."""
    gateway = Gateway(database, name="test_tool_steps", AGENT=request.param)
    try:
        yield gateway
    finally:
        gateway.remove()


def killed_at(gateway, database, user, pause, content, fate):
    """The ack of a turn whose gateway was killed at the pause, with the next gateway at work."""
    with pause:
        with gateway.connect(user) as chat:
            chat.post(op="send", id="k1", content=content)
            ack = chat.until({"op": "ack"})
            pause.reached()
            gateway.kill()
        processes = held(database, pause)
        assert processes
        if fate == "is overtaken":
            gateway.start(ready=False)
            # It has taken the run over when it waits for what the dead one has locked, or has closed the run.
            database.wait("select (select status <> 'running' from runs where id = %s) or exists (select"
                          " from pg_stat_activity where datname = current_database() and pid <> all(%s)"
                          " and wait_event_type = 'Lock')", ack["runId"], processes)
            pause.open()
        else:
            if fate == "is lost":
                database.do("select pg_terminate_backend(pid) from unnest(%s::int[]) pid", processes)
            pause.open()
            gone(database, processes)
            gateway.start(ready=False)
        line = gateway.process.line("listening on ")
        gateway.port = int(line.rsplit(":", 1)[1].rstrip("/"))
    return ack


def operations(database, run):
    return database.rows("select ordinal, operation_type, status from task_operation_logs where run_id = %s"
                         " order by ordinal", run)


def settled(gateway, database, user, ack):
    """The run's state, once it has one for good; resending its message changes nothing."""
    with gateway.connect(user) as chat:
        status = database.wait("select status from runs where id = %s", ack["runId"],
                               wanted=lambda status: status in ENDED, timeout=WITHIN)
        again = chat.send("something else", id="k1")
        assert again["status"] == "duplicate"
        assert [again[name] for name in ("threadId", "messageId", "runId")] == \
            [ack[name] for name in ("threadId", "messageId", "runId")]
        chat.so_far()
        assert chat.thread(ack["threadId"]).run is None, "the run goes on"
    assert database.value("select count(*) from runs where conversation_id = %s", ack["threadId"]) == 1
    return status


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("step", STEPS)
def test_killed(gateway, database, user, step, fate):
    ack = killed_at(gateway, database, user, STEPS[step](database, user), '!tool add_task {"title":"milk"}', fate)
    status = settled(gateway, database, user, ack)
    # A run of which nothing was committed is done again, so either way it has happened in the end.
    assert status in ("completed", "interrupted"), status
    assert [title for _, title, _ in database.tasks(user)] == ["milk"]
    [(_, kind, outcome)] = operations(database, ack["runId"])
    assert (kind, outcome) == ("add", "success")
    task = database.value("select result->'task'->>'id' from task_operation_logs where run_id = %s", ack["runId"])
    assert int(task) == database.tasks(user)[0][0]
    roles = [role for _, role, _, _ in database.messages(ack["threadId"])]
    assert roles.count("user") == 1 and roles.count("tool") <= 1
    replies = [content for _, role, content, _ in database.messages(ack["threadId"]) if role == "assistant" and content]
    assert replies in ([], ["ok"]) and (status != "completed" or replies == ["ok"])


@pytest.mark.parametrize("fate", FATES)
def test_killed_while_it_deletes(gateway, database, user, fate):
    """What can't be done twice: a second try would find nothing and call it a failure."""
    gateway.connect(user).close()
    database.wait("select count(*) from users where id = %s", user)
    task = database.value("insert into tasks (user_id, title) values (%s, 'old') returning id", user)
    other = database.value("insert into tasks (user_id, title) values (%s, 'other') returning id", user)
    gate = Gate(database, "task_operation_logs", f"new.user_id = '{user}'", "insert or update")
    ack = killed_at(gateway, database, user, gate, f'!tool delete_task {{"task_id":{task}}}', fate)
    assert settled(gateway, database, user, ack) in ("completed", "interrupted")
    assert [id for id, _, _ in database.tasks(user)] == [other]
    assert [row[1:] for row in operations(database, ack["runId"])] == [("delete", "success")]


@pytest.mark.parametrize("gateway", ["todo"], indirect=True)
@pytest.mark.parametrize("fate", FATES)
def test_killed_at_the_second_of_three(gateway, database, user, fate):
    # A trigger's condition can't ask the table, so the title says which one it is.
    second = f"new.user_id = '{user}' and new.title = 'eggs'"
    ack = killed_at(gateway, database, user, Pause(database, "after insert", "tasks", second),
                    "add milk, eggs and bread", fate)
    # The first was committed, so nothing is done again.
    assert settled(gateway, database, user, ack) == "interrupted"
    database.wait("select count(*) from pg_stat_activity where datname = current_database() and usename = 'parley'"
                  " and state = 'active' and wait_event_type = 'Lock'", wanted=lambda count: not count)
    done = [title for _, title, _ in database.tasks(user)]
    # What goes on need not get to its commit: the server gives up where it notices that its client has gone.
    assert done == ["milk"] or fate != "is lost" and done == ["milk", "eggs"]
    logged = database.rows("select result->'task'->>'title', status from task_operation_logs where run_id = %s"
                           " order by ordinal", ack["runId"])
    assert logged == [(title, "success") for title in done]
