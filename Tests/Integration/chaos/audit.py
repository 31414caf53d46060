"""What the database itself sees of the gateways: who writes, and what is written twice."""

_TABLE = "create table parley.chaos_audit (at timestamptz default clock_timestamp(), user_id text, what text)"

# At the commit, when all that a transaction holds is held: who writes a turn holds the lock of a living gateway. One
# look a transaction, since a look at the locks is dear.
_WRITER = """
create function parley.chaos_writer() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if current_setting('chaos.seen', true) is not distinct from pg_current_xact_id()::text then
        return null;
    end if;
    perform set_config('chaos.seen', pg_current_xact_id()::text, true);
    if not exists (
        select from pg_locks l join parley.nodes n
            on l.classid = ((hashtextextended('parley.node ' || n.id, 0) >> 32) & 4294967295)::oid
                and l.objid = (hashtextextended('parley.node ' || n.id, 0) & 4294967295)::oid
        where l.pid = pg_backend_pid() and l.locktype = 'advisory' and l.granted)
    then
        insert into parley.chaos_audit (user_id, what)
        values (new.user_id, format('%s %s was committed by a gateway that is fenced', tg_table_name,
            to_jsonb(new) - 'content' - 'checkpoint'));
    end if;
    return null;
end
$$
"""

# A run that has ended has ended.
_ENDS = """
create function parley.chaos_ends() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    insert into parley.chaos_audit (user_id, what)
    values (new.user_id, format('run %s has ended as %s, and again as %s', new.id, old.status, new.status));
    return null;
end
$$
"""


def install(database):
    for statement in (_TABLE, _WRITER, _ENDS):
        database.do(statement)
    for table, events in (("messages", "insert"), ("runs", "insert or update"), ("task_operation_logs", "insert")):
        database.do(f"create constraint trigger chaos_writer after {events} on parley.{table} deferrable initially"
                    f" deferred for each row execute function parley.chaos_writer()")
    database.do("create trigger chaos_ends after update on parley.runs for each row"
                " when (old.status not in ('queued', 'running')) execute function parley.chaos_ends()")


def found(database, users):
    """(what, user) of all that was noted about these users."""
    return database.rows("select what, user_id from parley.chaos_audit where user_id = any(%s) order by at", users)
