"""What /metrics shows, read by Prometheus' own parser."""

import contextlib
import time

from prometheus_client.parser import text_string_to_metric_families


def figures(gateway, **headers):
    """Every sample: {(name, labels): value}; checked for what Prometheus would not take."""
    status, answer, body = gateway.request("GET", "/metrics", headers=headers)
    assert status == 200 and answer["Content-Type"].startswith("text/plain; version=0.0.4")
    samples, seen = {}, set()
    for family in text_string_to_metric_families(body.decode()):
        assert family.documentation, family.name
        assert family.name not in seen
        seen.add(family.name)
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples
            samples[key] = sample.value
    return samples


def total(samples, name, **labels):
    return sum(value for (found, own), value in samples.items()
               if found == name and labels.items() <= dict(own).items())


def grown(gateway, before, name, by, timeout=15, **labels):
    """How much a figure has grown, once it has grown by that much."""
    deadline = time.monotonic() + timeout
    while True:
        now = total(figures(gateway), name, **labels) - total(before, name, **labels)
        if now >= by:
            return now
        assert time.monotonic() < deadline, f"{name} {labels} has grown by {now}"


@contextlib.contextmanager
def counted(gateway, name, **labels):
    """What is done within is counted under this name."""
    before = figures(gateway)
    yield
    grown(gateway, before, name, 1, **labels)
