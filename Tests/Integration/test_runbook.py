"""The Runbook: every command in it is carried out as it stands there, and faults that are put in are found by what it says."""

import os
import pathlib
import re
import subprocess
import time

import pytest
import yaml

from kit import TOP
from kit.certificates import Certificate
from kit.database import Database
from kit.gateway import BINARY, RESULTS, Gateway, command, environment
from kit.processes import Process
from kit.upstream import closed_port

TEXT = (TOP / "Sources" / "parley" / "Documentation.docc" / "Runbook.md").read_text()
FENCED = [line.split(" #")[0].strip() for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
          for line in block.splitlines()]
SPANS = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL))))
SHELL = ("curl ", "parley ", "psql ", "journalctl ", "systemctl ", "dmesg", "ss ", "openssl ", "iostat ", "top ", "date ", "df ", "printf ")
SQL = ("select ", "alter ", "grant ")
PROMETHEUS = ("sum ",)
# What is no command: settings, series, codes, files, programs by their name, and words that a fault below shows.
NAMES = re.compile(r"[A-Za-z_…-]+(/[a-z]*)?|/[a-z/]+|[A-Z_]+=\S+|deploy/\S+|vacuum full|sudo parleyctl")
WORDS = {"database away", "database silent", "database read-only", "database out of resources", "key set", "cannot listen on",
         "may not become the role parley_gateway", "open files is too low", "open files leaves room for",
         "a statement was refused", "No space left on device", "permission denied", "is expired",
         "database rights missing", "the cluster's servers are away"}
COMMANDS = FENCED + [span for span in SPANS if span.startswith(SHELL)]


def test_what_is_a_command_is_known():
    assert len(COMMANDS) > 12
    for span in SPANS:
        known = span.startswith(SHELL + SQL + PROMETHEUS) or NAMES.fullmatch(span) or span in WORDS
        assert known, f"{span!r} is neither a command that is tried here nor a name"


def one(begins):
    """The command of the Runbook that begins so."""
    [found] = {line for line in COMMANDS if line.startswith(begins)}
    return found


