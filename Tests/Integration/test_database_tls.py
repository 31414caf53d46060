"""TLS to the database, as libpq's `sslmode` says: the certificate and the name in it are checked."""

import os
import shutil
import socket
import subprocess

import psycopg
import pytest

from kit.database import Cluster, Database
from kit.gateway import Gateway, command


def certificates(folder):
    """An authority, a certificate of `localhost` by it, and another authority."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
            "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName = DNS:localhost\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.pem")


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """(database, URL without the settings of TLS, folder of the certificates): TCP with TLS only."""
    cluster = Cluster()
    try:
        database = Database(cluster.admin_url)
        migrated = command("migrate", "up", DATABASE_URL=database.url)
        assert migrated.returncode == 0, migrated.stderr
        folder = tmp_path_factory.mktemp("certificates")
        certificates(folder)
        place = cluster.place / "tls"
        place.mkdir()
        for name in ("server.key", "server.pem"):
            shutil.copy(folder / name, place / name)
        (place / "hba").write_text("local all all trust\nhostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n")
        for path in (place, *place.iterdir()):
            os.chmod(path, 0o700 if path.is_dir() else 0o600)
            if os.geteuid() == 0:
                shutil.chown(path, "postgres", "postgres")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        cluster.stop()
        cluster.lines = ("listen_addresses = '127.0.0.1'", f"port = {port}", "ssl = on", f"hba_file = '{place}/hba'",
                         f"ssl_cert_file = '{place}/server.pem'", f"ssl_key_file = '{place}/server.key'")
        cluster.start()
        yield database, f"postgresql://parley@localhost:{port}/{database.name}?hostaddr=127.0.0.1", folder
    finally:
        cluster.remove()


def keepalive_ticks(port):
    """Of each established connection to that port: hundredths of a second until its keepalive timer fires."""
    ticks = []
    with open("/proc/net/tcp", encoding="ascii") as table:
        for fields in (line.split() for line in table.readlines()[1:]):
            timer, left = fields[5].split(":")
            if fields[3] == "01" and int(fields[2].split(":")[1], 16) == port:
                ticks.append(int(left, 16) if timer == "02" else None)
    return ticks


def test_verify_full(secured, user):
    database, url, folder = secured
    url = f"{url}&sslmode=verify-full&sslrootcert={folder}/ca.pem"
    gateway = Gateway(database, name="test_database_tls", SHARDS=1, DATABASE_URL=url)
    try:
        with gateway.connect(user) as chat:
            assert chat.turn("add buy milk").end["outcome"] == {"type": "success"}
            ticks = keepalive_ticks(int(url.split("localhost:")[1].split("/")[0]))
            assert ticks and all(left is not None and left <= 3000 for left in ticks), f"no TCP keepalive: {ticks}"
        with psycopg.connect(url) as connection:
            encrypted = connection.execute(
                "select bool_and(ssl), count(*) from pg_stat_ssl join pg_stat_activity using (pid)"
                " where application_name = 'parley'").fetchone()
        assert encrypted[0] is True and encrypted[1] > 0
    finally:
        gateway.remove()


@pytest.mark.parametrize("settings, says", [
    ("sslmode=verify-full&sslrootcert={folder}/other.pem", "certificate verify failed"),
    ("sslmode=verify-full&sslrootcert={folder}/ca.pem&host=database.example", "does not match"),
    ("sslmode=disable", "no pg_hba.conf entry"),
])
def test_a_server_that_is_not_who_it_should_be(secured, settings, says):
    _, url, folder = secured
    answer = command("serve", DATABASE_URL=f"{url}&{settings.format(folder=folder)}", AUTH_JWT_SECRET="s" * 40, HTTP_PORT=0)
    assert answer.returncode == 69, answer.stderr
    assert says in answer.stderr and len(answer.stderr.strip().splitlines()) == 1
