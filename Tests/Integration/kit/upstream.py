"""Assistants that the gateway is pointed to: a scriptable chat completions server and AG-UI agents, each on a port."""

import socket
import threading
import time

import uvicorn
from llmock.chaos import StreamChaos
from llmock.scenarios import Delay, Fail, Reply, SlowFirstToken, StreamFault, ToolCall, ToolFault
from llmock.testing import LLMockServer

from .chat import PATIENCE

__all__ = ["Delay", "Fail", "LLM", "Reply", "SlowFirstToken", "StreamFault", "ToolCall", "ToolFault", "Served", "calls",
           "closed_port", "says"]

KEY = "sk-parley-0123456789-never-to-be-seen"
"""The API key of the tests: whoever finds it where it does not belong has found a leak."""


def says(text, **options):
    return Reply(text=text, **options)


def calls(*pairs, text=None, **options):
    return Reply(text=text, tool_calls=tuple(ToolCall(name, arguments) for name, arguments in pairs), **options)


class LLM:
    """llmock: the next requests are answered as scripted; what it was asked, and how that ended, is kept."""

    def __init__(self):
        self.server = LLMockServer().start()

    @property
    def url(self):
        return self.server.base_url("openai")

    def script(self, *behaviours):
        self.server.state.scenarios.add(*behaviours)

    def reset(self):
        self.server.state.reset()
        self.pace(0)

    def pace(self, milliseconds):
        """Between the chunks of a stream."""
        self.server.state.stream_chaos = StreamChaos(chunk_delay_ms=milliseconds)

    def requests(self, count=None):
        """What was asked so far; with a count, once there are as many, all of them over."""
        deadline = time.monotonic() + PATIENCE
        while True:
            records = self.server.state.journal.records(wait=PATIENCE)
            if count is None or len(records) >= count:
                return records
            assert time.monotonic() < deadline, f"{len(records)} requests instead of {count}"

    def asked(self):
        """Returns once a request is under way."""
        deadline = time.monotonic() + PATIENCE
        while self.server.state.journal.in_flight == 0:
            assert time.monotonic() < deadline, "it was not asked"
            time.sleep(0.005)

    def bodies(self):
        return [record.body for record in self.requests()]

    def close(self):
        self.server.stop()


class Served:
    """An ASGI application on a port of its own."""

    def __init__(self, app):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    def close(self):
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._socket.close()


def closed_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
