"""A round: load, one fault in it, a quiet end, the check."""

import asyncio
import json
import random
import time

from . import rows
from .checker import check
from .client import Account, Client
from .faults import FAULTS, PAIR_FAULTS
from .load import Author, Plan
from .records import Round, Violation

SETTLE_LIMIT = 20
"""Seconds of the quiet end without any progress, of any client, after which those that are not settled are stuck."""
SETTLE_TOTAL = 90
"""Seconds after which they are stuck in any case: how fast a busy machine is, is not what is tried."""
READY_LIMIT = 5
"""Seconds after `ready` within which no run claims to be running that is not (Protocol.md, section 4)."""
TODO_EVERY = 5
"""Each fifth round has the to-do assistant, the others the scripted one."""


class Stuck(Exception):
    pass


async def run_round(world, seed, number, plan=Plan(), fault=None):
    """The Round and its violations. `fault`: the name of one, a coroutine function, or none: the seed decides."""
    choice = random.Random(f"{seed}/{number}")
    agent = "todo" if number % TODO_EVERY == 0 else "scripted"
    await world.use_agent(agent)
    # Every fault comes once in as many rounds as there are faults, in an order of the seed's.
    faults = FAULTS if len(world.gateways) == 1 else PAIR_FAULTS
    order = list(faults)
    random.Random(f"{seed}/order/{(number - 1) // len(order)}").shuffle(order)
    name = fault if isinstance(fault, str) else order[(number - 1) % len(order)]
    strike = fault if callable(fault) else faults[name]
    if len(world.gateways) > 1:
        world.balance(random.Random(f"{seed}/{number}/balance"))

    round = Round(seed, number, getattr(fault, "__name__", name))
    clients = []
    for user in range(plan.users):
        account = Account(f"s{seed}-r{number}-u{user}", None)
        account.token = world.gateway.token(account.user)
        round.users.append(account.user)
        for socket in range(plan.sockets):
            label = f"r{number}u{user}c{socket}"
            author = Author(random.Random(f"{seed}/{label}/text"), f"{seed}-{label}", agent)
            clients.append(Client(label, account, round, plan, author, random.Random(f"{seed}/{label}"), world.proxy.port))

    tasks = [asyncio.ensure_future(client.live()) for client in clients]
    try:
        ends = time.monotonic() + plan.load + 0.5
        acting = [asyncio.ensure_future(client.act(ends)) for client in clients]
        await asyncio.sleep(choice.uniform(0.25, 0.75) * plan.load)
        await strike(world, round, choice)
        await asyncio.gather(*acting)
        await _quiet(world, round, clients)
    except Stuck as reason:
        round.violations.append((str(reason), None, None))
    finally:
        for client in clients:
            client.end()
        done, pending = await asyncio.wait(tasks, timeout=10)
        for task in pending:
            task.cancel()
    for task in done:
        task.result()
    for place, gateway in enumerate(world.gateways):
        code = gateway.process.process.poll()
        if code is not None:
            # A code of 0 is the answer to a SIGTERM, and it was not this harness that sent one.
            round.violations.insert(0, (f"a gateway has ended with {code}: {gateway.process.lines[-5:]}", None, None))
            await world.start_gateway(place)
    stored = await world.call(rows.read, world.database, round.users)
    violations = [Violation(*found) for found in round.violations] + check(round, stored)
    return round, stored, violations


async def _quiet(world, round, clients):
    for client in clients:
        client.come_back()
    await _all(round, clients, Client.settle, "did not get its answers")
    await _runs_end(world, round, clients)
    await _all(round, clients, Client.idle, "did not see the end of all runs")


class Patience:
    """Ends when nothing goes on any more, or after a time that is long for any machine."""

    def __init__(self):
        self._begun = self._moved = time.monotonic()
        self._seen = None

    def is_over(self, progress):
        now = time.monotonic()
        if progress != self._seen:
            self._seen, self._moved = progress, now
        return now > self._moved + SETTLE_LIMIT or now > self._begun + SETTLE_TOTAL


