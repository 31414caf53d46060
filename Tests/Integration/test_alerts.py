"""Prometheus' alerts: they parse, fire where they should, name series that exist, and each has its section of the Runbook."""

import re
import shlex
import subprocess

import pytest
import yaml

from kit import TOP
from kit.figures import figures

FOLDER = TOP / "deploy" / "prometheus"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
RUNBOOK = (TOP / "Sources" / "parley" / "Documentation.docc" / "Runbook.md").read_text()
DEV = True


@pytest.mark.parametrize("arguments", ["check rules alerts.yml", "test rules alerts_test.yml"])
def test_promtool_takes_them(arguments):
    answer = subprocess.run(["/usr/bin/promtool", *shlex.split(arguments)], cwd=FOLDER, capture_output=True, text=True,
                            timeout=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_each_is_tried_in_both_states():
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for rule in RULES:
        expected = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]]
        assert set(expected) == {True, False}, rule["alert"]


def test_they_name_series_that_exist(gateway):
    there = {name for name, _ in figures(gateway)}
    text = gateway.get("/metrics")[2].decode()
    for rule in RULES:
        used = set(re.findall(r"\b(?:parley|process)_[a-z_]+", rule["expr"]))
        assert used <= there, (rule["alert"], used - there)
        # And values of labels that exist.
        for label, values in re.findall(r'\b(event|outcome|state|limit|status)[!=]~?"([^"]*)"', rule["expr"]):
            for value in values.split("|"):
                assert f'{label}="{value}"' in text or label == "status", (rule["alert"], label, value)


def test_each_has_its_section_of_the_runbook():
    sections = re.findall(r"^## (Parley\w+)$", RUNBOOK, re.MULTILINE)
    assert sections == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"Runbook.md#{rule['alert']}"
        section = RUNBOOK.split(f"## {rule['alert']}\n")[1].split("\n## ")[0]
        assert "**Means**" in section and "**Do**" in section or "**Look, do**" in section, rule["alert"]


def test_a_process_tells_what_others_tell(gateway):
    text = dict(line.rsplit(" ", 1) for line in gateway.get("/metrics")[2].decode().splitlines()
                if line.startswith("process_"))
    assert float(text["process_resident_memory_bytes"]) > 1e6
    assert 3 < float(text["process_open_fds"]) < float(text["process_max_fds"])
    assert float(text["process_cpu_seconds_total"]) > 0
    with open(f"/proc/{gateway.process.pid}/stat", "rb") as stat:
        ticks = int(stat.read().rsplit(b")", 1)[1].split()[19])
    with open("/proc/stat", encoding="ascii") as stat:
        boot = next(int(line.split()[1]) for line in stat if line.startswith("btime"))
    assert float(text["process_start_time_seconds"]) == pytest.approx(boot + ticks / 100, abs=1)
