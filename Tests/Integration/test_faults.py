"""What can happen to a database server, done to a real one under load. Nothing acknowledged is lost, nothing is stored
twice, what was not acknowledged is answered `unavailable`, and the gateway serves again by itself."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg
import pytest

from kit.database import Cluster, Database
from kit.gateway import Gateway
from kit.senders import Senders

SETTINGS = {"AGENT": "scripted", "SCRIPTED_TOKENS": 2}


@pytest.fixture(scope="module")
def database(cluster):
    return Database(cluster.admin_url)


@pytest.fixture
def senders(gateway, user):
    senders = Senders(gateway, user)
    senders.until("ack", 20)
    yield senders
    senders.finish()


def latecomers(gateway, user, has_room=False):
    """Clients that come while the server is away, each refused. Of the others every one may wait for a reply's end.

    Where it still has room for some rows, those who got it wait for the end of their reply instead.
    """
    late = Senders(gateway, f"{user}-late")
    while len(late.answered if has_room else late.refused) < len(late.names):
        late.until(None, 1)
    return late


def served_again(title, *groups):
    """Every client gets on; how long the first took, and the longest wait for an answer, are printed, not judged."""
    began = time.monotonic()
    for senders in groups:
        senders.skip()
        senders.until("ack", 1)
        print(f"{title}: serves {time.monotonic() - began:.2f} s after the server's return,"
              f" longest wait {senders.longest:.1f} s")
        senders.until("ack", 5 * len(senders.names))


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_under_load(senders, gateway, user, cluster, database, mode):
    cluster.stop(mode)
    late = latecomers(gateway, user)
    cluster.start()
    served_again(f"restart ({mode})", late, senders)
    for each in late, senders:
        each.finish()
        each.check(database)


def test_a_backend_is_killed(senders, cluster, database):
    """The server takes all of its processes down and recovers."""
    for _ in range(3):
        pid = database.value("select pid from pg_stat_activity where application_name = 'parley'"
                             " and datname = current_database() order by state_change desc limit 1")
        os.kill(pid, signal.SIGKILL)
        served_again("killed backend", senders)
    senders.finish()
    senders.check(database)


def test_the_server_stops_answering(senders, gateway, user, cluster, database):
    """Those whose turns were being stored wait for their ends; whoever comes is told at once, and sends again."""
    stopped = cluster.processes()
    for pid in reversed(stopped):
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        late = latecomers(gateway, user)
        while time.monotonic() - began < 20:
            late.until("unavailable", 1)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    served_again("stopped server", late, senders)
    for each in late, senders:
        each.finish()
        each.check(database)


@pytest.fixture
def small_disk():
    """A file system of 48 MiB."""
    with tempfile.TemporaryDirectory(prefix="parley-small.", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        place = pathlib.Path(folder) / "disk"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=0777", "tmpfs", place], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def test_the_disk_is_full(small_disk, user):
    cluster = Cluster()
    try:
        home = small_disk / "tables"
        home.mkdir()
        os.chmod(home, 0o777)
        if os.geteuid() == 0:
            shutil.chown(home, "postgres")
        database = Database(cluster.admin_url)
        with psycopg.connect(cluster.admin_url, autocommit=True) as connection:
            connection.execute(f"create tablespace small location '{home}'")
            connection.execute(f"alter database {database.name} set tablespace small")
        gateway = Gateway(database, name="test_faults_disk", **SETTINGS)
        senders = Senders(gateway, user, content="long " * 1500)
        try:
            senders.until("ack", 20)
            ballast = small_disk / "ballast"
            subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=64k"], capture_output=True)
            late = latecomers(gateway, user, has_room=True)
            ballast.unlink()
            served_again("full disk", late, senders)
            for each in late, senders:
                each.finish()
                each.check(database)
        finally:
            senders.finish()
            gateway.remove()
    finally:
        cluster.remove()


def test_a_replica_takes_over(user):
    """What is acknowledged has reached the replica (synchronous_standby_names); the gateway knows both servers."""
    primary = Cluster()
    try:
        database = Database(primary.admin_url)
        follower = primary.follower()
        try:
            database.do("alter system set synchronous_standby_names = '*'")
            database.do("select pg_reload_conf()")
            database.wait("select count(*) from pg_stat_replication where sync_state = 'sync'")
            url = (f"postgresql://parley@/{database.name}?host={primary.socket},{follower.socket}"
                   "&target_session_attrs=read-write")
            gateway = Gateway(database, name="test_faults_promoted", DATABASE_URL=url, **SETTINGS)
            senders = Senders(gateway, user)
            try:
                senders.until("ack", 20)
                primary.stop("immediate")
                late = latecomers(gateway, user)
                follower.promote()
                served_again("promoted replica", late, senders)
                late.finish()
                senders.finish()
                promoted = Database.__new__(Database)
                promoted.__dict__.update(vars(database), _connection=None)
                promoted.admin_url = database.admin_url.replace(database.host, follower.socket)
                for each in late, senders:
                    each.check(promoted)
            finally:
                senders.finish()
                gateway.remove()
        finally:
            follower.remove()
    finally:
        primary.remove()
