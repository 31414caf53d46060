"""A cluster that keeps what it commits, a gateway on it, and the proxy in front."""

import asyncio
import os
import pathlib
import signal

from kit import database as kit_database
from kit.database import Cluster, Database
from kit.gateway import Gateway

from .proxy import Proxy

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
    def __init__(self, cluster_lines=DURABLE):
        self.cluster = self.gateway = None
        try:
            self.cluster = ChaosCluster(cluster_lines)
            self.database = Database(self.cluster.admin_url)
            self.gateway = Gateway(
                self.database, name="chaos", AGENT="scripted", SCRIPTED_PACE_MS=15, TOKEN_PACE_MS=10, DRAIN_SECONDS=1,
                LOG_LEVEL="info", MAX_SOCKETS_PER_USER=50)
        except BaseException:
            self.remove()
            raise
        self.proxy = Proxy()

    async def start(self):
        await self.proxy.start()
        self.proxy.target = self.gateway.port

    async def call(self, function, *arguments):
        """Something that waits for processes or for the database, beside the clients."""
        return await asyncio.to_thread(function, *arguments)

    async def start_gateway(self):
        # In this thread: the kernel ends the gateway with the thread that started it.
        self.gateway.start(ready=False)
        line = await self.call(self.gateway.process.line, "listening on ")
        self.gateway.port = self.proxy.target = int(line.rsplit(":", 1)[1].rstrip("/"))

    async def stop_gateway(self):
        """Asks it to end; its exit code."""
        self.gateway.terminate()
        code = await self.call(self.gateway.process.exit_code)
        self.gateway.process.end()
        return code

    async def use_agent(self, agent):
        if self.gateway.settings["AGENT"] == agent:
            return
        self.gateway.settings["AGENT"] = agent
        await self.stop_gateway()
        await self.start_gateway()

    async def stop(self):
        await self.proxy.stop()

    def remove(self):
        if self.gateway is not None:
            self.gateway.remove()
        if self.cluster is not None:
            self.cluster.remove()
