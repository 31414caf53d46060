"""The database's side of a round."""

import time

from .audit import found
from .records import Left, Rows

_TABLES = {
    "conversations": "select id::text, user_id, title, status, message_count from conversations where user_id = any(%s)",
    "messages": "select id::text, conversation_id::text as thread, user_id, position, role, content, tool_calls,"
                " tool_call_id, run_id::text as run, status, client_id from messages where user_id = any(%s)"
                " order by conversation_id, position",
    "runs": "select id::text, conversation_id::text as thread, user_id, user_message_id::text as message, status, node,"
            " checkpoint, error, created_at, started_at, finished_at from runs where user_id = any(%s)",
    "tasks": "select id, user_id, title, last_interaction_id::text as message from tasks where user_id = any(%s)",
    "operations": "select conversation_id::text as thread, user_id, user_message_id::text as message, run_id::text as run,"
                  " ordinal, operation_type as type, input_params as params, result, status from task_operation_logs"
                  " where user_id = any(%s) order by run_id, ordinal",
}


def read(database, users):
    rows = Rows()
    for table, statement in _TABLES.items():
        cursor = database.do(statement, users)
        names = [column.name for column in cursor.description]
        setattr(rows, table, [dict(zip(names, row)) for row in cursor.fetchall()])
    rows.audit = found(database, users)
    return rows


def unfinished(database, users):
    """(run, thread, user, status) of the runs that claim to be under way; asked again and again, so it takes its time."""
    found = database.rows("select id::text, conversation_id::text, user_id, status from runs"
                          " where status in ('queued', 'running') and user_id = any(%s)", users)
    if found:
        database.do("select pg_sleep(0.05)")
    return found


def is_taken_over(database, run):
    """Whether a gateway that beats has the run: until it has ended, its user may be refused where the sockets are."""
    return database.value("select exists (select from runs r join nodes n on n.id = r.node"
                          " where r.id = %s and n.heartbeat_at > now() - interval '2 s')", run)


def left_behind(database):
    """What a killed gateway left: asked when none of its connections is there any more."""
    database.wait("select count(*) from pg_stat_activity where datname = current_database()"
                  " and pid <> pg_backend_pid() and backend_type = 'client backend'", wanted=lambda count: count == 0)
    return _unfinished(database, "true")


def left_by(database, port):
    """The same of one of several gateways: once nothing of it changes any more, since its last commit may be under way."""
    deadline = time.monotonic() + 3
    before, left = None, _unfinished(database, "node like %s", f"%:{port}/%")
    while left != before and time.monotonic() < deadline:
        database.do("select pg_sleep(0.3)")
        before, left = left, _unfinished(database, "node like %s", f"%:{port}/%")
    return left


def _unfinished(database, condition, *parameters):
    left = []
    for run, thread, user, status, checkpoint, has_effects in database.rows(
            "select id::text, conversation_id::text, user_id, status, checkpoint::jsonb,"
            " exists (select from task_operation_logs l where l.run_id = r.id) from runs r"
            f" where status in ('queued', 'running') and {condition}", *parameters):
        texts = {part["id"]: part["content"] for part in checkpoint or [] if part["content"]}
        left.append(Left(run, thread, user, status, texts, has_effects))
    return left
