"""A TCP relay before a Unix socket, as a process: to be stopped, it leaves its connections open and silent.

A host that has vanished looks like that: it sends no FIN and no RST. (This machine's kernel still acknowledges.)
"""

import os
import signal
import socket
import sys
import threading

from .processes import Process


class Silence:
    """`with` nothing: `freeze` and `thaw` it."""

    def __init__(self, path):
        self._process = Process([sys.executable, "-m", "kit.relay", path], cwd=os.path.dirname(os.path.dirname(__file__)))
        self.port = int(self._process.line("port ").split()[1])

    def freeze(self):
        self._process.signal(signal.SIGSTOP)

    def thaw(self):
        self._process.signal(signal.SIGCONT)

    def remove(self):
        self._process.end()


def _pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _main(path):
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(path)
        except OSError:
            client.close()
            continue
        for pair in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=pair, daemon=True).start()


if __name__ == "__main__":
    _main(sys.argv[1])
