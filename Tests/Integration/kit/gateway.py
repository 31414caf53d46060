"""A gateway process with its own database, and what it takes to talk to it."""

import http.client
import json
import os
import pathlib
import secrets
import signal
import subprocess
import time

import jwt
import websockets.exceptions

from . import TOP
from .chat import ChatSocket
from .processes import Process

BINARY = pathlib.Path(os.environ.get("PARLEY_BINARY", TOP / ".build" / "release" / "parley"))
BENCH = BINARY.with_name("parley-bench")
"""The program beside it that measures and tries it."""
RESULTS = pathlib.Path(os.environ.get("PARLEY_DATA", TOP / ".data")) / "results"


def environment(**settings):
    """The environment of a gateway: nothing of the tester's own settings, only what is given."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "TSAN_OPTIONS") if name in os.environ}
    return kept | {name: str(value) for name, value in settings.items() if value is not None}


def command(*arguments, timeout=60, **settings):
    """Runs `parley …` to its end."""
    return subprocess.run([BINARY, *arguments], env=environment(**settings), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout)


class Gateway:
    def __init__(self, database, name="gateway", dev=False, arguments=(), **settings):
        self.secret = secrets.token_urlsafe(48)
        self.database, self.dev, self.arguments, self.name = database, dev, arguments, name
        self.settings = {
            "DATABASE_URL": database.url, "AUTH_JWT_SECRET": self.secret, "HTTP_PORT": 0, "PUBLIC_DIR": TOP / "public",
            "SHARDS": 2, "LOG_LEVEL": "debug", "DRAIN_DELAY_SECONDS": 0, **settings}
        self.process, self.port = None, None
        RESULTS.mkdir(parents=True, exist_ok=True)
        migrated = command("migrate", "up", **self.settings)
        assert migrated.returncode == 0, f"migrate up: {migrated.stdout}{migrated.stderr}"
        self.start()

    def start(self, ready=True):
        arguments = [BINARY, "serve", *(["--dev"] if self.dev else []), *self.arguments]
        self.process = Process(arguments, env=environment(**self.settings), log=RESULTS / f"{self.name}.log")
        if ready:
            line = self.process.line("listening on ")
            self.port = int(line.rsplit(":", 1)[1].rstrip("/"))
            # The same place when it is started again: by it a gateway knows what its predecessor left.
            self.settings["HTTP_PORT"] = self.port

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    def terminate(self):
        """Asks it to stop."""
        self.process.signal(signal.SIGTERM)

    def stop(self):
        """A graceful stop; its exit code."""
        self.terminate()
        code = self.process.exit_code()
        self.process.end()
        return code

    def kill(self):
        self.process.end()

    def remove(self):
        if self.process is not None:
            self.process.end()

    # --- clients

    def token(self, user, ttl=3600, key=None, algorithm="HS256", **claims):
        claims = {"sub": user, "exp": int(time.time()) + ttl, **claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key or self.secret, algorithm=algorithm)

    def connect(self, user, **options):
        return ChatSocket(self, self.token(user), **options)

    def let_in(self, user, timeout=20, **options):
        """A socket, as soon as the gateway has the user's session: until then it says when to come again."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self.connect(user, **options)
            except websockets.exceptions.InvalidStatus as refusal:
                assert refusal.response.status_code == 503 and 1 <= int(refusal.response.headers["Retry-After"]) <= 5
                assert time.monotonic() < deadline, "nobody is let in"
                time.sleep(0.1)

    def request(self, method, path, body=None, headers=None, timeout=15):
        """(status, headers, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def error_code(self, answer):
        """The code in the JSON body of an HTTP error."""
        status, headers, body = answer
        assert headers.get_content_type() == "application/json", f"{status} {headers} {body[:200]}"
        error = json.loads(body)
        assert set(error) == {"error"} and set(error["error"]) >= {"code", "message"}, error
        return error["error"]["code"]

    def ready_status(self, wanted, timeout=15):
        """Asks /readyz until it answers `wanted`."""
        deadline = time.monotonic() + timeout
        while (status := self.get("/readyz")[0]) != wanted:
            assert time.monotonic() < deadline, f"/readyz still answers {status}"
