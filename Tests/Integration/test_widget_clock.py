"""The widget when somebody sets the clock: it pings, notices a dead line, and does nothing else."""

import json
import shutil
import subprocess

import pytest

from kit import TOP

HOUR, DAY = 3_600_000, 86_400_000


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("widget")
    for path in (TOP / "public").glob("*.js"):
        shutil.copy(path, folder)
    (folder / "package.json").write_text('{"type":"module"}')
    return folder


@pytest.mark.parametrize("step", [0, -HOUR, HOUR, -30 * DAY, 30 * DAY, -400 * DAY], ids=lambda step: f"{step // HOUR} h")
def test_a_clock_that_is_set(modules, step):
    answer = subprocess.run(["node", TOP / "Tests" / "Integration" / "kit" / "clock.mjs", modules, str(step)],
                            capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout)
    # Two minutes of a socket that says nothing, but answers; then two in which it does not.
    assert 3 <= seen["pings"] <= 10, seen
    assert seen["armed"] <= 40 and seen["armedLater"] <= 80, seen
    assert seen["states"][:2] == ["connecting", "online"] and "offline" in seen["states"][2:], seen
