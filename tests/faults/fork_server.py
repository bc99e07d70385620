"""Workers that start quickly: one process has imported what they need, and forks them.

Importing is most of what a start costs, and a schedule starts six or seven. `python -m
tests.faults.fork_server` reads a line for each fork (a log and a worker's arguments) and tells of
each start and end. It ends, and all of its children with it, when its standard input does.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from tests.faults.worker_under_test import live

REAP_SECONDS = 0.02
FORK_SECONDS_MAX = 30.0


class Order(Struct, frozen=True, kw_only=True):
    """What shall be forked, and where it writes what it says."""

    log: str
    arguments: list[str]


class LifeSign(Struct, frozen=True, kw_only=True):
    """A start, or an end with its code: negative for a signal."""

    pid: int
    code: int | None = None


class Life:
    """One worker, as `subprocess.Popen` would show it."""

    def __init__(self, fork_server: "ForkServer", pid: int) -> None:
        """Keep whom to ask."""
        self._fork_server = fork_server
        self.pid = pid

    def poll(self) -> int | None:
        """Return the code it ended with, None while it lives."""
        return self._fork_server.code(self.pid)

    def wait(self, timeout: float) -> int:
        """Return the code once it has ended; `subprocess.TimeoutExpired` if it does not."""
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout)
            time.sleep(REAP_SECONDS)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to it while it lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """Forks workers, as a context manager."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._codes: dict[int, int | None] = {}
        self._started: list[int] = []
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.faults.fork_server"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._listener.join()
        self._process.stdout.close()
        self._process.wait()

    def fork(self, arguments: list[str], *, log: Path) -> Life:
        """Fork a worker with these arguments."""
        order = Order(log=str(log.absolute()), arguments=arguments)
        assert self._process.stdin is not None
        with self._changed:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
            assert self._changed.wait_for(lambda: self._started, FORK_SECONDS_MAX)
            return Life(self, self._started.pop())

    def code(self, pid: int) -> int | None:
        """Return the code that a worker ended with, None while it lives."""
        with self._changed:
            return self._codes[pid]

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            life_sign = msgspec.json.decode(line, type=LifeSign)
            with self._changed:
                self._codes[life_sign.pid] = life_sign.code
                if life_sign.code is None:
                    self._started.append(life_sign.pid)
                self._changed.notify_all()


def serve() -> Order | None:
    """Fork and collect, until there is no more input; in a child, return what it shall be."""
    living: set[int] = set()
    while True:
        if select.select([sys.stdin], [], [], REAP_SECONDS)[0]:
            line = sys.stdin.buffer.readline()
            if not line:
                break
            pid = os.fork()
            if pid == 0:
                return msgspec.json.decode(line, type=Order)
            living.add(pid)
            tell(LifeSign(pid=pid))
        if living:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                living.remove(pid)
                tell(LifeSign(pid=pid, code=os.waitstatus_to_exitcode(status)))
    for pid in living:
        os.kill(pid, signal.SIGKILL)
    return None


def tell(life_sign: LifeSign) -> None:
    """Write one line."""
    sys.stdout.buffer.write(msgspec.json.encode(life_sign) + b"\n")
    sys.stdout.buffer.flush()


def be_started(order: Order) -> None:
    """Become a worker."""
    with Path(order.log).open("ab") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    live(order.arguments)


if __name__ == "__main__":
    order = serve()
    if order is not None:
        be_started(order)
