"""Measures echo servers: each alone on core 0, the load on core 1, in turns, and the medians of several rounds.

echo.py --data FOLDER --peers FOLDER --parley PROGRAM --scripts FOLDER --repeats N NAME[=WHY NOT]…

Prints the table, and writes echo.json and echo.svg into the folder of data.
"""

import argparse
import json
import os
import pathlib
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time

LOADS = {
    "1×1": ["--sockets", "1"],
    "100×1": ["--sockets", "100"],
    "1000×1": ["--sockets", "1000"],
    "100×16": ["--sockets", "100", "--flight", "16"],
    "100×1, 16 KiB": ["--sockets", "100", "--size", "16384"],
}
"""CPU µs a message; 64 bytes unless said."""
DEFLATE, TLS = "deflate, 100×1, 1 KiB JSON", "TLS, 100×1"
IDLE, IDLE_TLS, CONNECTS = "idle KB/socket", "idle TLS KB/socket", "19 000 connects s"
LATENCY = "1×1 p50 µs"
COLUMNS = [*LOADS, IDLE, CONNECTS, DEFLATE, TLS, IDLE_TLS, LATENCY]
TITLES = {"limit": "limit (C)", "parley": "Parley", "nio": "SwiftNIO", "fox": "FlyingFox", "node": "Node ws"}
FIRST_ROUND_ONLY = {"nio", "fox", "node", "picows", "websockets"}
"""What is slow to open so many sockets on does so once."""


class Server:
    def __init__(self, options, name, kind):
        self.port = free_port()
        self.command = command(options, name, kind, str(self.port))
        self.log = options.data / f"echo-{name}.log"

    def __enter__(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", "0", *self.command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError(f"it did not start: see {self.log}") from None
                time.sleep(0.02)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(options, name, kind, port):
    data, peers = options.data, options.peers
    python = data / "venv" / "bin" / "python"
    certificate, key = data / "echo.crt", data / "echo.key"
    if name == "parley":
        tls = ["--tls-certificate", certificate, "--tls-private-key", key] if kind == "tls" else []
        return [options.parley, "echo", "--port", port, *tls]
    if name == "node" and kind == "tls":
        return ["node", options.scripts / "node_echo_tls.js", port, certificate, key]
    return {
        "limit": [data / "limit_echo", port],
        "nio": [data / "peers/nio/.build/release/NIOEcho", port, "1"],
        "fox": [data / "peers/fox/.build/release/FoxPeer", port],
        "node": ["node", peers / "node_echo.js", port, *(["deflate"] if kind == "deflate" else [])],
        "picows": [python, peers / "picows_echo.py", port],
        "websockets": [python, peers / "websockets_echo.py", port],
    }[name]


def load(options, server, *arguments):
    done = subprocess.run(
        ["taskset", "-c", "1", options.data / "echo_load", "--port", str(server.port), "--pid", str(server.process.pid),
         *arguments], capture_output=True, text=True, timeout=150)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}")
    return json.loads(done.stdout)


class Results:
    def __init__(self):
        self.values, self.reports, self.failures = {}, [], {}

    def measure(self, name, column, work, *read):
        """`work` gives a report; what is read of it goes under the columns."""
        if (name, column) in self.failures:
            return
        try:
            report = work()
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            self.failures[name, column] = str(error)
            print(f"    {name}, {column}: {error}", file=sys.stderr)
            return
        self.reports.append({"server": name, "load": column, **report})
        for column, key in read:
            self.values.setdefault((name, column), []).append(report[key])

    def median(self, name, column):
        values = self.values.get((name, column))
        return statistics.median(values) if values else None


