"""What deploy/package makes of the program that is tested: whole, the same each time, linted, and able to run where it is put.

Installing it into bare systems is `deploy/package --try`."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile

import pytest

from kit import TOP
from kit.gateway import BINARY, environment

# Packing is work of a quarter of a minute, on a machine at rest.
pytestmark = pytest.mark.timeout(600)
VERSION = "1.0.0"
TAR = f"parley-{VERSION}-linux-x86_64"


def pack(folder, *arguments, mask=0o022):
    answer = subprocess.run([TOP / "deploy" / "package", "--program", BINARY, "--quick", *arguments], text=True,
                            env=environment(PARLEY_DATA=folder, LANG="C.UTF-8"), capture_output=True, timeout=300, umask=mask)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return folder / "packages"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return pack(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def unpacked(packages, tmp_path_factory):
    """The archive and the Debian package, as they lie where they are installed."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(packages / f"{TAR}.tar") as tar:
        tar.extractall(folder)
    subprocess.run(["dpkg-deb", "--raw-extract", packages / f"parley_{VERSION}_amd64.deb", folder / "deb"], check=True)
    return folder


def test_the_sums(packages):
    names = {line.split()[1] for line in (packages / "SHA256SUMS").read_text().splitlines()}
    assert names == {f"{TAR}.tar", f"parley_{VERSION}_amd64.deb", f"parley-{VERSION}-oci.tar"}
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=packages).returncode == 0


def test_the_same_program_gives_the_same_bytes(packages, tmp_path):
    name = f"parley_{VERSION}_amd64.deb"
    assert (pack(tmp_path, "deb", mask=0o077) / name).read_bytes() == (packages / name).read_bytes()


def test_lintian_has_nothing_to_say(packages):
    answer = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", packages / f"parley_{VERSION}_amd64.deb"],
                            capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0 and answer.stdout == "", answer.stdout + answer.stderr


def test_what_the_debian_package_says_of_itself(unpacked):
    control = (unpacked / "deb/DEBIAN/control").read_text()
    depends = re.search(r"^Depends: (.*)$", control, re.MULTILINE)[1]
    for name in ("libc6 (>=", "libpq5 (>=", "libssl3 (>=", "zlib1g (>=", "libjs-marked", "node-prismjs", "libjs-katex"):
        assert name in depends
    assert (unpacked / "deb/DEBIAN/conffiles").read_text().split() == ["/etc/parley/parley.yaml", "/etc/parley/parley.env"]
    assert (unpacked / "deb/etc/parley/parley.env").stat().st_mode & 0o777 == 0o600
    files = {str(path.relative_to(unpacked / "deb")) for path in (unpacked / "deb").rglob("*")}
    for name in ("usr/bin/parley", "usr/sbin/parleyctl", "usr/lib/systemd/system/parley.service",
                 "usr/lib/systemd/system/parley.socket", "usr/share/parley/public/parley-chat.js",
                 "usr/share/man/man1/parley.1.gz", "usr/share/man/man1/parley-serve.1.gz", "usr/share/man/man8/parleyctl.8.gz",
                 "usr/share/bash-completion/completions/parley", "usr/share/zsh/vendor-completions/_parley",
                 "usr/share/fish/vendor_completions.d/parley.fish", "usr/share/doc/parley/Operations.md"):
        assert name in files
    assert not [name for name in files if "var/" in name or name.startswith("run/")]
    # Where a page leads to is in the package too.
    unit = (unpacked / "deb/usr/lib/systemd/system/parley.service").read_text()
    assert re.search(r"^Documentation=file:///(\S+)$", unit, re.MULTILINE)[1] in files
    page = gzip.decompress((unpacked / "deb/usr/share/man/man1/parley-serve.1.gz").read_bytes()).decode()
    assert ".TH PARLEY-SERVE" in page and "http" in page and "/tmp" not in page


