"""PgBouncer in transaction mode before a cluster: a server session is lent for one transaction."""

import contextlib
import os
import pathlib
import shutil
import tempfile

import psycopg

from .processes import Process


class Bouncer:
    """`sessions` of the server for all clients together, so that they change hands all the time."""

    def __init__(self, server_socket, sessions=3):
        self._sessions = sessions
        program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        assert os.access(program, os.X_OK), "pgbouncer is not installed"
        self._folder = tempfile.TemporaryDirectory(prefix="parley-bouncer.", ignore_cleanup_errors=True)
        folder = pathlib.Path(self._folder.name)
        (folder / "users").write_text('"parley" ""\n"postgres" ""\n')
        (folder / "pgbouncer.ini").write_text(f"""
[databases]
* = host={server_socket}

[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
server_lifetime = 3600
""")
        self.socket = str(folder)
        arguments = [program, folder / "pgbouncer.ini"]
        if os.geteuid() == 0:
            # It refuses to run as root.
            shutil.chown(folder, "postgres")
            arguments = [program, "-u", "postgres", folder / "pgbouncer.ini"]
        self._process = Process(arguments)
        self._process.line("process up")

    def url(self, database):
        return f"postgresql://parley@/{database}?host={self.socket}&port=6432"

    def sessions(self, database):
        """What is left in the server's sessions: {(role, statement_timeout, number of prepared statements)}."""
        found = set()
        with contextlib.ExitStack() as stack:
            # Each holds the session that it has begun a transaction in, so the next one gets another.
            for _ in range(self._sessions):
                connection = stack.enter_context(psycopg.connect(self.url(database), prepare_threshold=None))
                found.add(connection.execute(
                    "select current_setting('role'), current_setting('statement_timeout'),"
                    " (select count(*) from pg_prepared_statements)").fetchone())
        return found

    def remove(self):
        self._process.end()
        self._folder.cleanup()
