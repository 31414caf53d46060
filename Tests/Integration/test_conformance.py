"""The cases of the Autobahn suite against `parley echo`, driven by kosoku. With `deploy/test --full`: all of them."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from kit.gateway import BINARY, environment
from kit.processes import Process

KOSOKU = pathlib.Path(sys.executable).with_name("kosoku")
# Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, auto-fragmentation.
GROUPS = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
# Large messages, and compression with every window.
LONG = ["9.*", "12.*", "13.*"]


@pytest.fixture(scope="module")
def address():
    process = Process([BINARY, "echo", "--port", "0"], env=environment())
    try:
        yield process.line("listening on ").rsplit("/", 1)[-1]
    finally:
        process.end()


def run(address, group, folder, timeout):
    answer = subprocess.run([KOSOKU, address, "-i", group, "-o", folder], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=timeout)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    [cases] = json.loads((folder / "index.json").read_text()).values()
    assert cases, "no case ran"
    good = ("OK", "INFORMATIONAL")
    bad = {name: case for name, case in cases.items()
           if case["behavior"] not in good or case["behaviorClose"] not in good}
    assert not bad


@pytest.mark.parametrize("group", GROUPS)
def test_cases(address, tmp_path, group):
    run(address, group, tmp_path, 80)


if os.environ.get("PARLEY_TEST_FULL"):

    @pytest.mark.timeout(1800)
    @pytest.mark.parametrize("group", LONG)
    def test_long_cases(address, tmp_path, group):
        run(address, group, tmp_path, 1700)