def run(program, *arguments, **settings):
    return subprocess.run([program, *arguments], env=environment(**settings), capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("program", ["deb/usr/bin/parley", f"{TAR}/bin/parley", f"{TAR}/parley"])
def test_the_program_runs_where_it_is_put(unpacked, program):
    answer = run(unpacked / program, "--version")
    assert answer.returncode == 0 and answer.stdout == run(BINARY, "--version").stdout, answer.stderr
    # It and its libraries are found there, and not where they were built.
    trace = run(unpacked / program, "--version", LD_DEBUG="libs", LD_LIBRARY_PATH="").stderr
    loaded = set(re.findall(r"calling init: (\S+)", trace))
    assert any(str(unpacked) in name and "libFoundation" in name for name in loaded)
    assert not [name for name in loaded if "swift" in name and str(unpacked) not in name]


def test_an_older_system_takes_the_c_library_beside_it(unpacked, tmp_path):
    """What says how old a system's is, said otherwise."""
    (tmp_path / "getconf").write_text("#!/bin/sh\necho glibc 2.31\n")
    (tmp_path / "getconf").chmod(0o755)
    answer = run(unpacked / TAR / "bin/parley", "--version", PATH=f"{tmp_path}:{os.environ['PATH']}", LD_DEBUG="libs")
    assert answer.returncode == 0 and answer.stdout.startswith("parley ")
    assert f"{unpacked}/{TAR}/bin/../lib/parley/libc/libc.so.6" in answer.stderr
    answer = run(unpacked / TAR / "bin/parley", "chat", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert answer.returncode == 64 and answer.stderr.startswith("parley: ")


def test_the_archive_is_whole(unpacked):
    place = unpacked / TAR
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=place).returncode == 0
    listed = {line.split("  ")[1] for line in (place / "SHA256SUMS").read_text().splitlines()}
    assert listed == {f"./{path.relative_to(place)}" for path in place.rglob("*")
                      if path.is_file() and path.name != "SHA256SUMS" and "share/parley/public/" not in str(path)}
    for package in ("libpq5", "libssl3", "zlib1g", "libjs-katex", "parley"):
        assert (place / "share/doc/parley/licences" / package).read_text()
    # The settings that it comes with name what is in it.
    answer = subprocess.run([place / "parley", "config", "check"], cwd=place, capture_output=True, text=True, timeout=60,
                            env=environment(DATABASE_URL="postgresql:///x", AUTH_JWT_SECRET="x" * 40))
    assert answer.returncode == 0, answer.stderr
    assert (place / "public/parley-chat.js").exists() and (place / "share/javascript/katex/katex.mjs").exists()


def test_a_try_without_a_database_says_what_is_missing(unpacked, tmp_path):
    answer = run(unpacked / TAR / "parley", "try", "--nonsense", DATABASE_URL="postgresql:///x", PARLEY_DATA=tmp_path)
    assert answer.returncode == 64 and "--nonsense" in answer.stderr


@pytest.mark.parametrize("place", ["deb/usr/share/doc/parley", TAR])
def test_the_bill_of_materials(unpacked, place):
    bill = json.loads((unpacked / place / "SBOM.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert bill["metadata"]["component"]["version"] == VERSION
    names = {part["name"] for part in bill["components"]}
    pins = json.loads((TOP / "Package.resolved").read_text())["pins"]
    assert {pin["identity"] for pin in pins} <= names and "libFoundation.so" in names
    assert all("purl" in part or "hashes" in part for part in bill["components"])
    # What is inside is in it, by its sum.
    sums = {part["hashes"][0]["content"] for part in bill["components"] if "hashes" in part}
    root = unpacked / ("deb/usr" if place.startswith("deb") else TAR)
    inside = [path for path in root.rglob("*.so*") if not path.is_symlink()]
    assert len(inside) > 10 and {hashlib.sha256(path.read_bytes()).hexdigest() for path in inside} == sums


def test_the_image(packages):
    with tarfile.open(packages / f"parley-{VERSION}-oci.tar") as archive:
        def blob(descriptor):
            data = archive.extractfile("blobs/" + descriptor["digest"].replace(":", "/")).read()
            assert "sha256:" + hashlib.sha256(data).hexdigest() == descriptor["digest"] and len(data) == descriptor["size"]
            return data
        assert json.load(archive.extractfile("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
        [entry] = json.load(archive.extractfile("index.json"))["manifests"]
        manifest = json.loads(blob(entry))
        config, [layer] = json.loads(blob(manifest["config"])), manifest["layers"]
        raw = gzip.decompress(blob(layer))
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(raw).hexdigest()]
    settings = config["config"]
    assert settings["User"] == "65532:65532" and settings["Entrypoint"] == ["/usr/bin/parley"] and settings["Cmd"] == ["serve"]
    assert settings["Healthcheck"]["Test"][1:] == ["/usr/bin/parley", "check", "gateway"]
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        members = {member.name: member for member in tar}
    for name in ("usr/bin/parley", "lib64/ld-linux-x86-64.so.2", "etc/ssl/certs/ca-certificates.crt", "etc/passwd",
                 "usr/share/zoneinfo/Europe/Berlin", "usr/share/parley/public/parley-chat.js"):
        assert name in members
    # Nothing of the hour that it was packed in.
    assert len({member.mtime for member in members.values()}) == 1
    # Nobody but root owns anything, nobody else may write, nothing gains rights, and there is no shell.
    for member in members.values():
        assert (member.uid, member.gid) == (0, 0) and (member.issym() or not member.mode & 0o6022), member.name
        assert pathlib.PurePath(member.name).name not in ("sh", "bash", "busybox", "apt")


def test_words_that_are_none():
    answer = subprocess.run([TOP / "deploy" / "package", "--nonsense"], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 64 and "deploy/package --help" in answer.stderr
    answer = subprocess.run([TOP / "deploy" / "package", "--help"], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 0 and "--try" in answer.stdout and "set -euo" not in answer.stdout
