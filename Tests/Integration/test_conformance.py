"""RFC 6455 and RFC 7692 by the Autobahn cases of `kosoku`, against `parley-bench echo`.

Every run has the cases of RFC 6455 and a sample of the compressed ones; `deploy/test --full` has all 517.
"""

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.gateway import BENCH, RESULTS, environment
from kit.processes import Process

FULL = bool(os.environ.get("PARLEY_TEST_FULL"))

INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}
"""Cases without a right answer: the tool only notes what was done."""

BEYOND_THE_TOOL = {f"13.{group}.{case}" for group in (2, 5, 6, 7) for case in (1, 2, 3)}
"""Said to fail by a fault of the tool, whatever the server does: reported, and not asked for."""

SAMPLE = [*(f"12.{group}.{case}" for group in range(1, 6) for case in (1, 3, 5, 8, 11, 15)),
          *(f"13.{group}.{case}" for group in range(1, 8) for case in (4, 9, 13))]
"""Of 12 and 13 (messages of all sizes, compressed, with all parameters) where not all of them run."""

COUNTS = {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 90, "13": 126}
"""How many cases the tool has, by section; the digits before the first dot."""


@pytest.fixture(scope="module")
def verdicts():
    """What the tool found, by case."""
    process = Process([BENCH, "echo", "--port", "0"], env=environment())
    reports = RESULTS / "conformance"
    arguments = [] if FULL else ["-x", "12.*", "-x", "13.*"]
    try:
        address = process.line("listening on ").rsplit("/", 1)[1]
        tool = Path(sys.executable).with_name("kosoku")
        runs = [arguments] if FULL else [arguments, [word for case in SAMPLE for word in ("-i", case)]]
        found = {}
        for number, selection in enumerate(runs):
            place = reports / str(number)
            done = subprocess.run(
                [tool, address, "-o", place, "-p", "4", *selection], stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=1500)
            assert (place / "index.json").is_file(), f"kosoku: {done.stdout[-500:]}{done.stderr[-500:]}"
            for cases in json.loads((place / "index.json").read_text()).values():
                found |= cases
        return {case: (found[case]["behavior"], found[case]["behaviorClose"]) for case in found}
    finally:
        process.end()


@pytest.mark.timeout(1600)
def test_all_cases_ran(verdicts):
    """A tool that knows fewer cases than it should proves nothing."""
    counts = collections.Counter(case.split(".")[0] for case in verdicts)
    if FULL:
        assert counts == COUNTS and sum(counts.values()) == 517
    else:
        assert {section: counts[section] for section in COUNTS if section not in ("12", "13")} == {
            section: count for section, count in COUNTS.items() if section not in ("12", "13")}
        assert set(SAMPLE) <= set(verdicts)


@pytest.mark.timeout(1600)
@pytest.mark.parametrize("section", COUNTS)
def test_section(verdicts, section):
    """Each case is OK, the message and the close; the three that only inform do that."""
    wrong = {}
    for case, verdict in verdicts.items():
        if case.split(".")[0] == section and case not in BEYOND_THE_TOOL:
            wanted = "INFORMATIONAL" if case in INFORMATIONAL else "OK"
            # An informational case's close may be judged all the same.
            if verdict[0] != wanted or verdict[1] not in ("OK", wanted):
                wrong[case] = verdict
    assert wrong == {}


if FULL:
    def test_cases_beyond_the_tool(verdicts, capsys):
        """They are printed, not judged."""
        with capsys.disabled():
            print("\nnot judged:", {case: verdicts[case][0] for case in sorted(BEYOND_THE_TOOL)})
