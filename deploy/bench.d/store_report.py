"""Prints what `deploy/bench store` measured, writes it as one JSON file and draws a plot.

store_report.py RESULTS OUTPUT: RESULTS is the folder of a run; OUTPUT.json and OUTPUT.svg are written.
"""

import json
import pathlib
import re
import statistics
import sys

USES = {
    "messages": "the rows",
    "messages_pkey": "repeated calls; references from runs, tasks and operations",
    "messages_conversation_id_position_key": "history pages; positions are unique",
    "messages_user": "a user's messages by time: export",
    "messages_time": "messages by time: operation, retention",
    "messages_client": "idempotency: a client's id is used once",
}


def pgbench_latencies(results, prefix):
    """Milliseconds of every transaction: the third field of each line of pgbench's logs."""
    return [int(line.split()[2]) / 1000
            for log in sorted(results.glob(f"{prefix}.*")) if re.fullmatch(rf"{re.escape(prefix)}\.\d+(\.\d+)?", log.name)
            for line in log.read_text().splitlines()]


def pgbench_rate(results, name):
    return float(re.search(r"tps = ([\d.]+)", (results / name).read_text())[1])


def sizes(results, name):
    return {line.split("|")[0]: int(line.split("|")[1]) for line in (results / name).read_text().splitlines() if line}


def number(results, name):
    return int((results / name).read_text())


def gather(results):
    loaded = {path.stem: json.loads(path.read_text()) for path in results.glob("*.json")}
    rates = [loaded[name] for name in ("rate-1", "rate-2")]
    many = [pgbench_rate(results, f"many-{n}.txt") for n in (1, 2)]
    one = [statistics.median(pgbench_latencies(results, f"one-{n}")) for n in range(1, 6)]
    lone = [loaded[f"lone-{n}"]["p50Milliseconds"] for n in range(1, 6)]
    before, after = sizes(results, "size-before.txt"), sizes(results, "size-after.txt")
    stored = number(results, "count-after.txt") - number(results, "count-before.txt")
    grown = {name: (after[name] - before.get(name, 0)) / stored for name in after}
    return {
        "messagesPerSecond": statistics.mean(rate["perSecond"] for rate in rates),
        "pgbenchPerSecond": statistics.mean(many),
        "ratio": statistics.mean(rate["perSecond"] for rate in rates) / statistics.mean(many),
        "rounds": {"store": [rate["perSecond"] for rate in rates], "pgbench": many, "lone": lone, "pgbenchLone": one},
        "rowsPerBatch": statistics.mean(rate["rowsPerBatch"] for rate in rates),
        "cpuMicroseconds": statistics.mean(rate["microsecondsOfCPU"] for rate in rates),
        "failed": sum(entry["failed"] for entry in loaded.values()),
        "loneMilliseconds": statistics.median(lone),
        "pgbenchLoneMilliseconds": statistics.median(one),
        "loneAddedMilliseconds": statistics.median(lone) - statistics.median(one),
        "historyMilliseconds": loaded["history"]["p50Milliseconds"],
        "historyMilliseconds99": loaded["history"]["p99Milliseconds"],
        "messagesInTable": number(results, "count-large.txt"),
        "bytesPerMessage": {name: bytes for name, bytes in sorted(grown.items(), key=lambda item: -item[1])
                            if name.startswith("messages")},
        "bytesBeside": sum(bytes for name, bytes in grown.items() if not name.startswith("messages")),
        "plan": (results / "plan.txt").read_text(),
    }


def table(report):
    rows = [
        ("messages made durable a second, 1 000 conversations at once", f"{report['messagesPerSecond']:,.0f}", ""),
        ("pgbench, 16 clients, the same rows a transaction a message", f"{report['pgbenchPerSecond']:,.0f}", ""),
        ("ratio", f"{report['ratio']:.2f}", "≥ 3"),
        ("rows a batch", f"{report['rowsPerBatch']:.0f}", ""),
        ("CPU of the gateway's side a message, µs", f"{report['cpuMicroseconds']:.1f}", "≤ 15"),
        ("a lone message, median ms", f"{report['loneMilliseconds']:.3f}", ""),
        ("pgbench, 1 client: BEGIN; INSERT; UPDATE; COMMIT, median ms", f"{report['pgbenchLoneMilliseconds']:.3f}", ""),
        ("added", f"{report['loneAddedMilliseconds']:.3f}", "≤ 0.3"),
        (f"newest 50 of {report['messagesInTable']:,} messages, median ms", f"{report['historyMilliseconds']:.3f}", "≤ 1"),
        ("the same, 99th percentile", f"{report['historyMilliseconds99']:.3f}", ""),
        ("calls that failed", str(report["failed"]), "0"),
    ]
    lines = ["| | measured | target |", "| --- | --- | --- |"]
    lines += [f"| {name} | {value} | {target} |" for name, value, target in rows]
    total = sum(report["bytesPerMessage"].values())
    lines += ["", "| bytes on disk of a message of 100 characters | | what for |", "| --- | --- | --- |"]
    lines += [f"| {name} | {bytes:.0f} | {USES.get(name, '')} |" for name, bytes in report["bytesPerMessage"].items()]
    lines += [f"| together | {total:.0f} | |", f"| its run, and what its conversation moved | {report['bytesBeside']:.0f} | |"]
    return "\n".join(lines)


def plot(report):
    bars = [("the store", report["messagesPerSecond"]), ("pgbench -c 16", report["pgbenchPerSecond"])]
    widest = max(value for _, value in bars)
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="640" height="150" font-family="sans-serif" font-size="13">',
             '<rect width="640" height="150" fill="white"/><text x="10" y="22">messages made durable a second</text>']
    for index, (name, value) in enumerate(bars):
        y = 40 + index * 48
        parts.append(f'<text x="10" y="{y + 22}">{name}</text>')
        parts.append(f'<rect x="120" y="{y}" width="{400 * value / widest:.1f}" height="34" fill="#4878a8"/>')
        parts.append(f'<text x="{126 + 400 * value / widest:.1f}" y="{y + 22}">{value:,.0f}</text>')
    return "\n".join(parts + ["</svg>", ""])


def main():
    results, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    report = gather(results)
    output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    output.with_suffix(".svg").write_text(plot(report))
    print(table(report))
    print("\n" + report["plan"])
    print(f"written: {output}.json, {output}.svg")


main()
