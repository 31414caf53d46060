# shellcheck shell=bash
# What deploy/backup and deploy/restore count. To be sourced.

# For psql: `database table rows` of each of Parley's tables that holds what users have. Names hold no spaces there but the
# database's, which is written without.
# shellcheck disable=SC2034 # used by who sources it
count_rows="select format('select %L, %L, count(*) from parley.%I', replace(current_database(), ' ', '_'), tablename, tablename)
from pg_catalog.pg_tables
where schemaname = 'parley' and tablename not in ('nodes', 'audit_log', 'schema_migrations') order by tablename \\gexec"
