"""Measures the gateway in front of an upstream: AGENT=chat-completions on core 0; upstream, load and PostgreSQL on core 1.

upstream.py --data FOLDER --parley PROGRAM --public FOLDER --postgres PID --streams N --held N --seconds N

Prints the table, and writes upstream.json and upstream.svg into the folder of data. DATABASE_URL and AUTH_JWT_SECRET are
those of the gateway. Exit code 1: a figure is over its target, or the load saw an error.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import pathlib
import resource
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

TARGETS = {
    "CPU µs/relayed token": ("<=", 8.0),
    "streams held": (">=", 5000),
    "streams broken": ("<=", 0),
    "KiB/running stream beyond its text": ("<=", 16.0),
    "first byte to first event, p50 ms": ("<=", 1.0),
}


class Process:
    """A child that says where it listens, in its first matching line."""

    def __init__(self, command, log, marker, core, environment=None):
        self.log = log
        with open(log, "w", encoding="utf-8") as out:
            self.child = subprocess.Popen(
                ["taskset", "-c", core, *map(str, command)], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **(environment or {})})
        deadline = time.monotonic() + 30
        while True:
            lines = [line for line in log.read_text().splitlines() if line.startswith(marker)]
            if lines:
                self.address = lines[0][len(marker):].strip()
                return
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise RuntimeError(f"{command[0]} did not start: see {log}")
            time.sleep(0.02)

    def end(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()


class Setup:
    """A fresh upstream and a fresh gateway."""

    def __init__(self, options, name):
        self.upstream = Process([options.data / "upstream"], options.data / f"upstream-{name}.log", "listening on ", "1")
        try:
            self.gateway = Process(
                [options.parley, "serve"], options.data / f"parley-upstream-{name}.log", "listening on ", "0", {
                    "SHARDS": "1", "AGENT": "chat-completions", "AGENT_MODEL": "bench-1", "AGENT_API_KEY": "sk-bench",
                    "AGENT_BASE_URL": f"http://127.0.0.1:{self.upstream.address}/v1", "AGENT_MAX_STREAMS": "20000",
                    "AGENT_MAX_WAITING": "20000", "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "LOG_LEVEL": "warning",
                    "MAX_SOCKETS": "100000", "MAX_SOCKETS_PER_ADDRESS": "100000", "PUBLIC_DIR": str(options.public),
                })
        except RuntimeError:
            self.upstream.end()
            raise
        self.port = int(self.gateway.address.rstrip("/").rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gateway.end()
        self.upstream.end()

    def processes(self, options):
        return {"server": self.gateway.child.pid, "postgres": options.postgres, "upstream": self.upstream.child.pid}

    def figures(self):
        """What the upstream has counted so far: with the gateway at work, so that what its end cuts is not among it."""
        known = len(self.upstream.log.read_text().splitlines())
        self.upstream.child.send_signal(signal.SIGUSR1)
        for _ in range(500):
            lines = self.upstream.log.read_text().splitlines(keepends=True)
            if len(lines) > known and lines[-1].endswith("\n"):
                return json.loads(lines[-1])
            time.sleep(0.02)
        raise RuntimeError("the upstream does not tell its figures")


def load(options, port, name, *arguments, watched):
    report = options.data / f"upstream-{name}.report.json"
    report.unlink(missing_ok=True)
    done = subprocess.run(
        [options.bench, "load", "paced", "--url", f"ws://127.0.0.1:{port}/ws", "--json", report, *map(str, arguments),
         *(f"--watch={name}={process}" for name, process in watched.items())],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if not report.exists():
        raise RuntimeError(f"the load failed ({done.returncode}): {done.stderr.strip()[-300:]}")
    result = json.loads(report.read_text())
    result["processes"] = {entry["name"]: entry for entry in result["processes"]}
    return result


# --- one socket by hand, for times that a busy client would blur -----------------------------------------------------

def signed_token():
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    text = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(
        json.dumps({"sub": "bench", "exp": int(time.time()) + 3600}).encode())
    return (text + b"." + part(hmac.new(os.environ["AUTH_JWT_SECRET"].encode(), text, hashlib.sha256).digest())).decode()


class Chat:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(20)
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Authorization: Bearer {signed_token()}\r\n\r\n".encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        status, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if b" 101 " not in status.split(b"\r\n")[0]:
            raise RuntimeError(f"the handshake failed: {status[:100]!r}")

    def fill(self):
        part = self.socket.recv(1 << 16)
        if not part:
            raise RuntimeError("the gateway closed the socket")
        self.buffer += part

    def frame(self):
        while True:
            if len(self.buffer) >= 2:
                size, start = self.buffer[1] & 127, 2
                if size == 126 and len(self.buffer) >= 4:
                    size, start = struct.unpack_from(">H", self.buffer, 2)[0], 4
                elif size == 127 and len(self.buffer) >= 10:
                    size, start = struct.unpack_from(">Q", self.buffer, 2)[0], 10
                elif size >= 126:
                    size = 1 << 40
                if len(self.buffer) >= start + size:
                    payload, self.buffer = self.buffer[start:start + size], self.buffer[start + size:]
                    return payload
            self.fill()

    def send(self, value):
        payload = json.dumps(value).encode()
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
        self.socket.sendall(b"\x81" + size + b"\0\0\0\0" + payload)

    def first_event(self):
        """Nanoseconds from the sending of the upstream's first byte to the client's first event of text."""
        self.send({"op": "send", "content": "!stamps 3 20"})
        found = None
        while True:
            payload = self.frame()
            arrived = time.monotonic_ns()
            if found is None and b'"TEXT_MESSAGE_CONTENT"' in payload:
                found = arrived - int(json.loads(payload)["delta"].split()[0])
            if b'"RUN_FINISHED"' in payload:
                return found
            if b'"RUN_ERROR"' in payload or b'"op":"error"' in payload:
                raise RuntimeError(f"the turn failed: {payload[:200]!r}")


# --- the measurements --------------------------------------------------------------------------------------------------

def latency(options, results):
    with Setup(options, "latency") as setup:
        chat = Chat(setup.port)
        for _ in range(20):
            chat.first_event()
        times = [chat.first_event() / 1e6 for _ in range(200)]
    results["first byte to first event, p50 ms"] = statistics.median(times)
    results["first byte to first event, p99 ms"] = statistics.quantiles(times, n=100)[98]


def relay(options, results, reports):
    with Setup(options, "relay") as setup:
        report = load(options, setup.port, "relay", "--verify", 20, "--sockets", options.streams, "--seconds",
                      options.seconds, "--warm-up", 5, "--stream-tokens", 500, "--pace", 20,
                      watched=setup.processes(options))
        figures = setup.figures()
    reports["relay"] = report | {"upstream": figures}
    results["streams broken"] = figures["brokenStreams"]
    server = report["processes"]["server"]
    results["CPU µs/relayed token"] = server["cpuMicrosecondsPerToken"]
    results["relayed tokens/s"] = report["tokensPerSecond"]
    results["gateway %"] = server["cpuPercent"]
    results["late p50 ms"] = report["latencyMicroseconds"]["lateness"]["p50"] / 1000
    results["late p99 ms"] = report["latencyMicroseconds"]["lateness"]["p99"] / 1000


def floor(options, results, reports):
    """The same work for a program that does nothing but receive and send."""
    upstream = Process([options.data / "upstream"], options.data / "upstream-floor.log", "listening on ", "1")
    try:
        least = Process(
            [options.data / "floor", "--upstream", upstream.address, "--tokens", 500, "--pace", 20],
            options.data / "floor.log", "listening on ", "0")
        try:
            report = load(options, int(least.address), "floor", "--peer", "--sockets", options.streams, "--seconds",
                          options.seconds, "--warm-up", 5, "--stream-tokens", 500, "--pace", 20,
                          watched={"server": least.child.pid, "upstream": upstream.child.pid})
        finally:
            least.end()
    finally:
        upstream.end()
    reports["floor"] = report
    results["the least C program: CPU µs/relayed token"] = report["processes"]["server"]["cpuMicrosecondsPerToken"]


def hold(options, results, reports):
    with Setup(options, "held") as setup:
        report = load(options, setup.port, "held", "--verify", 20, "--sockets", options.held, "--seconds",
                      options.seconds, "--warm-up", 8, "--stream-tokens", 600, "--pace", 200,
                      watched=setup.processes(options))
        figures = setup.figures()
    reports["held"] = report | {"upstream": figures}
    server = report["processes"]["server"]
    # Every token is five bytes of text; those before the measurement began are counted by the pace.
    text = 5 * (report["tokensPerSecond"] / options.held) * (options.seconds + 8)
    grown = server["residentBytesEnd"] - server["residentBytesOpen"]
    results["streams held"] = figures["peakStreams"]
    results["streams broken"] = results.get("streams broken", 0) + figures["brokenStreams"]
    results["KiB/running stream beyond its text"] = (grown / options.held - text) / 1024
    results["resident MiB with all of them"] = server["residentBytesEnd"] / 2**20
    results["gateway % while held"] = server["cpuPercent"]


def verdict(name, value):
    if name not in TARGETS or value is None:
        return ""
    relation, target = TARGETS[name]
    fits = value <= target if relation == "<=" else value >= target
    return f"{'met' if fits else 'MISSED'}: {relation} {target:g}"


def plot(results):
    """A bar for each figure that has a target, in parts of the target."""
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="640" height="285" font-family="sans-serif" font-size="12">'
             '<rect width="100%" height="100%" fill="white"/>',
             '<text x="20" y="24" font-size="14">The gateway in front of an upstream, against its targets</text>']
    for row, (name, (relation, target)) in enumerate(TARGETS.items()):
        value, y = results.get(name), 50 + row * 45
        parts.append(f'<text x="20" y="{y}">{name} ({"≤" if relation == "<=" else "≥"} {target:g})</text>')
        if value is not None:
            wide = min(max(value / (target or 1), 0), 1.5) * 380
            parts.append(f'<rect x="20" y="{y + 6}" width="{wide:.0f}" height="14" fill="#2563eb"/>'
                         f'<text x="{26 + wide:.0f}" y="{y + 18}">{value:.4g}</text>')
    parts.append('<path d="M400 40V270" stroke="#dc2626" stroke-dasharray="4"/></svg>\n')
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser()
    for name in ("data", "parley", "bench", "public"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    for name in ("postgres", "streams", "held", "seconds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results, reports, failures = {}, {}, []
    for title, step in (
        ("one stream at a time", lambda: latency(options, results)),
        (f"{options.streams} streams, 50 tokens/s each", lambda: relay(options, results, reports)),
        (f"{options.streams} streams, the least C program", lambda: floor(options, results, reports)),
        (f"{options.held} streams, 5 tokens/s each", lambda: hold(options, results, reports)),
    ):
        print(f"==> {title}", flush=True)
        try:
            step()
        except RuntimeError as error:
            failures.append(f"{title}: {error}")
    for name, report in reports.items():
        failures += [f"{name}: {kind} {report[kind]}" for kind in ("errors", "violations") if report[kind]]
    print("| | | |\n| --- | --- | --- |")
    for name, value in results.items():
        print(f"| {name} | {value:.4g} | {verdict(name, value)} |")
    for failure in failures:
        print(failure)
    (options.data / "upstream.json").write_text(json.dumps(
        {"results": results, "targets": TARGETS, "failures": failures, "reports": reports}, indent=1, ensure_ascii=False))
    (options.data / "upstream.svg").write_text(plot(results))
    missed = any(verdict(name, results.get(name)).startswith("MISSED") or name not in results for name in TARGETS)
    return 1 if failures or missed else 0


sys.exit(main())
