"""deploy/backup and deploy/restore: a cluster is destroyed, and comes back as it was at a moment."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from kit import TOP
from kit.database import Cluster, Database
from kit.gateway import Gateway


@pytest.fixture
def store():
    """A folder for backups that the server can write to."""
    with tempfile.TemporaryDirectory(prefix="parley-backup.", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        backup = pathlib.Path(folder) / "backup"
        backup.mkdir()
        if os.geteuid() == 0:
            shutil.chown(backup, "postgres", "postgres")
        yield backup


def tool(name, *arguments, **settings):
    environment = {"PATH": os.environ["PATH"], **{key: str(value) for key, value in settings.items()}}
    return subprocess.run([TOP / "deploy" / name, *arguments], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)


def done(answer):
    assert answer.returncode == 0, f"{answer.returncode}: {answer.stdout}{answer.stderr}"
    return answer.stdout


def test_a_moment_between_two_messages_comes_back(store, user):
    # The server runs as another user, who may not be able to reach a checkout.
    program = store.parent / "deploy"
    shutil.copytree(TOP / "deploy", program, ignore=shutil.ignore_patterns("bench*"))
    cluster = Cluster("archive_mode = on", f"archive_command = 'BACKUP_DIR={store} {program}/backup wal \"%p\" \"%f\"'")
    try:
        database = Database(cluster.admin_url)
        settings = {"BACKUP_DIR": store, "BACKUP_DATABASE_URL": cluster.admin_url}
        gateway = Gateway(database, name="test_backup", SHARDS=1)
        try:
            with gateway.connect(user) as chat:
                thread = chat.turn("before the backup").thread
                done(tool("backup", "base", **settings))
                chat.turn("after the backup", thread=thread)
                wanted = database.messages(thread)
                moment = database.value("select clock_timestamp()::text")
                chat.turn("too late", thread=thread)
                other = chat.turn("too late, and elsewhere").thread
        finally:
            gateway.remove()
        assert len(database.messages(thread)) > len(wanted)
        last = database.value("select pg_walfile_name(pg_switch_wal())")
        database.wait("select last_archived_wal >= %s from pg_stat_archiver", last)

        cluster.stop("immediate")
        shutil.rmtree(cluster.place / "data")
        done(tool("restore", "--to", moment, "--data", cluster.place / "data", **settings))
        cluster.start()
        database.wait("select not pg_is_in_recovery()")
        assert database.messages(thread) == wanted
        assert database.messages(other) == []
        assert database.value("select count(*) from messages") == len(wanted)

        gateway = Gateway(database, name="test_backup", SHARDS=1)
        try:
            with gateway.connect(user) as chat:
                assert chat.turn("and on", thread=thread).end["outcome"] == {"type": "success"}
        finally:
            gateway.remove()
    finally:
        cluster.remove()


def test_a_backup_is_tried(store, user):
    """Restored into a scratch folder, started, counted; what is not what it was is found."""
    cluster = Cluster()
    try:
        database = Database(cluster.admin_url)
        gateway = Gateway(database, name="test_backup_check", SHARDS=1)
        with gateway.connect(user) as chat:
            chat.turn("add milk")
        gateway.stop()
        settings = {"BACKUP_DIR": store, "BACKUP_DATABASE_URL": cluster.admin_url, "BACKUP_CHECK_DIR": store.parent}
        base = pathlib.Path(done(tool("backup", "base", **settings)).split()[-1])
    finally:
        cluster.remove()
    said = done(tool("restore", "--check", **settings))
    assert "it starts" in said and "as many as were counted" in said
    manifest = base / "parley_manifest"
    lines = manifest.read_text()
    assert f"{database.name} messages 4 4" in lines and f"{database.name} tasks 1 1" in lines
    manifest.write_text(lines.replace(f"{database.name} tasks 1 1", f"{database.name} tasks 2 3"))
    answer = tool("restore", "--check", **settings)
    assert answer.returncode == 65 and f"{database.name} tasks: 1 rows, 2 to 3 were counted" in answer.stderr
    manifest.write_text(lines)
    control = base / "global" / "pg_control"
    control.write_bytes(control.read_bytes()[:-1] + b"x")
    answer = tool("restore", "--check", **settings)
    assert answer.returncode == 74 and "pg_control" in answer.stderr
    assert not list(store.parent.glob("parley-check.*")), "something was left"
    assert tool("restore", "--check", "--to", "2026-01-01", **settings).returncode == 64


def test_what_is_kept_is_brought_away(store, admin_url, tmp_path):
    away = tmp_path / "away"
    copy = f'mkdir -p "$(dirname "{away}/$BACKUP_NAME")" && cp -a "$BACKUP_FILE" "{away}/$BACKUP_NAME"'
    settings = {"BACKUP_DIR": store, "BACKUP_DATABASE_URL": admin_url, "BACKUP_COPY_COMMAND": copy}
    base = pathlib.Path(done(tool("backup", "base", **settings)).split()[-1])
    assert (away / "base" / base.name / "backup_manifest").read_bytes() == (base / "backup_manifest").read_bytes()
    (tmp_path / "file").write_bytes(b"one")
    told = tmp_path / "told"
    wal = ["wal", tmp_path / "file", "000000010000000000000009"]
    failing = settings | {"BACKUP_COPY_COMMAND": "exit 3", "BACKUP_FAILED_COMMAND": f'printf %s "$BACKUP_ERROR" >{told}'}
    # PostgreSQL keeps the file and calls again, until it has been brought away too.
    assert tool("backup", *wal, **failing).returncode == 75 and "BACKUP_COPY_COMMAND" in told.read_text()
    assert (store / "wal" / "000000010000000000000009").read_bytes() == b"one"
    done(tool("backup", *wal, **settings))
    assert (away / "wal" / "000000010000000000000009").read_bytes() == b"one"
    slow = settings | {"BACKUP_COPY_COMMAND": "sleep 60", "BACKUP_COPY_SECONDS": 1}
    answer = tool("backup", *wal, **slow)
    assert answer.returncode == 75 and "longer than 1 s" in answer.stderr


def test_old_backups_go(store, admin_url):
    settings = {"BACKUP_DIR": store, "BACKUP_DATABASE_URL": admin_url, "BACKUP_KEEP": 2}
    (store / "wal").mkdir()
    old = store / "wal" / "000000010000000000000001"
    old.write_bytes(b"")
    made = [done(tool("backup", "base", **settings)).split()[-1] for _ in range(3)]
    assert sorted(map(str, (store / "base").glob("*Z"))) == made[1:]
    assert not old.exists(), "log from before the oldest backup is kept"
    assert not list((store / "base").glob("*.new"))


def test_a_failed_backup_calls_the_command(store, tmp_path):
    told = tmp_path / "told"
    settings = {"BACKUP_DIR": store, "BACKUP_FAILED_COMMAND": f'printf %s "$BACKUP_ERROR" >{told}'}
    answer = tool("backup", "base", BACKUP_DATABASE_URL="postgresql://postgres@/x?host=/nonexistent", **settings)
    assert answer.returncode == 69
    assert "/nonexistent" in told.read_text() and "\n" not in told.read_text().strip()
    assert not list((store / "base").glob("*Z*")), "part of a backup was left"
    told.unlink()
    answer = tool("backup", "wal", "/nonexistent/file", "000000010000000000000001", **settings)
    assert answer.returncode != 0 and told.read_text()


def test_a_log_file_is_never_replaced(store, tmp_path):
    for content, code in ((b"one", 0), (b"one", 0), (b"two", 1)):
        (tmp_path / "file").write_bytes(content)
        assert tool("backup", "wal", tmp_path / "file", "0001", BACKUP_DIR=store).returncode == code
    assert (store / "wal" / "0001").read_bytes() == b"one"


@pytest.mark.parametrize("arguments, code", [
    (["--to", "nonsense", "--data", "x"], 64), (["--to", "2001-01-01", "--data", "x"], 66), ([], 64)])
def test_what_cannot_be_restored(store, tmp_path, arguments, code):
    arguments = [str(tmp_path / "x") if argument == "x" else argument for argument in arguments]
    answer = tool("restore", *arguments, BACKUP_DIR=store)
    assert answer.returncode == code and len(answer.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()
