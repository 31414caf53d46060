"""What breaks. Each is called in mid-load and returns when it is over."""

import asyncio
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


FAULTS = {
    "SIGKILL of the gateway": kill_gateway,
    "fast restart of PostgreSQL": restart_database_fast,
    "immediate restart of PostgreSQL": restart_database_immediate,
    "sockets cut by RST": cut,
    "stalled bytes": stall,
    "SIGTERM of the gateway": terminate_gateway,
}
