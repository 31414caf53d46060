"""What breaks. Each is called in mid-load and returns when it is over."""

import asyncio
import signal
import time

from . import rows


async def kill_gateway(world, round, random):
    at = time.monotonic()
    world.gateway.kill()
    round.killed.update({epoch: at for epoch in round.epochs})
    round.left = await world.call(rows.left_behind, world.database)
    await world.start_gateway()
    round.ready_at = time.monotonic()


async def terminate_gateway(world, round, random):
    code = await world.stop_gateway()
    if code != 0:
        round.violations.append((f"the gateway ended with {code} on SIGTERM", None, None))
    await world.start_gateway()
    round.ready_at = time.monotonic()


async def restart_database(world, round, random, mode):
    await world.call(world.cluster.stop, mode)
    await asyncio.sleep(random.uniform(0, 0.5))
    await world.call(world.cluster.start)


async def restart_database_fast(world, round, random):
    await restart_database(world, round, random, "fast")


async def restart_database_immediate(world, round, random):
    await restart_database(world, round, random, "immediate")


async def cut(world, round, random):
    for _ in range(random.randint(1, 4)):
        for link in world.proxy.chosen(random, random.uniform(0.3, 1)):
            link.cut()
        await asyncio.sleep(random.uniform(0.1, 0.4))


async def stall(world, round, random):
    links = world.proxy.chosen(random, random.uniform(0.3, 0.9))
    for link in links:
        link.stall(random.choice(("both", "client", "server")))
    await asyncio.sleep(random.uniform(1, 2.5))
    for link in links:
        # Some never come back to life.
        link.cut() if random.random() < 0.2 else link.resume()


# --- with two gateways


async def kill_one(world, round, random):
    place = random.randrange(2)
    epoch = await world.epoch(place)
    # It stands still while what it leaves is read: the other one takes that over as soon as it sees that it is gone.
    world.gateways[place].process.signal(signal.SIGSTOP)
    round.killed[epoch] = time.monotonic()
    round.left = await world.call(rows.left_by, world.database, world.gateways[place].port)
    world.gateways[place].kill()
    world.move(place)
    # At once, or when the other one has taken up what it left.
    await asyncio.sleep(random.choice((0, random.uniform(3, 6))))
    await world.start_gateway(place)
    round.ready_at = time.monotonic()


async def stand_still(world, round, random):
    """For less or longer than until it is taken for dead; its users wait for it, or are sent to the other one."""
    place, seconds = random.randrange(2), random.uniform(2, 10)
    process = world.gateways[place].process
    # What its clients have seen beyond the last checkpoint is lost, if another one takes its runs.
    round.killed[await world.epoch(place)] = time.monotonic()
    process.signal(signal.SIGSTOP)
    try:
        moves = random.random() < 0.6
        await asyncio.sleep(random.uniform(0.3, seconds) if moves else seconds)
        if moves:
            world.move(place)
            await asyncio.sleep(seconds * random.uniform(0.2, 0.8))
    finally:
        process.signal(signal.SIGCONT)
    if moves:
        world.proxy.balancer.up(place, world.gateways[place].port)


async def database_away(world, round, random):
    await world.call(world.cluster.stop, random.choice(("fast", "immediate")))
    await asyncio.sleep(random.uniform(1, 15))
    await world.call(world.cluster.start)


async def roll(world, round, random):
    """One after the other is replaced."""
    for place in random.sample((0, 1), 2):
        world.move(place)
        code = await world.stop_gateway(place)
        if code != 0:
            round.violations.append((f"a gateway ended with {code} on SIGTERM", None, None))
        await world.start_gateway(place)


PAIR_FAULTS = {
    "SIGKILL of one of two gateways": kill_one,
    "one of two gateways stands still": stand_still,
    "the database of two gateways is away": database_away,
    "rolling restart of two gateways": roll,
}

FAULTS = {
    "SIGKILL of the gateway": kill_gateway,
    "fast restart of PostgreSQL": restart_database_fast,
    "immediate restart of PostgreSQL": restart_database_immediate,
    "sockets cut by RST": cut,
    "stalled bytes": stall,
    "SIGTERM of the gateway": terminate_gateway,
}
