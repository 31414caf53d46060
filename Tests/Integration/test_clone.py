"""A clone stands alone: nothing in it needs what lies beside it."""

import os
import re
import shutil
import subprocess

import pytest

from kit import TOP

LEAVING = [
    (r"\bTOP\.parent", "above the checkout"),
    (r"\bparents\[(?!3\]$)\d+\]$", "above the checkout"),
    (r"\$\{?(top|TOP)\}?/\.\.", "above the checkout"),
    (r"(?<![\w.])/work/(?!main\b)\w", "a folder of one machine"),
]
"""What would lead out of the checkout, in any line of code."""


def tracked():
    """The files of the checkout: git's, or where there is no git all but what is built."""
    found = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TOP,
                           capture_output=True)
    if found.returncode == 0:
        return [path for name in found.stdout.decode().split("\0") if name and (path := TOP / name).exists()]
    built = re.compile(r"^(\.build[^/]*|\.data|\.git)/")
    return [path for path in TOP.rglob("*")
            if not built.match(str(path.relative_to(TOP))) and not path.is_dir() and "__pycache__" not in path.parts]


def lines(path):
    try:
        return enumerate(path.read_text().splitlines(), 1)
    except UnicodeDecodeError:
        return []  # an input of the fuzzers, a picture


def test_there_is_something_to_look_at():
    assert {"Package.swift", "README.md"} <= {path.name for path in tracked()}


def test_nothing_leads_out():
    found = []
    for path in tracked():
        if path.is_symlink():
            if not path.resolve().is_relative_to(TOP):
                found.append(f"{path}: a link to {path.readlink()}")
            continue
        if path.name == "test_clone.py":
            continue
        depth = len(path.relative_to(TOP).parts) - 1
        is_test = path.is_relative_to(TOP / "Tests")
        for number, line in lines(path):
            for pattern, what in LEAVING:
                if re.search(pattern, line):
                    found.append(f"{path}:{number}: {what}")
            # Attacks in tests climb as they like.
            climbs = [] if is_test else [len(run) // 3 for run in re.findall(r"(?<![\w%.])(?:\.\./)*\.\.(?=/)/?", line)]
            if any(climb > max(depth, 0) for climb in climbs):
                found.append(f"{path}:{number}: climbs above the checkout")
    assert found == []


@pytest.mark.parametrize("line", [
    'x = TOP.parent / "other"', "top=$top/../other", "cat ${top}/../x", "open('/work/other/x')"])
def test_what_leads_out_is_seen(line):
    assert any(re.search(pattern, line) for pattern, _ in LEAVING)


def test_neighbours_are_out_of_reach(tmp_path):
    """`.ci/run` in a checkout with neighbours, with a deploy/test that only looks around."""
    top = tmp_path / "clone"
    (top / ".ci").mkdir(parents=True)
    (top / "deploy").mkdir()
    shutil.copy(TOP / ".ci" / "run", top / ".ci" / "run")
    (tmp_path / "neighbour").mkdir()
    (tmp_path / "neighbour" / "secret").write_text("x")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "secret").write_text("x")
    (tmp_path / "beside.md").write_text("x")
    (top / "deploy" / "test").write_text(
        '#!/bin/sh\necho "arguments: $*"\ncd "$(dirname "$0")/.." && find .. -type f -size +0 | sort\n')
    (top / "deploy" / "test").chmod(0o755)
    answer = subprocess.run([top / ".ci" / "run", "--full", "x y"], capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    said, *found = answer.stdout.splitlines()
    if said.startswith("==> "):
        # Neither root nor allowed to: it says so, and runs all the same.
        may = os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
        assert not may and "stays in reach" in said
        said, *found = found
    else:
        assert found == ["../clone/.ci/run", "../clone/deploy/test"]
    assert said == "arguments: --full x y"
    # Only for that process: here everything is as it was.
    assert (tmp_path / "neighbour" / "secret").read_text() == "x" and (tmp_path / "beside.md").read_text() == "x"