def carry_out(line, gateway, tmp_path, **settings):
    """As an operator would on the gateway's machine, with its settings."""
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    if not (tools / "parley").exists():
        (tools / "parley").symlink_to(BINARY)
    line = line.replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}").replace(":8080", f":{gateway.port}").replace("NAME", "alice")
    env = environment(**gateway.settings | {"AUTH_JWKS_URL": f"{gateway.url}/healthz"} | settings)
    if line.startswith("parley "):
        env.pop("AUTH_JWKS_URL")
    env["PATH"] = f"{tools}:{os.environ['PATH']}"
    return subprocess.run(["bash", "-c", line], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("line", [line for line in COMMANDS if not line.startswith("openssl ")])
def test_each_command_is_one(gateway, tmp_path, line):
    answer = carry_out(line, gateway, tmp_path)
    if line.startswith(("systemctl ", "journalctl ")):
        # There need be no systemd here; but they must be understood.
        assert not re.search(r"Unknown|unrecognized|invalid|Failed to parse", answer.stderr), answer.stderr
    elif line.startswith("dmesg"):
        assert answer.returncode == 0 or "not permitted" in answer.stderr
    else:
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert answer.stdout or line.startswith(("parley audit", "parley webhooks"))


@pytest.mark.parametrize("statement", [span for span in SPANS if span.startswith(SQL)])
def test_each_statement_is_one(database, statement):
    database.do(statement.replace("PID", "0").replace("database parley ", f"database {database.name} ").replace("%", "%%"))


def test_each_expression_is_one(tmp_path):
    expressions = [span for span in SPANS if span.startswith(PROMETHEUS)]
    assert expressions
    rules = [{"alert": f"Tried{index}", "expr": f"{expression} > 0"} for index, expression in enumerate(expressions)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "tried", "rules": rules}]}))
    answer = subprocess.run(["/usr/bin/promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


# --- faults -----------------------------------------------------------------------------------------------------------------


def section(title):
    """What the Runbook says there, and must say of the fault."""
    return TEXT.split(f"## {title}\n")[1].split("\n## ")[0]


def log_of(gateway):
    return pathlib.Path(RESULTS / f"{gateway.name}.log").read_text()


def soon(look):
    """What comes within 15 s."""
    deadline = time.monotonic() + 15
    while not (found := look()):
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("word, claims", [
    ("signature", {"key": "another secret of a good length, only for this test"}), ("expired", {"ttl": -3600}),
    ("not_yet_valid", {"nbf": 9_999_999_000, "ttl": 9_999_999_999 - 1_700_000_000})])
def test_a_wrong_key_and_a_wrong_clock(gateway, user, tmp_path, word, claims):
    headers = {"Authorization": f"Bearer {gateway.token(user, **claims)}"}
    assert gateway.request("GET", f"/api/users/{user}/tasks", headers=headers)[0] == 401
    assert f"`{word}`" in section("ParleySignInsRefused")
    soon(lambda: f'"{word}"' in carry_out(one("parley audit --since 15m"), gateway, tmp_path).stdout)
    # A token of the gateway's own key is taken.
    answer = carry_out(one("parley token"), gateway, tmp_path)
    headers = {"Authorization": f"Bearer {answer.stdout.strip()}"}
    assert gateway.request("GET", "/api/users/alice/tasks", headers=headers)[0] == 200


def test_a_proxy_that_is_not_declared(gateway):
    assert "TRUSTED_PROXIES" in section("What no alert names")
    gateway.request("GET", "/api/users/x/tasks", headers={"X-Forwarded-For": "203.0.113.9", "Authorization": "Bearer x.y.z"})
    soon(lambda: "TRUSTED_PROXIES" in log_of(gateway))


def test_a_database_that_is_down(cluster, tmp_path):
    database = Database(cluster.admin_url)
    gateway = Gateway(database, name="test_runbook_database")
    try:
        cluster.stop("immediate")
        soon(lambda: "reasons" in answer_of(gateway))
        found = soon(lambda: re.search("database (away|silent)", carry_out(one("curl -s http://127.0.0.1:8080/readyz"), gateway, tmp_path).stdout))
        assert f"`{found.group()}`" in section("ParleyMessagesNotStored")
        psql = carry_out(one("psql "), gateway, tmp_path)
        assert psql.returncode == 2 and "Is the server running" in psql.stderr
    finally:
        gateway.remove()
        cluster.start()


def answer_of(gateway):
    return gateway.get("/readyz")[2].decode()


def test_a_port_that_is_taken(gateway, tmp_path):
    answer = command("serve", **gateway.settings | {"HTTP_PORT": gateway.port}, timeout=30)
    assert answer.returncode == 69 and "cannot listen on" in answer.stderr and "`cannot listen on`" in section("ParleyDown")
    assert f"pid={gateway.process.pid}" in carry_out(one("ss "), gateway, tmp_path).stdout


def test_descriptors_that_are_few(gateway):
    settings = environment(**gateway.settings | {"HTTP_PORT": 0, "MAX_SOCKETS": 1000})
    start = f"ulimit -n {{}}; exec {BINARY} serve"
    answer = subprocess.run(["bash", "-c", start.format(40)], env=settings, capture_output=True, text=True, timeout=30)
    assert answer.returncode == 78 and "open files is too low" in answer.stderr, answer.stderr
    assert "`open files is too low`" in section("ParleyDown") and "64" in section("ParleyFull")
    small = Process(["bash", "-c", start.format(300)], env=settings)
    try:
        assert "warning" in small.line("open files leaves room for")
        assert "`open files leaves room for`" in section("ParleyFull")
    finally:
        small.end()


def test_a_certificate_past_its_day(database, tmp_path):
    certificate = Certificate(tmp_path)
    certificate.expire()
    gateway = Gateway(database, name="test_runbook_certificate", arguments=certificate.flags)
    try:
        assert "is expired" in log_of(gateway) and "`is expired`" in section("What no alert names")
        answer = carry_out(one("openssl "), gateway, tmp_path)
        assert "notAfter" in answer.stdout, answer.stderr
    finally:
        gateway.remove()


def test_an_upstream_that_is_down(database, user, tmp_path):
    gateway = Gateway(database, name="test_runbook_upstream", AGENT="chat-completions", AGENT_MODEL="m",
                      AGENT_BASE_URL=f"http://127.0.0.1:{closed_port()}/v1")
    try:
        with gateway.connect(user) as chat:
            chat.turn("hello")
        soon(lambda: "upstream_unavailable" in log_of(gateway))
        answer = carry_out(one("parley check agent"), gateway, tmp_path)
        assert answer.returncode == 69 and "refused" in answer.stdout
        assert "`parley check agent`" in section("ParleyUpstreamFailing")
    finally:
        gateway.remove()


def test_rights_that_were_taken(admin_url, user):
    database = Database(admin_url)
    gateway = Gateway(database, name="test_runbook_rights")
    try:
        database.do("revoke insert on parley.tasks from parley_gateway")
        with gateway.connect(user) as chat:
            chat.turn("add milk")
        line = soon(lambda: next((line for line in log_of(gateway).splitlines() if "a statement was refused" in line), ""))
        assert "permission denied" in line and "42501" in line
        for word in ("tool_failed", "a statement was refused", "permission denied"):
            assert f"`{word}`" in section("ParleyRunsFailing")
        [remedy] = [span for span in SPANS if span.startswith("grant ")]
        database.do(remedy)
        with gateway.connect(user) as chat:
            chat.turn("add milk")
        assert [title for _, title, _ in database.tasks(user)] == ["milk"]
    finally:
        gateway.remove()
        database.remove()
