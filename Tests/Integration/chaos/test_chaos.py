"""Rounds of chaos in every test run: PARLEY_CHAOS_ROUNDS (10), PARLEY_CHAOS_SEED (random, printed), PARLEY_CHAOS_SOCKETS."""

import os

import pytest

from .load import Plan
from .run import run

ROUNDS = int(os.environ.get("PARLEY_CHAOS_ROUNDS", "10"))
SEED = int(os.environ.get("PARLEY_CHAOS_SEED") or int.from_bytes(os.urandom(3), "big"))
SOCKETS = int(os.environ.get("PARLEY_CHAOS_SOCKETS", "200"))


@pytest.mark.timeout(120 + 30 * ROUNDS)
def test_nothing_lost_and_nothing_doubled_whatever_breaks():
    lines = []

    def write(line):
        lines.append(line)
        print(line, flush=True)

    passed, failed = run(ROUNDS, SEED, Plan().with_sockets(SOCKETS), write=write)
    summary = f"{passed} rounds passed, {failed} failed (seed {SEED})"
    print(summary)
    assert passed == ROUNDS and not failed, "\n".join([summary, *lines])
