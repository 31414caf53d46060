"""Settings: one declaration each, what the documentation says of them, files and variables with slips, and their list."""

import json
import re

import pytest

from kit import PAGES
from kit.certificates import Certificate
from kit.gateway import command

SECRET = "a secret of a good length, only for this test"
REQUIRED = {"DATABASE_URL": "postgresql:///nowhere", "AUTH_JWT_SECRET": SECRET}


def listed(*arguments, **settings):
    answer = command("config", "list", "--json", *arguments, **settings)
    assert answer.returncode == 0, answer.stderr
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    return {line["name"]: line for line in lines}


def documented():
    """{name: its default as it is written} of the page's table, and the names of the page on limits."""
    found, also = {}, set()
    page = (PAGES / "Configuration.md").read_text()
    for row in re.findall(r"^\| (`[A-Z].*?) \|(.*?)\|", page, re.M):
        names, defaults = re.findall(r"`([A-Z_]+)`", row[0]), row[1].strip()
        whole = [names[0]]
        for name in names[1:]:
            whole.append(names[0].rsplit("_", 1)[0] + name if name.startswith("_") else name)
        values = [value.strip().strip("`") for value in defaults.split(",")] if len(whole) > 1 else [defaults.strip("`")]
        if values == [""]:
            values = [""] * len(whole)
        assert len(values) == len(whole), row
        found |= dict(zip(whole, values))
    for name in re.findall(r"`([A-Z][A-Z_]+)`", (PAGES / "Limits.md").read_text()):
        also.add(name)
    return found, also


def test_documentation_and_program_name_the_same_settings():
    known = listed()
    table, limits = documented()
    assert set(table) - set(known) == set()
    assert set(known) - set(table) - limits == set()
    assert {name for name in limits if "_" in name} - set(known) == set()


def test_documentation_and_program_have_the_same_defaults():
    known = listed()
    table, _ = documented()
    wrong = {}
    for name, written in table.items():
        standard = known[name].get("standard")
        if standard is None:
            # None, or one that is found out and said in words.
            words = (known[name].get("value") or "").strip("()")
            if written != words:
                wrong[name] = (written, words)
        elif written != standard and not written.startswith(standard):
            wrong[name] = (written, standard)
    assert not wrong


def test_a_default_is_a_value_that_changes_nothing():
    """What the list says of a setting's default is taken when it is said, too."""
    standard = {name: line["standard"] for name, line in listed().items() if "standard" in line}
    assert len(standard) > 40
    assert command("config", "check", **REQUIRED, **standard).returncode == 0


