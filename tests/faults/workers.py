"""Workers that somebody restarts whenever they end, as a supervisor does."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.broken import WHOLE
from tests.faults.fork_server import ForkServer, Life
from tests.faults.worker_under_test import CLOCK, DEAF, NOWHERE, PATIENT

STOP_SECONDS_MAX = 30.0


class Worker:
    """One position in the group, and the process that holds it now."""

    def __init__(
        self, config: Path, log: Path, *, fork_server: ForkServer, broken: str = WHOLE
    ) -> None:
        """Start nothing yet; whoever works here breaks one rule of the protocol, or none."""
        self._config, self._log, self._broken = config, log, broken
        self._fork_server = fork_server
        self.ended: list[int] = []
        self.armed = False
        self._patient = False
        self.points_count = 0
        self._asked_seconds = 0.0
        self.process: Life | None = None

    def start(self, *options: str, point: str = NOWHERE, count: int = 0) -> None:
        """Start; with a point, it dies the `count`-th time that it comes there."""
        self._patient = point == PATIENT
        self.armed = point not in (NOWHERE, CLOCK, DEAF, PATIENT)
        arguments = [point, str(count), self._broken]
        arguments += ["--config", str(self._config), "--no-create-topics", *options]
        self._log.touch()
        self.process = self._fork_server.fork(arguments, log=self._log)

    def tend(self) -> None:
        """Restart it if it has ended."""
        code = None if self.process is None else self.process.poll()
        if code is not None:
            self.ended.append(code)
            self.points_count += self.armed and code == -signal.SIGKILL
            # Who was given time has it again.
            self.start(point=PATIENT if self._patient else NOWHERE)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if there is somebody to receive it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def is_ready(self) -> bool:
        """Return whether the present process has said so."""
        if self.process is None:
            return True
        return f" pid={self.process.pid} Ready." in self.log_text()

    def ends_by_itself(self) -> int:
        """Wait until the process has ended, and return its code; the position is empty then."""
        process, self.process = self.process, None
        assert process is not None
        try:
            return process.wait(STOP_SECONDS_MAX)
        finally:
            process.kill()
            process.wait(STOP_SECONDS_MAX)

    def log_text(self) -> str:
        """Return the log of all workers."""
        return self._log.read_text(errors="replace")

    def leave(self) -> tuple[int, float]:
        """End by SIGTERM; return the code and how many seconds it took."""
        self.ask_to_leave()
        return self.leaves()

    def ask_to_leave(self) -> None:
        """Send SIGTERM, and wait for nothing."""
        self._asked_seconds = time.monotonic()
        self.signal(signal.SIGTERM)

    def leaves(self) -> tuple[int, float]:
        """Wait until it has left, as it was asked to; return its code and how long it took."""
        process, self.process = self.process, None
        assert process is not None
        try:
            code = process.wait(STOP_SECONDS_MAX)
        finally:
            process.kill()
            process.wait(STOP_SECONDS_MAX)
        return code, time.monotonic() - self._asked_seconds

    def retire(self, seconds_max: float) -> None:
        """End by SIGTERM, or by SIGKILL where that takes too long."""
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self.process is not None:
                self.process.wait(seconds_max)
        self.kill()

    def kill(self) -> None:
        """End at once, whatever it is doing."""
        self.armed = False
        if self.process is not None:
            self.signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(STOP_SECONDS_MAX)


@contextlib.contextmanager
def workers(
    config: Path,
    log: Path,
    *,
    fork_server: ForkServer,
    count: int,
    places: int,
    broken: str = WHOLE,
) -> Iterator[list[Worker]]:
    """Run `count` workers in so many places, and end them whatever happens."""
    team = [Worker(config, log, fork_server=fork_server, broken=broken) for _ in range(places)]
    try:
        for worker in team[:count]:
            worker.start()
        yield team
    finally:
        for worker in team:
            worker.kill()
