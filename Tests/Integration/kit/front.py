"""The proxies of deploy/proxies before a gateway: each file as it stands there, with this machine's ports and certificate."""

import contextlib
import http.client
import os
import pathlib
import shutil
import socket
import ssl
import tempfile
import time

from . import TOP
from .certificates import Certificate
from .processes import Process

NAME = "chat.example"
KINDS = ("nginx", "haproxy", "caddy")
FILES = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile"}


def _program(name):
    program = shutil.which(name) or f"/usr/sbin/{name}"
    assert os.access(program, os.X_OK), f"{name} is not installed"
    return program


def _free_ports():
    """Two, on all addresses: some proxies bind no single one."""
    with socket.create_server(("", 0)) as one, socket.create_server(("", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


class _PortTaken(Exception):
    """Somebody else was quicker between finding a free port and binding it."""


class Front:
    """A running proxy of `kind`: `port` speaks TLS as `chat.example`, `plain` sends there.

    Clients come from `source`, an address of this machine that is not the proxy's own.
    """

    source = "127.0.0.5"
    _ATTEMPTS = 5

    def __init__(self, kind, gateway):
        for attempt in range(self._ATTEMPTS):
            try:
                return self._start(kind, gateway)
            except _PortTaken:
                self.remove()
                assert attempt < self._ATTEMPTS - 1, self.process.lines[-3:]

    def _start(self, kind, gateway):
        self._folder = tempfile.TemporaryDirectory(prefix="parley-front.", ignore_cleanup_errors=True)
        folder = pathlib.Path(self._folder.name)
        folder.chmod(0o755)
        self.port, self.plain = _free_ports()
        certificate = Certificate(folder, NAME, [f"DNS:{NAME}"])
        (folder / "both.pem").write_text(certificate.chain.read_text() + certificate.key.read_text())
        self.trust = ssl.create_default_context(cafile=certificate.chain)
        changes = {"127.0.0.1:8080": f"127.0.0.1:{gateway.port}",
                   "/etc/ssl/parley/fullchain.pem": str(certificate.chain),
                   "/etc/ssl/parley/private.pem": str(certificate.key)}
        if kind == "nginx":
            changes |= {"pid /run/nginx.pid": f"daemon off; pid {folder}/pid",
                        "/var/log/nginx/error.log": f"{folder}/error.log",
                        "access_log off;": "access_log off; " + " ".join(
                            f"{name}_temp_path {folder}/{name};"
                            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
                        "listen 80;": f"listen 127.0.0.1:{self.plain};",
                        "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
                        "worker_processes auto": "worker_processes 1", "worker_rlimit_nofile 65536;": "",
                        "worker_connections 32768": "worker_connections 64"}
            if os.geteuid() != 0:
                changes["user www-data;"] = ""
            run = ["-e", folder / "error.log", "-c"]
        elif kind == "haproxy":
            del changes["/etc/ssl/parley/fullchain.pem"], changes["/etc/ssl/parley/private.pem"]
            changes |= {"/etc/haproxy/parley.pem": str(folder / "both.pem"), "bind :80": f"bind 127.0.0.1:{self.plain}",
                        "bind :443": f"bind 127.0.0.1:{self.port}", "maxconn 65536": "maxconn 64"}
            run = ["-db", "-f"]
        else:
            changes["admin off"] = f"admin off\n\thttp_port {self.plain}\n\thttps_port {self.port}"
            run = ["run", "--adapter", "caddyfile", "--config"]
        text = (TOP / "deploy" / "proxies" / FILES[kind]).read_text()
        for old, new in changes.items():
            assert old in text, f"deploy/proxies/{FILES[kind]} has no {old!r}"
            text = text.replace(old, new)
        (folder / FILES[kind]).write_text(text)
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        self.process = Process([_program(kind), *run, folder / FILES[kind]], env=environment)
        deadline = time.monotonic() + 20
        # Up when it gives what the gateway gives: the first health checks are through.
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.request("GET", "/healthz")[0] == 200:
                    return
            if self.process.process.poll() is not None and any("in use" in line for line in self.process.lines):
                raise _PortTaken
            assert time.monotonic() < deadline, self.process.lines[-20:]

    def connection(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=15, source_address=(self.source, 0))

    def secured(self, *protocols):
        context = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(self.trust.get_ca_certs(True)[0]))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context.wrap_socket(self.connection(), server_hostname=NAME)

    def open(self):
        """An HTTP/1.1 connection through it."""
        connection = http.client.HTTPConnection(NAME, self.port, timeout=15)
        connection.sock = self.secured()
        return connection

    def request(self, method, path, body=None, headers=None):
        connection = self.open()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    @property
    def origin(self):
        return f"https://{NAME}:{self.port}"

    @property
    def socket_url(self):
        return f"wss://{NAME}:{self.port}/ws"

    @property
    def way(self):
        """What a WebSocket client needs besides, each time anew."""
        return {"sock": self.connection(), "ssl": self.trust, "server_hostname": NAME}

    def remove(self):
        self.process.end()
        self._folder.cleanup()