def round_of(options, results, name, number):
    timing = ["--seconds", str(options.seconds), "--warm-up", "0.3"]
    try:
        with Server(options, name, "plain") as server:
            for column, arguments in LOADS.items():
                read = [(column, "cpuMicroseconds")] + ([(LATENCY, "p50Microseconds")] if column == "1×1" else [])
                results.measure(name, column, lambda: load(options, server, *arguments, *timing), *read)
        if number == 0 or name not in FIRST_ROUND_ONLY:
            for column, count, read in ((IDLE, 10_000, "bytesPerSocket"), (CONNECTS, 19_000, "openSeconds")):
                with Server(options, name, "plain") as server:
                    results.measure(name, column, lambda: load(
                        options, server, "--idle", "--sockets", str(count), "--seconds", "1"), (column, read))
        if name in ("parley", "node"):
            with Server(options, name, "deflate") as server:
                results.measure(name, DEFLATE, lambda: load(
                    options, server, "--deflate", "--sockets", "100", "--size", "1024", *timing),
                    (DEFLATE, "cpuMicroseconds"))
            with Server(options, name, "tls") as server:
                results.measure(name, TLS, lambda: load(options, server, "--tls", "--sockets", "100", *timing),
                                (TLS, "cpuMicroseconds"))
            if number == 0:
                with Server(options, name, "tls") as server:
                    results.measure(name, IDLE_TLS, lambda: load(
                        options, server, "--tls", "--idle", "--sockets", "10000", "--seconds", "1"),
                        (IDLE_TLS, "bytesPerSocket"))
    except RuntimeError as error:
        results.failures[name, ""] = str(error)
        print(f"    {name}: {error}", file=sys.stderr)


def shown(column, value):
    if value is None:
        return "–"
    if "KB" in column:
        return f"{value / 1000:.2f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(results, names, missing):
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|" + " --- |" * (len(COLUMNS) + 1)]
    for name in names:
        lines.append(f"| {TITLES.get(name, name)} | "
                     + " | ".join(shown(column, results.median(name, column)) for column in COLUMNS) + " |")
    for name, reason in missing.items():
        lines.append(f"| {TITLES.get(name, name)} | not measured: {reason} |")
    if {"parley", "limit"} <= set(names):
        cells = []
        for column in COLUMNS:
            mine, limit = results.median("parley", column), results.median("limit", column)
            cells.append(f"{mine / limit:.2f} ×" if mine and limit and "KB" not in column else "–")
        lines.append("| Parley to the limit | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(results, names):
    """Groups of bars, one group a load, each in its own scale with the tallest bar as high as the picture."""
    colours = ["#2563eb", "#94a3b8", "#f97316", "#7c3aed", "#059669", "#d97706", "#dc2626"]
    columns = [*LOADS, IDLE]
    wide, base = 170, 300
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide * len(columns) + 40}" height="370" '
             'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>',
             '<text x="20" y="22" font-size="14">Echo: CPU µs a message, and idle KB a socket (medians)</text>']
    for group, column in enumerate(columns):
        values = [results.median(name, column) for name in names]
        top = max([value for value in values if value] or [1])
        left = 20 + group * wide
        for place, (value, colour) in enumerate(zip(values, colours)):
            if value is not None:
                height, x = max(value, 0) / top * 230, left + place * 21
                parts.append(f'<rect x="{x}" y="{base - height:.1f}" width="18" height="{height:.1f}" fill="{colour}"/>'
                             f'<text x="{x + 9}" y="{base - height - 4:.1f}" text-anchor="middle" font-size="8">'
                             f'{shown(column, value)}</text>')
        parts.append(f'<text x="{left}" y="{base + 16}">{column}</text>')
    for place, (name, colour) in enumerate(zip(names, colours)):
        parts.append(f'<rect x="{20 + place * 110}" y="340" width="12" height="12" fill="{colour}"/>'
                     f'<text x="{36 + place * 110}" y="350">{TITLES.get(name, name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser()
    for name in ("data", "peers", "parley", "scripts"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("servers", nargs="+")
    options = parser.parse_args()
    missing = dict(word.split("=", 1) for word in options.servers if "=" in word)
    names = [word for word in options.servers if "=" not in word]
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    # Whoever asks for the end ends the servers too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results, started = Results(), time.monotonic()
    for number in range(options.repeats):
        for name in names:
            print(f"==> round {number + 1} of {options.repeats}: {name} ({time.monotonic() - started:.0f} s)", flush=True)
            round_of(options, results, name, number)
    output = {
        "columns": COLUMNS, "repeats": options.repeats, "missing": missing,
        "medians": {name: {column: results.median(name, column) for column in COLUMNS} for name in names},
        "failures": [{"server": name, "load": column, "reason": reason}
                     for (name, column), reason in results.failures.items()],
        "reports": results.reports,
    }
    (options.data / "echo.json").write_text(json.dumps(output, indent=1, ensure_ascii=False))
    (options.data / "echo.svg").write_text(plot(results, names))
    print(table(results, names, missing))
    return 1 if any(name == "parley" for name, _ in results.failures) else 0


os.environ["LANG"] = "C.UTF-8"
sys.exit(main())
