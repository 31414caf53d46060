"""Processes of the tests: they end with the test run, and what they print can be waited for."""

import ctypes
import os
import signal
import subprocess
import threading
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _begin():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # A shell that runs the tests in its background has them ignored, or nohup, and a child would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Process:
    """A program whose lines (standard output and error together) are kept, and also written to `log`."""

    def __init__(self, arguments, *, env=None, log=None, stdin=subprocess.DEVNULL, cwd=None, group=False,
                 pass_fds=()):
        self.lines, self.arguments = [], arguments
        self._arrived = threading.Condition()
        self._ended = False
        self._log = open(log, "a", encoding="utf-8") if log else None
        self.process = subprocess.Popen(
            [str(argument) for argument in arguments], env=env, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=cwd, start_new_session=group, preexec_fn=_begin, pass_fds=pass_fds)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.process.pid

    def _read(self):
        for line in self.process.stdout:
            text = line.decode("utf-8", "replace").rstrip("\n")
            if self._log:
                self._log.write(text + "\n")
                self._log.flush()
            with self._arrived:
                self.lines.append(text)
                self._arrived.notify_all()
        with self._arrived:
            self._ended = True
            self._arrived.notify_all()

    def line(self, contains, timeout=20, start=0):
        """The first line from `start` on that contains it, once it is there."""
        deadline = time.monotonic() + timeout
        with self._arrived:
            while True:
                for line in self.lines[start:]:
                    if contains in line:
                        return line
                left = deadline - time.monotonic()
                assert not self._ended, f"{self.arguments[0]} ended without {contains!r}: {self.lines[-15:]}"
                assert left > 0, f"no {contains!r} within {timeout} s: {self.lines[-15:]}"
                self._arrived.wait(left)

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def signal(self, number):
        if self.process.poll() is None:
            os.kill(self.process.pid, number)

    def exit_code(self, timeout=20):
        """Waits for its end."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.arguments[0]} still runs after {timeout} s: {self.lines[-15:]}") from None
        self._reader.join(timeout)
        return code

    def end(self):
        """Whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        # A grandchild may hold the pipe open: then the reader is left behind, a daemon.
        self._reader.join(1)
        if not self._reader.is_alive():
            self.process.stdout.close()
        if self._log:
            self._log.close()
