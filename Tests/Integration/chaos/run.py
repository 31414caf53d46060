"""Rounds one after the other in one world."""

import asyncio
import logging
import time

from .faults import FAULTS, PAIR_FAULTS
from .load import Plan
from .rounds import report, run_round
from .world import World


def run(rounds, seed, plan=Plan(), *, gateways=1, first=1, fault=None, keep_going=False, write=print):
    """(passed, failed). Ends with the first round that fails, unless told to go on."""
    if fault is not None:
        faults = FAULTS if gateways == 1 else PAIR_FAULTS
        fault = next(name for name in faults if fault.lower() in name.lower())
    # It warns of every write to a socket that was cut.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    world = World(gateways=gateways)
    try:
        return asyncio.run(_run(world, rounds, seed, plan, first, fault, keep_going, write))
    finally:
        world.remove()


async def _run(world, rounds, seed, plan, first, fault, keep_going, write):
    await world.start()
    passed = failed = 0
    acknowledged = {}
    try:
        for number in range(first, first + rounds):
            started = time.monotonic()
            round, stored, violations = await run_round(world, seed, number, plan, fault)
            seconds = time.monotonic() - started
            for message in stored.messages:
                acknowledged[message["id"]] = hash((message["thread"], message["position"], message["content"]))
            if violations:
                failed += 1
                report(round, stored, violations, write)
                if not keep_going:
                    break
            else:
                passed += 1
            write(f"round {number} {'failed' if violations else 'passed'}: {round.fault}, {seconds:.1f} s,"
                  f" {len(round.sent)} messages, {sum(map(_events, round.views))} events in {len(round.views)} views,"
                  f" {len(stored.runs)} runs, {len(stored.tasks)} tasks, {len(round.left)} runs left behind ({sum(bool(run.texts) for run in round.left)} with text),"
                  f" {round.refused} handshakes refused")
        lost = await world.call(_lost, world.database, acknowledged)
        if lost:
            write(f"VIOLATION {len(lost)} messages of earlier rounds are not there any more: {lost[:10]} (seed {seed})")
            failed += 1
    finally:
        await world.stop()
    return passed, failed


def _events(view):
    return sum(len(assembly.parts) for assembly in view.assemblies)


def _lost(database, acknowledged):
    """What was stored at the end of its round still is, as it was, whatever broke later."""
    rows = database.rows("select id::text, conversation_id::text, position, content from messages")
    now = {id: hash((thread, position, content)) for id, thread, position, content in rows}
    return [id for id, content in acknowledged.items() if now.get(id) != content]
