"""Rounds of chaos in every test run: PARLEY_CHAOS_ROUNDS (10 with one gateway, and 10 with two), PARLEY_CHAOS_SEED
(random, printed), PARLEY_CHAOS_SOCKETS (200; half of them with two gateways)."""

import os

import pytest

from .load import Plan
from .run import run

ROUNDS = int(os.environ.get("PARLEY_CHAOS_ROUNDS", "10"))
SEED = int(os.environ.get("PARLEY_CHAOS_SEED") or int.from_bytes(os.urandom(3), "big"))
SOCKETS = int(os.environ.get("PARLEY_CHAOS_SOCKETS", "200"))


@pytest.mark.timeout(120 + 60 * ROUNDS)
@pytest.mark.parametrize("gateways", [1, 2])
def test_nothing_lost_and_nothing_doubled_whatever_breaks(gateways):
    lines = []

    def write(line):
        lines.append(line)
        print(line, flush=True)

    passed, failed = run(ROUNDS, SEED, Plan().with_sockets(SOCKETS // gateways), gateways=gateways, write=write)
    summary = f"{passed} rounds passed, {failed} failed (seed {SEED})"
    print(summary)
    assert passed == ROUNDS and not failed, "\n".join([summary, *lines])
