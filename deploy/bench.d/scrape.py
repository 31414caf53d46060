"""Reads /metrics again and again and says how long that took.

scrape.py URL SOCKETS SCRAPES PID OUTPUT: waits until so many sockets are open; a line is added to OUTPUT as JSON.
"""

import http.client
import json
import os
import re
import statistics
import sys
import time
import urllib.parse

WARM_UP = 20


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scrape(connection):
    begin = time.perf_counter()
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    text = answer.read()
    took = (time.perf_counter() - begin) * 1000
    if answer.status != 200:
        sys.exit(f"/metrics answered {answer.status}")
    return took, text


def open_sockets(text):
    return sum(int(float(value)) for value in re.findall(rb"^parley_sockets\{[^}]*\} (\S+)$", text, re.M))


def main(url, sockets, scrapes, pid, output):
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    deadline = time.monotonic() + 120
    while (found := open_sockets(scrape(connection)[1])) != sockets:
        if time.monotonic() > deadline:
            sys.exit(f"{found} of {sockets} sockets are open")
        time.sleep(0.2)
    time.sleep(2)
    times = []
    for number in range(WARM_UP + scrapes):
        if number == WARM_UP:
            before = cpu_seconds(pid)
        took, text = scrape(connection)
        if number >= WARM_UP:
            times.append(took)
    cpu = (cpu_seconds(pid) - before) * 1e6 / scrapes
    times.sort()
    row = {"sockets": sockets, "scrapes": scrapes, "median ms": statistics.median(times),
           "p99 ms": times[int(len(times) * 0.99) - 1], "max ms": times[-1], "CPU µs": cpu, "bytes": len(text),
           "series": sum(not line.startswith(b"#") for line in text.splitlines())}
    with open(output, "a") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print("  ".join(f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items()),
          flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
