"""A cluster that keeps what it commits, one gateway on it or two, and the proxy in front."""

import asyncio
import os
import pathlib
import signal

from kit import database as kit_database
from kit.chat import ChatSocket
from kit.database import Cluster, Database
from kit.gateway import Gateway

from .audit import install
from .proxy import Balancer, Proxy

DURABLE = ["fsync = on", "synchronous_commit = on", "max_connections = 200"]
FORGETFUL = ["fsync = off", "synchronous_commit = off", "wal_writer_delay = 10s", "wal_writer_flush_after = 1GB",
             "wal_buffers = 64MB", "max_connections = 200"]
"""Commits are said to be done before they are: for tests of the checker."""


class ChaosCluster(Cluster):
    def __init__(self, lines=DURABLE):
        self._lines = lines
        super().__init__()

    def start(self):
        kit_database._bash("cluster_start", self.place, *self._lines)

    def processes(self):
        """The pids of this cluster's server and of its children."""
        data = (self.place / "data").resolve()
        server = int((data / "postmaster.pid").read_text().splitlines()[0])
        assert pathlib.Path(f"/proc/{server}/cwd").resolve() == data, "another process has the server's pid"
        children = pathlib.Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return [server, *map(int, children)]

    def kill(self):
        """What a loss of power does to what was not written yet."""
        pids = self.processes()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return pids


class World:
    def __init__(self, cluster_lines=DURABLE, gateways=1):
        self.cluster, self.gateways = None, []
        try:
            self.cluster = ChaosCluster(cluster_lines)
            self.database = Database(self.cluster.admin_url)
            for name in ("chaos", "chaos_other")[:gateways]:
                secret = {"AUTH_JWT_SECRET": self.gateway.secret} if self.gateways else {}
                self.gateways.append(Gateway(
                    self.database, name=name, AGENT="scripted", SCRIPTED_PACE_MS=15, TOKEN_PACE_MS=10, DRAIN_SECONDS=1,
                    DRAIN_DELAY_SECONDS=0, LOG_LEVEL="info", MAX_SOCKETS_PER_USER=50, **secret))
            install(self.database)
        except BaseException:
            self.remove()
            raise
        self.proxy = Proxy()

    @property
    def gateway(self):
        return self.gateways[0]

    def balance(self, random):
        """Two gateways: who goes where."""
        self.proxy.balancer = Balancer(random, [gateway.port for gateway in self.gateways])

    async def start(self):
        await self.proxy.start()
        self.proxy.target = self.gateway.port

    async def call(self, function, *arguments):
        """Something that waits for processes or for the database, beside the clients."""
        return await asyncio.to_thread(function, *arguments)

    async def start_gateway(self, place=0):
        gateway = self.gateways[place]
        # In this thread: the kernel ends the gateway with the thread that started it.
        gateway.start(ready=False)
        line = await self.call(gateway.process.line, "listening on ")
        gateway.port = int(line.rsplit(":", 1)[1].rstrip("/"))
        self.proxy.target = self.gateway.port
        if self.proxy.balancer:
            self.proxy.balancer.up(place, gateway.port)

    async def stop_gateway(self, place=0):
        """Asks it to end; its exit code."""
        gateway = self.gateways[place]
        gateway.terminate()
        code = await self.call(gateway.process.exit_code)
        gateway.process.end()
        return code

    async def use_agent(self, agent):
        for place, gateway in enumerate(self.gateways):
            if gateway.settings["AGENT"] != agent:
                gateway.settings["AGENT"] = agent
                await self.stop_gateway(place)
                await self.start_gateway(place)

    async def epoch(self, place):
        """What the cursors of a gateway begin with now."""
        return (await self.call(self._ready, self.gateways[place]))["epoch"]

    def _ready(self, gateway):
        with ChatSocket(gateway, self.gateway.token("chaos-probe")) as socket:
            return socket.ready

    def move(self, place):
        """The balancer takes a gateway for down: its users' connections are cut, and come back elsewhere."""
        self.proxy.balancer.down(place)
        for link in list(self.proxy.links):
            if link.port == self.gateways[place].port:
                link.cut()

    async def stop(self):
        await self.proxy.stop()

    def remove(self):
        for gateway in self.gateways:
            # One that stands still ends like any other.
            gateway.process.signal(signal.SIGCONT)
            gateway.remove()
        if self.cluster is not None:
            self.cluster.remove()