def test_where_a_value_comes_from(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("http:\n  port: 9001\n  host: 0.0.0.0\nagent: scripted\nauth:\n  jwt:\n    secret: hidden-in-a-file\n")
    lines = listed("--config", file, "--http-port", "9003", HTTP_PORT=9002, AGENT="todo", METRICS_TOKEN="hidden-too")
    assert [lines[name]["value"] for name in ("HTTP_PORT", "HTTP_HOST", "AGENT")] == ["9003", "0.0.0.0", "todo"]
    assert [lines[name]["source"] for name in ("HTTP_PORT", "HTTP_HOST", "AGENT", "SHARDS")] == \
        ["flag", str(file), "environment", "default"]
    for name in ("AUTH_JWT_SECRET", "METRICS_TOKEN"):
        assert lines[name]["value"] == "(hidden)" and lines[name]["isSecret"]
    text = command("config", "list", "--config", file, METRICS_TOKEN="hidden-too").stdout
    assert "hidden-" not in text
    assert re.search(r"^HTTP_PORT +9001 +\S*settings.yaml +\S", text, re.M)
    assert re.search(r"^DRAIN_SECONDS +20 +default +\S", text, re.M)


def test_what_is_empty_is_not_set(tmp_path):
    """A variable that is set to nothing, as compose files do, does not hide what the file says."""
    file = tmp_path / "settings.yaml"
    file.write_text("http:\n  port: 9001\n")
    lines = listed("--config", file, "--agent", "", HTTP_PORT="", AGENT="scripted")
    assert (lines["HTTP_PORT"]["value"], lines["HTTP_PORT"]["source"]) == ("9001", str(file))
    assert lines["AGENT"]["value"] == "scripted"
    # And so it is when it is read: this one's value can't be used.
    file.write_text("http:\n  port: eighty\n")
    answer = command("config", "check", "--config", file, **REQUIRED, HTTP_PORT="")
    assert answer.returncode == 78 and "eighty" in answer.stderr


@pytest.mark.parametrize("name, text, wanted", [
    ("a.yaml", "http:\n  prot: 9001\n", ["http.prot", "http.port"]),
    ("a.yaml", "http.prot: 9001\n", ["http.prot", "http.port"]),
    ("a.yaml", "HTTP_PORT: 9001\n", ["HTTP_PORT", "http.port"]),
    ("a.yaml", "rate:\n  limit:\n    mesages: 5\n", ["rate.limit.mesages", "rate.limit.messages"]),
    ("a.yaml", "completely-different-thing: 1\n", ["completely-different-thing"]),
    ("a.yaml", "http:\n  port:\n    number: 1\n", ["http.port.number"]),
    ("a.json", '{"http": {"prot": 9001}}', ["http.prot", "http.port"]),
    ("a.json", '{"drain": {"seconds": 1, "delays": {"seconds": 1}}}', ["drain.delays.seconds", "drain.delay.seconds"])])
@pytest.mark.parametrize("arguments", [["config", "check"], ["serve"], ["token", "--user", "a"]], ids=" ".join)
def test_a_key_that_no_setting_has(tmp_path, name, text, wanted, arguments):
    (tmp_path / name).write_text(text)
    answer = command(*arguments, "--config", tmp_path / name, **REQUIRED)
    assert answer.returncode == 78 and answer.stdout == ""
    [line] = answer.stderr.strip().splitlines()
    assert name in line and all(word in line for word in wanted), line


@pytest.mark.parametrize("text", ["http: [", "- 1\n- 2", "http:\n  port: 1\n port: 2\n", "just words"])
def test_files_that_are_none(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    answer = command("config", "check", "--config", tmp_path / "a.yaml", **REQUIRED)
    assert answer.returncode == 78 and len(answer.stderr.strip().splitlines()) == 1, answer.stderr
    assert "a.yaml" in answer.stderr


@pytest.mark.parametrize("text", ["", "# http:\n#   port: 1\n", "---\n", "{}", "http:\n", "http: {}\n"])
def test_files_that_say_nothing(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    answer = command("config", "check", "--config", tmp_path / "a.yaml", **REQUIRED)
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stderr


@pytest.mark.parametrize("slip, meant", [
    ("HTTP_PROT", "HTTP_PORT"), ("RATE_LIMIT_MESAGES", "RATE_LIMIT_MESSAGES"), ("SHARD", "SHARDS"),
    ("DATABASE_URLS", "DATABASE_URL"), ("AGENT_MODE", "AGENT_MODEL"), ("PARLEY_HTTP_PORT", "HTTP_PORT")])
def test_a_variable_that_is_one_slip_away(slip, meant):
    answer = command("config", "check", **REQUIRED, **{slip: "1"})
    assert answer.returncode == 0
    assert slip in answer.stderr and meant in answer.stderr and "warning" in answer.stderr


def test_variables_of_others_are_their_own():
    others = {name: "1" for name in (
        "PORT", "HOST", "HTTP_PORTAL_URL", "DATABASE", "PGHOST", "LOG", "SHELL", "AGENTS_DIR", "no_proxy", "HTTP_PROXY_X")}
    answer = command("config", "check", **REQUIRED, **others)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_serve_warns_in_its_log(gateway):
    from kit.gateway import Gateway
    other = Gateway(gateway.database, name="test_settings_slip", HTTP_PROT=1, LOG_FORMAT="json")
    try:
        line = json.loads(other.process.line("HTTP_PROT"))
        assert line["level"] == "warning" and "HTTP_PORT" in line["message"]
    finally:
        other.remove()


@pytest.mark.parametrize("settings, wanted", [
    ({"DATABASE_URL": None}, ["DATABASE_URL"]), ({"AUTH_JWT_SECRET": None}, ["AUTH_JWT_SECRET"]),
    ({"HTTP_PORT": "eighty"}, ["HTTP_PORT", "eighty"]),
    ({"TLS_CERTIFICATE": "/nowhere", "TLS_PRIVATE_KEY": "/nowhere"}, ["TLS_CERTIFICATE", "/nowhere"]),
    ({"AUTH_JWKS_FILE": "/nowhere"}, ["AUTH_JWKS_FILE"]),
    ({"DORMANT_AFTER": "30d", "ARCHIVE_AFTER": "7d"}, ["DORMANT_AFTER", "ARCHIVE_AFTER"]),
    ({"ARCHIVE_AFTER": "30d", "DELETE_AFTER": "7d"}, ["ARCHIVE_AFTER", "DELETE_AFTER"]),
    ({"DORMANT_AFTER": "30d", "ARCHIVE_AFTER": "never", "DELETE_AFTER": "7d"}, ["DORMANT_AFTER", "DELETE_AFTER"])])
def test_check_says_what_is_wrong(settings, wanted):
    answer = command("config", "check", **{**REQUIRED, **settings})
    assert answer.returncode == 78 and answer.stdout == ""
    [line] = answer.stderr.strip().splitlines()
    assert all(word in line for word in wanted), line


def test_check_warns_of_what_a_start_warns_of(tmp_path):
    certificate = Certificate(tmp_path)
    settings = {**REQUIRED, "TLS_CERTIFICATE": certificate.chain, "TLS_PRIVATE_KEY": certificate.key}
    assert command("config", "check", **settings).stderr == ""
    certificate.expire()
    answer = command("config", "check", **settings)
    assert answer.returncode == 0
    [line] = answer.stderr.strip().splitlines()
    assert "warning" in line and str(certificate.chain) in line and "is expired" in line


@pytest.mark.parametrize("settings", [
    {}, {"ARCHIVE_AFTER": "7d"}, {"DORMANT_AFTER": "7d", "ARCHIVE_AFTER": "7d"}, {"DORMANT_AFTER": "never"}])
def test_check_is_content(settings):
    answer = command("config", "check", **REQUIRED, **settings)
    assert (answer.returncode, answer.stderr) == (0, "")
