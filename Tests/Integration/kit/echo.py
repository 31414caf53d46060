"""`parley-bench echo`, with what it takes to look at it from outside."""

import pathlib
import re

from .gateway import BENCH, environment
from .processes import Process


class Echo:
    def __init__(self, *arguments):
        self.process = Process([BENCH, "echo", "--port", "0", *arguments], env=environment())
        self.port = int(self.process.line("listening on ").rsplit(":", 1)[1].rstrip("/"))

    def memory(self, name="VmRSS"):
        """Bytes of resident memory: VmRSS now, VmHWM at most so far."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024

    def end(self):
        self.process.end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
