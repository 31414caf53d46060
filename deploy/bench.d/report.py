"""Prints the table of a benchmark run, writes it as one JSON file and draws a plot.

report.py SCENARIO RESULTS OUTPUT: RESULTS is a folder with one JSON file of `parley-bench load` for each server, number of
sockets and round; OUTPUT.json and OUTPUT.svg are written. What is shown is the median of the rounds.
"""

import json
import pathlib
import statistics
import sys

COLUMNS = {
    "turns": ["turns/s", "CPU µs/turn", "ack p50 ms", "first p50 ms", "turn p99 ms", "server %", "postgres µs/turn", "load µs/turn"],
    "paced": ["tokens/s", "CPU µs/token", "late p50 ms", "late p99 ms", "gap p50 ms", "gap p99 ms", "server %", "load %"],
    "idle": ["opened in s", "KiB/socket", "resident MiB", "server %", "connect p50 ms", "connect p99 ms"],
    "scale": ["turns/s", "CPU µs/turn", "KiB/socket", "turn p50 ms", "turn p99 ms", "all back in s", "runs under way", "server %"],
}
TITLES = {"floor": "the least C program"}
PLOTTED = {"turns": "CPU µs/turn", "paced": "CPU µs/token", "idle": "KiB/socket", "scale": "CPU µs/turn"}


def milliseconds(report, name, percentile):
    found = report["latencyMicroseconds"].get(name)
    return None if found is None else found[percentile] / 1000


def values(scenario, report):
    process = {entry["name"]: entry for entry in report["processes"]}
    server, postgres = process["server"], process["postgres"]
    if scenario == "turns":
        return [
            report["turnsPerSecond"], server.get("cpuMicrosecondsPerTurn"), milliseconds(report, "ack", "p50"),
            milliseconds(report, "first token", "p50"), milliseconds(report, "turn", "p99"), server["cpuPercent"],
            postgres.get("cpuMicrosecondsPerTurn"), report.get("loadCPUMicrosecondsPerTurn"),
        ]
    if scenario == "paced":
        return [
            report["tokensPerSecond"], server.get("cpuMicrosecondsPerToken"), milliseconds(report, "lateness", "p50"),
            milliseconds(report, "lateness", "p99"), milliseconds(report, "inter-token", "p50"),
            milliseconds(report, "inter-token", "p99"), server["cpuPercent"], report["loadCPUPercent"],
        ]
    if scenario == "scale":
        memory = server["residentBytesPerSocket"] / 1024
        if storm := report.get("storm"):
            seconds = storm.get("secondsUntilAllWereBack")
            return [None, None, memory, None, None, seconds, storm["runsUnderWay"], server["cpuPercent"]]
        return [
            report["turnsPerSecond"], server.get("cpuMicrosecondsPerTurn"), memory, milliseconds(report, "turn", "p50"),
            milliseconds(report, "turn", "p99"), None, None, server["cpuPercent"],
        ]
    return [
        report["openSeconds"], server["residentBytesPerSocket"] / 1024, server["residentBytesEnd"] / 2**20,
        server["cpuPercent"], milliseconds(report, "connect", "p50"), milliseconds(report, "connect", "p99"),
    ]


def shown(value):
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def table(scenario, rows):
    header = ["server", "sockets", *COLUMNS[scenario]]
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " --- |" * (len(header) - 1)]
    for row in rows:
        if "unavailable" in row:
            lines.append(f"| {row['server']} | {row['sockets']} | not measured: {row['unavailable']} |")
            continue
        cells = [row["server"], str(row["sockets"]), *map(shown, row["values"])]
        lines.append("| " + " | ".join(cells) + " |")
        for name in ("violations", "errors"):
            if row[name]:
                lines.append(f"| | | {name}: {row[name]} |")
    return "\n".join(lines)


def plot(scenario, rows):
    """A line for each server over the number of sockets, which stand side by side at equal distances."""
    column = COLUMNS[scenario].index(PLOTTED[scenario])
    counts = sorted({row["sockets"] for row in rows})
    lines = {}
    for row in rows:
        if "values" in row and row["values"][column] is not None:
            lines.setdefault(row["server"], []).append((counts.index(row["sockets"]), row["values"][column]))
    top = max([value for points in lines.values() for _, value in points] or [1]) or 1
    width, height, left, base = 640, 360, 70, 310

    def place(position, value):
        return left + 30 + position * (width - left - 160) / max(len(counts) - 1, 1), base - value / top * 250

    colours = ["#2563eb", "#dc2626", "#059669", "#d97706"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="24" font-size="14">{scenario}: {PLOTTED[scenario]} over sockets</text>',
        f'<path d="M{left} 50V{base}H{width - 110}" fill="none" stroke="#555"/>',
    ]
    for tick in range(5):
        _, y = place(0, top * tick / 4)
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{shown(top * tick / 4)}</text>')
    for position, count in enumerate(counts):
        parts.append(f'<text x="{place(position, 0)[0]:.0f}" y="{base + 20}" text-anchor="middle">{count}</text>')
    for colour, (name, points) in zip(colours, lines.items()):
        path = " ".join("%.0f,%.0f" % place(*point) for point in points)
        x, y = place(*points[-1])
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += ['<circle cx="%.0f" cy="%.0f" r="3" fill="%s"/>' % (*place(*point), colour) for point in points]
        parts.append(f'<text x="{x + 10:.0f}" y="{y + 4:.0f}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def medians(rows):
    """The rounds of a server with a number of sockets, as one row; a value that is missing in one is left out."""
    values = [[value for value in column if value is not None] for column in zip(*(row["values"] for row in rows))]
    merged = {"server": rows[0]["server"], "sockets": rows[0]["sockets"], "rounds": [row["report"] for row in rows]}
    merged["values"] = [statistics.median(column) if column else None for column in values]
    for name in ("violations", "errors"):
        merged[name] = {}
        for row in rows:
            for key, count in row["report"][name].items():
                merged[name][key] = merged[name].get(key, 0) + count
    return merged


def main():
    scenario, results, output = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    rounds, rows = {}, []
    for path in sorted(results.glob("*.json")):
        report = json.loads(path.read_text())
        name, count, _ = path.stem.rsplit("-", 2)
        if "unavailable" in report:
            rounds.setdefault((name, count), []).append(report)
        else:
            row = {"server": TITLES.get(name, name), "sockets": int(count), "values": values(scenario, report), "report": report}
            rounds.setdefault((name, count), []).append(row)
    for found in rounds.values():
        rows.append(found[0] if "unavailable" in found[0] else medians(found))
    order = ["slope", "first", "storm"] if scenario == "scale" else ["parley"]
    key = (lambda row: (row["server"] not in order, row["server"], row["sockets"])) if scenario == "scale" else (
        lambda row: (row["sockets"], row["server"] not in order, row["server"]))
    rows.sort(key=key)
    pathlib.Path(output + ".json").write_text(json.dumps({"scenario": scenario, "columns": COLUMNS[scenario], "rows": rows}, indent=1))
    pathlib.Path(output + ".svg").write_text(plot(scenario, [row for row in rows if scenario != "scale" or row["server"] == "slope"]))
    print(table(scenario, rows))


main()
