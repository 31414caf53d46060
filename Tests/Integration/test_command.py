"""The command: what it says of itself, of words that it does not know, and of what to do next."""

import re
import subprocess

import pytest

from kit.database import Database
from kit.gateway import BENCH, command, environment

SECRET = "a secret of a good length, only for this test"


def refusal(*arguments, code=64, **settings):
    answer = command(*arguments, **{"AUTH_JWT_SECRET": SECRET, **settings})
    assert answer.returncode == code, f"{answer.returncode}: {answer.stderr}{answer.stdout}"
    assert answer.stdout == ""
    [line] = answer.stderr.strip().splitlines()
    return line


def bench(*arguments, **settings):
    """Runs `parley-bench …` to its end."""
    return subprocess.run([BENCH, *arguments], env=environment(**settings), capture_output=True, text=True, timeout=60)


def test_version():
    answer = command("--version")
    assert answer.returncode == 0
    assert re.match(r"parley \d+\.\d+\.\d+ \(commit \S+, Swift \d", answer.stdout)
    for library in ("OpenSSL ", "libpq ", "zlib "):
        assert library in answer.stdout


@pytest.mark.parametrize("arguments, meant", [
    (["srve"], "parley serve"), (["tokne", "--user", "a"], "parley token"), (["migrate", "dwon"], "parley migrate down"),
    (["config", "lst"], "parley config list"), (["help", "srve"], "parley serve")])
def test_a_command_that_was_nearly_right(arguments, meant):
    line = refusal(*arguments)
    assert "no command" in line and meant in line


@pytest.mark.parametrize("arguments", [["nonsense"], ["help", "nonsense"], ["migrate", "sideways"], ["config", "xyzzy"]])
def test_a_command_that_is_none(arguments):
    line = refusal(*arguments)
    assert "no command" in line and "meant" not in line and "--help" in line


@pytest.mark.parametrize("arguments, help", [
    (["serve", "--no-such-flag"], "parley serve --help"), (["token"], "parley token --help"),
    (["migrate", "up", "many"], "parley migrate up --help"), (["config", "list", "surplus"], "parley config list --help"),
    (["--no-such-flag"], "parley --help")])
def test_wrong_use_names_the_help_that_helps(arguments, help):
    assert help in refusal(*arguments).replace("parley help ", "parley ")


@pytest.mark.parametrize("arguments", [
    ["--help"], ["help"], ["help", "serve"], ["help", "migrate", "up"], ["serve", "--help"], ["config", "check", "--help"],
    ["token", "--help"]])
def test_help(arguments):
    answer = command(*arguments)
    assert answer.returncode == 0 and "USAGE" in answer.stdout and answer.stderr == ""


@pytest.mark.parametrize("arguments", [["migrate", "status"], ["audit"], ["token"], ["reencrypt"], ["retention", "run"]])
def test_help_shows_what_is_read(arguments):
    text = command(*arguments, "--help").stdout
    assert "--config" in text
    for flag in ("--tls-certificate", "--shards", "--public-dir", "--http-port"):
        assert flag not in text


def leaves(*path):
    """Every command that has none below it."""
    text = command("help", *path).stdout
    below = re.findall(r"^  ([a-z-]+)(?: |$)", text.partition("SUBCOMMANDS:")[2], re.MULTILINE)
    return [leaf for name in below for leaf in leaves(*path, name)] if below else [path]


def test_every_help_has_an_example():
    found = leaves()
    assert len(found) > 15 and ("migrate", "redo") in found and ("chat",) in found
    for path in found:
        example = command("help", *path).stdout.partition("Example: ")[2].partition("USAGE")[0]
        assert f" {path[-1]} " in f"{' '.join(example.split())} " and "parley" in example, path


@pytest.mark.parametrize("arguments, words", [
    (["audit", "--since", "-3h"], "--since is a time"), (["top", "--interval", "-1"], "from 1 to 60"),
    (["migrate", "up", "0"], "0 is not a number of migrations"), (["migrate", "down", "0"], "0 is not a number of migrations"),
    (["serve", "--http-port", "-1"], "not a whole number from 0 to 65535"), (["serve", "--shards", "-2"], "from 1 to 256")])
def test_numbers_that_are_none(arguments, words):
    assert words in refusal(*arguments, code=78 if arguments[0] == "serve" else 64)


def test_help_tells_the_truth():
    assert "--stream-tokens deltas" in bench("load", "--help").stdout
    serve = command("serve", "--help").stdout
    for agent in ("todo", "scripted", "chat-completions", "agui"):
        assert agent in serve


@pytest.mark.parametrize("ttl", ["-5", "0", "999999999999"])
def test_a_lifetime_that_is_none(ttl):
    line = refusal("token", "--user", "a", "--ttl", ttl)
    assert "positive number of seconds" in line and ttl in line


def test_a_short_secret_is_said():
    answer = command("token", "--user", "a", AUTH_JWT_SECRET="x")
    assert answer.returncode == 0 and len(answer.stdout.split(".")) == 3
    assert "warning" in answer.stderr and "AUTH_JWT_SECRET" in answer.stderr
    assert command("token", "--user", "a", AUTH_JWT_SECRET=SECRET).stderr == ""


@pytest.mark.parametrize("arguments", [["audit"], ["retention", "run"]])
def test_before_the_schema_is_there(admin_url, arguments):
    database = Database(admin_url)
    try:
        line = refusal(*arguments, code=78, DATABASE_URL=database.url)
        assert "parley migrate up" in line and "42P01" not in line
    finally:
        database.remove()


@pytest.mark.parametrize("value, words", [
    ('"{}"', "quotation marks"), ("'{}'", "quotation marks"), ("{}\n", "white space"), (" {}", "white space"), ('"{}', None)])
def test_what_is_left_around_a_value(value, words):
    answer = command("config", "check", DATABASE_URL="postgresql:///x", AUTH_JWT_SECRET=value.format("x" * 40))
    assert answer.returncode == 0
    assert answer.stderr == (f"parley: warning: AUTH_JWT_SECRET has {words} around it, which the value then has too\n" if words else "")


def test_nobody_is_exported(gateway):
    answer = command("user", "export", "--user", "nobody-of-that-name", **gateway.settings)
    assert answer.returncode == 64 and "there is no user nobody-of-that-name" in answer.stderr


def test_the_bench_is_told_the_same_way():
    answer = bench("laod")
    assert answer.returncode == 64 and "is parley-bench load meant" in answer.stderr
    assert "parley-bench load --help" in bench("load", "--no-such-flag").stderr


def test_load_with_another_secret(gateway):
    answer = bench("load", "turns", "--sockets", "2", "--seconds", "1", "--url", gateway.socket_url, AUTH_JWT_SECRET=SECRET)
    assert answer.returncode == 69 and "401" in answer.stderr and "AUTH_JWT_SECRET" in answer.stderr


def test_load_says_when_there_is_no_pace_to_measure(gateway):
    answer = bench("load", "paced", "--sockets", "2", "--turns", "2", "--warm-up", "0", "--verify", "0", "--url",
                   gateway.socket_url, AUTH_JWT_SECRET=gateway.secret)
    assert "does not pace" in answer.stderr, answer.stderr + answer.stdout