async def _all(round, clients, step, complaint):
    tasks = {asyncio.ensure_future(step(client)): client for client in clients}
    pending, patience = set(tasks), Patience()
    while pending and not patience.is_over((len(pending), _progress(round))):
        _, pending = await asyncio.wait(pending, timeout=0.5)
    for task in pending:
        task.cancel()
    for task in set(tasks) - pending:
        task.result()
    if pending:
        names = [_state(tasks[task]) for task in pending]
        raise Stuck(f"{len(names)} clients: {complaint} within {SETTLE_LIMIT} s without progress,"
                    f" or {SETTLE_TOTAL} s: {names[:5]}")


def _progress(round):
    """What only grows: messages that are answered for good, what is said, runs that clients saw end. An `unavailable`,
    and a socket that comes and goes, is none."""
    return (sum(sent.settled for sent in round.sent.values()),
            sum(len(view.ends) + len(view.assemblies) for view in round.views))


def _state(client):
    """Why a client is not settled."""
    return {"client": client.name, "is connected": client.socket is not None, "waits for": list(client.waiting),
            "does not follow": [view.thread for view in client.views.values() if not view.is_live],
            "runs": [(view.thread, view.run) for view in client.views.values() if view.run]}


async def _runs_end(world, round, clients):
    """Every run ends, and what an earlier gateway left does so in time or is at work in the new one."""
    patience = Patience()
    left = {run.run for run in round.left}
    while unfinished := await world.call(rows.unfinished, world.database, round.users):
        now = time.monotonic()
        if round.ready_at and now > round.ready_at + READY_LIMIT:
            at_work = set().union(*(client.unfinished for client in clients))
            # Nobody is let in before what was left is taken over, so whoever is in was told of it.
            let_in = {client.account.user for client in clients if client.socket is not None}
            for run, thread, user, status in unfinished:
                if run not in left or run in at_work:
                    continue
                if user in let_in or not await world.call(rows.is_taken_over, world.database, run):
                    round.violations.append((f"run {run} claims to be {status} {READY_LIMIT} s after the restart and"
                                             " no living gateway has it, or none that said so", user, thread))
            left = set()
        if patience.is_over(({run for run, _, _, _ in unfinished}, _progress(round))):
            for run, thread, user, status in unfinished:
                round.violations.append((f"run {run} is {status} and does not end", user, thread))
            return


# --- what is printed

ROWS_SHOWN, FRAMES_SHOWN = 40, 120


def report(round, stored, violations, write):
    """Seed, round, threads, the frames seen and the rows."""
    write(f"round {round.number} (seed {round.seed}, {round.fault}): {len(violations)} violations")
    shown = set()
    for violation in violations[:20]:
        write(f"  VIOLATION {violation}  user {violation.user}")
        if violation.evidence is not None:
            write(f"    {violation.evidence}")
    for violation in violations:
        if violation.thread is None or violation.thread in shown or len(shown) == 3:
            continue
        shown.add(violation.thread)
        _report_thread(round, stored, violation.thread, write)


def _report_thread(round, stored, thread, write):
    write(f"  thread {thread}: rows")
    for table in ("conversations", "messages", "runs", "operations"):
        chosen = [row for row in getattr(stored, table) if row.get("thread", row.get("id")) == thread]
        for row in chosen[:ROWS_SHOWN]:
            write(f"    {table}: {row}")
    messages = {row["id"] for row in stored.messages if row["thread"] == thread}
    for row in stored.tasks:
        if row["message"] in messages:
            write(f"    tasks: {row}")
    for sent in round.sent.values():
        if sent.thread == thread or any(answer.thread == thread for answer in sent.answers):
            write(f"    sent: {sent}")
    for run in round.left:
        if run.thread == thread:
            write(f"    left at the kill: {run}")
    for epoch, at in round.killed.items():
        write(f"    epoch {epoch} was killed at {at:.3f}")
    for view in round.views:
        if view.thread == thread:
            write(f"  thread {thread}: frames of {view.client} (time, socket, frame)")
            for at, socket, frame in list(view.frames)[-FRAMES_SHOWN:]:
                write(f"    {at:.3f} {socket} {frame if isinstance(frame, str) else json.dumps(frame, ensure_ascii=False)}")
